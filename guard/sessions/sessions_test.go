package sessions

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
)

// key makes an identity.
func key(t testing.TB) *age.X25519Identity {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed keeps what would go to the audit log.
type sealed struct {
	mu  sync.Mutex
	all []Entry
	err error
}

func (s *sealed) seal(_ context.Context, e Entry) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return "", s.err
	}
	s.all = append(s.all, e)
	return "record-" + e.ID, nil
}

func (s *sealed) entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Entry(nil), s.all...)
}

func options(t testing.TB, dir string, keys ...*age.X25519Identity) Options {
	t.Helper()
	o := Options{Dir: dir, MostBytes: 8 << 20, MostTotal: 64 << 20}
	for _, k := range keys {
		o.Recipients = append(o.Recipients, k.Recipient().String())
	}
	return o
}

func recorder(t testing.TB, o Options) *Recorder {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return r
}

func begin(t testing.TB, r *Recorder, i Info) *Recording {
	t.Helper()
	c, err := r.Begin(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		t.Fatal("not recorded")
	}
	return c
}

func write(t testing.TB, w io.Writer, p []byte) {
	t.Helper()
	if n, err := w.Write(p); err != nil || n != len(p) {
		t.Fatalf("%d of %d: %v", n, len(p), err)
	}
}

func end(t testing.TB, c *Recording) {
	t.Helper()
	if err := c.End(t.Context(), Ended, ""); err != nil {
		t.Fatal(err)
	}
}

// read gives all events of a recording.
func read(t testing.TB, dir, id string, k age.Identity) (Header, []Event, error) {
	t.Helper()
	f, _, err := Encrypted(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(f, k)
	if err != nil {
		return Header{}, nil, err
	}
	var all []Event
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header, all, nil
		}
		if err != nil {
			return r.Header, all, err
		}
		all = append(all, e)
	}
}

func of(events []Event, code string) string {
	var b strings.Builder
	for _, e := range events {
		if e.Code == code {
			b.WriteString(e.Data)
			if code == Marker {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

var alice = Info{
	Kind: "exec", Account: "0198", Name: "alice", Tenant: "acme", Container: strings.Repeat("c", 64), ContainerName: "web", Exec: strings.Repeat("e", 64),
	Command: []string{"sh", "-c", "echo hi"}, Host: "node-1", Record: "node-1/7", Framing: Raw, Width: 120, Height: 40, Term: "xterm",
}

func TestTerminal(t *testing.T) {
	dir, one, two, log := t.TempDir(), key(t), key(t), &sealed{}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir, one, two)
	o.Input, o.Seal = true, log.seal
	r := recorder(t, o)
	c := begin(t, r, alice)
	euro := "héllo €\r\n"
	for i := range len(euro) { // each byte on its own
		write(t, c.Out(), []byte{euro[i]})
	}
	write(t, c.In(), []byte("ls\r"))
	c.Resize(100, 30)
	c.Resize(0, -1)
	write(t, c.Out(), []byte{'x', 0xff, 'y', 0xe2, 0x82})
	end(t, c)
	end(t, c) // again
	for _, k := range []*age.X25519Identity{one, two} {
		h, events, err := read(t, dir, c.ID(), k)
		if err != nil {
			t.Fatal(err)
		}
		if got := of(events, Output); got != euro+"x\ufffdy\ufffd\ufffd" && got != euro+"x\ufffdy\ufffd" {
			t.Errorf("%q", got)
		}
		if of(events, Input) != "ls\r" || of(events, Resize) != "100x30" {
			t.Errorf("%v", events)
		}
		if h.Width != 120 || h.Height != 40 || h.Command != "sh -c echo hi" || h.Bulkhead.AccountName != "alice" || h.Bulkhead.Decision != "node-1/7" || h.Env["TERM"] != "xterm" {
			t.Errorf("%+v", h)
		}
	}
	if _, _, err := read(t, dir, c.ID(), key(t)); !errors.Is(err, ErrIdentity) {
		t.Errorf("somebody else's key: %v", err)
	}
	all, err := List(dir)
	if err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	e := all[0]
	digest, size, err := Digest(dir, e)
	if err != nil || e.Digest != digest || e.Bytes != size || e.Outcome != Ended || e.Sealed != "record-"+c.ID() || e.End == nil || e.Account != "0198" {
		t.Errorf("%v %s %d: %+v", err, digest, size, e)
	}
	if got := log.entries(); len(got) != 1 || got[0].Digest != digest {
		t.Errorf("%+v", got)
	}
	for _, suffix := range []string{castSuffix, entrySuffix} {
		fi, err := os.Stat(filepath.Join(dir, e.stem()+suffix))
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", fi.Mode(), err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, e.File()))
	if err != nil || bytes.Contains(b, []byte("llo")) || bytes.Contains(b, []byte("alice")) {
		t.Error("it can be read without a key", err)
	}
}

func TestWithoutTerminal(t *testing.T) {
	dir, k := private0700(t), key(t)
	r := recorder(t, options(t, dir, k))
	i := alice
	i.Framing = Multiplexed
	c := begin(t, r, i)
	var wire []byte
	wire = append(wire, frame(stdout, []byte("one\ntw"))...)
	wire = append(wire, frame(stderr, []byte("bad €\n"))...)
	wire = append(wire, frame(stdout, nil)...)
	wire = append(wire, frame(stdout, []byte("o\n"))...)
	for i := range wire {
		write(t, c.Out(), wire[i:i+1])
	}
	if c.In() != nil {
		t.Error("what is typed would be recorded")
	}
	end(t, c)
	_, events, err := read(t, dir, c.ID(), k)
	if err != nil {
		t.Fatal(err)
	}
	if got := of(events, Output); got != "one\r\ntwbad €\r\no\r\n" {
		t.Errorf("%q", got)
	}
	if got := of(events, Marker); got != "stderr\nstdout\n" {
		t.Errorf("%q", got)
	}
}

func private0700(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "recordings")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever was flushed can be read while the recording goes on, in several segments.
func TestSegments(t *testing.T) {
	dir, k := private0700(t), key(t)
	r := recorder(t, options(t, dir, k))
	r.flush = 10 * time.Millisecond
	c := begin(t, r, alice)
	var want strings.Builder
	for i := range 5 {
		text := strings.Repeat(string(rune('a'+i)), 300<<10)
		want.WriteString(text)
		write(t, c.Out(), []byte(text))
		deadline := time.Now().Add(30 * time.Second)
		for {
			_, events, err := read(t, dir, c.ID(), k)
			if err != nil {
				t.Fatal(err)
			}
			if of(events, Output) == want.String() {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("it is not on the disk")
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	end(t, c)
	if c.file.segments < 10 {
		t.Errorf("%d segments", c.file.segments)
	}
}
