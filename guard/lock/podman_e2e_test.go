//go:build e2e

package lock_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// startPodman starts Podman's service with its own places for everything.
func startPodman(t *testing.T, dir, socket string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `mount -t tmpfs tmpfs /run && exec "$0" "$@"`, "podman", "--root", filepath.Join(dir, "storage"), "--runroot", filepath.Join(dir, "run"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "system", "service", "--time", "0", "unix://"+socket)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Podman said: %s", &said)
		}
	})
	eventually(t, "Podman answers", func() bool {
		out, err := podmanAs(t, 0, dir, socket)
		return err == nil && strings.Contains(out, "Server")
	})
}

// podmanAs runs Podman's command line as an account.
func podmanAs(t *testing.T, uid uint32, home, socket string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "podman", "--url", "unix://"+socket, "version")
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestLockedPodman: nobody but root reaches Podman's service while it is locked, and everybody who did does again after it.
func TestLockedPodman(t *testing.T) {
	s := newScene(t, "{}")
	socket, home := filepath.Join(s.dir, "podman.sock"), filepath.Join(s.dir, "home")
	must(t, os.Mkdir(home, 0o700))
	must(t, os.Chown(home, nobody, nobody))
	startPodman(t, s.dir, socket)
	must(t, os.Chown(socket, 0, 4242))
	must(t, os.Chmod(socket, 0o666)) // as careless people leave it
	s.o.Sockets = append(s.o.Sockets, socket)
	s.reopen(t)
	works := func(when string) {
		t.Helper()
		if out, err := podmanAs(t, nobody, home, socket); err != nil || !strings.Contains(out, "Server") {
			t.Errorf("%s: %v: %s", when, err, out)
		}
	}
	fails := func(when string) {
		t.Helper()
		if out, err := podmanAs(t, nobody, home, socket); err == nil || !strings.Contains(out, "permission denied") {
			t.Errorf("%s: %v: %s", when, err, out)
		}
	}
	works("before the lock")
	s.lock(t)
	if st, err := s.l.Status(context.Background()); err != nil || !st.OK() || len(st.Sockets) != 2 || modeOf(socket) != "0600 0:0" {
		t.Errorf("status %+v, %v; the socket is %s", st, err, modeOf(socket))
	}
	fails("locked")
	if out, err := podmanAs(t, 0, home, socket); err != nil {
		t.Errorf("root can't, though the guard is root: %v: %s", err, out)
	}
	notes := s.watched(t, true)
	eventually(t, "the lock is recorded", func() bool { return notes.recorded("EngineLock", "") })
	must(t, os.Chmod(socket, 0o666))
	eventually(t, "it is closed again", func() bool { return modeOf(socket) == "0600 0:0" })
	eventually(t, "that is a finding", func() bool { return notes.has(model.FindingSocketOpen, socket) })
	fails("opened and closed again")
	s.unlock(t, 0)
	if got := modeOf(socket); got != "0666 0:4242" {
		t.Errorf("unlocked, the socket is %s", got)
	}
	works("unlocked")
}
