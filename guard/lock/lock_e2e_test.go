//go:build e2e

package lock_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// askVariable has this test's program, or a copy of it, ask an engine and stay connected until its input ends.
// With quietVariable it asks nothing.
const (
	askVariable   = "BULKHEAD_TEST_ASK"
	quietVariable = "BULKHEAD_TEST_QUIET"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(askVariable); socket != "" {
		conn, err := net.Dial("unix", socket)
		if err == nil && os.Getenv(quietVariable) == "" {
			_, err = io.WriteString(conn, "GET /_ping HTTP/1.1\r\nHost: engine\r\n\r\n")
		}
		answer := make([]byte, 15)
		if err == nil && os.Getenv(quietVariable) == "" {
			_, err = io.ReadFull(conn, answer)
		}
		fmt.Printf("%s %v\n", answer, err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// asking is a process that asks an engine; end ends it.
type asking struct {
	answer string
	end    func()
}

// ask starts a program as an account.
func ask(t *testing.T, program, socket string, uid uint32) asking {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = []string{askVariable + "=" + socket}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	end := sync.OnceFunc(func() { in.Close(); _ = cmd.Wait() })
	t.Cleanup(end)
	line := make([]byte, 4096)
	n, err := out.Read(line)
	must(t, err)
	return asking{answer: string(line[:n]), end: end}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// notebook keeps what the watch tells.
type notebook struct {
	mu       sync.Mutex
	findings []model.Finding
	records  []model.Record
}

func (n *notebook) found(f model.Finding) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.findings = append(n.findings, f)
	return nil
}

func (n *notebook) record(_ context.Context, r model.Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records = append(n.records, r)
}

func (n *notebook) has(kind, in string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.findings, func(f model.Finding) bool { return f.Kind == kind && strings.Contains(f.Text.EN+f.Subject, in) })
}

func (n *notebook) recorded(action, in string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.records, func(r model.Record) bool {
		return r.Action == action && strings.Contains(r.Reason+r.Changes["subject"], in)
	})
}

func (n *notebook) kinds() (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range n.findings {
		list = append(list, f.Kind+" "+f.Subject+": "+f.Text.EN)
	}
	return list
}

// eventually waits until it is so, and gives how long that took.
func eventually(t *testing.T, what string, within time.Duration, so func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < within {
		if so() {
			return time.Since(start)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("after %s still not: %s", within, what)
	return 0
}

func modeOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%04o %d:%d", info.Mode().Perm(), st.Uid, st.Gid)
}

// house is a locked engine.
type house struct {
	e      *lab.Engine
	l      *lock.Lock
	notes  *notebook
	copied string // a copy of this program, which is therefore not the guard's
	dir    string
}

// guardBefore serves what a guard would, as far as the lock asks it.
func guardBefore(t *testing.T, dir, engine string) lock.Options {
	t.Helper()
	at := filepath.Join(dir, "guard.sock")
	l, err := net.Listen("unix", at)
	must(t, err)
	must(t, os.Chmod(at, 0o666))
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	file := filepath.Join(dir, "run", "guard.json")
	must(t, lock.WriteStatus(file, model.GuardStatus{
		PID: os.Getpid(), Started: time.Now(), Engine: engine, Socket: at, Mode: model.ModeEnforce, Profile: "baseline",
	}))
	return lock.Options{Sockets: []string{engine}, StateDir: filepath.Join(dir, "state"), GuardFile: file}
}

func newHouse(t *testing.T, kind lab.Kind) *house {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir(); d = filepath.Dir(d) { // others must be able to come as far as the socket
		must(t, os.Chmod(d, 0o755))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Private: true, Dir: filepath.Join(dir, "e"), Config: map[string]any{"log-level": "warn"}})
	must(t, err)
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h := &house{e: e, notes: &notebook{}, dir: dir, copied: filepath.Join(dir, "client")}
	b, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(h.copied, b, 0o755))
	h.l, err = lock.New(guardBefore(t, dir, e.Socket))
	must(t, err)
	return h
}

func (h *house) watch(t *testing.T, keep bool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- h.l.Watch(ctx, lock.Watcher{Keep: keep, Found: h.notes.found, Record: h.notes.record, Every: 2 * time.Second})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestLockedEngine(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) { lockedEngine(t, newHouse(t, kind)) })
	}
}

const nobody = 65534

