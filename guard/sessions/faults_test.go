package sessions

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

const childDir, childKey = "BULKHEAD_TEST_RECORDINGS", "BULKHEAD_TEST_RECIPIENT"

// TestMain is also the guard that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir, os.Getenv(childKey))
	}
	os.Exit(m.Run())
}

// child records until it is killed, and says what it has written.
func child(dir, recipient string) {
	r, err := New(Options{Dir: dir, Recipients: []string{recipient}, MostBytes: 1 << 20, MostTotal: 1 << 30})
	if err != nil {
		panic(err)
	}
	c, err := r.Begin(context.Background(), Info{Kind: "exec", Account: "0198", Name: "alice", Framing: Raw, Required: true})
	if err != nil {
		panic(err)
	}
	for i := range 10_000 { // bounded, should the parent be gone
		if _, err := fmt.Fprintf(c.Out(), "line %d\r\n", i); err != nil {
			panic(err)
		}
		fmt.Println(i)
		time.Sleep(5 * time.Millisecond)
	}
	os.Exit(0)
}

// A guard that is killed loses what was typed out in the last seconds, and the next one finds and seals the recording.
func TestKilled(t *testing.T) {
	dir, k, log := private0700(t), key(t), &sealed{}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childKey+"="+k.Recipient().String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	old := 0
	for old < 300 && lines.Scan() {
		if old, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	onDisk := func() bool { // by itself, with the flush after it
		all, err := List(dir)
		if err != nil || len(all) != 1 {
			return false
		}
		_, events, _ := read(t, dir, all[0].ID, k) // its end may be half written
		return strings.Contains(of(events, Output), fmt.Sprintf("line %d\r\n", old))
	}
	for end := time.Now().Add(30 * time.Second); !onDisk(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("line %d is not on the disk", old)
		}
	}
	o := options(t, dir, k)
	o.Seal = log.seal
	other := recorder(t, o) // begins while the first one lives
	if got := log.entries(); len(got) != 0 {
		t.Fatalf("what is being recorded was taken: %+v", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if err := other.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := List(dir)
	if err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	e := all[0]
	if digest, _, err := Digest(dir, e); err != nil || e.Outcome != Interrupted || e.Digest != digest || e.Sealed == "" || e.AccountName != "alice" || len(log.entries()) != 1 {
		t.Errorf("%v: %+v", err, e)
	}
	_, events, err := read(t, dir, e.ID, k)
	if err != nil || old == 0 || !strings.Contains(of(events, Output), fmt.Sprintf("line %d\r\n", old)) {
		t.Errorf("%v; line %d is lost: %q", err, old, of(events, Output))
	}
}

// recorded makes a recording of n segments and gives its file.
func recorded(t *testing.T, n int) (file []byte, k *age.X25519Identity) {
	t.Helper()
	dir, key := private0700(t), key(t)
	r := recorder(t, options(t, dir, key))
	r.flush = time.Hour
	c := begin(t, r, alice)
	for i := range n {
		write(t, c.Out(), []byte(strings.Repeat(fmt.Sprintf("%c", 'a'+i), 1000)+"\r\n"))
		c.flushed(t)
	}
	end(t, c)
	b, err := os.ReadFile(filepath.Join(dir, c.entry.File()))
	if err != nil {
		t.Fatal(err)
	}
	return b, key
}

// flushed waits until everything is written: until a second flush begins, the first one may still be writing.
func (c *Recording) flushed(t *testing.T) {
	t.Helper()
	for range 2 {
		c.mu.Lock()
		freed := c.freed
		c.mu.Unlock()
		c.nudge()
		select {
		case <-freed:
		case <-time.After(30 * time.Second):
			t.Fatal("it is not written")
		}
	}
}

func TestDamaged(t *testing.T) {
	file, k := recorded(t, 4)
	var parts [][]byte
	s := bufio.NewScanner(bytes.NewReader(file))
	s.Split(splitSegments)
	for s.Scan() {
		parts = append(parts, bytes.Clone(s.Bytes()))
	}
	if len(parts) != 5 { // the header's and four
		t.Fatalf("%d parts", len(parts))
	}
	flipped := bytes.Clone(parts[2])
	flipped[len(flipped)-20] ^= 1
	other, _ := recorded(t, 1)
	for name, c := range map[string]struct {
		file  []byte
		want  string // the letters that can be read
		whole bool
	}{
		"whole":                   {file, "abcd", true},
		"without its tail":        {file[:len(file)-10], "abc", false},
		"cut between parts":       {bytes.Join(parts[:4], nil), "abc", true}, // which only the digest shows
		"a part is changed":       {bytes.Join([][]byte{parts[0], parts[1], flipped, parts[3], parts[4]}, nil), "acd", false},
		"a part is missing":       {bytes.Join([][]byte{parts[0], parts[1], parts[3], parts[4]}, nil), "acd", false},
		"parts are exchanged":     {bytes.Join([][]byte{parts[0], parts[2], parts[1], parts[3], parts[4]}, nil), "abcd", false},
		"a part is another's":     {append(bytes.Clone(file), other...), "abcd", false},
		"something is added":      {append(bytes.Clone(file), "age-encryption.org/v1\n"...), "abcd", false},
		"zeros, as after a crash": {append(bytes.Clone(file), make([]byte, 4096)...), "abc", false},
	} {
		r, err := NewReader(bytes.NewReader(c.file), k)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got strings.Builder
		for {
			var e Event
			if e, err = r.Next(); err != nil {
				break
			}
			if e.Code == Output {
				got.WriteByte(e.Data[0])
			}
		}
		letters := []byte(got.String())
		for _, l := range c.want {
			if !bytes.ContainsRune(letters, l) {
				t.Errorf("%s: %q is not read, only %q", name, l, letters)
			}
		}
		if c.whole != errors.Is(err, io.EOF) || c.whole == errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"nothing": nil, "zeros": make([]byte, 100), "half a header": file[:100], "another file": []byte("#!/bin/sh\n")} {
		if _, err := NewReader(bytes.NewReader(b), k); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewReader(bytes.NewReader(file), key(t)); !errors.Is(err, ErrIdentity) {
		t.Errorf("another key: %v", err)
	}
}

// stuck makes the disk of a recorder stand still until it is told to go on.
func stuck(t *testing.T, r *Recorder) (goOn func()) {
	t.Helper()
	r.keeping.Lock()
	r.total.Store(r.o.MostTotal) // whoever writes wants to know what there is
	return r.keeping.Unlock
}

// A disk that stands still does not stop a terminal whose recording is not required; what is not in the recording is counted.
func TestSlowDisk(t *testing.T) {
	dir, k := private0700(t), key(t)
	r := recorder(t, options(t, dir, k))
	r.patience = time.Hour // nobody is to wait for it
	c := begin(t, r, alice)
	goOn := stuck(t, r)
	piece, begun := bytes.Repeat([]byte("0123456789abcde\n"), 2048), time.Now()
	for range 200 { // 6.5 MB
		write(t, c.Out(), piece)
	}
	if d := time.Since(begun); d > 30*time.Second {
		t.Errorf("the terminal waited %s", d)
	}
	if n := r.pending.Load(); n > 2*mostPending {
		t.Errorf("%d bytes wait in memory", n)
	}
	goOn()
	c.flushed(t)
	write(t, c.Out(), []byte("and on"))
	end(t, c)
	e := c.Entry()
	_, events, err := read(t, dir, c.ID(), k)
	if err != nil || e.Lost == 0 || e.Outcome != Ended {
		t.Errorf("%v: %+v", err, e)
	}
	if got := of(events, Output); int64(len(got))+e.Lost != int64(200*len(piece)+len("and on")) || !strings.HasSuffix(got, "and on") {
		t.Errorf("%d bytes are there and %d are lost", len(got), e.Lost)
	}
	if !strings.Contains(of(events, Marker), "bytes were not recorded") {
		t.Error("nothing says so in the recording")
	}
	if n := r.pending.Load(); n != 0 {
		t.Errorf("%d bytes are counted as waiting", n)
	}
}

// A session whose recording is required waits for the disk, and is ended when that does not come back.
func TestRequired(t *testing.T) {
	dir, k := private0700(t), key(t)
	r := recorder(t, options(t, dir, k))
	i := alice
	i.Required = true
	c := begin(t, r, i)
	why := make(chan error, 1)
	c.onBroken(func(err error) { why <- err })
	piece := bytes.Repeat([]byte("0123456789abcde\n"), 2048)
	for range 100 { // a disk that works is waited for
		write(t, c.Out(), piece)
	}
	goOn := stuck(t, r)
	r.patience = 300 * time.Millisecond // only who writes asks for it
	var err error
	for n := 0; err == nil && n < 200; n++ {
		_, err = c.Out().Write(piece)
	}
	goOn()
	if err == nil || !strings.Contains(err.Error(), "did not take the recording within") {
		t.Fatalf("the session went on without its recording: %v", err)
	}
	if err := <-why; !strings.Contains(err.Error(), "must be recorded") {
		t.Error(err)
	}
	if _, err := c.Out().Write(piece); err == nil {
		t.Error("it goes on")
	}
	end(t, c)
	if e := c.Entry(); e.Outcome != Failed || e.Lost != 0 {
		t.Errorf("%+v", e)
	}
	if _, events, err := read(t, dir, c.ID(), k); err != nil || len(of(events, Output)) < 100*len(piece) {
		t.Error(err, len(of(events, Output)))
	}
}

func TestErrorOfTheDisk(t *testing.T) {
	for _, required := range []bool{false, true} {
		dir, k := private0700(t), key(t)
		r := recorder(t, options(t, dir, k))
		r.flush = time.Hour
		i := alice
		i.Required = required
		c := begin(t, r, i)
		full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		own := c.file.f
		c.file.f = full // run sees it after the nudge
		write(t, c.Out(), []byte("x"))
		c.flushed(t)
		_, err = c.Out().Write([]byte("y"))
		if (err != nil) != required {
			t.Errorf("required %v: %v", required, err)
		}
		end(t, c)
		own.Close()
		if e := c.Entry(); e.Outcome != Failed || !strings.Contains(e.Why, "no space left") {
			t.Errorf("%+v", e)
		}
		if _, _, err := read(t, dir, c.ID(), k); err != nil {
			t.Errorf("what was written before can't be read: %v", err)
		}
	}
}

func TestBounds(t *testing.T) {
	for _, required := range []bool{false, true} {
		dir, k := private0700(t), key(t)
		o := options(t, dir, k)
		o.MostBytes = 200 << 10
		r := recorder(t, o)
		i := alice
		i.Required = required
		c := begin(t, r, i)
		why := make(chan error, 1)
		c.onBroken(func(err error) { why <- err })
		var err error
		until := time.Now().Add(30 * time.Second)
		for n := 0; err == nil && (n < 100 || required && time.Now().Before(until)); n++ { // a slow disk says later that it is full
			_, err = c.Out().Write(bytes.Repeat([]byte("x"), 16<<10))
			c.nudge()
			time.Sleep(time.Millisecond)
		}
		if required != (err != nil) {
			t.Errorf("required %v: %v", required, err)
		}
		if err != nil {
			select { // it may come after the error
			case <-why:
			case <-time.After(30 * time.Second):
				t.Error("the session is not ended")
			}
		}
		if len(why) > 0 {
			t.Errorf("required %v: it is ended: %v", required, <-why)
		}
		end(t, c)
		e := c.Entry()
		if e.Outcome != Full || e.Bytes > o.MostBytes {
			t.Errorf("%+v", e)
		}
		_, events, err := read(t, dir, c.ID(), k)
		if err != nil || !strings.Contains(of(events, Marker), "has come to its bound of 204800 bytes") {
			t.Error(err, of(events, Marker))
		}
	}
}

func TestKept(t *testing.T) {
	dir, k := private0700(t), key(t)
	o := options(t, dir, k)
	o.MostBytes, o.MostTotal, o.Keep = 256<<10, 300<<10, time.Hour
	r := recorder(t, o)
	var ids []string
	for range 6 {
		c := begin(t, r, alice)
		write(t, c.Out(), bytes.Repeat([]byte("x"), 80<<10))
		end(t, c)
		ids = append(ids, c.ID())
		if n := onDisk(t, dir); n > o.MostTotal {
			t.Fatalf("%d bytes are on the disk", n)
		}
	}
	all, err := List(dir)
	if err != nil || len(all) == 0 || len(all) >= 6 || all[len(all)-1].ID != ids[5] {
		t.Fatalf("%v: %+v", err, all)
	}
	live := begin(t, r, alice)
	for i := range all { // all are older than an hour
		at := time.Now().Add(-2 * time.Hour)
		all[i].End = &at
		if err := all[i].write(dir); err != nil {
			t.Fatal(err)
		}
	}
	if would, _, err := Prune(dir, time.Now().Add(-time.Hour), 0, true); err != nil || len(would) != len(all) {
		t.Errorf("%v: %d of %d would go", err, len(would), len(all))
	}
	if err := r.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, err = List(dir); err != nil || len(all) != 1 || all[0].ID != live.ID() {
		t.Errorf("%v: %+v", err, all)
	}
	end(t, live)
}

func onDisk(t *testing.T, dir string) (all int64) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		fi, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		all += fi.Size()
	}
	return all
}

// A digest that can't be put on the log is put there later.
func TestSealedLater(t *testing.T) {
	dir, k, log := private0700(t), key(t), &sealed{err: errors.New("the log is away")}
	o := options(t, dir, k)
	o.Seal = log.seal
	r := recorder(t, o)
	c := begin(t, r, alice)
	end(t, c)
	if e := c.Entry(); e.Sealed != "" || e.Digest == "" {
		t.Errorf("%+v", e)
	}
	log.mu.Lock()
	log.err = nil
	log.mu.Unlock()
	if err := r.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, err := Find(dir, c.ID()); err != nil || e.Sealed == "" || e.Outcome != Ended || len(log.entries()) != 1 {
		t.Errorf("%v %+v", err, e)
	}
}
