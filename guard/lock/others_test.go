package lock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// beside is a machine on which containerd and Podman listen in their usual places, beside Docker.
type beside struct {
	*scene
	was map[string]string // what each socket has before the lock, by path
}

// place is where a socket is below the machine's root.
func (s *scene) place(path string) string { return filepath.Join(s.o.Root, path) }

const (
	ofContainerd = "run/containerd/containerd.sock"
	ofTTRPC      = "run/containerd/containerd.sock.ttrpc"
	ofPodman     = "run/podman/podman.sock"
)

// newBeside starts what is taken for these engines, with sockets that others may use.
func newBeside(t *testing.T, paths ...string) *beside {
	t.Helper()
	b := &beside{scene: newScene(t, "{}"), was: map[string]string{}}
	b.o.Sockets = nil // those in the usual places
	must(t, os.MkdirAll(b.place("run"), 0o755))
	must(t, os.Symlink(b.socket, b.place("run/docker.sock")))
	b.reopen(t)
	b.was[b.socket] = modeOf(b.socket)
	for i, path := range paths {
		b.start(t, path)
		must(t, os.Chown(b.place(path), i, 4300+i))
		must(t, os.Chmod(b.place(path), 0o666))
		b.was[b.place(path)] = modeOf(b.place(path))
	}
	return b
}

// start starts what is taken for the engine of a path.
func (b *beside) start(t *testing.T, path string) (stop func()) {
	t.Helper()
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	program := filepath.Join(b.dir, "bin", name)
	if _, err := os.Stat(program); errors.Is(err, os.ErrNotExist) {
		copyOf(t, program)
	}
	must(t, os.MkdirAll(filepath.Dir(b.place(path)), 0o755))
	return startEngine(t, program, b.place(path), "")
}

