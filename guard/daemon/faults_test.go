package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// soon is how long anything may take to be noticed on a busy machine.
const soon = 20 * time.Second

// raw sends a request on a connection of its own and gives that with what was read of it.
func raw(t *testing.T, url, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

const attach = "POST /v1.44/containers/a/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\nHost: docker\nConnection: Upgrade\nUpgrade: tcp\nContent-Length: 0\n\n"

// talk plays an engine's session: it answers 101 and hands the connection on.
func talk(w http.ResponseWriter, then func(c net.Conn, r *bufio.ReadWriter)) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	then(c, rw)
}

// A session ends for the caller when the engine's end is gone, also in the middle.
func TestEngineGoneInSession(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) {
		talk(w, func(c net.Conn, _ *bufio.ReadWriter) { _, _ = io.WriteString(c, "half a li") })
	})
	_, r := raw(t, s.URL, attach)
	res, err := http.ReadResponse(r, nil) //nolint:bodyclose // it has none: the connection goes on
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "half a li" {
		t.Errorf("%q %v", b, err)
	}
}

// What was streamed so far arrives, and the end is no end but a break, when the engine is gone in the middle.
func TestEngineGoneInStream(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "line\n")
		_ = http.NewResponseController(w).Flush()
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
	})
	for _, path := range []string{"/containers/a/logs?follow=1&stdout=1", "/events", "/containers/a/stats", "/images/get?names=a"} {
		res, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Error(err)
			continue
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(b) != "line\n" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %q %v", path, b, err)
		}
	}
}

// An engine that talks nonsense, or ends before it answers, is a bad gateway with a reason, and no answer of the guard's own.
func TestEngineTalksNonsense(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 2", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"} {
		s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, answer)
				_ = c.Close()
			}
		})
		for _, text := range []string{"GET /v1.44/images/json HTTP/1.1\nHost: docker\n\n", attach} {
			_, r := raw(t, s.URL, text)
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Errorf("%q: %v", answer, err)
				continue
			}
			b, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusBadGateway || !strings.Contains(string(b), "bulkhead: the engine") {
				t.Errorf("%q to %.20s: %d %s %v", answer, text, res.StatusCode, b, err)
			}
		}
	}
}

// The engine's call ends when the caller is gone: streams, calls that wait in silence, and sessions.
func TestCallerGone(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan string, 1)
	s := door(t, everything, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/attach") {
			talk(w, func(c net.Conn, rw *bufio.ReadWriter) {
				_, _ = io.Copy(io.Discard, rw)
				ended <- r.URL.Path
			})
			return
		}
		if strings.HasSuffix(r.URL.Path, "/logs") {
			_, _ = io.WriteString(w, "line\n")
			_ = http.NewResponseController(w).Flush()
		} else {
			begun <- struct{}{}
		}
		select {
		case <-r.Context().Done():
			ended <- r.URL.Path
		case <-time.After(soon):
		}
	})
	for _, text := range []string{
		"GET /v1.44/containers/a/logs?follow=1&stdout=1 HTTP/1.1\nHost: docker\n\n",
		"POST /v1.44/containers/a/wait HTTP/1.1\nHost: docker\nContent-Length: 0\n\n",
		"GET /v1.44/events HTTP/1.1\nHost: docker\n\n",
		attach,
	} {
		c, r := raw(t, s.URL, text)
		if strings.Contains(text, "/logs") || text == attach {
			if _, err := http.ReadResponse(r, nil); err != nil { //nolint:bodyclose // the connection is closed, or goes on
				t.Fatal(err)
			}
		} else {
			select {
			case <-begun:
			case <-time.After(soon):
				t.Fatalf("the engine does not get %.40s", text)
			}
		}
		_ = c.Close()
		select {
		case <-ended:
		case <-time.After(soon):
			t.Errorf("the engine's call goes on after the caller of %.40s is gone", text)
		}
	}
}

// What a container still says arrives after its input was ended.
func TestInputEndsFirst(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) {
		talk(w, func(c net.Conn, rw *bufio.ReadWriter) {
			b, err := io.ReadAll(rw)
			_, _ = fmt.Fprintf(c, "%d bytes, %v", len(b), err)
		})
	})
	c, r := raw(t, s.URL, attach+"early ")
	if _, err := http.ReadResponse(r, nil); err != nil { //nolint:bodyclose // the connection is closed, or goes on
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "late"); err != nil {
		t.Fatal(err)
	}
	half, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T", c)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "10 bytes, <nil>" {
		t.Errorf("%q %v", b, err)
	}
}

