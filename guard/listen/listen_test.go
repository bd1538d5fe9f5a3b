package listen

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soon is how long a test waits for what should happen at once; a busy machine may take its time.
const soon = 20 * time.Second

func limits() Limits {
	return Limits{Connections: 40, Each: 10, Header: 16 << 10, HeaderTime: time.Minute, Idle: time.Second, Drain: 2 * time.Second}
}

// serving runs a server until the test ends, or stop is called, which gives what Run gave.
func serving(t *testing.T, o Options) (s *Server, stop func() error) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s, stop
}

// local is a client at a Unix socket, with a connection for each call.
func local(path string) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

func get(c *http.Client, url string) (string, error) {
	res, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", string(b)), err
}

func hello(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello over ", r.Proto) }

func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "guard", "docker.sock")
	o := Options{Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o660}, Limits: limits()}
	s, stop := serving(t, o)
	is, err := os.Lstat(path)
	if err != nil || is.Mode() != fs.ModeSocket|0o660 || s.Places()[0] != "unix://"+path {
		t.Errorf("%v, %v, %v", is, err, s.Places())
	}
	if up, err := os.Stat(filepath.Dir(path)); err != nil || up.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", up, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if got, err := get(local(path), "http://x/"); got != "200 hello over HTTP/1.1" || err != nil {
		t.Error(got, err)
	}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "somebody listens there already") {
		t.Errorf("a second one: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestWhatLiesAtTheSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "docker.sock")
	open := func() error {
		s, err := Open(Options{Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o600}, Limits: limits()})
		if err == nil {
			err = s.closeDoors()
		}
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(); err != nil {
		t.Errorf("a socket that is left over: %v", err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path); err != nil {
		t.Fatal(err)
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a link: %v", err)
	}
	if b, err := os.ReadFile(other); string(b) != "precious" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "can be changed by others") {
		t.Errorf("a directory of everybody: %v", err)
	}
	for _, bad := range []string{"docker.sock", "/x/../y", "/" + strings.Repeat("x", 100)} {
		path = bad
		if err := open(); err == nil || !strings.Contains(err.Error(), "absolute") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	path = filepath.Join(t.TempDir(), "s")
	if _, err := Open(Options{Unix: Unix{Path: path, Group: "no-such-group"}, Limits: limits()}); err == nil || !strings.Contains(err.Error(), "groupadd") {
		t.Errorf("a group that is not there: %v", err)
	}
	if _, err := Open(Options{Limits: limits()}); err == nil || !strings.Contains(err.Error(), "listens nowhere") {
		t.Errorf("nowhere: %v", err)
	}
}

// TestSlowCallers has somebody take all that one may have, and say nothing or little: others are served as before.
func TestSlowCallers(t *testing.T) {
	t.Run("others are served", func(t *testing.T) { slowCallers(t, time.Minute) })
	t.Run("each is let go", func(t *testing.T) { slowCallers(t, time.Second) })
}

// slowCallers has a hundred of them, and calls of another while none of them is let go, or waits until they all are.
func slowCallers(t *testing.T, patience time.Duration) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	var mu sync.Mutex
	who := "slow"
	as := func(name string) { mu.Lock(); who = name; mu.Unlock() }
	o := Options{
		Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o600}, Limits: limits(),
		Source: func(net.Conn) string { mu.Lock(); defer mu.Unlock(); return who },
	}
	o.Limits.Connections, o.Limits.Each, o.Limits.HeaderTime = 300, 150, patience
	s, _ := serving(t, o)
	var slow []net.Conn
	for i := range 100 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		slow = append(slow, c)
		if i%2 == 0 {
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
				t.Fatal(err)
			}
		}
	}
	if patience == time.Minute {
		for start := time.Now(); s.held.count() < 100; time.Sleep(time.Millisecond) {
			if time.Since(start) > soon {
				t.Fatal(s.held.count())
			}
		}
		as("other")
		for range 20 {
			if got, err := get(local(path), "http://x/"); err != nil || !strings.HasPrefix(got, "200") {
				t.Fatal(got, err)
			}
		}
		if n := s.held.count(); n < 100 {
			t.Errorf("only %d slow callers are still connected", n)
		}
		return
	}
	for _, c := range slow { // each is let go, or told that it was too slow
		if err := c.SetReadDeadline(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a slow caller is still connected")
		}
	}
	for start := time.Now(); s.held.count() > 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > soon {
			t.Fatalf("%d connections are left", s.held.count())
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	o := Options{Handler: http.HandlerFunc(hello), Unix: Unix{Path: path, Mode: 0o600}, Limits: limits(), Source: func(net.Conn) string { return "uid 7" }}
	s, _ := serving(t, o)
	var open []net.Conn
	for range o.Limits.Each {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	for start := time.Now(); s.held.count() < o.Limits.Each && time.Since(start) < soon; {
		time.Sleep(time.Millisecond)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 503 ") || !strings.Contains(string(b), "uid 7 has 10 connections open") {
		t.Errorf("%s, %v", b, err)
	}
	_ = open[0].Close()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		got, err := get(local(path), "http://x/")
		if err == nil && strings.HasPrefix(got, "200") {
			break
		}
		if time.Since(start) > soon {
			t.Fatal("the place of one that went is not given again: ", got, err)
		}
	}
}

