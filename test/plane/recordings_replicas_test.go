//go:build e2e

package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/jackc/pgx/v5"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// longText is what a session shows: more than waits on the way to somebody who does not read (in the database, in the connections and in
// the client), so that a transfer of it can be met in its middle.
func longText() []byte {
	var b bytes.Buffer
	for n := 0; b.Len() < 12<<20; n++ {
		fmt.Fprintf(&b, "line %07d of a session that is longer than anybody reads, and that has to come as it was written\n", n)
	}
	return b.Bytes()
}

// apartWorld is two replicas on one database, and a node with a guard and a real engine whose agent knows both.
type apartWorld struct {
	t        *testing.T
	url      string // of the database
	args     []string
	one, two *lab.Server
	olga     *person // owner of the node's tenant, at the first replica
	node     *machine
	dir      string
	key      string // file that reads recordings
	text     string
}

// replica starts one; both are reached by the same name, as behind one address.
func (w *apartWorld) replica(name, dir string, port int, more ...string) *lab.Server {
	w.t.Helper()
	s, err := lab.Serve(w.t.Context(), binary(w.t), dir, port, nil, append(append([]string{"--name", name}, w.args...), more...)...)
	must(w.t, err)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the replica %s said:\n%s", name, tail(s.Log(), 3000))
		}
		s.Kill()
	})
	return s
}

func newApartWorld(t *testing.T) *apartWorld {
	t.Helper()
	dir, err := os.MkdirTemp("", "bha") // sockets need short paths
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &apartWorld{t: t, dir: dir, key: filepath.Join(dir, "recordings.key"), text: string(longText())}
	_, w.url = database(t)
	port, err := lab.FreePort()
	must(t, err)
	w.args = []string{"--database", w.url, "--public-url", fmt.Sprintf("https://localhost:%d", port)}
	w.one = w.replica("one", filepath.Join(t.TempDir(), "one"), port)
	admin := fleetOn(t, w.one)
	w.olga = newPerson(t, w.one)
	w.olga.enrol(admin.invite("olga", "owner"), "olga")
	if port, err = lab.FreePort(); err != nil {
		t.Fatal(err)
	}
	w.two = w.replica("two", filepath.Join(t.TempDir(), "two"), port, "--master-key-file", filepath.Join(w.one.Dir, "master.key"))
	w.guarded(admin)
	return w
}

// guarded joins a node whose agent has a guard in front of an engine. It talks to the first replica, and may go to the second.
func (w *apartWorld) guarded(admin *person) {
	w.t.Helper()
	e, err := lab.StartEngine(w.t.Context(), lab.EngineOptions{Kind: lab.Debian, Private: true, Dir: filepath.Join(w.dir, "e")})
	must(w.t, err)
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			w.t.Error(err)
		}
	})
	cli, err := e.Client()
	must(w.t, err)
	defer cli.Close()
	_, err = lab.Load(w.t.Context(), cli, lab.Image{
		Tag: "lab/web:1.0.0", Config: v1.Config{Cmd: []string{"/bin/sleep", "3600"}},
		Layers: []lab.Layer{{Files: map[string]lab.File{"/text": {Body: []byte(w.text), Mode: 0o644}}}},
	})
	must(w.t, err)
	recipient := strings.TrimSpace(admin.must("guard", "keys", "new", w.key))
	config := writeFile(w.t, "agent.yaml", fmt.Sprintf(`engine:
  endpoint: unix://%s
guard:
  enabled: true
  engine: %[1]s
  socket: %s
  accounts:
    - {name: alice, tenant: acme, roles: [developer], users: [root]}
  sessions: {record: always, required: true, recipients: [%s]}
`, e.Socket, w.socket(), recipient))
	w.node = newMachine(w.t, "host1")
	w.node.env = []string{"BULKHEAD_CONFIG=" + config}
	w.node.start(append(admin.joinArgs("host1"), "--server", w.two.URL)...)
	w.olga.within(time.Minute, "the guard listens", func() error { _, err := os.Stat(w.socket()); return err })
	w.connected(w.one)
}

func (w *apartWorld) socket() string { return filepath.Join(w.dir, "g.sock") }

// connected waits until the node's stream is open at a replica.
func (w *apartWorld) connected(to *lab.Server) {
	w.t.Helper()
	w.olga.within(time.Minute, "the node is connected to "+to.URL, func() error {
		if s := w.node.status(); !s.Connected || s.Server != to.URL {
			return fmt.Errorf("it says %v, %s, %s", s.Connected, s.Server, s.Error)
		}
		return nil
	})
}

// session records one, and waits until its record is at the control plane.
func (w *apartWorld) session(by *person) (id string) {
	w.t.Helper()
	docker := func(args ...string) []byte {
		cmd := exec.CommandContext(w.t.Context(), "docker", args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "DOCKER_HOST=unix://" + w.socket()}
		out, err := cmd.Output()
		if err != nil {
			w.t.Fatalf("docker %v: %v", args, err)
		}
		return out
	}
	docker("run", "-d", "--name", "web", "lab/web:1.0.0")
	if out := docker("exec", "web", "cat", "/text"); string(out) != w.text {
		w.t.Fatalf("the session showed %d bytes, not %d", len(out), len(w.text))
	}
	var listed struct {
		Recordings []struct {
			ID, Outcome string
			Bytes, Lost json.Number
		}
	}
	by.within(time.Minute, "the record of the recording comes", func() error {
		by.ask(&listed, "guard", "sessions", "list", "--node", "host1")
		if len(listed.Recordings) != 1 {
			return fmt.Errorf("%d recordings", len(listed.Recordings))
		}
		return nil
	})
	r := listed.Recordings[0]
	if r.Outcome != "ended" || r.Lost != "0" && r.Lost != "" {
		w.t.Errorf("%+v", r)
	}
	return r.ID
}

