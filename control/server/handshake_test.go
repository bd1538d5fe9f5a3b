package server

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestHTTPInTheClearIsTold(t *testing.T) {
	s := start(t, hello, nil)
	for send, want := range map[string]string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n": "HTTP/1.0 400 Bad Request\r\n", "SSH-2.0-x\r\n": ""} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(c, send); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(c)
		if want == "" && strings.Contains(string(got), "HTTP/") || !strings.HasPrefix(string(got), want) {
			t.Errorf("%q was answered %q", send, got)
		}
		_ = c.Close()
	}
}

// Both protocols are on one port, and go on side by side.
func TestBothProtocolsOnOnePort(t *testing.T) {
	s := start(t, hello, nil)
	one, two := s.client(t, false), s.client(t, true)
	for range 3 {
		for want, c := range map[int]func() answer{
			1: func() answer { return get(t, one, "https://"+s.addr+"/x", nil) }, 2: func() answer { return get(t, two, "https://"+s.addr+"/x", nil) },
		} {
			if a := c(); a.major != want || a.status != 200 || a.body != "hello /x" {
				t.Errorf("HTTP/%d: %+v", want, a)
			}
		}
	}
}

func TestStopDoesNotWaitForHandshakes(t *testing.T) {
	s := start(t, hello, func(o *Options) { o.Limits.Drain, o.Limits.Header = time.Minute, time.Minute })
	c, err := net.Dial("tcp", s.addr) // and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	time.Sleep(10 * time.Millisecond) // it is likely in its handshake; the stop must not wait in either case
	s.stop()
	select {
	case err := <-s.done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the stop waits for a client that says nothing")
	}
}

func TestAPanicInAHandshakeIsThatConnectionsEnd(t *testing.T) {
	s := start(t, hello, func(o *Options) {
		give := o.GetCertificate
		o.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h.ServerName == "panic.example" {
				panic("on purpose")
			}
			return give(h)
		}
	})
	if c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "panic.example"}); err == nil {
		_ = c.Close()
		t.Error("the handshake went through")
	}
	if a := get(t, s.client(t, true), "https://"+s.addr+"/x", nil); a.status != 200 {
		t.Errorf("the server answers %d afterwards", a.status)
	}
}
