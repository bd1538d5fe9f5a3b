package lab

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is `bulkhead serve` on a directory of its own.
type Server struct {
	URL  string
	Dir  string
	Link string // enrolment link of the first start, or empty
	CA   *x509.CertPool

	host   *Host // nil for this machine
	given  bool  // the CA, since the server has a certificate of another one
	shared *http.Client
	cmd    *exec.Cmd
	ended  chan struct{}
	endErr error
	log    *lockedBuffer
}

// lockedBuffer keeps what the server says.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) line(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text.Len() < 1<<20 {
		b.text.WriteString(s + "\n")
	}
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// FreePort gives a loopback port that nothing listens on. The kernel gives none like it to whoever connects (net.ipv4.ip_local_port_range), so
// that it stays free until a server has it, and while one starts again.
func FreePort() (int, error) {
	var last error
	for range 100 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("find a free port: %w", last)
}

var enrolLink = regexp.MustCompile(`https://\S+/enrol#code=\S+`)

// Serve starts bin on dir at the port of 127.0.0.1 and waits until it is ready.
func Serve(ctx context.Context, bin, dir string, port int, env []string, args ...string) (*Server, error) {
	return ServeTrusting(ctx, nil, bin, dir, port, env, args...)
}

// ServeTrusting is Serve for a server with a certificate of ca. Without ca it is the one that the server makes.
func ServeTrusting(ctx context.Context, ca *x509.CertPool, bin, dir string, port int, env []string, args ...string) (*Server, error) {
	s := &Server{URL: fmt.Sprintf("https://localhost:%d", port), Dir: dir, CA: ca, given: ca != nil}
	return s, s.start(ctx, bin, fmt.Sprintf("127.0.0.1:%d", port), env, args)
}

// ServeOn is Serve on a host of the lab, at port 8443 of its address.
func ServeOn(ctx context.Context, h *Host, bin, dir string, env []string, args ...string) (*Server, error) {
	at := h.Address + ":8443"
	s := &Server{URL: "https://" + at, Dir: dir, host: h}
	return s, s.start(ctx, bin, at, env, args)
}

// Command makes a command that runs where the server does.
func (s *Server) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if s.host != nil {
		return s.host.Command(ctx, name, args...)
	}
	return exec.CommandContext(ctx, name, args...)
}

func (s *Server) start(ctx context.Context, bin, listen string, env, args []string) error {
	s.ended, s.log = make(chan struct{}), &lockedBuffer{}
	all := append([]string{"serve", "--data-dir", s.Dir, "--listen", listen}, args...)
	s.cmd = s.Command(context.WithoutCancel(ctx), bin, all...) // its end is the caller's to choose
	// A test that wants the host's agent says so in env.
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "BULKHEAD_SERVER_LOCAL_AGENT=false"}, env...)
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	err = s.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return fmt.Errorf("start the server: %w", err)
	}
	go s.read(r)
	go func() { s.endErr = s.cmd.Wait(); close(s.ended) }()
	if err := s.ready(ctx); err != nil {
		s.Kill()
		return fmt.Errorf("%w; it said:\n%s", err, s.log)
	}
	s.Link = enrolLink.FindString(s.log.String())
	s.shared = s.Client()
	return nil
}

func (s *Server) read(r *os.File) {
	defer r.Close()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.log.line(lines.Text())
	}
}

// ready waits for /readyz.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		if err := s.trust(); err == nil {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/readyz", nil)
			if err != nil {
				return err
			}
			client := s.Client()
			res, err := client.Do(req)
			client.CloseIdleConnections()
			if err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusOK && s.announced() {
					return nil
				}
			}
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended before it was ready: %w", s.endErr)
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready in time: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// announced says whether all that it tells at its start was read: the link is in it.
func (s *Server) announced() bool {
	return strings.Contains(s.log.String(), "Ctrl-C or SIGTERM stops it")
}

// trust reads the CA that the server wrote beside its data.
func (s *Server) trust() error {
	if s.given {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(s.Dir, "ca.pem"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return fmt.Errorf("%s has no certificate", filepath.Join(s.Dir, "ca.pem"))
	}
	s.CA = pool
	return nil
}

// Client is an HTTP client with connections of its own that trusts the server.
func (s *Server) Client() *http.Client {
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.CA, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true}
	if s.host != nil {
		t.DialContext = s.host.Dial
	}
	return &http.Client{Timeout: 30 * time.Second, Transport: t}
}

// Shared is an HTTP client whose connections are shared by all who use it.
func (s *Server) Shared() *http.Client { return s.shared }

// Log is what the server said so far.
func (s *Server) Log() string { return s.log.String() }

// PID of the server.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the server as a power cut would.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Stop ends the server as an administrator would.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-s.ended:
		return s.endErr
	case <-time.After(40 * time.Second):
		s.Kill()
		return fmt.Errorf("the server did not stop within 40 s; it said:\n%s", s.log)
	}
}
