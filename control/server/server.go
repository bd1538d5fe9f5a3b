// Package server is the outer wall of the control plane: the TLS listener with its limits, the rules that hold for every
// request whatever it is for, health, metrics and traces, and the local admin socket. It knows nobody and decides nothing
// about rights: what comes through goes to the API's gate or to the pages.
package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	headerTimeout = 10 * time.Second // also of the handshake
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10

	// PingLag is how long after its last sign a client that does not answer is let go. It is asked after pingAfter, which is shorter
	// than the time after which agents ask: one of both is enough.
	PingLag   = 15 * time.Second
	pingAfter = 9 * time.Second
)

// Options say what is served, and within which limits.
type Options struct {
	Listener       net.Listener // TCP, without TLS
	GetCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Handler        http.Handler // API and pages
	// WithCertificate puts a client certificate (DER), where one was shown, into the context of its connection's requests. Nobody
	// has verified it: only that the client has its key is known. Nil asks no client for one. ClientCAs are named to clients as
	// those whose certificates are taken.
	WithCertificate func(ctx context.Context, der []byte) context.Context
	ClientCAs       *x509.CertPool
	// PublicURL is where callers reach the server; Names are other host names that they may use. Addresses always may be.
	PublicURL string
	Names     []string
	// Ready are asked whether the server can work. Strangers get no more than the sum of the answers.
	Ready []Check
	// Drain ends open streams, so that their clients go elsewhere. Nil means there are none.
	Drain func()
	// Notice is how long a stop waits between saying that the server is not ready and refusing connections.
	Notice  time.Duration
	Limits  Limits
	Metrics *Metrics // nil makes its own
	Tracing *Tracing // nil traces nothing
	Admin   Admin
	Log     *slog.Logger // nil means none
}

// Limits bound what callers can ask for. The fields are those of config.Limits that concern the server.
type Limits struct {
	Body        int64
	Connections int
	Timeout     time.Duration // of a request that is not a stream; of each write of one that is
	Drain       time.Duration
	Header      time.Duration // for handshake and headers; 0 means 10 s
}

// Check is something that must work for the server to be ready.
type Check struct {
	Name string
	Ask  func(ctx context.Context) error
}

// Server serves until its context ends.
type Server struct {
	o        Options
	http     *http.Server
	listener *limited
	admin    *adminServer
	health   *health
	draining atomic.Bool
}

// New makes a server on the listener that it is given. Nothing is answered before Run.
func New(o Options) (*Server, error) {
	if o.Listener == nil || o.GetCertificate == nil || o.Handler == nil {
		return nil, errors.New("a server needs a listener, a certificate and a handler")
	}
	if o.Limits.Body <= 0 || o.Limits.Connections <= 0 || o.Limits.Timeout <= 0 {
		return nil, errors.New("a server needs limits of body, connections and time")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Limits.Header == 0 {
		o.Limits.Header = headerTimeout
	}
	s := &Server{o: o}
	s.health = newHealth(o.Ready, &s.draining)
	hosts, err := newHosts(o.PublicURL, o.Names)
	if err != nil {
		return nil, err
	}
	handler, err := s.wall(hosts)
	if err != nil {
		return nil, err
	}
	s.listener = limit(o.Listener, o.Limits.Connections, o.Metrics)
	s.http = &http.Server{
		Handler: handler,
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS13,
			GetCertificate: o.GetCertificate,
			NextProtos:     []string{"h2", "http/1.1"},
		},
		// Reading and writing have deadlines of their own for each request: a stream lasts longer than any fixed time.
		ReadHeaderTimeout: o.Limits.Header,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 128,
			// An open stream of a node counts as contact: one that does not answer is let go within PingLag.
			SendPingTimeout:  pingAfter,
			PingTimeout:      PingLag - pingAfter,
			WriteByteTimeout: 30 * time.Second,
			// A connection keeps a buffer for the largest frame that came, and there are as many as nodes.
			MaxReadFrameSize:              16 << 10,
			MaxReceiveBufferPerConnection: 256 << 10,
			MaxReceiveBufferPerStream:     256 << 10,
			// What headers would save by a table is less than what a connection keeps for it. (That of what clients send has to be of
			// the usual size: they use it before they know another.)
			MaxEncoderHeaderTableSize: 1,
		},
		ConnContext: connContext,
		ErrorLog:    slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // broken handshakes, which anybody can cause
	}
	askForCertificates(s.http.TLSConfig, &o)
	if o.Admin.Socket != "" {
		if s.admin, err = newAdmin(o.Admin, s.health, o.Metrics, o.Log); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Run serves until ctx ends, and then drains: it says that it is not ready, ends streams, and waits for the requests that
// run, up to the limit. What is still open then is closed.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() { failed <- s.http.Serve(shake(s.listener, s.http.TLSConfig, s.o.Limits.Header, s.o.Log)) }()
	if s.admin != nil {
		go func() { failed <- s.admin.serve() }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	return errors.Join(err, s.stop(context.WithoutCancel(ctx)))
}

func (s *Server) stop(ctx context.Context) error {
	s.draining.Store(true)
	s.http.SetKeepAlivesEnabled(false)
	s.o.Log.Info("draining", "limit", s.o.Limits.Drain)
	ctx, cancel := context.WithTimeout(ctx, s.o.Notice+s.o.Limits.Drain)
	defer cancel()
	if s.o.Notice > 0 {
		select {
		case <-time.After(s.o.Notice):
		case <-ctx.Done():
		}
	}
	if s.o.Drain != nil {
		s.o.Drain()
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.o.Log.Warn("requests were cut off: they ran longer than the drain waits", "limit", s.o.Limits.Drain)
		err = s.http.Close()
	}
	if s.admin != nil {
		err = errors.Join(err, s.admin.close())
	}
	if err != nil {
		return fmt.Errorf("stop serving: %w", err)
	}
	return nil
}
