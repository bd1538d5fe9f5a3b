package lock_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// scene is a machine with something that is taken for dockerd.
type scene struct {
	dir, socket, daemonJSON, dockerd string
	o                                lock.Options
	l                                *lock.Lock
}

// newScene needs root, since others can't give a socket away. `make test` has it.
func newScene(t *testing.T, daemonJSON string, args ...string) *scene {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("changing whose a socket is needs root")
	}
	dir := openTo(t, shortDir(t))
	s := &scene{dir: dir, socket: filepath.Join(dir, "docker.sock"), daemonJSON: filepath.Join(dir, "daemon.json"), dockerd: copyOf(t, filepath.Join(dir, "bin", "dockerd"))}
	if daemonJSON != "" {
		must(t, os.WriteFile(s.daemonJSON, []byte(daemonJSON), 0o640))
		must(t, os.Chtimes(s.daemonJSON, time.Unix(1e9, 0), time.Unix(1e9, 0)))
	}
	startEngine(t, s.dockerd, s.socket, "", append([]string{"--config-file", s.daemonJSON}, args...)...)
	must(t, os.Chown(s.socket, 0, 4242))
	must(t, os.Chmod(s.socket, 0o664))
	s.o = guardBefore(t, dir, s.socket)
	s.o.Root = filepath.Join(dir, "root")
	s.reopen(t)
	return s
}

// shortDir is for sockets, whose paths may have 107 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lock")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *scene) reopen(t *testing.T) {
	t.Helper()
	l, err := lock.New(s.o)
	must(t, err)
	s.l = l
}

func (s *scene) lock(t *testing.T) *lock.Plan {
	t.Helper()
	p, err := s.l.Lock(context.Background(), "the test")
	if err != nil {
		t.Fatalf("%v; plan %+v", err, p)
	}
	return p
}

func (s *scene) unlock(t *testing.T, notes int) {
	t.Helper()
	done, got, err := s.l.Unlock(context.Background(), "ada")
	if err != nil || !done || len(got) != notes {
		t.Fatalf("unlocked %t, notes %q, error %v", done, got, err)
	}
}

// print is everything below the directory that the lock may change: content, mode, owner and time of files.
func (s *scene) print(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, root := range []string{s.socket, s.daemonJSON, s.o.Root} {
		err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			must(t, err)
			b.WriteString(path + " " + modeOf(path))
			if info.Mode().IsRegular() {
				text, err := os.ReadFile(path)
				must(t, err)
				b.WriteString(" " + info.ModTime().UTC().String() + "\n" + string(text))
			}
			b.WriteString("\n")
			return nil
		})
		must(t, err)
	}
	return b.String()
}

