//go:build e2e

package sessions

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// door is as much of a guard as a session needs: it passes everything, and records and watches exec and attach.
type door struct {
	t      *testing.T
	cli    *client.Client // past the door
	line   *forward.Engine
	rest   http.Handler
	rec    *Recorder
	rights *rights

	mu    sync.Mutex
	by    map[string]*Recording // exec or container
	ended chan error
}

func newDoor(t *testing.T, socket string, cli *client.Client, rec *Recorder) (*door, *client.Client) {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
	}
	d := &door{
		t: t, cli: cli, line: forward.New(socket), rest: proxy, rec: rec, rights: newRights(), by: map[string]*Recording{}, ended: make(chan error, 100),
	}
	t.Cleanup(d.line.Close)
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: d}}
	s.Start()
	t.Cleanup(s.Close)
	through, err := client.New(client.WithHost("unix://" + path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { through.Close() })
	return d, through
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) > 3 {
		parts = parts[1:] // the version
	}
	if r.Method != http.MethodPost || len(parts) != 3 || parts[2] != "start" && parts[2] != "attach" || parts[0] == "containers" && parts[2] == "start" {
		d.rest.ServeHTTP(w, r)
		return
	}
	if err := d.session(w, r, parts[0] == "exec", parts[1]); err != nil {
		d.ended <- err
		return
	}
	d.ended <- nil
}

func (d *door) session(w http.ResponseWriter, r *http.Request, isExec bool, id string) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	i, err := d.whose(r.Context(), isExec, id)
	if err != nil {
		return err
	}
	c, err := d.rec.Begin(r.Context(), i)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.by[id] = c
	d.mu.Unlock()
	call := &forward.Call{Method: r.Method, Target: r.URL.RequestURI(), Header: http.Header{}, Body: bytes.NewReader(body), Length: int64(len(body))}
	if len(body) > 0 {
		call.Header.Set("Content-Type", "application/json")
	}
	g := &Guarded{Holds: d.rights.holds, Changed: d.rights.change, Every: time.Minute, Framing: i.Framing, Recording: c}
	return g.Run(r.Context(), w, func(ctx context.Context, w http.ResponseWriter) error {
		return d.line.Session(ctx, w, call, r.Header.Get("Upgrade"), forward.Tap{In: c.In(), Out: c.Out()})
	})
}

// whose asks the engine what a guard knows from its own calls.
func (d *door) whose(ctx context.Context, isExec bool, id string) (Info, error) {
	i := Info{Kind: "attach", Account: "0198", Name: "alice", Tenant: "acme", Container: id, ContainerName: "web", Host: "node-1", Framing: Multiplexed}
	if isExec {
		e, err := d.cli.ExecInspect(ctx, id, client.ExecInspectOptions{})
		if err != nil {
			return i, err
		}
		i.Kind, i.Exec, i.Container = "exec", id, e.ContainerID
		if d.terminal(id) {
			i.Framing = Raw
		}
		return i, nil
	}
	c, err := d.cli.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err == nil && c.Container.Config.Tty {
		i.Framing = Raw
	}
	return i, err
}

// terminals are execs that have one: the test says so.
var terminals sync.Map

func (d *door) terminal(id string) bool { _, ok := terminals.Load(id); return ok }

func (d *door) recording(id string) *Recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by[id]
}

func (d *door) over(t *testing.T) error {
	t.Helper()
	select {
	case err := <-d.ended:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("the session goes on")
		return nil
	}
}

