//go:build e2e

package e2e

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/lock"
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

// TestLockedHostIsMet: 8.1.c is not met while everybody reaches the engine, and met when the guard enforces and has the socket alone.
func TestLockedHostIsMet(t *testing.T) {
	e, _ := engine(t, lab.Debian)
	prefix, root := ownRun(t)
	if err := os.Chmod(e.Socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for d := filepath.Dir(e.Socket); d != os.TempDir(); d = filepath.Dir(d) { // others come as far as the socket
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := filepath.Join(shortDir(t), "guard.sock")
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	status := func() model.Status {
		t.Helper()
		a := assess(t, prefix, "--engine", "unix://"+e.Socket)
		for _, r := range a.Requirements {
			if r.ID != "8.1.c" {
				continue
			}
			t.Logf("8.1.c is %s: %s", r.Status, r.Reason)
			if r.Status == model.Met {
				for _, v := range check(t, a, "8.1.c/authorization").Evidence {
					t.Logf("%s: %s", v.Pointer, v.Text)
				}
			}
			return r.Status
		}
		t.Fatal("8.1.c is not in the report")
		return ""
	}
	docker := func(code int, args ...string) answer {
		t.Helper()
		all := append(append([]string{}, prefix...), "env", "BULKHEAD_ENGINE_ENDPOINT=unix://"+e.Socket, binary(t), "docker")
		a := run(t, append(all, args...)...)
		if a.code != code {
			t.Fatalf("docker %v ended with %d: %s%s", args, a.code, a.stdout, a.stderr)
		}
		return a
	}
	mode := func() os.FileMode {
		info, err := os.Stat(e.Socket)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}

	if got := status(); got != model.NotMet {
		t.Errorf("open to everybody, 8.1.c is %s", got)
	}
	if a := docker(2, "lock", "--yes"); !strings.Contains(a.stderr, "guard does not run") || mode() != 0o666 {
		t.Errorf("without a guard: %s, the socket has %o", a.stderr, mode())
	}
	err = lock.WriteStatus(filepath.Join(root, "run/bulkhead/guard.json"), model.GuardStatus{
		PID: os.Getpid(), Started: time.Now(), Engine: e.Socket, Socket: at, Mode: model.ModeEnforce, Profile: "baseline",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := status(); got != model.NotMet {
		t.Errorf("with a guard that everybody can pass, 8.1.c is %s", got)
	}
	docker(2, "status")
	docker(0, "lock", "--dry-run")
	if mode() != 0o666 {
		t.Error("the preview changed the socket")
	}
	docker(0, "lock", "--yes")
	docker(0, "status")
	if got := status(); got != model.Met || mode() != 0o600 {
		t.Errorf("locked, 8.1.c is %s and the socket has %o", got, mode())
	}
	docker(0, "unlock", "--yes")
	if got := status(); got != model.NotMet || mode() != 0o666 {
		t.Errorf("unlocked, 8.1.c is %s and the socket has %o", got, mode())
	}
}
