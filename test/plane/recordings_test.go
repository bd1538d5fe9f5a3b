//go:build e2e

package plane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// recorded is a server that looks after its own host, with a guard in front of a real engine, and a key that reads its recordings.
type recorded struct {
	t       *testing.T
	admin   *person
	socket  string // the guard's
	key     string // file
	host    string
	written string // directory of the recordings
}

func recordedWorld(t *testing.T) *recorded {
	t.Helper()
	dir, err := os.MkdirTemp("", "bhr") // sockets need short paths
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e, err := lab.StartEngine(t.Context(), lab.EngineOptions{Kind: lab.Debian, Private: true, Dir: filepath.Join(dir, "e")})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	cli, err := e.Client()
	must(t, err)
	_, err = lab.Load(t.Context(), cli, lab.Image{Tag: "lab/web:1.0.0", Config: v1.Config{Cmd: []string{"/bin/sleep", "3600"}}})
	must(t, err)
	c, err := cli.ContainerCreate(t.Context(), client.ContainerCreateOptions{Image: "lab/web:1.0.0", Name: "web"})
	must(t, err)
	_, err = cli.ContainerStart(t.Context(), c.ID, client.ContainerStartOptions{})
	must(t, err)

	w := &recorded{t: t, socket: filepath.Join(dir, "g.sock"), key: filepath.Join(dir, "recordings.key")}
	w.host, err = os.Hostname()
	must(t, err)
	keys := exec.CommandContext(t.Context(), binary(t), "guard", "keys", "new", w.key)
	keys.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	made, err := keys.Output()
	must(t, err)
	config := writeFile(t, "config.yaml", fmt.Sprintf(`engine:
  endpoint: unix://%s
guard:
  enabled: true
  engine: %[1]s
  socket: %s
  profile: none
  accounts:
    - {name: root, tenant: system, roles: [administrator], users: [root], two_factors: true}
  sessions:
    record: always
    recipients: [%s]
`, e.Socket, w.socket, strings.TrimSpace(string(made))))
	port, err := lab.FreePort()
	must(t, err)
	data := filepath.Join(t.TempDir(), "data")
	s, err := lab.Serve(t.Context(), binary(t), data, port, []string{"BULKHEAD_SERVER_LOCAL_AGENT=true", "BULKHEAD_AGENT_EVERY=10s"}, "--config", config)
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(s.Log(), 6000))
		}
		s.Kill()
	})
	w.admin = newPerson(t, s)
	w.admin.enrol(s.Link, "admin")
	w.admin.within(time.Minute, "the guard listens", func() error { _, err := os.Stat(w.socket); return err })
	w.written = w.sessionsDir(data)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sessionsDir is where the guard in the server's own agent writes.
func (w *recorded) sessionsDir(data string) string {
	var found string
	w.admin.within(time.Minute, "the directory of recordings", func() error {
		return errors.Join(filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "sessions" {
				found = path
			}
			return nil
		}), map[bool]error{true: errors.New("not there yet")}[found == ""])
	})
	return found
}

// terminal runs docker exec -it through the guard on a terminal of a size, which changes while it runs, and gives what was seen.
func (w *recorded) terminal(script string) string {
	w.t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(w.t, err)
	defer screen.Close()
	must(w.t, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	must(w.t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(w.t, err)
	size := func(width, height uint16) {
		must(w.t, unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}))
	}
	size(100, 30)
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", "-H", "unix://"+w.socket, "exec", "-it", "web", "sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	must(w.t, cmd.Start())
	var seen strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := screen.Read(b)
			seen.Write(b[:n])
			if strings.Contains(string(b[:n]), "READY") {
				time.Sleep(time.Second) // until the client follows the sizes of its terminal
				size(90, 20)
				for range 10 { // a busy client hears the first of them too soon
					must(w.t, cmd.Process.Signal(unix.SIGWINCH))
					time.Sleep(300 * time.Millisecond)
				}
				_, _ = io.WriteString(screen, "go\r")
			}
			if err != nil {
				return
			}
		}
	}()
	err = cmd.Wait()
	_ = slave.Close()
	<-read
	if err != nil {
		w.t.Fatalf("%v: %s", err, seen.String())
	}
	return seen.String()
}

// hostileScript is what a program writes that wants more than to be seen.
const hostileScript = `printf '\033]0;a title\007\033]52;c;ZXZpbA==\007\033]8;;https://evil.test\007<b>bold</b>\033]8;;\007 \033[31mred\033[0m\n'; `

func (w *recorded) one() string {
	w.t.Helper()
	var listed struct {
		Schema     string
		Recordings []struct {
			ID, Container_name, Account_name, Command, Outcome, Digest, Sealed, Host string
		}
	}
	w.admin.within(time.Minute, "the record of the recording comes", func() error {
		w.admin.ask(&listed, "guard", "sessions", "list", "--node", w.host)
		if len(listed.Recordings) != 1 {
			return fmt.Errorf("%d recordings", len(listed.Recordings))
		}
		return nil
	})
	r := listed.Recordings[0]
	if listed.Schema != "bulkhead.sessions/v1" || r.Container_name != "web" || r.Account_name != "root" || !strings.Contains(r.Command, "READY") ||
		r.Outcome != "ended" || !strings.HasPrefix(r.Digest, "sha256:") || !strings.HasPrefix(r.Sealed, "bulkhead/node/") || r.Host != w.host {
		w.t.Errorf("%+v", r)
	}
	return r.ID
}

