package forward

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// engine answers each call on each connection by a function that may close it; it counts both.
type engine struct {
	net.Listener
	mu                 sync.Mutex
	connections, calls int
	answered           int // of the calls: what was to be closed is closed
	answer             func(call int, r *http.Request, c net.Conn)
}

func newEngine(t *testing.T, at string, answer func(call int, r *http.Request, c net.Conn)) *engine {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{Listener: l, answer: answer}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { e.serve(c) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		all.Wait()
	})
	return e
}

func (e *engine) serve(c net.Conn) {
	defer c.Close()
	e.mu.Lock()
	e.connections++
	e.mu.Unlock()
	for from := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		e.mu.Lock()
		e.calls++
		call := e.calls
		e.mu.Unlock()
		e.answer(call, r, c)
		e.mu.Lock()
		e.answered++
		e.mu.Unlock()
	}
}

// idle waits until nothing is being answered.
func (e *engine) idle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		e.mu.Lock()
		is := e.answered == e.calls
		e.mu.Unlock()
		if is {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the engine still answers")
		}
	}
}

func (e *engine) seen() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprintf("%d connections, %d calls", e.connections, e.calls)
}

func ok(c net.Conn, body string) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func send(t *testing.T, to *Engine, method, body string) (string, error) {
	t.Helper()
	c := &Call{Method: method, Target: "/v1.44/x", Header: http.Header{}}
	if body != "" {
		c.Body, c.Length = strings.NewReader(body), int64(len(body))
	}
	res, err := to.Send(t.Context(), c)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

// A line carries one call after another, and what the engine closes, breaks off or says unasked does not reach the next one.
func TestLines(t *testing.T) {
	const body = `{"Image":"a"}`
	for name, c := range map[string]struct {
		answer  func(call int, r *http.Request, c net.Conn)
		method  string
		fails   bool // the second of three calls
		seen    string
		answers string
	}{
		"one after another": {
			answer: func(n int, _ *http.Request, c net.Conn) { ok(c, fmt.Sprint(n)) }, method: http.MethodPost, seen: "1 connections, 3 calls", answers: "1 2 3",
		},
		"without a body": {
			answer: func(int, *http.Request, net.Conn) {}, method: http.MethodHead, seen: "1 connections, 3 calls", answers: "  ",
		},
		"closed after an answer": {
			answer: func(n int, _ *http.Request, c net.Conn) { ok(c, fmt.Sprint(n)); _ = c.Close() }, method: http.MethodPost,
			seen: "3 connections, 3 calls", answers: "1 2 3",
		},
		"said so": {
			answer: func(n int, _ *http.Request, c net.Conn) {
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n%d", n)
			}, method: http.MethodGet, seen: "3 connections, 3 calls", answers: "1 2 3",
		},
		"more than was asked": {
			answer: func(n int, _ *http.Request, c net.Conn) { ok(c, fmt.Sprint(n)); ok(c, "another's") }, method: http.MethodGet,
			seen: "3 connections, 3 calls", answers: "1 2 3",
		},
		"a read that may have come is sent again": {
			answer: func(n int, _ *http.Request, c net.Conn) {
				if n == 2 {
					_ = c.Close()
				}
				ok(c, fmt.Sprint(n))
			}, method: http.MethodGet, seen: "2 connections, 4 calls", answers: "1 3 4",
		},
		"a change that may have come is not": {
			answer: func(n int, _ *http.Request, c net.Conn) {
				if n == 2 {
					_ = c.Close()
				}
				ok(c, fmt.Sprint(n))
			}, method: http.MethodPost, fails: true, seen: "2 connections, 3 calls", answers: "1  3",
		},
		"broken off": {
			answer: func(n int, _ *http.Request, c net.Conn) {
				if n == 2 {
					fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1")
					_ = c.Close()
				}
				ok(c, fmt.Sprint(n))
			}, method: http.MethodGet, fails: true, seen: "2 connections, 3 calls", answers: "1 1 3",
		},
		"one that is not the last": {
			answer: func(n int, _ *http.Request, c net.Conn) {
				if n == 2 {
					fmt.Fprint(c, "HTTP/1.1 100 Continue\r\n\r\n")
				}
				ok(c, fmt.Sprint(n))
			}, method: http.MethodGet, fails: true, seen: "2 connections, 3 calls", answers: "1  3",
		},
		"a head without an end": {
			answer: func(n int, _ *http.Request, c net.Conn) {
				if n == 2 {
					fmt.Fprint(c, "HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 2*mostHead))
					_ = c.Close()
				}
				ok(c, fmt.Sprint(n))
			}, method: http.MethodGet, fails: true, seen: "2 connections, 3 calls", answers: "1  3",
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "e")
			if c.method == http.MethodHead {
				c.answer = func(_ int, _ *http.Request, c net.Conn) {
					fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
				}
			}
			there := newEngine(t, at, c.answer)
			to := New(at)
			defer to.Close()
			text := ""
			if c.method == http.MethodPost {
				text = body
			}
			var answers []string
			for i := range 3 {
				there.idle(t) // what was closed is closed by now
				got, err := send(t, to, c.method, text)
				if (err != nil) != (c.fails && i == 1) {
					t.Errorf("call %d: %v", i+1, err)
				}
				answers = append(answers, got)
			}
			if got := strings.Join(answers, " "); got != c.answers || there.seen() != c.seen {
				t.Errorf("%q, %s; want %q, %s", got, there.seen(), c.answers, c.seen)
			}
		})
	}
}

// An engine that was started again is called on a new line.
func TestLinesAfterARestart(t *testing.T) {
	at := filepath.Join(t.TempDir(), "e")
	answer := func(n int, _ *http.Request, c net.Conn) { ok(c, fmt.Sprint(n)); _ = c.Close() }
	first := newEngine(t, at, answer)
	to := New(at)
	defer to.Close()
	if _, err := send(t, to, http.MethodPost, "{}"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	newEngine(t, at, answer)
	if got, err := send(t, to, http.MethodPost, "{}"); err != nil || got != "1" {
		t.Errorf("%q %v", got, err)
	}
}

// A caller who goes ends the call, and nothing of it is on a line that waits.
func TestLineEnds(t *testing.T) {
	at := filepath.Join(t.TempDir(), "e")
	there := newEngine(t, at, func(n int, _ *http.Request, c net.Conn) {
		if n == 1 {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1")
			return
		}
		ok(c, fmt.Sprint(n))
	})
	to := New(at)
	defer to.Close()
	ctx, cancel := context.WithCancel(t.Context())
	res, err := to.Send(ctx, &Call{Method: http.MethodGet, Target: "/v1.44/x", Header: http.Header{}})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller went: %v", err)
	}
	if err := res.Body.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if got, err := send(t, to, http.MethodGet, ""); err != nil || got != "2" || there.seen() != "2 connections, 2 calls" {
		t.Errorf("%q %v %s", got, err, there.seen())
	}
}

// What waits for long is closed, and there are not too many.
func TestLinesThatWait(t *testing.T) {
	var p lines
	var others []net.Conn
	for i := range mostIdle + 1 {
		here, other := net.Pipe()
		others = append(others, other)
		l := newLine(here, 16)
		p.put(l)
		if i < 10 {
			l.used = time.Now().Add(-2 * idleTime)
		}
	}
	if len(p.idle) != mostIdle {
		t.Errorf("%d wait", len(p.idle))
	}
	p.old()
	if len(p.idle) != mostIdle-10 || p.sweep == nil {
		t.Errorf("%d wait after their time", len(p.idle))
	}
	p.close()
	for i, c := range others {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("the line %d is open", i)
		}
	}
}