// all says whether every socket has this mode, owner and group.
func (b *beside) all(t *testing.T, want string) {
	t.Helper()
	for path := range b.was {
		if got := modeOf(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// TestOtherEngines: containerd's and Podman's sockets are locked and given back as Docker's is, also for a guard with a group.
func TestOtherEngines(t *testing.T) {
	b := newBeside(t, ofContainerd, ofTTRPC, ofPodman)
	client := copyOf(t, filepath.Join(b.dir, "bin", "client"))
	if a := ask(t, client, b.place(ofPodman), nobody); !strings.HasPrefix(a.answer, "HTTP/1.1 200 OK") {
		t.Fatalf("before the lock everybody can connect, but: %s", a.answer)
	} else {
		a.end()
	}
	p := b.lock(t)
	engines := map[string]string{}
	for _, s := range p.Sockets {
		engines[s.Path] = s.Engine
	}
	if len(engines) != 4 || engines[b.place(ofContainerd)] != "containerd" || engines[b.place(ofTTRPC)] != "containerd" || engines[b.place(ofPodman)] != "podman" {
		t.Errorf("the plan has %q", engines)
	}
	b.all(t, "0600 0:0")
	for path := range b.was {
		if a := ask(t, client, path, nobody); !strings.Contains(a.answer, "permission denied") {
			t.Errorf("%s: another account gets %q", path, a.answer)
		}
	}
	st, err := b.l.Status(context.Background())
	must(t, err)
	if !st.OK() || len(st.Sockets) != 4 {
		t.Errorf("status %+v", st)
	}
	b.o.Group = 4711
	b.reopen(t)
	b.lock(t)
	b.all(t, "0660 0:4711")
	b.unlock(t, 0)
	for path, was := range b.was {
		if got := modeOf(path); got != was {
			t.Errorf("%s is %s and was %s", path, got, was)
		}
	}
}

// TestPodmanWithSystemd: the unit that makes Podman's socket makes it locked, and gets back what it had.
func TestPodmanWithSystemd(t *testing.T) {
	b := newBeside(t, ofPodman)
	must(t, os.MkdirAll(b.place("run/systemd/system"), 0o755))
	must(t, os.MkdirAll(b.place("usr/lib/systemd/system"), 0o755))
	must(t, os.WriteFile(b.place("usr/lib/systemd/system/podman.socket"), []byte("[Socket]\nListenStream=%t/podman/podman.sock\nSocketMode=0660\n"), 0o644))
	reloads := 0
	b.o.Reload = func(context.Context) error { reloads++; return nil }
	b.reopen(t)
	dropIn := b.place("etc/systemd/system/podman.socket.d/50-bulkhead-lock.conf")
	p := b.lock(t)
	if !slices.ContainsFunc(p.Sockets, func(s lock.PlannedSocket) bool { return s.Path == b.place(ofPodman) && s.KeptBy == dropIn }) {
		t.Errorf("the plan is %+v", p.Sockets)
	}
	if text, err := os.ReadFile(dropIn); err != nil || !strings.Contains(string(text), "\nSocketMode=0600\n") || reloads != 1 {
		t.Errorf("%v, %d reloads: %s", err, reloads, text)
	}
	b.unlock(t, 0)
	if _, err := os.Stat(dropIn); !errors.Is(err, os.ErrNotExist) || reloads != 2 {
		t.Errorf("after unlocking: %v, %d reloads", err, reloads)
	}
}

// TestWatchClosesOthers: what somebody opens is closed, told of and recorded, and only told of where the watch does not keep; a socket that an
// engine makes anew is closed and no finding.
func TestWatchClosesOthers(t *testing.T) {
	b := newBeside(t, ofContainerd)
	stop := b.start(t, ofPodman)
	must(t, os.Chmod(b.place(ofPodman), 0o660))
	b.o.Now = slowed()
	b.reopen(t)
	b.lock(t)
	notes := &notebook{}
	end := b.watch(t, true, notes)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	for _, path := range []string{ofContainerd, ofPodman} {
		must(t, os.Chmod(b.place(path), 0o666))
		eventually(t, path+" is closed", func() bool { return modeOf(b.place(path)) == "0600 0:0" })
		eventually(t, path+" is a finding", func() bool { return notes.has(model.FindingSocketOpen, b.place(path)+" is 0666") })
		eventually(t, path+" is recorded", func() bool { return notes.recorded("EngineSocketRepair", b.place(path)) })
	}
	stop()
	must(t, os.RemoveAll(b.place(ofPodman)))
	b.start(t, ofPodman)
	must(t, os.Chmod(b.place(ofPodman), 0o662))
	eventually(t, "Podman's new socket is closed", func() bool { return modeOf(b.place(ofPodman)) == "0600 0:0" })
	eventually(t, "that is recorded", func() bool { return notes.recorded("EngineSocketRepair", "made its socket anew") })
	if notes.has(model.FindingSocketOpen, "0662") {
		t.Errorf("a new socket is a finding: %q", notes.kinds())
	}
	end()

	telling := b.watched(t, false)
	must(t, os.Chmod(b.place(ofContainerd), 0o622))
	eventually(t, "it is told", func() bool { return telling.has(model.FindingSocketOpen, b.place(ofContainerd)+" is 0622") })
	if got := modeOf(b.place(ofContainerd)); got != "0622 0:0" || telling.recorded("EngineSocketRepair", "") {
		t.Errorf("it only tells, and the socket is %s", got)
	}
	b.unlock(t, 0)
}

// TestEngineThatComesLater: a socket that was not there when the others were locked is told of while it is open, and left to whoever locks once
// more: the lock does not know yet what it would have to give back.
func TestEngineThatComesLater(t *testing.T) {
	b := newBeside(t)
	b.lock(t)
	notes := b.watched(t, true)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	b.start(t, ofPodman)
	at := b.place(ofPodman)
	must(t, os.Chown(at, 0, 4242))
	must(t, os.Chmod(at, 0o600))
	time.Sleep(1200 * time.Millisecond) // the watch looks at everything once more
	if notes.has(model.FindingSocketOpen, at) {
		t.Errorf("nobody can connect, and it is a finding: %q", notes.kinds())
	}
	must(t, os.Chmod(at, 0o660))
	eventually(t, "it is told", func() bool { return notes.has(model.FindingSocketOpen, at+" came after the lock and is 0660") })
	if got := modeOf(at); got != "0660 0:4242" || notes.recorded("EngineSocketRepair", at) {
		t.Errorf("it was changed to %s: %q", got, notes.actions())
	}
	if st, err := b.l.Status(context.Background()); err != nil || st.OK() {
		t.Errorf("status %+v, %v", st, err)
	}
	b.lock(t)
	if got := modeOf(at); got != "0600 0:0" {
		t.Errorf("locked once more, it is %s", got)
	}
	if st, err := b.l.Status(context.Background()); err != nil || !st.OK() {
		t.Errorf("status %+v, %v", st, err)
	}
	must(t, os.Chmod(at, 0o666))
	eventually(t, "from now on it is closed", func() bool { return modeOf(at) == "0600 0:0" })
	b.unlock(t, 0)
	if got := modeOf(at); got != "0660 0:4242" {
		t.Errorf("unlocked, it is %s", got)
	}
}
