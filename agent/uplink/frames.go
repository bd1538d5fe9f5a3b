package uplink

import (
	"io"
	"net/http"
)

// frame is how much of a request is sent at once. A server keeps, for each connection, buffers of the size of the largest frame that
// came, and it has as many connections as there are nodes: a snapshot that comes in one piece would cost it 20 KiB for as long as the node is there.
const frame = 1 << 10

// SmallFrames sends the bodies of requests in small frames.
func SmallFrames(by http.RoundTripper) http.RoundTripper { return smallFrames{by} }

type smallFrames struct{ by http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s smallFrames) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return s.by.RoundTrip(r)
	}
	small := r.WithContext(r.Context()) // a copy: the request is the caller's
	small.Body = pieces{r.Body}
	if again := r.GetBody; again != nil {
		small.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil {
				return nil, err
			}
			return pieces{b}, nil
		}
	}
	return s.by.RoundTrip(small)
}

// pieces gives a body in small pieces, each of which becomes a frame.
type pieces struct{ io.ReadCloser }

// Read implements io.Reader.
func (p pieces) Read(b []byte) (int, error) { return p.ReadCloser.Read(b[:min(len(b), frame)]) }

// CloseIdleConnections closes those of the transport, as http.Client asks for.
func (s smallFrames) CloseIdleConnections() {
	if c, ok := s.by.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