// replaying is somebody who replays a recording meanwhile.
type replaying struct {
	cmd       *exec.Cmd
	tmp       string // where it is brought to
	out, errs bytes.Buffer
}

func (w *apartWorld) start(by *person, id string) *replaying {
	w.t.Helper()
	h := &replaying{tmp: w.t.TempDir()}
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	w.t.Cleanup(cancel)
	h.cmd = by.command(ctx, "guard", "sessions", "replay", id, "--node", "host1", "--identity", w.key)
	h.cmd.Env = append(h.cmd.Env, "TMPDIR="+h.tmp)
	h.cmd.Stdout, h.cmd.Stderr = &h.out, &h.errs
	must(w.t, h.cmd.Start())
	return h
}

// half starts to replay a recording, and holds who does when something of it has come: most of it is still on its node.
func (w *apartWorld) half(by *person, id string) *replaying {
	w.t.Helper()
	h := w.start(by, id)
	for range 3000 {
		files, err := filepath.Glob(filepath.Join(h.tmp, "*", "*"))
		must(w.t, err)
		for _, f := range files {
			if i, err := os.Stat(f); err == nil && i.Size() > 0 {
				must(w.t, h.cmd.Process.Signal(syscall.SIGSTOP))
				time.Sleep(time.Second) // what is under way comes
				if x := w.transfer(); x == nil || x.Done || x.Next == 0 || !x.Reading {
					w.t.Errorf("it is not in its middle: %+v", x)
				}
				return h
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.t.Fatalf("nothing of the recording comes: %s", &h.errs)
	return nil
}

// transfer is the newest that the database has of a recording; nil where there is none.
func (w *apartWorld) transfer() *model.Transfer {
	w.t.Helper()
	c, err := pgx.Connect(w.t.Context(), w.url)
	must(w.t, err)
	defer c.Close(context.WithoutCancel(w.t.Context()))
	var data []byte
	err = c.QueryRow(w.t.Context(), "SELECT data FROM tickets WHERE kind = $1 ORDER BY created DESC LIMIT 1", string(model.TicketTransfer)).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	x := &model.Transfer{}
	must(w.t, errors.Join(err, json.Unmarshal(data, x)))
	return x
}

// goOn lets who replays go on, to the end.
func (h *replaying) goOn(t *testing.T) error {
	t.Helper()
	must(t, h.cmd.Process.Signal(syscall.SIGCONT))
	err := h.cmd.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return err
}

// TestRecordingsOfTwoReplicas: what is asked of one replica comes from a node that talks to the other. When the node's replica dies in the
// middle of it, the node goes on with the other; when the reader's does, that is said, and a second try works.
func TestRecordingsOfTwoReplicas(t *testing.T) {
	began := time.Now()
	w := newApartWorld(t)
	step := func(name string) { t.Logf("%s: %s", time.Since(began).Round(100*time.Millisecond), name) }
	step("started")
	there := at(w.olga, w.two)
	id := w.session(there)
	step("recorded")
	replay := func(by *person) {
		t.Helper()
		if out := by.must("guard", "sessions", "replay", id, "--node", "host1", "--identity", w.key); out != w.text {
			t.Errorf("%d bytes came, and it has %d", len(out), len(w.text))
		}
	}
	if out := there.must("guard", "sessions", "verify", id, "--node", "host1"); !strings.Contains(out, "verified") || strings.Contains(out, "NOT VERIFIED") {
		t.Error(out)
	}
	replay(there)
	step("replayed at the other replica")

	h := w.half(there, id)
	w.one.Kill()
	err := h.goOn(t)
	if err != nil || h.out.String() != w.text {
		t.Errorf("the node's replica died: %v, %d bytes, %s", err, h.out.Len(), &h.errs)
	}
	step("the node went on with the other replica")
	w.connected(w.two)
	replay(there)

	w.again()
	h = w.half(w.olga, id)
	w.one.Kill()
	if err := h.goOn(t); err == nil || h.out.Len() > 0 {
		t.Errorf("half of a recording was taken for all of it: %d bytes", h.out.Len())
	}
	if said := h.errs.String(); !strings.Contains(said, "the recording broke off after ") || !strings.Contains(said, "try again") || strings.Contains(said, "is this the address") {
		t.Errorf("the reader's replica died, and it says: %s", said)
	}
	replay(there)
	step("the reader's replica died, and a second try came")

	w.again()
	before := w.transfer()
	w.node.signal(syscall.SIGSTOP)
	w.two.Kill()
	h = w.start(w.olga, id)
	w.olga.within(soon, "the recording is asked for", func() error {
		if x := w.transfer(); x == nil || before != nil && x.ID == before.ID || !x.Reading {
			return errors.New("it is not")
		}
		return nil
	})
	w.node.signal(syscall.SIGCONT)
	if err := h.goOn(t); err != nil || h.out.String() != w.text {
		t.Errorf("%v, %d bytes, %s", err, h.out.Len(), &h.errs)
	}
	step("asked for while the node was connected nowhere")
}

// again starts the first replica on what it had.
func (w *apartWorld) again() {
	w.t.Helper()
	var port int
	_, err := fmt.Sscanf(w.one.URL, "https://localhost:%d", &port)
	must(w.t, err)
	w.one = w.replica("one", w.one.Dir, port)
	w.olga.server = w.one
}