func lockedEngine(t *testing.T, h *house) {
	ctx := context.Background()
	must(t, os.Chmod(h.e.Socket, 0o666)) // as careless people leave it
	daemonJSON := filepath.Join(h.dir, "e", "daemon.json")
	before, err := os.ReadFile(daemonJSON)
	must(t, err)
	containerd := filepath.Join(h.dir, "e", "exec", "containerd", "containerd.sock")
	wasDocker, wasContainerd := modeOf(h.e.Socket), modeOf(containerd)
	if a := ask(t, h.copied, h.e.Socket, nobody); !strings.HasPrefix(a.answer, "HTTP/1.1 200 OK") {
		t.Fatalf("before the lock everybody can connect, but: %s", a.answer)
	} else {
		a.end()
	}
	h.watch(t, true)

	p, err := h.l.Lock(ctx, "the test")
	if err != nil {
		t.Fatalf("%v; the plan: %+v", err, p)
	}
	if !slices.ContainsFunc(p.Sockets, func(s lock.PlannedSocket) bool { return s.Path == containerd && s.Engine == "containerd" }) {
		t.Errorf("containerd's socket is not in the plan: %+v", p.Sockets)
	}
	for _, s := range []string{h.e.Socket, containerd} {
		if got := modeOf(s); got != "0600 0:0" {
			t.Errorf("%s is %s after the lock", s, got)
		}
	}
	if a := ask(t, h.copied, h.e.Socket, nobody); !strings.Contains(a.answer, "permission denied") {
		t.Errorf("after the lock another account gets %q", a.answer)
	} else {
		a.end()
	}
	cli, err := h.e.Client() // the test is the guard
	must(t, err)
	defer cli.Close()
	if _, err := cli.Ping(ctx, client.PingOptions{}); err != nil {
		t.Errorf("the guard does not reach the engine: %v", err)
	}
	eventually(t, "the lock is recorded", 5*time.Second, func() bool { return h.notes.recorded("EngineLock", "the test") })
	wantStatus(t, h, true)

	t.Run("opened", func(t *testing.T) { opened(t, h, containerd) })
	t.Run("used past the guard", func(t *testing.T) { direct(t, h, containerd) })
	t.Run("mounted", func(t *testing.T) { mounted(t, h, cli) })
	t.Run("moved and replaced", func(t *testing.T) { moved(t, h) })
	t.Run("engine started again", func(t *testing.T) { restarted(t, h) })

	done, notes, err := h.l.Unlock(ctx)
	if err != nil || !done || len(notes) > 0 {
		t.Errorf("unlocked %t, notes %v: %v", done, notes, err)
	}
	after, err := os.ReadFile(daemonJSON)
	must(t, err)
	if string(after) != string(before) {
		t.Errorf("daemon.json is\n%s\nand was\n%s", after, before)
	}
	if got := modeOf(h.e.Socket); got != wasDocker {
		t.Errorf("the socket is %s and was %s", got, wasDocker)
	}
	if got := modeOf(containerd); got != wasContainerd {
		t.Errorf("containerd's socket is %s and was %s", got, wasContainerd)
	}
	eventually(t, "the unlocking is recorded", 5*time.Second, func() bool { return h.notes.recorded("EngineUnlock", "") })
	time.Sleep(500 * time.Millisecond)
	if got := modeOf(h.e.Socket); got != wasDocker {
		t.Errorf("the watch closed what was unlocked: %s", got)
	}
	if done, _, err := h.l.Unlock(ctx); done || err != nil {
		t.Errorf("unlocked once more: %t, %v", done, err)
	}
}

func wantStatus(t *testing.T, h *house, ok bool) {
	t.Helper()
	s, err := h.l.Status(context.Background())
	must(t, err)
	if s.OK() != ok || !s.Locked {
		t.Errorf("locked %t, problems %+v, blind %v, guard %q", s.Locked, s.Problems, s.Blind, s.NoGuard)
	}
}

func opened(t *testing.T, h *house, containerd string) {
	for _, s := range []string{h.e.Socket, containerd} {
		must(t, os.Chmod(s, 0o666))
		took := eventually(t, s+" is closed again", 2*time.Second, func() bool { return modeOf(s) == "0600 0:0" })
		t.Logf("%s was open for %s", filepath.Base(s), took.Round(time.Millisecond))
		eventually(t, "there is a finding", 3*time.Second, func() bool { return h.notes.has(model.FindingSocketOpen, s) })
		eventually(t, "it is recorded", 3*time.Second, func() bool { return h.notes.recorded("EngineSocketRepair", s) })
	}
}

