// Package uplink is how an agent talks to the control plane: Connect over HTTP/2 and TLS 1.3, with the node's certificate, to any of
// several servers. It tries the next server where one does not answer, ends connections that died, and says in plain words what
// went wrong. It keeps nothing and decides nothing about what is said.
package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
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

// Beside is a server in the same process: it is reached where it listens, whatever its URL resolves to, and it is known by the
// certificate that it shows now, whoever vouches for that one.
type Beside struct {
	Address     string // host:port
	Certificate func() (*tls.Certificate, error)
}

// dial goes where the server listens.
func (b *Beside) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, "tcp", b.Address)
}

// verify compares what was shown with what the server has.
func (b *Beside) verify(s tls.ConnectionState) error {
	own, err := b.Certificate()
	if err != nil {
		return err
	}
	if len(s.PeerCertificates) == 0 || len(own.Certificate) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, own.Certificate[0]) {
		return errors.New("what listens at " + b.Address + " is another server than the one of this process")
	}
	return nil
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

type stream struct {
	cancel context.CancelCauseFunc
	ended  chan struct{}
}

// swap is a transport that can be replaced: a connection that is still open belongs to the old certificate for ever.
type swap struct {
	now atomic.Pointer[http.Transport]
}

// RoundTrip implements http.RoundTripper.
func (s *swap) RoundTrip(r *http.Request) (*http.Response, error) { return s.now.Load().RoundTrip(r) }

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

func (c *Client) newTransport() *http.Transport {
	t := &http.Transport{
		DialContext: c.dialer.dial,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: c.o.Roots, Time: c.o.Now,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if c.o.Certificate == nil {
					return &tls.Certificate{}, nil
				}
				return c.o.Certificate()
			},
		},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: callLimit,
		IdleConnTimeout:       5 * time.Minute,
		Protocols:             new(http.Protocols),
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingLimit},
	}
	t.Protocols.SetHTTP2(true)
	if b := c.o.Beside; b != nil {
		t.DialContext = b.dial
		t.TLSClientConfig.InsecureSkipVerify = true // verify asks for more: that it is the server's very certificate
		t.TLSClientConfig.VerifyConnection = b.verify
	}
	return t
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

// Report tells what the node sees.
func (c *Client) Report(ctx context.Context, r *bulkheadv1.ReportRequest) (res *bulkheadv1.ReportResponse, err error) {
	c.calls.RLock()
	defer c.calls.RUnlock()
	err = c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		res, err = s.Report(ctx, r)
		return err
	})
	return res, err
}

// SendLog continues the server's copy of the node's audit log.
func (c *Client) SendLog(ctx context.Context, r *bulkheadv1.SendLogRequest) (res *bulkheadv1.SendLogResponse, err error) {
	c.calls.RLock()
	defer c.calls.RUnlock()
	err = c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		res, err = s.SendLog(ctx, r)
		return err
	})
	return res, err
}

// SendRecording brings the next part of a recording that was asked for.
func (c *Client) SendRecording(ctx context.Context, r *bulkheadv1.SendRecordingRequest) (res *bulkheadv1.SendRecordingResponse, err error) {
	c.calls.RLock()
	defer c.calls.RUnlock()
	err = c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		res, err = s.SendRecording(ctx, r)
		return err
	})
	return res, err
}

var errRenewing = errors.New("the certificate is renewed")

// Renew asks for a new certificate and gives it to keep. No other call runs meanwhile, the open stream ends first, and what comes
// afterwards comes over a new connection, so that the server never sees the old certificate after the new one.
func (c *Client) Renew(ctx context.Context, request []byte, keep func(*bulkheadv1.RenewResponse) error) error {
	c.calls.Lock()
	defer c.calls.Unlock()
	c.mu.Lock()
	open := c.stream
	c.mu.Unlock()
	if open != nil {
		open.cancel(errRenewing)
		<-open.ended
	}
	return c.each(ctx, func(ctx context.Context, s bulkheadv1connect.AgentServiceClient) error {
		res, err := s.Renew(ctx, &bulkheadv1.RenewRequest{Csr: request})
		if err != nil {
			return err
		}
		if err := keep(res); err != nil {
			return &unusable{err}
		}
		c.transport.now.Swap(c.newTransport()).CloseIdleConnections()
		return nil
	})
}

// unusable is an answer that was understood and is not good: another server would give the same.
type unusable struct{ err error }

func (u *unusable) Error() string { return u.err.Error() }
func (u *unusable) Unwrap() error { return u.err }

// Follow opens the stream and gives what it brings, until it ends. The error says why it did.
func (c *Client) Follow(ctx context.Context, r *bulkheadv1.FollowRequest, got func(*bulkheadv1.FollowResponse) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	mine := &stream{cancel: cancel, ended: make(chan struct{})}
	defer close(mine.ended)
	c.calls.RLock() // not while the certificate is renewed
	c.mu.Lock()
	if c.stream != nil {
		select {
		case <-c.stream.ended:
		default:
			c.mu.Unlock()
			c.calls.RUnlock()
			return errors.New("the stream is open already")
		}
	}
	c.stream = mine
	c.mu.Unlock()
	c.calls.RUnlock()

	at := c.at.Load()
	i := at % uint64(len(c.clients))
	err := c.follow(ctx, cancel, c.clients[i], r, got)
	if cause := context.Cause(ctx); cause != nil && (errors.Is(cause, errRenewing) || errors.Is(cause, errSilent)) {
		err = cause
	}
	if errors.Is(err, errRenewing) {
		return nil
	}
	err = c.explain(err, c.o.Servers[i])
	if ctx.Err() == nil && tryNext(err) || errors.Is(err, errSilent) {
		c.next(at)
	}
	return err
}

var errSilent = fmt.Errorf("the server opened the stream and said nothing for %s", firstLimit)

func (c *Client) follow(
	ctx context.Context, cancel context.CancelCauseFunc, s bulkheadv1connect.AgentServiceClient, r *bulkheadv1.FollowRequest,
	got func(*bulkheadv1.FollowResponse) error,
) error {
	first := time.AfterFunc(firstLimit, func() { cancel(errSilent) })
	defer first.Stop()
	in, err := s.Follow(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // why it ended is known
	for in.Receive() {
		first.Stop()
		if err := got(in.Msg()); err != nil {
			return &unusable{err}
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return errEnded
}

var errEnded = errors.New("the server ended the stream")

type userAgent string

func (u userAgent) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		r.Header().Set("User-Agent", string(u))
		return next(ctx, r)
	}
}

func (u userAgent) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		conn.RequestHeader().Set("User-Agent", string(u))
		return conn
	}
}

func (u userAgent) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}
