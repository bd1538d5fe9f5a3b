//go:build e2e

package plane

import (
	"bufio"
	"context"
	"fmt"
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
	inBrowser(t, 15*time.Minute, func(what, name string) (string, bool) {
		switch what {
		case "stop":
			if err := w.server.Stop(); err != nil {
				t.Error(err)
			}
		case "start":
			w.server = w.again(t)
		case "flood":
			w.flood(t, name)
		case "guard-call":
			w.guards.call(t, name)
		case "make-tenant":
			w.admin.must("tenants", "create", name)
		case "link": // of a person whom a capability's world invited
			return w.links[name], true
		case "revoke":
			w.admin.must("users", "revoke-sessions", name, "--tenant", "acme")
		default:
			return "", false
		}
		return "done", true
	}, "console.mjs", w.server.URL, w.ann, w.tom, spki(t, w.server))
}

// inBrowser runs a script of test/browser, which is given the directory of the screenshots last. A line that do knows gets its answer when
// it is done; others are what the script has to tell.
func inBrowser(t testing.TB, most time.Duration, do func(what, with string) (string, bool), script string, args ...string) {
	t.Helper()
	shots := os.Getenv("BULKHEAD_SCREENSHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append(append([]string{"../browser/" + script}, args...), shots)...)
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
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		what, with, _ := strings.Cut(lines.Text(), " ")
		if answer, ok := do(what, with); ok {
			fmt.Fprintln(in, answer)
		} else {
			t.Log(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, errs.String())
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
