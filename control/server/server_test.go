package server

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// stand is a server that runs, with what a test needs to talk to it.
type stand struct {
	addr, port string
	stop       context.CancelFunc
	done       chan error
	server     *Server
}

const streamPath = "/bulkhead.v1.WatchService/Watch"

// start runs a server on a free port of loopback; change adapts the options.
func start(t *testing.T, h http.Handler, change func(*Options)) *stand {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert := selfSigned(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	o := Options{
		Listener: l, Handler: h, PublicURL: "https://bulkhead.example.org:" + port, Names: []string{"replica-1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
		Limits:         Limits{Body: 64 << 10, Connections: 64, Timeout: 10 * time.Second, Drain: 10 * time.Second},
	}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	st := &stand{addr: l.Addr().String(), port: port, stop: cancel, done: make(chan error, 1), server: s}
	go func() { st.done <- s.Run(ctx); close(st.done) }()
	t.Cleanup(func() {
		cancel()
		if err := <-st.done; err != nil {
			t.Error(err)
		}
	})
	return st
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *stand) client(t *testing.T, h2 bool) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(!h2)
	p.SetHTTP2(h2)
	tr := &http.Transport{Protocols: p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// raw sends bytes over TLS and gives all that comes back.
func (s *stand) raw(t *testing.T, send string) string {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	if _, err := io.WriteString(c, send); err != nil {
		return ""
	}
	b, _ := io.ReadAll(c)
	return string(b)
}

func (s *stand) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// answer is a response that was read.
type answer struct {
	status, major int
	header        http.Header
	body          string
	tls           uint16
}

func get(t *testing.T, c *http.Client, url string, change func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, major: res.ProtoMajor, header: res.Header, body: string(b)}
	if res.TLS != nil {
		a.tls = res.TLS.Version
	}
	return a
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		return
	}
	fmt.Fprint(w, "hello ", r.URL.Path)
})

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	s := start(t, hello, nil)
	for _, h2 := range []bool{false, true} {
		c := s.client(t, h2)
		for _, path := range []string{"/", "/healthz", "/readyz", "/a//b"} {
			res := get(t, c, "https://"+s.addr+path, func(r *http.Request) { r.Header.Set("Origin", "https://bulkhead.example.org:"+s.port) })
			for name, want := range map[string]string{
				"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy": contentPolicy, "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY", "Access-Control-Allow-Origin": "",
			} {
				if got := res.header.Get(name); got != want {
					t.Errorf("%s %s: %q, want %q", path, name, got, want)
				}
			}
			if h2 != (res.major == 2) {
				t.Errorf("HTTP/%d", res.major)
			}
			if res.tls != tls.VersionTLS13 {
				t.Error("not TLS 1.3")
			}
		}
	}
	if _, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("took TLS 1.2")
	}
	if got := s.raw(t, "GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.0 421") && !strings.HasPrefix(got, "HTTP/1.1 421") {
		t.Errorf("without Host: %.40q", got)
	}
}

func TestWhoMayAsk(t *testing.T) {
	s := start(t, hello, nil)
	c := s.client(t, false)
	for _, x := range []struct {
		name, method, host, origin, site string
		want                             int
	}{
		{"by address", "GET", "", "", "", 200},
		{"by public name", "GET", "bulkhead.example.org", "", "", 200},
		{"by public name and port", "GET", "Bulkhead.Example.Org:8443", "", "", 200},
		{"by replica's name", "POST", "replica-1", "", "", 200},
		{"by another address, behind NAT", "GET", "192.0.2.7:8443", "", "", 200},
		{"IPv6", "GET", "[2001:db8::1]:8443", "", "", 200},
		{"rebound name", "GET", "evil.example.com", "", "", 421},
		{"a name that ends alike", "GET", "xbulkhead.example.org", "", "", 421},
		{"a name that begins alike", "GET", "bulkhead.example.org.evil.example.com", "", "", 421},
		{"own page", "POST", "bulkhead.example.org", "https://bulkhead.example.org", "same-origin", 200},
		{"page of another site", "POST", "bulkhead.example.org", "https://evil.example.com", "cross-site", 403},
		{"page of a sister site", "POST", "bulkhead.example.org", "https://www.example.org", "same-site", 403},
		{"old browser, another site", "POST", "bulkhead.example.org", "https://evil.example.com", "", 403},
		{"sandboxed page", "POST", "bulkhead.example.org", "null", "", 403},
		{"link from another site", "GET", "bulkhead.example.org", "", "cross-site", 200},
		{"preflight", "OPTIONS", "bulkhead.example.org", "https://evil.example.com", "cross-site", 405},
		{"trace", "TRACE", "bulkhead.example.org", "", "", 405},
		{"put", "PUT", "bulkhead.example.org", "", "", 405},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), x.method, "https://"+s.addr+"/x", nil)
		r.Host = x.host
		if x.origin != "" {
			r.Header.Set("Origin", x.origin)
		}
		if x.site != "" {
			r.Header.Set("Sec-Fetch-Site", x.site)
		}
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(x.name, err)
		}
		res.Body.Close()
		if res.StatusCode != x.want {
			t.Errorf("%s: %d, want %d", x.name, res.StatusCode, x.want)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: CORS", x.name)
		}
	}
}