func TestLockAndBack(t *testing.T) {
	for name, daemonJSON := range map[string]string{
		"no file": "", "empty object": "{}", "settings": "{\n  \"icc\": false,\n\t\"log-opts\": {\"max-size\": \"10m\"}\n}\n", "a group": `{"group": "docker", "icc":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, daemonJSON)
			before := s.print(t)
			if _, err := s.l.Plan(context.Background()); err != nil || s.print(t) != before {
				t.Fatalf("to plan changed something, or failed: %v\n%s", err, s.print(t))
			}
			for range 2 { // the second finds it done
				s.lock(t)
				if got := modeOf(s.socket); got != "0600 0:0" {
					t.Errorf("the socket is %s", got)
				}
				if b, err := os.ReadFile(s.daemonJSON); err != nil || !strings.Contains(string(b), `"group":"root"`) && !strings.Contains(string(b), `"group": "root"`) {
					t.Errorf("%v: %s", err, b)
				}
			}
			if st, err := s.l.Status(context.Background()); err != nil || !st.OK() || st.By != "the test" || len(st.Sockets) != 1 || !strings.HasPrefix(st.Sockets[0].Was, "0664 root:4242") {
				t.Errorf("status %+v, error %v", st, err)
			}
			s.unlock(t, 0)
			if after := s.print(t); after != before {
				t.Errorf("it is\n%s\nand was\n%s", after, before)
			}
			if done, notes, err := s.l.Unlock(context.Background(), "ada"); done || len(notes) > 0 || err != nil {
				t.Errorf("unlocked once more: %t, %q, %v", done, notes, err)
			}
		})
	}
}

const dockerSocket = "[Unit]\nDescription=Docker Socket\n[Socket]\nListenStream=%t/docker.sock\nSocketMode=0660\n"

// TestWithSystemd has a unit that makes the socket, and systemd that can't read it for a while: locking ends in the middle.
func TestWithSystemd(t *testing.T) {
	s := newScene(t, "{}")
	at := filepath.Join(s.o.Root, "usr/lib/systemd/system")
	must(t, os.MkdirAll(at, 0o755))
	must(t, os.MkdirAll(filepath.Join(s.o.Root, "run/systemd/system"), 0o755))
	must(t, os.WriteFile(filepath.Join(at, "docker.socket"), []byte(dockerSocket), 0o644))
	// The unit's socket is the one that is in the root's /run.
	must(t, os.Symlink(s.socket, filepath.Join(s.o.Root, "run/docker.sock")))
	before := s.print(t)
	reloads, broken := 0, true
	s.o.Reload = func(context.Context) error {
		if reloads++; broken {
			return errors.New("systemd is away")
		}
		return nil
	}
	s.reopen(t)
	dropIn := filepath.Join(s.o.Root, "etc/systemd/system/docker.socket.d/50-bulkhead-lock.conf")

	if _, err := s.l.Lock(context.Background(), "the test"); err == nil || !strings.Contains(err.Error(), "systemd is away") {
		t.Fatalf("error %v", err)
	}
	if st, err := s.l.Status(context.Background()); err != nil || st.Locked || st.Phase != "locking" {
		t.Errorf("after half of it: %+v, %v", st, err)
	}
	broken = false
	p := s.lock(t) // it goes on
	if len(p.Sockets) != 1 || p.Sockets[0].KeptBy != dropIn {
		t.Errorf("the plan is %+v", p.Sockets)
	}
	b, err := os.ReadFile(dropIn)
	must(t, err)
	for _, want := range []string{"[Socket]", "SocketMode=0600", "SocketUser=root", "SocketGroup=root"} {
		if !slices.Contains(strings.Split(string(b), "\n"), want) {
			t.Errorf("the drop-in lacks %s:\n%s", want, b)
		}
	}
	if got, err := os.ReadFile(s.daemonJSON); err != nil || string(got) != "{}" {
		t.Errorf("daemon.json was changed though systemd makes the socket: %s, %v", got, err)
	}
	broken = true
	if _, _, err := s.l.Unlock(context.Background(), "ada"); err == nil {
		t.Fatal("systemd was away")
	}
	broken = false
	s.unlock(t, 0)
	if after := s.print(t); after != before {
		t.Errorf("it is\n%s\nand was\n%s", after, before)
	}
	if reloads < 4 {
		t.Errorf("systemd read its units %d times", reloads)
	}
}

func TestChangesOfOthersStay(t *testing.T) {
	s := newScene(t, `{"icc":false,"group":"docker"}`)
	s.lock(t)
	must(t, os.WriteFile(s.daemonJSON, []byte(`{"icc":true,"group":"root","live-restore":true}`), 0o640))
	st, err := s.l.Status(context.Background())
	must(t, err)
	if len(st.Problems) != 1 || st.Problems[0].Kind != model.FindingLockFile {
		t.Errorf("problems %+v", st.Problems)
	}
	s.unlock(t, 1)
	if b, err := os.ReadFile(s.daemonJSON); err != nil || string(b) != `{"icc":true,"group":"docker","live-restore":true}` {
		t.Errorf("%s, %v", b, err)
	}
	s.lock(t)
	must(t, os.Remove(s.daemonJSON))
	s.unlock(t, 1)
	if _, err := os.Stat(s.daemonJSON); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that somebody removed came back: %v", err)
	}
}

func TestAccessControlListComesBack(t *testing.T) {
	s := newScene(t, "{}")
	const name = "system.posix_acl_access"
	// user::rw- user:1000:rw- group::r-- mask::rw- other::r--
	acl := []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x06\x00\xe8\x03\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff")
	must(t, unix.Setxattr(s.socket, name, acl, 0))
	before := modeOf(s.socket)
	s.lock(t)
	if _, err := unix.Getxattr(s.socket, name, make([]byte, 200)); !errors.Is(err, unix.ENODATA) {
		t.Errorf("there is still a list: %v", err)
	}
	s.unlock(t, 0)
	got := make([]byte, 200)
	n, err := unix.Getxattr(s.socket, name, got)
	if err != nil || string(got[:n]) != string(acl) || modeOf(s.socket) != before {
		t.Errorf("list %x, error %v, mode %s, before %s", got[:n], err, modeOf(s.socket), before)
	}
}

func TestRefusals(t *testing.T) {
	cases := map[string]struct {
		change func(t *testing.T, s *scene)
		why    string
	}{
		"no guard":        {func(t *testing.T, s *scene) { must(t, os.Remove(s.o.GuardFile)) }, "does not run"},
		"guard of others": {func(t *testing.T, s *scene) { must(t, os.Chmod(s.o.GuardFile, 0o666)) }, "written by others"},
		"another engine":  {func(t *testing.T, s *scene) { s.status(t, func(g *model.GuardStatus) { g.Engine = "/run/other.sock" }) }, "none of the sockets"},
		"it is deaf": {func(t *testing.T, s *scene) {
			s.status(t, func(g *model.GuardStatus) { g.Socket = filepath.Join(s.dir, "nothing.sock") })
		}, "does not answer"},
		"no way in": {func(t *testing.T, s *scene) { s.status(t, func(g *model.GuardStatus) { g.Socket = "" }) }, "neither a socket nor a TLS port"},
		"no engine": {func(t *testing.T, s *scene) { s.o.Sockets = []string{filepath.Join(s.dir, "none.sock")}; s.reopen(t) }, "no socket of an engine"},
		"the caller": {func(t *testing.T, s *scene) {
			must(t, os.Chmod(filepath.Join(s.dir, "guard.sock"), 0o600))
			t.Setenv("SUDO_UID", "65534")
			t.Setenv("SUDO_GID", "65534")
		}, "could not use the guard"},
		"a guard that is not root": {func(t *testing.T, s *scene) {
			other := copyOf(t, filepath.Join(s.dir, "bin", "guard"))
			a := ask(t, other, s.socket, nobody) // it stays until the end
			_ = a
			s.status(t, func(g *model.GuardStatus) { g.PID = a.pid })
		}, "would be locked out"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "{}")
			c.change(t, s)
			before := s.print(t)
			p, err := s.l.Lock(context.Background(), "the test")
			var no *lock.Refusal
			if !errors.As(err, &no) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("error %v, want a refusal with %q", err, c.why)
			}
			if p == nil || len(p.Refused) == 0 {
				t.Errorf("plan %+v", p)
			}
			if after := s.print(t); after != before {
				t.Errorf("a refusal changed\n%s\nto\n%s", before, after)
			}
			if st, err := s.l.Status(context.Background()); err != nil || st.Locked || st.Phase != "" {
				t.Errorf("status %+v, %v", st, err)
			}
		})
	}
}

// status writes the guard's status anew.
func (s *scene) status(t *testing.T, change func(*model.GuardStatus)) {
	t.Helper()
	g, err := lock.ReadStatus(s.o.GuardFile)
	must(t, err)
	change(&g)
	must(t, lock.WriteStatus(s.o.GuardFile, g))
}

// TestGroup has a guard with a group of its own.
func TestGroup(t *testing.T) {
	s := newScene(t, "{}")
	before := s.print(t)
	s.o.Group = 4711
	s.reopen(t)
	s.lock(t)
	if got := modeOf(s.socket); got != "0660 0:4711" {
		t.Errorf("the socket is %s", got)
	}
	if b, err := os.ReadFile(s.daemonJSON); err != nil || string(b) != `{"group":"4711"}` {
		t.Errorf("%s, %v", b, err)
	}
	s.o.Group = 0 // and then it has none any more
	s.reopen(t)
	s.lock(t)
	if got := modeOf(s.socket); got != "0600 0:0" {
		t.Errorf("the socket is %s", got)
	}
	s.unlock(t, 0)
	if after := s.print(t); after != before {
		t.Errorf("it is\n%s\nand was\n%s", after, before)
	}
}

// TestFlagOfTheEngine leaves settings alone with which dockerd would not start any more.
func TestFlagOfTheEngine(t *testing.T) {
	for _, flag := range []string{"--group=docker", "-Gdocker", "-G"} {
		s := newScene(t, "{}", flag, "docker")
		p := s.lock(t)
		if b, err := os.ReadFile(s.daemonJSON); err != nil || string(b) != "{}" {
			t.Errorf("%s: %s, %v", flag, b, err)
		}
		if p.Sockets[0].KeptBy != "" || len(p.Warnings) == 0 || !strings.Contains(p.Warnings[0], "would not start") {
			t.Errorf("%s: plan %+v", flag, p)
		}
	}
}

// TestStateOfOthers is not acted on.
func TestStateOfOthers(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	file := filepath.Join(s.o.StateDir, "lock.json")
	good, err := os.ReadFile(file)
	must(t, err)
	for name, change := range map[string]func(){
		"open to others": func() { must(t, os.Chmod(file, 0o644)) },
		"not root's":     func() { must(t, os.Chown(file, nobody, 0)) },
		"a link":         func() { must(t, os.Rename(file, file+".x")); must(t, os.Symlink(file+".x", file)) },
		"no JSON":        func() { must(t, os.WriteFile(file, []byte("{"), 0o600)) },
		"more fields":    func() { must(t, os.WriteFile(file, []byte(`{"schema":"bulkhead.lock/v1","more":1}`), 0o600)) },
		"other schema":   func() { must(t, os.WriteFile(file, []byte(`{"schema":"bulkhead.lock/v9"}`), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			change()
			if _, _, err := s.l.Unlock(context.Background(), "ada"); err == nil {
				t.Error("it was acted on")
			}
			if got := modeOf(s.socket); got != "0600 0:0" {
				t.Errorf("the socket is %s", got)
			}
			must(t, os.RemoveAll(file))
			must(t, os.WriteFile(file, good, 0o600))
		})
	}
	s.unlock(t, 0)
}

func TestGuardStatusFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run", "guard.json")
	if _, err := lock.ReadStatus(file); err == nil || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("error %v", err)
	}
	want := model.GuardStatus{PID: os.Getpid(), Started: time.Now().UTC().Round(0), Mode: model.ModeObserve, Engine: "unix:///nowhere/docker.sock", Policies: 3, Before: []int{7}}
	must(t, lock.WriteStatus(file, want))
	got, err := lock.ReadStatus(file)
	want.Schema, want.Engine, want.Ticks, want.Boot = model.GuardSchema, "/nowhere/docker.sock", got.Ticks, got.Boot
	if got.Ticks == 0 || got.Boot == "" {
		t.Errorf("%+v does not say when it began", got)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	must(t, os.Chtimes(file, time.Unix(1e9, 0), time.Unix(1e9, 0))) // the clock was put back, or forward
	if _, err := lock.ReadStatus(file); err != nil {
		t.Errorf("error %v", err)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	for what, other := range map[string]string{
		"another process": strings.Replace(string(text), fmt.Sprintf(`"ticks": %d`, got.Ticks), fmt.Sprintf(`"ticks": %d`, got.Ticks-1), 1),
		"another boot":    strings.Replace(string(text), got.Boot, "00000000-0000-0000-0000-000000000000", 1),
	} {
		must(t, os.WriteFile(file, []byte(other), 0o644))
		if _, err := lock.ReadStatus(file); err == nil || !strings.Contains(err.Error(), "another one") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	must(t, os.WriteFile(file, text, 0o644))
	must(t, lock.RemoveStatus(file, os.Getpid()+1)) // another guard's
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	must(t, lock.RemoveStatus(file, os.Getpid()))
	must(t, lock.RemoveStatus(file, os.Getpid()))
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestBadOptions(t *testing.T) {
	for name, o := range map[string]lock.Options{
		"TCP":              {Sockets: []string{"tcp://127.0.0.1:2375"}},
		"relative socket":  {Sockets: []string{"docker.sock"}},
		"relative program": {Direct: []string{"kubelet"}},
		"group":            {Group: -1},
	} {
		if _, err := lock.New(o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestAnotherListener is a process that took the socket's place, and one that listens on TCP.
func TestAnotherListener(t *testing.T) {
	s := newScene(t, "{}")
	s.lock(t)
	must(t, os.Rename(s.socket, s.socket+".away"))
	l, err := net.Listen("unix", s.socket)
	must(t, err)
	defer l.Close()
	must(t, os.Chmod(s.socket, 0o600))
	st, err := s.l.Status(context.Background())
	must(t, err)
	if !slices.ContainsFunc(st.Problems, func(p lock.Problem) bool {
		return p.Kind == model.FindingSocketOpen && strings.Contains(p.Text.EN, "was replaced")
	}) {
		t.Errorf("problems %+v", st.Problems)
	}
}