func TestRealSessions(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Private: true, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := e.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			direct, err := e.Client()
			if err != nil {
				t.Fatal(err)
			}
			defer direct.Close()
			if _, err := lab.Load(ctx, direct, lab.Image{Tag: "lab/web:1.0.0", Config: v1.Config{Cmd: []string{"/bin/sleep", "3600"}}}); err != nil {
				t.Fatal(err)
			}
			dir, one, two := private0700(t), key(t), key(t)
			o := options(t, dir, one, two)
			o.Input, o.Log = true, slog.New(slog.NewTextHandler(os.Stderr, nil))
			d, cli := newDoor(t, e.Socket, direct, recorder(t, o))
			web, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Image: "lab/web:1.0.0", Name: "web"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := cli.ContainerStart(ctx, web.ID, client.ContainerStartOptions{}); err != nil {
				t.Fatal(err)
			}
			t.Run("with a terminal", func(t *testing.T) { execTerminal(ctx, t, d, cli, web.ID, dir, one) })
			t.Run("without", func(t *testing.T) { execPipes(ctx, t, d, cli, web.ID, dir, two) })
			t.Run("attach", func(t *testing.T) { attach(ctx, t, d, cli, dir, one) })
			t.Run("cut with a terminal", func(t *testing.T) { cutReal(ctx, t, d, cli, web.ID, true) })
			t.Run("cut without", func(t *testing.T) { cutReal(ctx, t, d, cli, web.ID, false) })
		})
	}
}

// start begins an exec.
func start(ctx context.Context, t *testing.T, cli *client.Client, container string, tty bool, cmd ...string) (string, client.HijackedResponse) {
	t.Helper()
	e, err := cli.ExecCreate(ctx, container, client.ExecCreateOptions{TTY: tty, AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: cmd})
	if err != nil {
		t.Fatal(err)
	}
	if tty {
		terminals.Store(e.ID, true)
	}
	a, err := cli.ExecAttach(ctx, e.ID, client.ExecAttachOptions{TTY: tty})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return e.ID, a.HijackedResponse
}

