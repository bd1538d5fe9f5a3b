package handover

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// earlier is a guard that listens, and notes what it is told.
type earlier struct {
	l    *net.UnixListener
	dir  string
	fail error
	old  []int

	mu   sync.Mutex
	did  []string
	next *Successor
}

func (e *earlier) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.did = append(e.did, what)
}

func (e *earlier) noted() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.did, " ")
}

func (e *earlier) Sockets() ([]Socket, error) {
	f, err := e.l.File()
	return []Socket{{Network: "unix", Address: e.l.Addr().String(), Made: true, File: f}}, err
}

func (e *earlier) Before() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.old
}
func (e *earlier) Give(context.Context) error               { e.note("give"); return e.fail }
func (e *earlier) Back(context.Context, func() error) error { e.note("back"); return nil }
func (e *earlier) Given(s *Successor) {
	e.mu.Lock()
	e.next = s
	e.mu.Unlock()
	e.note("given")
}

func (e *earlier) Told(_ context.Context, kind string, document []byte) error {
	e.note(kind + "=" + string(document))
	if kind == "bad" {
		return errors.New("not understood")
	}
	return nil
}
func (e *earlier) Stop() { e.note("stop") }
func (e *earlier) Lost() { e.note("lost") }

func newEarlier(t *testing.T) *earlier {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o700))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(dir, "s")})
	must(t, err)
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = l.Close() })
	return &earlier{l: l, dir: dir}
}

func offered(t *testing.T) (*earlier, string) {
	t.Helper()
	e := newEarlier(t)
	path := filepath.Join(e.dir, "handover.sock")
	o, err := Open(path, e, About{Version: "1.2.3", Config: "/etc/guard.yaml"}, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { must(t, o.Close()) })
	return e, path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e *earlier) becomes(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); e.noted() != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did %q, not %q", e.noted(), want)
		}
	}
}

func reachedAt(t *testing.T, path string) *Predecessor {
	t.Helper()
	p, err := Reach(path)
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestHandover(t *testing.T) {
	e, path := offered(t)
	p := reachedAt(t, path)
	if p.PID != os.Getpid() || p.Version != "1.2.3" || p.Config != "/etc/guard.yaml" || len(p.Sockets) != 1 || !p.Sockets[0].Made {
		t.Fatalf("%+v", p)
	}
	if err := p.Tell(t.Context(), "early", nil); err == nil {
		t.Error("it takes news of somebody who does not stand")
	}
	must(t, p.Take(t.Context()))
	var got []string
	must(t, p.Stands(t.Context(), func(_ context.Context, entry []byte, later bool) error {
		if later {
			return errors.New("no room")
		}
		got = append(got, string(entry))
		return nil
	}))
	// The socket is the very one.
	must(t, e.l.Close())
	l, err := net.FileListener(p.Sockets[0].File)
	must(t, err)
	c, err := net.Dial("unix", p.Sockets[0].Address)
	must(t, err)
	must(t, c.Close())
	must(t, l.Close())

	must(t, e.next.Append(t.Context(), []byte("a record"), false))
	if err := e.next.Append(t.Context(), []byte("another"), true); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Error(err)
	}
	if len(got) != 1 || got[0] != "a record" {
		t.Errorf("records: %q", got)
	}
	must(t, p.Tell(t.Context(), "accounts", []byte("x")))
	if err := p.Tell(t.Context(), "bad", nil); err == nil || !strings.Contains(err.Error(), "not understood") {
		t.Error(err)
	}
	must(t, p.Stop(t.Context()))
	if _, err := Reach(path); !errors.Is(err, ErrNobody) {
		t.Errorf("it offers itself to another: %v", err)
	}
	must(t, p.Close())
	e.becomes(t, "give given accounts=x bad= stop lost")
	select {
	case <-p.Gone():
	case <-time.After(30 * time.Second):
		t.Error("its end is not seen")
	}
}

func TestHandoverThatIsNotMade(t *testing.T) {
	e, path := offered(t)
	must(t, reachedAt(t, path).Close()) // looked, and took nothing
	p := reachedAt(t, path)
	must(t, p.Take(t.Context()))
	must(t, p.Close())
	e.becomes(t, "give back")
	e.fail = errors.New("the disk is full")
	p = reachedAt(t, path)
	if err := p.Take(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Error(err)
	}
	must(t, p.Close())
	e.becomes(t, "give back give back")
	e.fail = nil
	p = reachedAt(t, path)
	if err := p.Stands(t.Context(), nil); err == nil {
		t.Error("it stands without having taken anything")
	}
	must(t, p.Close())
	e.becomes(t, "give back give back")
}

func TestOfferWhereOthersReach(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	if _, err := Open(filepath.Join(dir, "handover.sock"), &earlier{}, About{Version: "1"}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Error(err)
	}
	if _, err := Reach(filepath.Join(dir, "handover.sock")); !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
}

// pairOf are two ends of a connection.
func pairOf(t testing.TB) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		ends[i] = c.(*net.UnixConn)
		t.Cleanup(func() { _ = c.Close() })
	}
	return ends[0], ends[1]
}

// FuzzGreeting holds the reading of a greeting to its bounds: whatever comes, it ends, with as many sockets as files came.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte(`{"protocol":1,"pid":7,"version":"1","sockets":[{"Network":"unix","Address":"/s","Made":true}]}`+"\n"), uint8(2))
	f.Add([]byte(`{"protocol":2}`+"\n"), uint8(1))
	f.Add([]byte(`{"protocol":1`), uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, files uint8) {
		here, there := pairOf(t)
		var fds []int
		for range files % 8 {
			fds = append(fds, int(os.Stdin.Fd()))
		}
		go func() {
			_, _, _ = here.WriteMsgUnix(text, unix.UnixRights(fds...), nil)
			_ = here.CloseWrite()
		}()
		must(t, there.SetReadDeadline(time.Now().Add(30*time.Second)))
		g, records, err := greeted(there)
		if err != nil {
			return
		}
		if len(g.Sockets) != len(fds)-1 {
			t.Errorf("%d sockets of %d files", len(g.Sockets), len(fds))
		}
		must(t, errors.Join(records.Close(), closeAll(g.Sockets)))
	})
}
