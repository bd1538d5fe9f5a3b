package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

// contentPolicy lets the pages load what this server serves as files of its own, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// wall puts the rules that hold for every request around the handler, from outside: what is written down about it, what is
// sent along with every answer, who may ask at all, how much and for how long.
func (s *Server) wall(known *hosts) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health.alive)
	mux.HandleFunc("GET /readyz", s.health.ready)
	mux.Handle("/", s.o.Handler)

	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(known.origin); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	// One after the other and not one within the other: there are as many streams as nodes, and what stands on the stack of a stream
	// is there for as long as it.
	streams := streamPaths()
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		if !known.check(w, r) || !wellFormed(w, r) || !ownOrigin(cross, w, r) {
			return
		}
		r = s.certified(r)
		if w, r = s.bounded(w, r, streams[r.URL.Path]); r != nil {
			mux.ServeHTTP(w, r)
		}
	})
	if s.o.Tracing != nil {
		h = s.o.Tracing.around(h)
	}
	return s.observed(h), nil
}

// setHeaders sets what every answer carries. There is no CORS: no other origin gets to read anything.
func setHeaders(h http.Header) {
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store") // pages set their own for what never changes
}

func ownOrigin(cross *http.CrossOriginProtection, w http.ResponseWriter, r *http.Request) bool {
	if cross.Check(r) == nil {
		return true
	}
	refuse(w, http.StatusForbidden, "denied", "a page of another site can't call this server")
	return false
}

// wellFormed refuses methods that nothing here has, and paths that a proxy in front could read otherwise than this server.
func wellFormed(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		refuse(w, http.StatusMethodNotAllowed, "invalid", "this server knows GET, HEAD and POST")
		return false
	}
	if err := plainPath(r); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", "the path is refused: "+err.Error())
		return false
	}
	return true
}

// plainPath says what is wrong with a path. Every path of this server is plain, so whatever is not was made to be read in
// two ways.
func plainPath(r *http.Request) error {
	p := r.URL.Path
	switch {
	case !strings.HasPrefix(p, "/"):
		return errors.New("it must begin with /")
	case len(p) > 1024 || len(r.URL.RawQuery) > 8192:
		return errors.New("it is too long")
	case r.URL.RawPath != "":
		return errors.New("it has letters encoded that need no encoding")
	case path.Clean(p) != p && path.Clean(p)+"/" != p:
		return errors.New("it has empty or dotted parts")
	}
	for _, c := range []byte(p) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`\;%"<>|^{}`+"`", c) >= 0 {
			return errors.New("it has letters that no path here has")
		}
	}
	return nil
}

// bounded limits a request's body and time. Streams have no end in time, but each of their writes has. It gives no request where it
// refused it.
func (s *Server) bounded(w http.ResponseWriter, r *http.Request, stream bool) (http.ResponseWriter, *http.Request) {
	if r.ContentLength > s.o.Limits.Body {
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body is larger than %d bytes", s.o.Limits.Body))
		return w, nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.o.Limits.Body)
	// A handler that ends late still has a moment to say so.
	const grace = 2 * time.Second
	c := http.NewResponseController(w)
	now := time.Now()
	err := c.SetReadDeadline(now.Add(s.o.Limits.Timeout))
	if stream {
		w = &patient{ResponseWriter: w, control: c, each: s.o.Limits.Timeout}
		r.Body = &request{ReadCloser: r.Body, control: c}
	} else {
		err = errors.Join(err, c.SetWriteDeadline(now.Add(s.o.Limits.Timeout+grace)))
	}
	if err != nil {
		s.o.Log.Error("no deadline could be set for a request", "error", err)
		refuse(w, http.StatusInternalServerError, "internal", "the server has a defect; its log has more")
		return w, nil
	}
	return w, r
}

// request is the body of a stream's request. Once it is read, nothing more is expected to come: the deadline of reading ends,
// which would else end an HTTP/1.1 connection in the middle of the answer.
type request struct {
	io.ReadCloser
	control *http.ResponseController
}

// Read implements io.Reader.
func (b *request) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		if derr := b.control.SetReadDeadline(time.Time{}); derr != nil {
			return n, derr
		}
	}
	return n, err
}

// patient gives every write of a stream its own deadline, so that a client that does not read is let go. Between two writes there is
// none: a stream may be quiet for as long as it likes.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	each    time.Duration
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(p.each)); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, which connect asks for.
func (p *patient) Flush() {
	// A client that is gone shows with the next write.
	_ = p.control.SetWriteDeadline(time.Now().Add(p.each))
	_ = p.control.Flush()
	_ = p.control.SetWriteDeadline(time.Time{})
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// refuse answers in the form that connect's clients read, which is plain JSON for all others.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%q,"message":%q,"reason":%q}`+"\n", connectCode(status), message, code)
}

func connectCode(status int) string {
	switch status {
	case http.StatusForbidden:
		return "permission_denied"
	case http.StatusRequestEntityTooLarge:
		return "resource_exhausted"
	case http.StatusInternalServerError:
		return "internal"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "invalid_argument"
}
