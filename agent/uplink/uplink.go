// Package uplink is how an agent talks to the control plane: Connect over HTTP/2 and TLS 1.3, with the node's certificate, to any of
// several servers. It tries the next server where one does not answer, ends connections that died, and says in plain words what
// went wrong. It keeps nothing and decides nothing about what is said.
package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// Limits of talking.
const (
	callLimit  = 30 * time.Second
	firstLimit = 15 * time.Second // until a stream brings something
	// pingAfter and pingLimit: a server that is gone is noticed within 20 s.
	pingAfter = 10 * time.Second
	// compressFrom is the size of requests from which they are compressed: a whole snapshot is, and what most reports have is not.
	compressFrom = 4 << 10
	pingLimit    = 10 * time.Second
	// mostMessage is a document and what is around it. A larger one is refused before it is read.
	mostMessage = 5 << 20
)

// Options say whom to talk to, and as whom.
type Options struct {
	Servers []string       // https URLs without a path's end
	Roots   *x509.CertPool // that vouch for them; nil for the system's
	// Certificate is the node's; it is asked for with each connection, so a new one is used from then on. Nil shows none.
	Certificate func() (*tls.Certificate, error)
	// Beside is for an agent in the server's own process; nil for all others.
	Beside  *Beside
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// Client talks to the servers. It is safe for use from many places at once.
type Client struct {
	o       Options
	at      atomic.Uint64 // which server is next
	dialer  *dialer
	clients []bulkheadv1connect.AgentServiceClient

	// calls is held for reading by calls, and for writing while the certificate is renewed: the old one must not be shown once
	// the new one was.
	calls     sync.RWMutex
	transport *swap

	mu     sync.Mutex
	stream *stream // the open Follow
}

// New makes a client. Nothing is dialled before the first call.
func New(o Options) (*Client, error) {
	if len(o.Servers) == 0 {
		return nil, errors.New("there is no server to talk to")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{o: o, dialer: newDialer()}
	c.transport = &swap{}
	c.transport.now.Store(c.newTransport())
	h := &http.Client{Transport: SmallFrames(c.transport), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, s := range o.Servers {
		at, err := serverURL(s)
		if err != nil {
			return nil, err
		}
		c.clients = append(c.clients, bulkheadv1connect.NewAgentServiceClient(h, at,
			connect.WithReadMaxBytes(mostMessage), connect.WithSendGzip(), connect.WithCompressMinBytes(compressFrom), connect.WithInterceptors(userAgent("bulkhead-agent/"+o.Version))))
	}
	return c, nil
}

// Server is the one that is talked to now.
func (c *Client) Server() string { return c.o.Servers[c.at.Load()%uint64(len(c.o.Servers))] }

// Close ends connections that nobody uses.
func (c *Client) Close() { c.transport.now.Load().CloseIdleConnections() }

// each calls one server after the other until one answers.
func (c *Client) each(ctx context.Context, call func(context.Context, bulkheadv1connect.AgentServiceClient) error) error {
	var all []error
	for range c.clients {
		at := c.at.Load()
		i := at % uint64(len(c.clients))
		err := c.once(ctx, func(ctx context.Context) error { return call(ctx, c.clients[i]) })
		if err == nil {
			return nil
		}
		err = c.explain(err, c.o.Servers[i])
		all = append(all, err)
		if ctx.Err() != nil || !tryNext(err) {
			break
		}
		c.next(at)
	}
	return errors.Join(all...)
}

func (c *Client) once(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return call(ctx)
}

// next goes on to the server after the one that failed, unless another call did so already, and to the next address of each.
func (c *Client) next(from uint64) {
	if c.at.CompareAndSwap(from, from+1) {
		c.dialer.next()
		c.Close()
	}
}
