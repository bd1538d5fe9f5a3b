package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const soon = time.Second

func TestSlowClientsAreLetGo(t *testing.T) {
	ended := make(chan error, 10)
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" || r.URL.Path == streamPath && r.ContentLength == 0 {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					ended <- err
					return
				}
			}
		}
		_, err := io.ReadAll(r.Body)
		ended <- err
	}), func(o *Options) { o.Limits.Header, o.Limits.Timeout = 2*soon, 2*soon })

	for name, send := range map[string]string{
		"says nothing":        "",
		"headers never end":   "POST /x HTTP/1.1\r\nHost: localhost\r\nX: ",
		"reads no answer":     "GET /down HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"reads no stream":     "POST " + streamPath + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
		"body never ends":     "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
		"chunks never end":    "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"stream's body hangs": "POST " + streamPath + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			defer c.Close()
			if _, err := io.WriteString(c, send); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(send, "\r\n\r\n") {
				select {
				case err := <-ended:
					if err == nil {
						t.Error("the handler saw no error")
					}
				case <-time.After(20 * time.Second):
					t.Fatal("the handler waits for ever")
				}
			}
			readAll(c) // ends, because the server closes
		})
	}
	// Before the handshake.
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("no handshake: %v", err)
	}
}

// TestStreamsOutliveTheTimeout reads a stream that says something now and then for longer than a request may take, and then nothing for
// as long.
func TestStreamsOutliveTheTimeout(t *testing.T) {
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		for i := range 6 {
			pause := soon / 2
			if i == 5 {
				pause = 2 * soon
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(pause):
			}
			fmt.Fprintln(w, i)
			w.(http.Flusher).Flush()
		}
	}), func(o *Options) { o.Limits.Timeout = soon })
	for _, h2 := range []bool{false, true} {
		res, err := s.client(t, h2).Post("https://"+s.addr+streamPath, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(b) != "0\n1\n2\n3\n4\n5\n" {
			t.Errorf("h2 %v: %q, %v", h2, b, err)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	s := start(t, hello, func(o *Options) { o.Limits.Connections = 32 })
	var open []net.Conn
	for range 8 { // a quarter, all from one address
		open = append(open, s.dial(t))
	}
	refused := func() bool {
		c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			c.Close()
		}
		return err != nil
	}
	if !refused() {
		t.Error("one address has more than its share")
	}
	for _, c := range open {
		c.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); refused(); {
		if time.Now().After(deadline) {
			t.Fatal("places are not given back")
		}
	}
}

func TestDrain(t *testing.T) {
	begun, finish, told := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		select {
		case <-finish:
		case <-told:
		}
		fmt.Fprint(w, "done")
	}), func(o *Options) {
		o.Drain = func() { close(told) }
		o.Ready = []Check{{"store", func(context.Context) error { return nil }}}
	})
	answer := func(path string) chan string {
		out := make(chan string, 1)
		go func() {
			res, err := s.client(t, true).Get("https://" + s.addr + path)
			if err != nil {
				out <- err.Error()
				return
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			out <- string(b)
		}()
		return out
	}
	one := answer("/x")
	<-begun
	s.stop()
	<-told // streams hear of it
	if got := s.server.health.ask(t.Context()); got["draining"] == nil {
		t.Errorf("ready while draining: %v", got)
	}
	close(finish)
	if got := <-one; got != "done" {
		t.Errorf("a request that ran was cut off: %q", got)
	}
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.addr); err == nil {
		t.Error("still listens")
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	begun := make(chan struct{})
	s := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}), func(o *Options) { o.Limits.Drain = soon })
	go func() {
		res, err := s.client(t, true).Get("https://" + s.addr + "/x")
		if err == nil {
			res.Body.Close()
		}
	}()
	<-begun
	s.stop()
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

func TestReady(t *testing.T) {
	broken := errors.New("the disk at /var/lib/secret-place is full")
	s := start(t, hello, func(o *Options) {
		o.Ready = []Check{{"store", func(context.Context) error { return nil }}, {"audit", func(context.Context) error { return broken }}}
	})
	res := get(t, s.client(t, true), "https://"+s.addr+"/readyz", nil)
	if res.status != http.StatusServiceUnavailable || res.body != "not ready\n" {
		t.Errorf("%d %q", res.status, res.body)
	}
	if res := get(t, s.client(t, true), "https://"+s.addr+"/healthz", nil); res.status != http.StatusOK {
		t.Error(res.status)
	}
}