func direct(t *testing.T, h *house, containerd string) {
	a := ask(t, h.copied, h.e.Socket, 0)
	if !strings.HasPrefix(a.answer, "HTTP/1.1 200 OK") {
		t.Fatalf("root can't connect: %s", a.answer)
	}
	took := eventually(t, "a finding of direct use", 5*time.Second, func() bool { return h.notes.has(model.FindingDirectUse, h.copied+" (") })
	t.Logf("seen after %s", took.Round(time.Millisecond))
	a.end()
	conn := exec.Command(h.copied)
	conn.Env = []string{askVariable + "=" + containerd, quietVariable + "=1"} // containerd ends what is no gRPC
	in, err := conn.StdinPipe()
	must(t, err)
	must(t, conn.Start())
	eventually(t, "direct use of containerd", 5*time.Second, func() bool { return h.notes.has(model.FindingDirectUse, containerd) })
	in.Close()
	_ = conn.Process.Kill()
	_ = conn.Wait()
	for _, k := range h.notes.kinds() {
		if strings.HasPrefix(k, model.FindingDirectUse) && !strings.Contains(k, h.copied) {
			t.Errorf("taken for direct use: %s", k)
		}
	}
}

func mounted(t *testing.T, h *house, cli *client.Client) {
	ctx := context.Background()
	_, err := lab.Load(ctx, cli, lab.Image{Tag: "lab/app:1.0.0", Config: v1.Config{Entrypoint: []string{"/bin/sh", "-c", "sleep 600"}}})
	must(t, err)
	for name, bind := range map[string]string{"file": h.e.Socket + ":/engine.sock", "directory": filepath.Dir(h.e.Socket) + ":/host:ro"} {
		c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{
			Name: name, Config: &container.Config{Image: "lab/app:1.0.0"}, HostConfig: &container.HostConfig{Binds: []string{bind}, NetworkMode: "none"},
		})
		must(t, err)
		_, err = cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
		must(t, err)
		eventually(t, "a finding of the mounted "+name, 8*time.Second, func() bool { return h.notes.has(model.FindingSocketMounted, c.ID[:12]) })
		wantStatus(t, h, false)
		_, err = cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
		must(t, err)
	}
	eventually(t, "the status is good again", 5*time.Second, func() bool { s, err := h.l.Status(ctx); return err == nil && s.OK() })
}

func moved(t *testing.T, h *house) {
	away := h.e.Socket + ".away"
	must(t, os.Link(h.e.Socket, away))
	eventually(t, "a finding of the other name", 5*time.Second, func() bool { return h.notes.has(model.FindingSocketOpen, "another name") })
	must(t, os.Remove(h.e.Socket))
	eventually(t, "a finding of the moved socket", 8*time.Second, func() bool { return h.notes.has(model.FindingSocketOpen, "moved or removed") })
	l, err := net.Listen("unix", h.e.Socket)
	must(t, err)
	eventually(t, "a finding of the replaced socket", 8*time.Second, func() bool { return h.notes.has(model.FindingSocketOpen, "was replaced") })
	l.Close()
	must(t, os.Rename(away, h.e.Socket))
	eventually(t, "the status is good again", 8*time.Second, func() bool { s, err := h.l.Status(context.Background()); return err == nil && s.OK() })
}

// restarted kills the engine and starts it again, as a service manager would: with another setting, too.
func restarted(t *testing.T, h *house) {
	h.e.Kill()
	eventually(t, "the engine has ended", 10*time.Second, func() bool { return !h.e.Alive() })
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var open time.Time
	stop, watched := make(chan struct{}), make(chan time.Duration, 1)
	go func() { // how long others could connect
		var longest time.Duration
		for {
			select {
			case <-stop:
				watched <- longest
				return
			default:
			}
			info, err := os.Stat(h.e.Socket)
			switch {
			case err == nil && info.Mode().Perm()&0o066 != 0 && open.IsZero():
				open = time.Now()
			case err == nil && info.Mode().Perm()&0o066 == 0 && !open.IsZero():
				longest, open = max(longest, time.Since(open)), time.Time{}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	must(t, h.e.Restart(ctx))
	eventually(t, "the socket is locked again", time.Second, func() bool { return modeOf(h.e.Socket) == "0600 0:0" })
	close(stop)
	t.Logf("the new socket was open to its group for %s", (<-watched).Round(time.Millisecond))
	if got := modeOf(h.e.Socket); got != "0600 0:0" {
		t.Errorf("the new socket is %s", got)
	}
	eventually(t, "the repair is recorded", 5*time.Second, func() bool { return h.notes.recorded("EngineSocketRepair", "made its socket anew") })
	if a := ask(t, h.copied, h.e.Socket, nobody); !strings.Contains(a.answer, "permission denied") {
		t.Errorf("after the restart another account gets %q", a.answer)
	}
}