func execTerminal(ctx context.Context, t *testing.T, d *door, cli *client.Client, container, dir string, k age.Identity) {
	id, a := start(ctx, t, cli, container, true, "sh")
	for _, line := range []string{"printf '\\033[31mh\\303\\251llo\\033[0m\\n'\n", "exit\n"} {
		if _, err := io.WriteString(a.Conn, line); err != nil {
			t.Fatal(err)
		}
	}
	seen, err := io.ReadAll(a.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.over(t); err != nil {
		t.Fatal(err)
	}
	_, events, err := read(t, dir, d.recording(id).ID(), k)
	if err != nil {
		t.Fatal(err)
	}
	if got := of(events, Output); got != string(seen) || !strings.Contains(got, "\x1b[31mhéllo\x1b[0m\r\n") {
		t.Errorf("%q was seen and %q recorded", seen, got)
	}
	if got := of(events, Input); !strings.HasSuffix(got, "exit\n") {
		t.Errorf("%q", got)
	}
	var text bytes.Buffer
	f, _, err := Encrypted(dir, d.recording(id).ID())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(f, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := Play(ctx, &text, r, NewPlain(), Pace{}, nil); err != nil || !strings.Contains(text.String(), "\nhéllo\n") {
		t.Errorf("%v %q", err, text.String())
	}
}

func execPipes(ctx context.Context, t *testing.T, d *door, cli *client.Client, container, dir string, k age.Identity) {
	id, a := start(ctx, t, cli, container, false, "sh", "-c", "cat; echo bad >&2; sleep 1; head -c 300000 /dev/zero; echo end")
	if _, err := io.WriteString(a.Conn, "given\n"); err != nil {
		t.Fatal(err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errs, a.Reader); err != nil {
		t.Fatal(err)
	}
	if err := d.over(t); err != nil {
		t.Fatal(err)
	}
	_, events, err := read(t, dir, d.recording(id).ID(), k)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "given\n") || !strings.HasSuffix(out.String(), "\x00end\n") || errs.String() != "bad\n" {
		t.Errorf("%d bytes and %q were seen", out.Len(), errs.String())
	}
	both := strings.ReplaceAll(of(events, Output), "\r\n", "\n")
	want, lost := "given\nbad\n"+strings.TrimPrefix(out.String(), "given\n"), int(d.recording(id).Entry().Lost)
	if lost == 0 && both != want || len(both)+lost < len(want) { // a busy machine's disk may be too slow, which is counted then
		t.Errorf("%d bytes were recorded and %d lost, not %d: %.40q", len(both), lost, len(want), both)
	}
	if !strings.HasPrefix(of(events, Marker), "stderr\nstdout\n") || of(events, Input) != "given\n" {
		t.Errorf("%q %q", of(events, Marker), of(events, Input))
	}
	if _, _, err := read(t, dir, d.recording(id).ID(), key(t)); !errors.Is(err, ErrIdentity) {
		t.Errorf("somebody else's key: %v", err)
	}
}

func attach(ctx context.Context, t *testing.T, d *door, cli *client.Client, dir string, k age.Identity) {
	c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Image: "lab/web:1.0.0", Name: "job"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := cli.ContainerAttach(ctx, c.ID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := cli.ContainerKill(ctx, c.ID, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, a.Reader); err != nil {
		t.Fatal(err)
	}
	if err := d.over(t); err != nil {
		t.Fatal(err)
	}
	h, _, err := read(t, dir, d.recording(c.ID).ID(), k)
	if err != nil || h.Bulkhead.Kind != "attach" || h.Bulkhead.Container != c.ID {
		t.Errorf("%v %+v", err, h)
	}
}

func cutReal(ctx context.Context, t *testing.T, d *door, cli *client.Client, container string, tty bool) {
	_, a := start(ctx, t, cli, container, tty, "sh", "-c", "echo ready; sleep 600")
	var seen bytes.Buffer
	for b := make([]byte, 256); !strings.Contains(seen.String(), "ready"); {
		n, err := a.Reader.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(b[:n])
	}
	d.rights.set(errors.New("alice is no longer an operator"))
	rest, err := io.ReadAll(a.Reader)
	if err != nil {
		t.Error(err)
	}
	d.rights.set(nil)
	var cut *CutError
	if err := d.over(t); !errors.As(err, &cut) {
		t.Errorf("%v", err)
	}
	text := string(rest)
	if !tty {
		var out, errs bytes.Buffer
		if _, err := stdcopy.StdCopy(&out, &errs, bytes.NewReader(append(seen.Bytes(), rest...))); err != nil || out.String() != "ready\n" {
			t.Errorf("%v %q", err, out.String())
		}
		text = errs.String()
	}
	if !strings.Contains(text, "bulkhead: the session was ended: alice is no longer an operator") {
		t.Errorf("%q", text)
	}
}

// A disk that is full ends a recording, and a session only where the recording is required; then there is room again.
func TestFullDisk(t *testing.T) {
	dir, k := private0700(t), key(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	log := &sealed{}
	o := options(t, dir, k)
	o.Seal = log.seal
	r := recorder(t, o)
	for _, required := range []bool{false, true} {
		i := alice
		i.Required = required
		c := begin(t, r, i)
		why := make(chan error, 1)
		c.onBroken(func(err error) { why <- err })
		var err error
		for n := 0; err == nil && n < 200; n++ {
			_, err = c.Out().Write(bytes.Repeat([]byte("x"), 16<<10))
			time.Sleep(time.Millisecond)
		}
		if (err != nil) != required || (len(why) > 0) != required {
			t.Errorf("required %v: %v", required, err)
		}
		end(t, c)
		e, err := Find(dir, c.ID())
		if err != nil || e.Outcome != Failed || !strings.Contains(e.Why, "no space left") || e.Sealed == "" {
			t.Errorf("%v %+v", err, e)
		}
		if digest, _, err := Digest(dir, *e); err != nil || digest != e.Digest {
			t.Errorf("%v %s", err, digest)
		}
		if _, events, err := read(t, dir, c.ID(), k); err != nil || len(of(events, Output)) < 100<<10 {
			t.Errorf("%v: %d bytes can be read", err, len(of(events, Output)))
		}
		if err := remove(dir, e); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "full"), make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	i := alice
	i.Required = true
	if c, err := r.Begin(t.Context(), i); err == nil || c != nil {
		t.Error("a session that must be recorded began on a full disk")
	}
	i.Required = false
	if c, err := r.Begin(t.Context(), i); err != nil || c != nil {
		t.Errorf("%v: a full disk stops a session that need not be recorded", err)
	}
}
