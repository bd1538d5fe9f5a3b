package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	nodehealth "github.com/bulkhead-security/bulkhead/fleet/health"
)

// TestHowStreamsEnd closes a connection under an open stream, as the kernel of a host does whose process is killed: the stream's handler
// learns that the other side was there to close it. That a client just ends its request says nothing of the kind.
func TestHowStreamsEnd(t *testing.T) {
	causes := make(chan error, 1)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	}), nil)
	for name, end := range map[string]struct {
		how  func(c net.Conn, stop context.CancelFunc)
		want nodehealth.End
	}{
		"killed":    {func(c net.Conn, _ context.CancelFunc) { _ = c.Close() }, nodehealth.EndClosed},
		"cancelled": {func(_ net.Conn, stop context.CancelFunc) { stop() }, nodehealth.EndUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			dialled := make(chan net.Conn, 1)
			p := new(http.Protocols)
			p.SetHTTP2(true)
			tr := &http.Transport{
				Protocols: p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					c, err := new(net.Dialer).DialContext(ctx, network, s.addr)
					if err == nil {
						dialled <- c
					}
					return c, err
				},
			}
			defer tr.CloseIdleConnections()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://localhost:"+s.port+streamPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := tr.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			end.how(<-dialled, stop)
			select {
			case cause := <-causes:
				if got := nodehealth.EndOf(cause); got != end.want {
					t.Errorf("%v: %d", cause, got)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the stream does not end")
			}
		})
	}
}

// TestClosedAfterSilence closes what said nothing for as long as pings wait, and what was heard just now.
func TestClosedAfterSilence(t *testing.T) {
	for name, c := range map[string]struct {
		ago  time.Duration
		read error
		want error
	}{
		"silent":             {11 * time.Second, nil, nodehealth.ErrTimeout},
		"closed by us":       {time.Second, nil, context.Canceled},
		"closed by the peer": {time.Second, io.EOF, nodehealth.ErrClosed},
		"closed, late":       {time.Minute, io.EOF, nodehealth.ErrClosed},
	} {
		e := watchEnd(ended{err: c.read})
		e.last.Store(time.Now().Add(-c.ago).UnixNano())
		ctx := connContext(t.Context(), e)
		if c.read != nil {
			if _, err := e.Read(make([]byte, 1)); !errors.Is(err, c.read) {
				t.Error(err)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if got := context.Cause(ctx); !errors.Is(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// ended is a connection that ended in some way.
type ended struct {
	net.Conn
	err error
}

func (e ended) Read([]byte) (int, error) { return 0, e.err }
func (ended) Close() error               { return nil }
