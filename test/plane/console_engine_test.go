//go:build e2e

package plane

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestConsoleOnAnEngine goes the way of a first administrator: enrol, find what is wrong on a real engine, remedy it there and see it turn
// green, and join a second machine with what the console says to paste.
func TestConsoleOnAnEngine(t *testing.T) {
	dir, err := os.MkdirTemp("", "bhc") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e, err := lab.StartEngine(t.Context(), lab.EngineOptions{Kind: lab.Debian, Dir: filepath.Join(dir, "e")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.StartFleet(t.Context(), cli, e.Socket, "hardened-alone", "sin-latest"); err != nil {
		t.Fatal(err)
	}
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := withAgent(t, filepath.Join(t.TempDir(), "data"), port, "BULKHEAD_ENGINE_ENDPOINT=unix://"+e.Socket, "BULKHEAD_SERVER_SIGN_IN_STEP_UP=15s")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(s.Log(), 4000))
		}
		s.Kill()
	})
	w := &engineWorld{t: t, engine: cli}
	inBrowser(t, 10*time.Minute, w.do, "console-engine.mjs", s.URL, s.Link, spki(t, s))
}

// engineWorld is the machines that the browser can't reach itself.
type engineWorld struct {
	t      *testing.T
	engine *client.Client
}

func (w *engineWorld) do(what, with string) (string, bool) {
	switch what {
	case "remedy":
		if err := lab.Remove(w.t.Context(), w.engine, "sin-latest"); err != nil {
			w.t.Error(err)
		}
	case "paste":
		commands, err := base64.StdEncoding.DecodeString(with)
		if err != nil {
			w.t.Error(err)
		}
		w.paste(string(commands))
	default:
		return "", false
	}
	return "done", true
}

// paste gives the commands to a shell of another machine: one with a name, a /root and a /var/lib of its own. They run until the
// test ends.
func (w *engineWorld) paste(commands string) {
	bin := filepath.Dir(binary(w.t))
	script := `set -e
mount -t tmpfs none /root; mount -t tmpfs none /var/lib; mount -t tmpfs none /run
hostname second-machine
sudo() { "$@"; }
` + commands
	cmd := exec.CommandContext(context.WithoutCancel(w.t.Context()), "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "bash", "-c", script)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=/root"}
	said := &machine{t: w.t, name: "the second machine"}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if w.t.Failed() {
			w.t.Logf("the second machine said:\n%s", tail(said.said(), 3000))
		}
	})
}

// TestConsoleEmpty looks at the pages of a server that has nothing yet.
func TestConsoleEmpty(t *testing.T) {
	s := serve(t)
	inBrowser(t, 10*time.Minute, func(string, string) (string, bool) { return "", false }, "console-empty.mjs", s.URL, s.Link, spki(t, s))
}