// TestRecordings: a session that a real guard recorded is listed, replayed, exported and verified by the control plane, on the command line
// and in a browser; what was changed on the host shows.
func TestRecordings(t *testing.T) {
	w := recordedWorld(t)
	seen := w.terminal(hostileScript + "echo READY; read x; echo bye")
	if !strings.Contains(seen, "bye") {
		t.Fatalf("%q", seen)
	}
	id := w.one()
	t.Run("replay", func(t *testing.T) { w.replay(t, id) })
	t.Run("browser", func(t *testing.T) { w.browse(t, id) })
	t.Run("changed", func(t *testing.T) { w.change(t, id) })
}

func (w *recorded) replay(t *testing.T, id string) {
	in := func(args ...string) []string {
		return append(append([]string{"guard", "sessions"}, args...), "--node", w.host)
	}
	if out := w.admin.must(in("replay", id[:13], "--identity", w.key)...); !strings.Contains(out, "<b>bold</b> red\n") || !strings.Contains(out, "bye\n") || strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	out := w.admin.must(in("export", id, "--identity", w.key)...)
	head, rest, _ := strings.Cut(out, "\n")
	var h struct{ Width, Height int }
	must(t, json.Unmarshal([]byte(head), &h))
	if (h.Width != 100 || h.Height != 30) && !strings.Contains(rest, `"r", "100x30"`) || !strings.Contains(rest, `"r", "90x20"`) {
		t.Errorf("sizes are missing: %s", out)
	}
	if out := w.admin.must(in("verify", id)...); !strings.Contains(out, "verified") || strings.Contains(out, "NOT VERIFIED") {
		t.Error(out)
	}
	if out := w.admin.must(in("show", id)...); !strings.Contains(out, "typed text") || !strings.Contains(out, "on the node") {
		t.Error(out)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	w.admin.must("guard", "keys", "new", other)
	if r := w.admin.run(in("replay", id, "--identity", other)...); r.code == 0 || !strings.Contains(r.stderr, "encrypted for other keys") {
		t.Errorf("%+v", r)
	}
	if r := w.admin.run(in("replay", "ffffffff", "--identity", w.key)...); r.code == 0 || !strings.Contains(r.stderr, "no recording") {
		t.Errorf("%+v", r)
	}
	if r := w.admin.run("guard", "sessions", "prune", "--node", w.host); r.code == 0 {
		t.Errorf("%+v", r)
	}
	// Who looked is recorded, here and on the node.
	if len(w.admin.records("RecordingRead")) == 0 {
		t.Error("nobody knows who looked")
	}
	eventually(t, "the node's record of who looked is here", func() bool { return len(w.admin.records("RecordingSend")) > 0 })
}

func (w *recorded) browse(t *testing.T, id string) {
	link := w.admin.inviteTo("ann", "administrator", "system")
	inBrowser(t, 10*time.Minute, func(string, string) (string, bool) { return "", false }, "console-recordings.mjs", w.admin.server.URL, link, spki(t, w.admin.server), w.key, id)
}

// change forges the file on the host, and what stands beside it.
func (w *recorded) change(t *testing.T, id string) {
	found, err := filepath.Glob(filepath.Join(w.written, "*"+id+".cast.age"))
	must(t, err)
	if len(found) != 1 {
		t.Fatal(found)
	}
	f, err := os.OpenFile(found[0], os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("x")
	must(t, errors.Join(err, f.Close()))
	r := w.admin.run("guard", "sessions", "replay", id, "--node", w.host, "--identity", w.key)
	if r.code == 0 || !strings.Contains(r.stderr, "not what was recorded") {
		t.Errorf("%+v", r)
	}
	r = w.admin.run("guard", "sessions", "verify", id, "--node", w.host)
	if r.code != 2 || !strings.Contains(r.stdout, "NOT VERIFIED") || !strings.Contains(r.stdout, "the file was changed") {
		t.Errorf("%+v", r)
	}
	eventually(t, "somebody is told", func() bool {
		var told struct{ Events []fleetEvent }
		w.admin.ask(&told, "nodes", "events", "--tenant", "system", "--node", w.host, "--filter", `kind = "finding"`)
		return slices.ContainsFunc(told.Events, func(e fleetEvent) bool {
			return strings.Contains(e.Text, id) && strings.Contains(e.Text, "not what was recorded")
		})
	})
	must(t, os.Remove(found[0]))
	r = w.admin.run("guard", "sessions", "replay", id, "--node", w.host, "--identity", w.key)
	if r.code == 0 || !strings.Contains(r.stderr, "not on the node any more") {
		t.Errorf("%+v", r)
	}
}