// An answer that comes before all of the body was sent arrives.
func TestAnsweredEarly(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such container", http.StatusNotFound) })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+"/v1.44/containers/a/archive?path=/", io.LimitReader(zeros{}, 64<<20))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("%d", res.StatusCode)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A hundred callers that take nothing of what is sent to them stop nobody, and fill no memory.
func TestSlowCallers(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/logs") {
			_, _ = io.CopyN(w, zeros{}, 1<<30)
			return
		}
		_, _ = io.WriteString(w, "[]")
	})
	before := heap()
	for range 100 {
		raw(t, s.URL, "GET /v1.44/containers/a/logs?follow=1&stdout=1 HTTP/1.1\nHost: docker\n\n")
	}
	for range 100 {
		began := time.Now()
		res, err := s.Client().Get(s.URL + "/v1.44/images/json")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(b) != "[]" || time.Since(began) > soon {
			t.Fatalf("%q %v in %s", b, err, time.Since(began))
		}
	}
	if after := heap(); after > before+64<<20 {
		t.Errorf("a hundred slow callers take %d MiB", (after-before)>>20)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Ten thousand calls of all kinds leave no goroutine, no descriptor and no memory behind.
func TestNothingLeaks(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/attach"):
			talk(w, func(c net.Conn, rw *bufio.ReadWriter) { _, _ = io.Copy(c, rw) })
		case strings.HasSuffix(r.URL.Path, "/logs"):
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.Copy(w, r.Body)
		}
	})
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	client := &http.Client{Transport: transport, Timeout: soon}
	run := func(calls int) {
		var wait sync.WaitGroup
		for worker := range 8 {
			wait.Go(func() {
				for i := range calls / 8 {
					if err := one(t.Context(), client, s.URL, worker+i); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
		transport.CloseIdleConnections()
	}
	settled := func() (int, int, uint64) { return runtime.NumGoroutine(), descriptors(t), heap() }
	run(800) // pools fill
	goroutines, files, memory := settled()
	run(10_000)
	var g, f int
	var m uint64
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if g, f, m = settled(); g <= goroutines+8 && f <= files+8 {
			break
		}
	}
	if g > goroutines+8 || f > files+8 || m > memory+8<<20 {
		t.Errorf("before: %d goroutines, %d descriptors, %d kB; after 10,000 calls: %d, %d, %d kB", goroutines, files, memory>>10, g, f, m>>10)
	}
}

// one makes one call, of a kind that i chooses.
func one(ctx context.Context, client *http.Client, url string, i int) error {
	switch i % 5 {
	case 0:
		return attachOnce(ctx, url)
	case 1:
		return expect(ctx, client, http.MethodGet, url+"/v1.44/containers/a/logs?stdout=1", "", 200, true)
	case 2:
		return expect(ctx, client, http.MethodPost, url+"/v1.44/containers/create", `{"Image":"a"}`, 200, false)
	case 3:
		return expect(ctx, client, http.MethodPost, url+"/v1.44/containers/create", `{"image":"a"}`, 400, false)
	}
	return expect(ctx, client, http.MethodGet, url+"/v1.44/containers/json", "", 200, false)
}

func expect(ctx context.Context, client *http.Client, method, url, text string, status int, broken bool) error {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); (err != nil) != broken || res.StatusCode != status {
		return fmt.Errorf("%s %s: %d %w", method, url, res.StatusCode, err)
	}
	return nil
}

func attachOnce(ctx context.Context, url string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, strings.ReplaceAll(attach, "\n", "\r\n")+"ping"); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	if _, err := http.ReadResponse(r, nil); err != nil { //nolint:bodyclose // the connection is closed, or goes on
		return err
	}
	b := make([]byte, 4)
	_, err = io.ReadFull(r, b)
	return err
}

// A call that meets a connection which the engine just closed, as when it starts anew, is made on another one, with its body.
func TestEngineAnew(t *testing.T) {
	var mu sync.Mutex
	var conns []net.Conn
	s := door(t, everything, func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err != nil || r.Method == http.MethodPost && len(b) == 0 {
			t.Errorf("%s: %q %v", r.URL, b, err)
		}
		// The next call on this connection is met by its end.
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
		mu.Lock()
		conns = append(conns, c)
		mu.Unlock()
		go func() { // it reads the next request's beginning, and goes
			_, _ = rw.ReadByte()
			_ = c.Close()
		}()
	})
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	})
	for range 5 {
		if err := expect(t.Context(), s.Client(), http.MethodGet, s.URL+"/v1.44/images/json", "", 200, false); err != nil {
			t.Error(err)
		}
	}
}
