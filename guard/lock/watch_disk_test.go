package lock_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// diskVariable has a test be in a mount namespace of its own.
const diskVariable = "BULKHEAD_TEST_DISK"

// inNamespace says whether the test may mount; where not, it runs it once more where it may.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(diskVariable) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("changing whose a socket is needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), diskVariable+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// small gives the lock's directory a file system of its own, and a clock that can be put forward. s.o.Now has to be in use before the watch begins.
func (s *scene) small(t *testing.T) (later func(time.Duration)) {
	t.Helper()
	must(t, os.Mkdir(s.o.StateDir, 0o700))
	must(t, unix.Mount("tmpfs", s.o.StateDir, "tmpfs", 0, "size=64k,mode=0700"))
	t.Cleanup(func() { must(t, unix.Unmount(s.o.StateDir, unix.MNT_DETACH)) })
	var ahead atomic.Int64
	now := slowed()
	s.o.Now = func() time.Time { return now().Add(time.Duration(ahead.Load())) }
	s.reopen(t)
	return func(d time.Duration) { ahead.Add(int64(d)) }
}

// full leaves no room.
func (s *scene) full(t *testing.T) {
	t.Helper()
	f, err := os.Create(filepath.Join(s.o.StateDir, "ballast"))
	must(t, err)
	defer f.Close()
	for range 1000 {
		if _, err = f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("it is not full: %v", err)
	}
}

// TestWatchWithoutRoom: where the lock's directory is full, or can't be written at all, sockets are closed as ever, and one that is opened long
// after the engine made it is a finding.
func TestWatchWithoutRoom(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	for name, spoil := range map[string]func(*testing.T, *scene){
		"full": func(t *testing.T, s *scene) { s.full(t) },
		"read-only": func(t *testing.T, s *scene) {
			must(t, unix.Mount("", s.o.StateDir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "{}", "--group=users")
			later := s.small(t)
			s.lock(t)
			notes := s.watched(t, true)
			eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
			s.kept(t)
			spoil(t, s)
			must(t, os.Remove(s.socket))
			startEngine(t, s.dockerd, s.socket, "", "--group=users")
			must(t, os.Chmod(s.socket, 0o666))
			eventually(t, "it is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
			eventually(t, "that is recorded", func() bool { return notes.recorded("EngineSocketRepair", "made its socket anew") })
			if notes.has(model.FindingSocketOpen, "may connect") {
				t.Errorf("a new socket is a finding: %q", notes.kinds())
			}
			later(10 * time.Second)
			time.Sleep(300 * time.Millisecond)
			must(t, os.Chmod(s.socket, 0o666))
			eventually(t, "it is closed again", func() bool { return modeOf(s.socket) == "0600 0:0" })
			eventually(t, "that is a finding", func() bool { return notes.has(model.FindingSocketOpen, "may connect") })
			eventually(t, "and recorded", func() bool { return notes.recorded("EngineSocketRepair", "closed again") })
		})
	}
}

// TestRecordedWithoutRoom: what is in the audit log is not recorded again because that can't be kept.
func TestRecordedWithoutRoom(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	s := newScene(t, "{}")
	s.small(t)
	s.lock(t)
	s.unlock(t, 0)
	s.lock(t)
	s.full(t)
	notes := s.watched(t, true)
	eventually(t, "all are recorded", func() bool { return len(notes.actions()) >= 3 })
	time.Sleep(1500 * time.Millisecond)
	if got := notes.actions(); !slices.Equal(got, []string{"EngineLock the test", "EngineUnlock ada", "EngineLock the test"}) {
		t.Errorf("recorded: %q", got)
	}
	must(t, os.Remove(filepath.Join(s.o.StateDir, "ballast")))
	eventually(t, "it is kept when there is room", func() bool {
		text, err := os.ReadFile(filepath.Join(s.o.StateDir, "lock.json"))
		return err == nil && strings.Contains(string(text), `"recorded": true`) && !strings.Contains(string(text), "unrecorded")
	})
	if got := notes.actions(); len(got) != 3 {
		t.Errorf("recorded: %q", got)
	}
}

// TestPauseOfANewSocket grows although nothing can be kept of it.
func TestPauseOfANewSocket(t *testing.T) {
	s := newScene(t, "{}", "--group=users")
	s.lock(t)
	notes := s.watched(t, true)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	s.kept(t)
	held := filepath.Join(s.o.StateDir, "lock.lock") // without it nothing may be changed
	must(t, os.Remove(held))
	must(t, os.Mkdir(held, 0o700))
	must(t, os.Remove(s.socket))
	startEngine(t, s.dockerd, s.socket, "", "--group=users")
	must(t, os.Chmod(s.socket, 0o666))
	eventually(t, "the pause grew", func() bool { return notes.has(model.FindingSocketOpen, "is tried again within 400ms") })
	must(t, os.Remove(held))
	eventually(t, "it is closed", func() bool { return modeOf(s.socket) == "0600 0:0" })
	eventually(t, "which socket it is is kept", func() bool { return s.keeps(t) })
}

// keeps says whether the state names the socket that is there.
func (s *scene) keeps(t *testing.T) bool {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(s.socket, &st))
	text, err := os.ReadFile(filepath.Join(s.o.StateDir, "lock.json"))
	return err == nil && strings.Contains(string(text), fmt.Sprintf(`"ino": %d,`, st.Ino))
}