func TestPathTricks(t *testing.T) {
	var reached atomic.Int64
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reached.Add(1); hello(w, r) }), nil)
	for _, p := range []string{
		"/../etc/passwd", "/a/../b", "/a/./b", "//a", "/a//b", "/%2e%2e/b", "/a/%2e%2e/b", "/a%2fb", "/a%2Fb", "/a%5cb", `/a\b`,
		"/a%00b", "/a%0d%0aSet-Cookie:x", "/a;b", "/%c0%ae%c0%ae/", "/a%20b", "/ä", "/a%c3%a4", "/.", "/..", "*", "a",
		"/" + strings.Repeat("a", 1100), "/%62ulkhead.v1.AuthService/SignIn", "/a?" + strings.Repeat("q", 9000),
	} {
		got := s.raw(t, "POST "+p+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		if p == "/%62ulkhead.v1.AuthService/SignIn" && strings.Contains(got, "hello /bulkhead.v1.AuthService/SignIn") {
			reached.Add(-1) // one way to read it: what is decided on is what runs
			continue
		}
		if !strings.HasPrefix(got, "HTTP/1.1 400") {
			t.Errorf("%.40q: %.40q", p, got)
		}
		if strings.Contains(got, "\nSet-Cookie") {
			t.Errorf("%.40q: a header came back", p)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d reached the handler", n)
	}
	for _, p := range []string{"/", "/a", "/a/", "/a/b.css", "/bulkhead.v1.AuthService/SignIn", "/enrol?x=%2f..%2f"} {
		if got := s.raw(t, "GET "+p+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("%q: %.40q", p, got)
		}
	}
}

func TestHeaderTricks(t *testing.T) {
	var seen atomic.Value
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen.Store(r.Header.Clone()); hello(w, r) }), nil)
	for name, head := range map[string]string{
		"two hosts":            "Host: localhost\r\nHost: evil.example.com\r\n",
		"space before colon":   "Host: localhost\r\nX : y\r\n",
		"bare line feed":       "Host: localhost\r\nX: a\x00b\r\n",
		"length and chunks":    "Host: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked, identity\r\n",
		"two lengths":          "Host: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n",
		"negative length":      "Host: localhost\r\nContent-Length: -1\r\n",
		"strange encoding":     "Host: localhost\r\nTransfer-Encoding: xchunked\r\n",
		"bad host":             "Host: local host\r\n",
		"more than the limit":  "Host: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n",
		"many small":           "Host: localhost\r\n" + strings.Repeat("A: b\r\n", 10000),
		"line that never ends": "Host: localhost\r\n" + strings.Repeat("x", 64<<10) + "\r\n",
	} {
		seen.Store(http.Header{})
		got := s.raw(t, "POST /x HTTP/1.1\r\n"+head+"Connection: close\r\n\r\nbody")
		if strings.HasPrefix(got, "HTTP/1.1 2") {
			t.Errorf("%s: %.60q", name, got)
		}
		if h, _ := seen.Load().(http.Header); len(h) > 0 {
			t.Errorf("%s reached the handler: %v", name, h)
		}
	}
	// HTTP/2: larger than the limit.
	res, err := s.client(t, true).Do(func() *http.Request {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.addr+"/", nil)
		r.Header.Set("X", strings.Repeat("x", 256<<10))
		return r
	}())
	if err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("HTTP/2: %d", res.StatusCode)
		}
	}
	// The server stands.
	if res := get(t, s.client(t, true), "https://"+s.addr+"/healthz", nil); res.status != http.StatusOK {
		t.Error(res.status)
	}
}

func TestBodyLimit(t *testing.T) {
	s := start(t, hello, func(o *Options) { o.Limits.Body = 1000 })
	for _, h2 := range []bool{false, true} {
		for size, want := range map[int]int{1000: 200, 1001: 413, 1 << 20: 413} {
			for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", size)), struct{ io.Reader }{strings.NewReader(strings.Repeat("x", size))}} {
				res, err := s.client(t, h2).Post("https://"+s.addr+"/x", "text/plain", body)
				if err != nil {
					if want == 200 {
						t.Error(err)
					}
					continue // the server closed while the client still wrote
				}
				res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("h2 %v, %d bytes: %d", h2, size, res.StatusCode)
				}
			}
		}
	}
}

// readAll reads until the server closes.
func readAll(c net.Conn) string {
	b, _ := io.ReadAll(bufio.NewReader(c))
	return string(b)
}
