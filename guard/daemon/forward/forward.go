// Package forward is the guard's own line to the container engine: it sends calls that were understood and judged, and carries answers
// and terminals back with bounded memory. It never sends bytes of a caller's request line or headers that were not chosen, and decides
// nothing.
package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client/pkg/versions"
)

// Engine is the engine behind the guard.
type Engine struct {
	socket string
	lines  lines
	// once sends each call on a connection of its own: bodies that can't be sent again must not meet one that the engine just closed, and to large
	// ones the engine may answer before it read them.
	once    *http.Client
	mu      sync.Mutex
	version string
	asked   time.Time
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// host is what the engine sees as Host; it takes anything.
const host = "docker"

// connectTime is how long the engine may take to accept a connection: it is on this machine.
const connectTime = 10 * time.Second

// New makes a line to the engine that listens on a Unix socket.
func New(socket string) *Engine {
	e := &Engine{socket: socket}
	dialer := &net.Dialer{Timeout: connectTime}
	e.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}
	var http1 http.Protocols
	http1.SetHTTP1(true) // uploads begin at once: the engine does not know Expect
	e.once = &http.Client{
		Transport: &http.Transport{
			DialContext: e.dialRoomy, DisableCompression: true, DisableKeepAlives: true, Protocols: &http1, WriteBufferSize: mostCopied,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return e
}

// Call is what is sent.
type Call struct {
	Method string
	// Target is a path with its parameters, as package route writes it.
	Target string
	Header http.Header
	Body   io.Reader // nil for none
	// Length is the body's; -1 where it is not known.
	Length int64
	// Large has the answer on a connection of its own, as which it goes on to the caller, who speaks HTTP/1.1.
	Large bool
}

// Send sends a call and gives the engine's answer, whose body the caller closes.
func (e *Engine) Send(ctx context.Context, c *Call) (*http.Response, error) {
	r, err := e.request(ctx, c)
	if err != nil {
		return nil, err
	}
	var res *http.Response
	switch {
	case c.Large && r.Body == nil:
		res, err = e.sendLarge(ctx, r)
	case r.Body != nil && (r.GetBody == nil || r.ContentLength < 0 || r.ContentLength > mostAhead):
		res, err = e.once.Do(r)
	default:
		res, err = e.sendSmall(ctx, r)
	}
	if err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", e.socket, err)
	}
	return res, nil
}

// mostAhead is how long a body may be that is written before the answer is read: it has room on the way.
const mostAhead = 64 << 10

// sendSmall sends a call on a line that waits, or on a new one. Where the engine closed a line before it had the call, it is sent once more.
func (e *Engine) sendSmall(ctx context.Context, r *http.Request) (*http.Response, error) {
	if l := e.lines.take(); l != nil {
		res, err := l.send(ctx, r, e.lines.put)
		if !errors.Is(err, errUnsent) && (!errors.Is(err, errSilent) || r.Method != http.MethodGet && r.Method != http.MethodHead) {
			return res, err
		}
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
	conn, err := e.dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	const size = 4 << 10
	return newLine(conn, size).send(ctx, r, e.lines.put)
}

// largest is the longest answer to a question of the guard's own.
const largest = 64 << 20

// Get asks the engine for something of the guard's own account. The target has no version: the engine takes its newest.
func (e *Engine) Get(ctx context.Context, target string) (status int, text []byte, err error) {
	res, err := e.Send(ctx, &Call{Method: http.MethodGet, Target: target, Header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(io.LimitReader(res.Body, largest+1))
	if err != nil {
		return 0, nil, fmt.Errorf("the engine's answer to %s: %w", target, err)
	}
	if len(text) > largest {
		return 0, nil, fmt.Errorf("the engine's answer to %s has more than %d MiB", target, largest>>20)
	}
	return res.StatusCode, text, nil
}

func (e *Engine) request(ctx context.Context, c *Call) (*http.Request, error) {
	path, query, _ := strings.Cut(c.Target, "?")
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("target of a call: %w", err)
	}
	r := (&http.Request{
		Method: c.Method, URL: &url.URL{Scheme: "http", Host: host, Path: plain, RawPath: path, RawQuery: query}, Host: host,
		Header: c.Header, ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if c.Body != nil {
		again, ok := c.Body.(io.ReadSeeker)
		if r.ContentLength = c.Length; !ok {
			r.Body = io.NopCloser(upload{c.Body})
		} else {
			r.Body = io.NopCloser(c.Body)
			r.GetBody = func() (io.ReadCloser, error) {
				_, err := again.Seek(0, io.SeekStart)
				return io.NopCloser(again), err
			}
		}
	}
	return r, nil
}

// versionLife is for how long an engine is taken to speak the version that it said: it may be upgraded.
const versionLife = time.Minute

// Version is the newest version of the API that the engine speaks, and no newer one than most.
func (e *Engine) Version(ctx context.Context, most string) (string, error) {
	e.mu.Lock()
	v, at := e.version, e.asked
	e.mu.Unlock()
	if v == "" || time.Since(at) > versionLife {
		status, text, err := e.Get(ctx, "/version")
		if err != nil {
			return "", err
		}
		var said struct {
			APIVersion string `json:"ApiVersion"`
		}
		if err := json.Unmarshal(text, &said); err != nil || status != http.StatusOK || said.APIVersion == "" {
			return "", fmt.Errorf("the engine at %s does not say its version: %d", e.socket, status)
		}
		v = said.APIVersion
		e.mu.Lock()
		e.version, e.asked = v, time.Now()
		e.mu.Unlock()
	}
	if versions.LessThan(most, v) {
		return most, nil
	}
	return v, nil
}

// Close ends connections that wait for the next call.
func (e *Engine) Close() { e.lines.close() }

// mostWithHead is how long an answer may be that goes out in one piece.
const mostWithHead = 2 << 10

// hop are headers that belong to one connection (RFC 9110 7.6.1).
func hop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// Answer gives the engine's answer to the caller as it comes, and closes it.
func Answer(w http.ResponseWriter, res *http.Response) error {
	defer res.Body.Close()
	if a, ok := res.Body.(*answer); ok && a.raw(res) {
		return a.carry(res.Request.Context(), w, res)
	}
	for name, values := range res.Header {
		if !hop(name) {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(res.StatusCode)
	// Those who wait for a container's end take the head of the answer for a sign that the engine watches it. What is short is here with it.
	if res.ContentLength <= 0 || res.ContentLength > mostWithHead {
		if err := http.NewResponseController(w).Flush(); err != nil {
			return fmt.Errorf("answer the caller: %w", err)
		}
	}
	return carryOn(w, res.Body, res.ContentLength)
}

// Copy passes bytes on as they come: logs and events are read by somebody who waits for them.
func Copy(w http.ResponseWriter, from io.Reader) error { return carryOn(w, from, -1) }

// carryOn copies what has length bytes, or as many as come where that is negative.
func carryOn(w http.ResponseWriter, from io.Reader, length int64) error {
	flush := http.NewResponseController(w)
	const least = 512
	size := int64(mostCopied)
	if length >= 0 {
		size = max(least, min(length, mostCopied)) // most answers are small
	}
	buffer := make([]byte, size)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, werr := w.Write(buffer[:n]); werr != nil {
				return fmt.Errorf("answer the caller: %w", werr)
			}
			if ferr := flush.Flush(); ferr != nil {
				return fmt.Errorf("answer the caller: %w", ferr)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
	}
}