// TestDrain stops a server on which a terminal is open, which goes on until it ends by itself or the time is over.
func TestDrain(t *testing.T) {
	for _, ends := range []bool{true, false} {
		path := filepath.Join(t.TempDir(), "s")
		cause := make(chan error, 1)
		o := Options{Unix: Unix{Path: path, Mode: 0o600}, Limits: limits(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/other" {
				return
			}
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			defer context.AfterFunc(r.Context(), func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
			if _, ok := c.(interface{ CloseWrite() error }); !ok {
				t.Errorf("%T can't end one direction", c)
			}
			fmt.Fprint(c, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
			for {
				line, err := rw.ReadString('\n')
				if err != nil {
					cause <- context.Cause(r.Context())
					return
				}
				fmt.Fprint(c, line)
			}
		})}
		o.Limits.Drain = 10 * time.Second
		if ends {
			o.Limits.Drain = time.Minute
		}
		_, stop := serving(t, o)
		idle, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
		fmt.Fprint(idle, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
		if res, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil || res.Close { //nolint:bodyclose // it has none
			t.Fatal(res, err)
		}
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "POST /exec/1/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		in := bufio.NewReader(c)
		if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols { //nolint:bodyclose // it has none
			t.Fatal(res, err)
		}
		began, stopped := time.Now(), make(chan error, 1)
		go func() { stopped <- stop() }()
		for start := time.Now(); time.Since(start) < time.Second; time.Sleep(100 * time.Millisecond) {
			fmt.Fprintln(c, "still here")
			if line, err := in.ReadString('\n'); line != "still here\n" || err != nil {
				t.Fatalf("%q, %v", line, err)
			}
			if got, err := get(local(path), "http://x/other"); got != "200 " || err != nil {
				t.Fatalf("others are refused meanwhile: %q, %v", got, err)
			}
		}
		if ends {
			_ = c.Close()
			<-cause
		} else if err := <-cause; !errors.Is(err, ErrStopping) {
			t.Error(err)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if d, err := net.Dial("unix", path); err == nil {
			d.Close()
			t.Error("a new connection is taken after the end")
		}
		if took := time.Since(began); (took < o.Limits.Drain) != ends {
			t.Errorf("it took %s", took)
		}
	}
}

func TestWelcome(t *testing.T) {
	type key struct{}
	path := filepath.Join(t.TempDir(), "s")
	var refuse atomic.Bool
	o := Options{
		Unix: Unix{Path: path, Mode: 0o600}, Limits: limits(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Context().Value(key{})) }),
		Welcome: func(ctx context.Context, c net.Conn) (context.Context, error) {
			if refuse.Load() {
				return ctx, errors.New("the kernel does not say")
			}
			return context.WithValue(ctx, key{}, fmt.Sprintf("%T", c)), nil
		},
	}
	serving(t, o)
	if got, err := get(local(path), "http://x/"); err != nil || got != "200 *listen.unixConn" {
		t.Error(got, err)
	}
	refuse.Store(true)
	if got, err := get(local(path), "http://x/"); err == nil {
		t.Error(got)
	}
}

// files writes a CA, and a certificate for 127.0.0.1 and one for a client that it made.
func files(t *testing.T, dir string) (serverTLS TLS, client tls.Certificate, roots *x509.CertPool) {
	t.Helper()
	pool := x509.NewCertPool()
	var parent *x509.Certificate
	var by *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		if i == 0 {
			c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage = true, true, nil
			parent, by = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
		must(t, err)
		k, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
		must(t, os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k}), 0o600))
		if i == 0 {
			made, err := x509.ParseCertificate(der)
			must(t, err)
			pool.AddCert(made)
		}
	}
	client, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	must(t, err)
	return TLS{
		Listen: "127.0.0.1:0", Certificate: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key"), ClientCA: filepath.Join(dir, "ca.pem"),
	}, client, pool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	at, client, roots := files(t, dir)
	_, stranger, _ := files(t, other)
	s, _ := serving(t, Options{TLS: at, Limits: limits(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.VerifiedChains) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		fmt.Fprint(w, name, " over ", r.Proto)
	})})
	where := strings.Replace(s.Places()[0], "tcp://", "https://", 1)
	ask := func(c *tls.Config) (string, error) {
		c.RootCAs = roots
		return get(&http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true, DisableKeepAlives: true}}, where)
	}
	for _, c := range []struct {
		name, want string
		config     *tls.Config
	}{
		{"a client's certificate", "200 client over HTTP/1.1", &tls.Config{Certificates: []tls.Certificate{client}}},
		{"with TLS 1.2", "200 client over HTTP/1.1", &tls.Config{Certificates: []tls.Certificate{client}, MaxVersion: tls.VersionTLS12}},
		{"none", "200 nobody over HTTP/1.1", &tls.Config{}},
		{"with TLS 1.1", "", &tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}},
		{"another CA's certificate", "", &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }}},
	} {
		got, err := ask(c.config)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	if c, err := tls.Dial("tcp", strings.TrimPrefix(where, "https://"), &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}); err == nil {
		c.Close()
		t.Error("HTTP/2 is spoken")
	}
	// The files of another CA take their place, and broken ones don't.
	for _, f := range []string{"ca.pem", "server.pem", "server.key"} {
		b, err := os.ReadFile(filepath.Join(other, f))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, f), b, 0o600))
	}
	must(t, s.Reload())
	if got, err := ask(&tls.Config{}); err == nil {
		t.Errorf("%q by the earlier certificate", got)
	}
	_, _, roots = files(t, dir)
	must(t, s.Reload())
	must(t, os.WriteFile(at.Key, []byte("broken"), 0o600))
	if err := s.Reload(); err == nil || !strings.Contains(err.Error(), "guard.tls.certificate") {
		t.Errorf("broken files: %v", err)
	}
	if got, err := ask(&tls.Config{}); err != nil {
		t.Error(got, err)
	}
}
