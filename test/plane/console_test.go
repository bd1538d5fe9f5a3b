//go:build e2e

package plane

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestConsole goes through the console in Chromium. The script asks for what happens outside of the browser by a line: the server is
// stopped and comes back, a session is revoked.
func TestConsole(t *testing.T) {
	w := newConsoleWorld(t)
	shots := os.Getenv("BULKHEAD_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "../browser/console.mjs", w.server.URL, w.ann, w.tom, spki(t, w.server), shots)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.answer(t, out, in)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, errs.String())
	}
}

// answer does what the script asks for, and says when it is done.
func (w *consoleWorld) answer(t *testing.T, out io.Reader, in io.Writer) {
	t.Helper()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		what, name, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "stop":
			if err := w.server.Stop(); err != nil {
				t.Error(err)
			}
		case "start":
			w.server = w.again(t)
		case "revoke":
			w.admin.must("users", "revoke-sessions", name, "--tenant", "acme")
		case "make-tenant":
			w.admin.must("tenants", "create", name)
		default:
			t.Log(lines.Text())
			continue
		}
		fmt.Fprintln(in, "done")
	}
}

// again starts the server on what it had.
func (w *consoleWorld) again(t *testing.T) *lab.Server {
	t.Helper()
	var port int
	if _, err := fmt.Sscanf(w.server.URL, "https://localhost:%d", &port); err != nil {
		t.Fatal(err)
	}
	return withAgent(t, w.server.Dir, port, consoleSettings()...)
}
