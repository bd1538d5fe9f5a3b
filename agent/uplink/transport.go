package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
)

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

// swap is a transport that can be replaced: a connection that is still open belongs to the old certificate for ever.
type swap struct {
	now atomic.Pointer[http.Transport]
}

// RoundTrip implements http.RoundTripper.
func (s *swap) RoundTrip(r *http.Request) (*http.Response, error) { return s.now.Load().RoundTrip(r) }

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
