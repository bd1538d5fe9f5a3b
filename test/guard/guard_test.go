//go:build e2e

package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// product is the program as `make build` makes it.
func product(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("BULKHEAD_BIN")
	if bin == "" {
		bin = "../../bin/bulkhead"
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("no binary: run make build, or set BULKHEAD_BIN: %v", err)
	}
	return bin
}

// settings are those of a guard whose administrator is root. The socket is watched and not kept: the tests call engines directly beside.
const settings = `guard:
  engine: %[1]s
  socket: %[2]s/g.sock
  socket_group: ""
  data_dir: %[2]s/data
  host: lab
  profile: %[3]s
  lock: watch
  accounts:
    - name: root
      tenant: system
      roles: [administrator]
      users: [root]
      two_factors: true
`

// running is `bulkhead guard docker` in front of an engine, with the shipped policies and an audit log of its own.
type running struct {
	cmd    *exec.Cmd
	dir    string // of its settings, socket and data
	socket string
}

func (g *running) pid() int { return g.cmd.Process.Pid }

// startGuard starts the product. Calling it again for the same directory goes on with its data.
func startGuard(t testing.TB, dir, engine, profile string) *running {
	t.Helper()
	dir = filepath.Join(filepath.Dir(dir), "g") // beside what clients see
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "guard.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, settings, engine, dir, profile), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &running{dir: dir, socket: filepath.Join(dir, "g.sock")}
	// What it says of itself to `bulkhead assess` it says to nobody on this machine, which may have a guard of its own.
	const alone = `mkdir -p /run/bulkhead && mount -t tmpfs none /run/bulkhead && exec "$0" "$@"`
	g.cmd = exec.CommandContext(t.Context(), "unshare", "--mount", "sh", "-c", alone, product(t), "guard", "docker", "--config", file)
	g.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	started(t, g.cmd, g.socket)
	return g
}

// started runs a program until the test ends, and waits for its socket.
func started(t testing.TB, cmd *exec.Cmd, socket string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v (scripts/setup installs what is missing)", cmd.Path, err)
	}
	t.Cleanup(func() {
		err := cmd.Process.Kill()
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s said:\n%s", cmd.Path, out.String())
		}
	})
	c := plain(socket)
	defer c.CloseIdleConnections()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		res, _, err := fetch(ctx, c, http.MethodGet, "/_ping") //nolint:bodyclose // fetch closes it
		cancel()
		if err == nil && res.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer at %s: %s", cmd.Path, socket, out.String())
}
