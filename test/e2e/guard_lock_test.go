//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// ownRun gives the prefix that runs a command with /run and /var/lib of its own, so that nothing of this machine is touched, and where
// they are.
func ownRun(t *testing.T) (prefix []string, root string) {
	t.Helper()
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
		"mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && echo ready && exec sleep 600")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 6)
	if n, err := out.Read(line); string(line[:n]) != "ready\n" {
		t.Fatalf("no mounts of its own: %q, %v", line[:n], err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	return []string{"nsenter", "--target", pid, "--mount", "--"}, "/proc/" + pid + "/root"
}

// ownGuard is `bulkhead guard docker` in a mount namespace of its own. What the lock opens is told and not closed again, so that it can be looked at.
type ownGuard struct {
	*testing.T
	prefix              []string
	dir, config, socket string
	cmd                 *exec.Cmd
	said                bytes.Buffer
}

func newOwnGuard(t *testing.T, prefix []string, engine string) *ownGuard {
	t.Helper()
	g := &ownGuard{T: t, prefix: prefix, dir: shortDir(t)}
	g.config, g.socket = filepath.Join(g.dir, "guard.yaml"), filepath.Join(g.dir, "g.sock")
	if err := os.Chmod(g.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	settings := fmt.Appendf(nil, `guard:
  data_dir: %[1]s/data
  engine: %[2]s
  socket: %[3]s
  socket_mode: "0666"
  profile: baseline
  lock: watch
  accounts:
    - {name: alice, tenant: system, roles: [administrator], users: [root], two_factors: true}
`, g.dir, engine, g.socket)
	if err := os.WriteFile(g.config, settings, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the guard said:\n%s", &g.said)
		}
	})
	return g
}

// start starts it, and waits until it answers.
func (g *ownGuard) start() {
	g.Helper()
	args := append(append([]string{}, g.prefix...), binary(g.T), "guard", "docker", "--config", g.config)
	g.cmd = exec.Command(args[0], args[1:]...)
	g.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir}
	g.cmd.Stdout, g.cmd.Stderr = &g.said, &g.said
	if err := g.cmd.Start(); err != nil {
		g.Fatal(err)
	}
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", g.socket)
		},
	}}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		res, err := c.Get("http://engine/_ping")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	g.Fatal("the guard does not answer")
}

// end ends it with a signal.
func (g *ownGuard) end(with syscall.Signal) {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Signal(with)
	timer := time.AfterFunc(time.Minute, func() { _ = g.cmd.Process.Kill() })
	_ = g.cmd.Wait()
	timer.Stop()
	g.cmd = nil
}

// reachable lets others come as far as the socket, and use it.
func reachable(t *testing.T, socket string) {
	t.Helper()
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for d := filepath.Dir(socket); d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// lockedHost is an engine that others reach, and a guard that is not started yet.
type lockedHost struct {
	*testing.T
	prefix         []string
	engine, status string // its socket; the guard's file
	guard          *ownGuard
}

// is asks whether 8.1.c is so.
func (h *lockedHost) is(want model.Status, mode os.FileMode, when string) {
	h.Helper()
	info, err := os.Stat(h.engine)
	if err != nil {
		h.Fatal(err)
	}
	a := assess(h.T, h.prefix, "--engine", "unix://"+h.engine)
	for _, r := range a.Requirements {
		if r.ID != "8.1.c" {
			continue
		}
		h.Logf("%s: 8.1.c is %s: %s", when, r.Status, r.Reason)
		if r.Status == model.Met {
			for _, v := range check(h.T, a, "8.1.c/authorization").Evidence {
				h.Logf("%s: %s", v.Pointer, v.Text)
			}
		}
		if r.Status != want || info.Mode().Perm() != mode {
			h.Errorf("%s: 8.1.c is %s and the socket has %o, want %s and %o", when, r.Status, info.Mode().Perm(), want, mode)
		}
		return
	}
	h.Fatal("8.1.c is not in the report")
}

// docker runs `bulkhead docker`, which has to end with the code.
func (h *lockedHost) docker(code int, args ...string) string {
	h.Helper()
	all := append(append([]string{}, h.prefix...), "env", "BULKHEAD_ENGINE_ENDPOINT=unix://"+h.engine, binary(h.T), "docker")
	a := run(h.T, append(all, args...)...)
	if a.code != code {
		h.Fatalf("docker %v ended with %d: %s%s", args, a.code, a.stdout, a.stderr)
	}
	return a.stderr
}

// TestLockedHostIsMet: 8.1.c is not met while everybody reaches the engine, and met while the guard runs, enforces and has the socket alone.
func TestLockedHostIsMet(t *testing.T) {
	e, _ := engine(t, lab.Debian)
	prefix, root := ownRun(t)
	reachable(t, e.Socket)
	h := &lockedHost{T: t, prefix: prefix, engine: e.Socket, status: filepath.Join(root, "run/bulkhead/guard.json"), guard: newOwnGuard(t, prefix, e.Socket)}

	h.is(model.NotMet, 0o666, "open to everybody")
	if said := h.docker(2, "lock", "--yes"); !strings.Contains(said, "guard does not run") {
		t.Errorf("without a guard: %s", said)
	}
	h.guard.start()
	h.is(model.NotMet, 0o666, "with a guard that everybody can pass")
	h.docker(2, "status")
	h.docker(0, "lock", "--dry-run")
	h.is(model.NotMet, 0o666, "after the preview")
	h.docker(0, "lock", "--yes")
	h.docker(0, "status")
	h.is(model.Met, 0o600, "locked")
	h.withoutGuard()
	h.opened()
	h.docker(0, "unlock", "--yes")
	h.is(model.NotMet, 0o666, "unlocked")
}

// withoutGuard: while it is away nobody reaches the engine and nobody decides, which is half of it, whether it took its leave or left its file behind.
func (h *lockedHost) withoutGuard() {
	h.Helper()
	for with, left := range map[syscall.Signal]bool{syscall.SIGTERM: false, syscall.SIGKILL: true} {
		h.guard.end(with)
		if _, err := os.Stat(h.status); (err == nil) != left {
			h.Errorf("after %s the guard's file: %v", with, err)
		}
		h.is(model.PartlyMet, 0o600, "after "+with.String())
		h.docker(2, "status")
		h.guard.start()
		h.docker(0, "status")
		h.is(model.Met, 0o600, "started again")
	}
}

// opened: somebody opens the socket past the lock.
func (h *lockedHost) opened() {
	h.Helper()
	if err := os.Chmod(h.engine, 0o666); err != nil {
		h.Fatal(err)
	}
	h.docker(2, "status")
	h.is(model.NotMet, 0o666, "opened past the lock")
	h.docker(0, "lock", "--yes")
	h.is(model.Met, 0o600, "locked once more")
}
