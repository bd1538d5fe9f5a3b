//go:build e2e

package lock_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// house is a locked engine.
type house struct {
	e      *lab.Engine
	l      *lock.Lock
	notes  *notebook
	copied string // a copy of this program, which is therefore not the guard's
	dir    string
}

func newHouse(t *testing.T, kind lab.Kind) *house {
	t.Helper()
	dir := openTo(t, t.TempDir())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	t.Cleanup(cancel)
	e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Private: true, Dir: filepath.Join(dir, "e"), Config: map[string]any{"log-level": "warn"}})
	must(t, err)
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	h := &house{e: e, notes: &notebook{}, dir: dir, copied: copyOf(t, filepath.Join(dir, "client"))}
	h.l, err = lock.New(guardBefore(t, dir, e.Socket))
	must(t, err)
	return h
}

func (h *house) watch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- h.l.Watch(ctx, lock.Watcher{Keep: true, Found: h.notes.found, Record: h.notes.record, Every: 2 * time.Second})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestLockedEngine(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) { lockedEngine(t, newHouse(t, kind)) })
	}
}

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
	h.watch(t)

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
	eventually(t, "the lock is recorded", func() bool { return h.notes.recorded("EngineLock", "the test") })
	wantStatus(t, h, true)

	t.Run("opened", func(t *testing.T) { opened(t, h, containerd) })
	t.Run("used past the guard", func(t *testing.T) { direct(t, h, containerd) })
	t.Run("mounted", func(t *testing.T) { mounted(t, h, cli) })
	t.Run("moved and replaced", func(t *testing.T) { moved(t, h) })
	t.Run("engine started again", func(t *testing.T) { restarted(t, h) })

	done, notes, err := h.l.Unlock(ctx, "ada")
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
	eventually(t, "the unlocking is recorded", func() bool { return h.notes.recorded("EngineUnlock", "ada") })
	time.Sleep(500 * time.Millisecond)
	if got := modeOf(h.e.Socket); got != wasDocker {
		t.Errorf("the watch closed what was unlocked: %s", got)
	}
	if done, _, err := h.l.Unlock(ctx, "ada"); done || err != nil {
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
		took := eventually(t, s+" is closed again", func() bool { return modeOf(s) == "0600 0:0" })
		t.Logf("%s was open for %s", filepath.Base(s), took.Round(time.Millisecond))
		eventually(t, "there is a finding", func() bool { return h.notes.has(model.FindingSocketOpen, s) })
		eventually(t, "it is recorded", func() bool { return h.notes.recorded("EngineSocketRepair", s) })
	}
}

func direct(t *testing.T, h *house, containerd string) {
	a := ask(t, h.copied, h.e.Socket, 0)
	if !strings.HasPrefix(a.answer, "HTTP/1.1 200 OK") {
		t.Fatalf("root can't connect: %s", a.answer)
	}
	took := eventually(t, "a finding of direct use", func() bool { return h.notes.has(model.FindingDirectUse, h.copied+" (") })
	t.Logf("seen after %s", took.Round(time.Millisecond))
	a.end()
	conn := exec.Command(h.copied)
	conn.Env = []string{askVariable + "=" + containerd, quietVariable + "=1"} // containerd ends what is no gRPC
	in, err := conn.StdinPipe()
	must(t, err)
	must(t, conn.Start())
	eventually(t, "direct use of containerd", func() bool { return h.notes.has(model.FindingDirectUse, containerd) })
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
		eventually(t, "a finding of the mounted "+name, func() bool { return h.notes.has(model.FindingSocketMounted, c.ID[:12]) })
		wantStatus(t, h, false)
		_, err = cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
		must(t, err)
	}
	eventually(t, "the status is good again", func() bool { s, err := h.l.Status(ctx); return err == nil && s.OK() })
}

func moved(t *testing.T, h *house) {
	away := h.e.Socket + ".away"
	must(t, os.Link(h.e.Socket, away))
	eventually(t, "a finding of the other name", func() bool { return h.notes.has(model.FindingSocketOpen, "another name") })
	must(t, os.Remove(h.e.Socket))
	eventually(t, "a finding of the moved socket", func() bool { return h.notes.has(model.FindingSocketOpen, "moved or removed") })
	l, err := net.Listen("unix", h.e.Socket)
	must(t, err)
	eventually(t, "a finding of the replaced socket", func() bool { return h.notes.has(model.FindingSocketOpen, "was replaced") })
	l.Close()
	must(t, os.Rename(away, h.e.Socket))
	eventually(t, "the status is good again", func() bool { s, err := h.l.Status(context.Background()); return err == nil && s.OK() })
}

// restarted kills the engine and starts it again, as a service manager would: with another setting, too.
func restarted(t *testing.T, h *house) {
	h.e.Kill()
	eventually(t, "the engine has ended", func() bool { return !h.e.Alive() })
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
	eventually(t, "the socket is locked again", func() bool { return modeOf(h.e.Socket) == "0600 0:0" })
	close(stop)
	t.Logf("the new socket was open to its group for %s", (<-watched).Round(time.Millisecond))
	if got := modeOf(h.e.Socket); got != "0600 0:0" {
		t.Errorf("the new socket is %s", got)
	}
	eventually(t, "the repair is recorded", func() bool { return h.notes.recorded("EngineSocketRepair", "made its socket anew") })
	if a := ask(t, h.copied, h.e.Socket, nobody); !strings.Contains(a.answer, "permission denied") {
		t.Errorf("after the restart another account gets %q", a.answer)
	}
}

// TestListenerIsAdded starts the engine again with a TCP port and without what keeps the lock, as somebody would who edits its settings.
func TestListenerIsAdded(t *testing.T) {
	h := newHouse(t, lab.Debian)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	_, err := h.l.Lock(ctx, "the test")
	must(t, err)
	wantStatus(t, h, true)
	h.watch(t)
	must(t, h.e.Stop(ctx))
	again, err := lab.StartEngine(ctx, lab.EngineOptions{
		Kind: lab.Debian, Private: true, Dir: filepath.Join(h.dir, "e"), Config: map[string]any{"log-level": "warn"},
		Args: []string{"-H", "tcp://127.0.0.1:2375", "--tls=false"},
	})
	must(t, err)
	h.e = again // stopped at the end, as the one before it was
	t.Cleanup(func() {
		if err := again.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the socket is locked again", func() bool { return modeOf(h.e.Socket) == "0600 0:0" })
	eventually(t, "a finding of the listener", func() bool { return h.notes.has(model.FindingTCPListener, "127.0.0.1:2375") })
	eventually(t, "a finding of the settings", func() bool { return h.notes.has(model.FindingLockFile, "daemon.json") })
	wantStatus(t, h, false)
	p, err := h.l.Plan(ctx)
	must(t, err)
	if len(p.Restart) != 1 || !strings.Contains(p.Restart[0], "127.0.0.1:2375") {
		t.Errorf("the plan does not say what takes a restart: %q", p.Restart)
	}
}
