package audit

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestMain lets the tests start themselves: as a writer that is killed, or where the disk is small.
func TestMain(m *testing.M) {
	switch os.Getenv("BULKHEAD_TEST_PART") {
	case "writer":
		writeUntilKilled()
		return
	case "disk":
		// The private mount namespace is there: the test itself mounts.
	}
	os.Exit(m.Run())
}

func writeUntilKilled() {
	var t testing.T
	o := options(os.Getenv("BULKHEAD_TEST_DIR"), keysOf(&t, os.Getenv("BULKHEAD_TEST_KEY"), ""))
	if os.Getenv("BULKHEAD_TEST_JOURNAL") != "" {
		o.Journal, o.SpoolSize = 20*time.Millisecond, 32<<10 // so that it is full now and then
	}
	l, err := Open(context.Background(), o)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for w := range 40 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				write := l.Append
				if o.Journal > 0 && w%4 > 0 {
					write = l.AppendSoon
				}
				at, err := write(context.Background(), sample(id))
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(id, at.Index)
				mu.Unlock()
			}
		}()
	}
	select {}
}

func TestKillLosesNothing(t *testing.T) {
	for name, journal := range map[string]string{"log": "", "journal": "yes"} {
		t.Run(name, func(t *testing.T) { killed(t, journal) })
	}
}

func killed(t *testing.T, journal string) {
	dir, k := filepath.Join(t.TempDir(), "log"), newKeys(t, origin)
	acknowledged := map[string]uint64{}
	for round := range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "BULKHEAD_TEST_PART=writer", "BULKHEAD_TEST_DIR="+dir, "BULKHEAD_TEST_KEY="+k.secret, "BULKHEAD_TEST_JOURNAL="+journal)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 50+37*round {
				cmd.Process.Kill()
			}
			id, at, ok := strings.Cut(lines.Text(), " ")
			index, err := strconv.ParseUint(at, 10, 64)
			if !ok || err != nil || id == "error" {
				t.Fatal(lines.Text())
			}
			acknowledged[id] = index
		}
		cmd.Wait()
	}
	closeLog(t, open(t, options(dir, k))) // what was in the journal is in the log then
	l := open(t, options(dir, k))
	records, err := l.Read(t.Context(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	seen := map[string]uint64{}
	for _, r := range records {
		if _, twice := seen[r.Record.ID]; twice {
			t.Errorf("%s is there twice", r.Record.ID)
		}
		seen[r.Record.ID] = r.Index
	}
	for id, at := range acknowledged {
		if got, ok := seen[id]; !ok || got != at && journal == "" {
			t.Errorf("%s was acknowledged at %d and is at %d (%v)", id, at, got, ok)
		}
	}
	if r, err := Verify(t.Context(), dir, k.key, nil); err != nil || !r.OK() || int(r.Size) != len(records) {
		t.Errorf("%+v: %v", r, err)
	}
	t.Logf("%d acknowledged, %d in the log", len(acknowledged), len(records))
}

// TestFullDisk runs itself in a mount namespace of its own, where the log is on a small file system.
func TestFullDisk(t *testing.T) {
	if os.Getenv("BULKHEAD_TEST_PART") == "disk" {
		fullDisk(t)
		return
	}
	inNamespace(t, exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v"), t.TempDir())
}

// inNamespace runs a test where it may mount.
func inNamespace(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	cmd.Env = append(os.Environ(), "BULKHEAD_TEST_PART=disk", "BULKHEAD_TEST_DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// smallDisk mounts a small file system, in the namespace of the test's own.
func smallDisk(t *testing.T) string {
	t.Helper()
	mount := filepath.Join(os.Getenv("BULKHEAD_TEST_DIR"), "small")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal(err)
	}
	return mount
}

func fullDisk(t *testing.T) {
	mount := smallDisk(t)
	k := newKeys(t, origin)
	o := options(filepath.Join(mount, "log"), k)
	o.SpoolDir = filepath.Join(mount, "spool")
	o.SpoolSize = 128 << 10
	l := open(t, o)
	ballast := filepath.Join(mount, "ballast")
	fill(t, l, 10)
	fillDisk(t, ballast)

	if _, err := l.Append(t.Context(), sample("refused")); model.CodeOf(err) != model.CodeAuditUnavailable {
		t.Fatalf("append on a full disk: %v", err)
	}
	if err := l.Later(t.Context(), sample("read")); err != nil {
		t.Fatal(err)
	}
	if s := l.State(); s.Writable || s.Failure == "" {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if at, err := l.Append(t.Context(), sample("again")); err != nil || at.Origin != origin {
		t.Fatalf("append with space again: %+v: %v", at.Origin, err)
	}
	if err := l.Wait(t.Context(), 11); err != nil { // the read is there too
		t.Fatal(err)
	}

	fillDisk(t, ballast)
	admin := model.Principal{Ref: model.Ref{Type: "User", ID: "root"}}
	if _, err := l.BreakGlass(t.Context(), admin, "the disk is full", 2*time.Hour); model.CodeOf(err) != model.CodeInvalid {
		t.Errorf("too long: %v", err)
	}
	until, err := l.BreakGlass(t.Context(), admin, "the disk is full", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		at, err := l.Append(t.Context(), sample(fmt.Sprint("glass-", i)))
		if err != nil || at.Origin != "" {
			t.Fatalf("with the break-glass: %q, %v", at.Origin, err)
		}
	}
	if s := l.State(); !s.GlassOpen.Equal(until) || s.Spooled != 6 {
		t.Errorf("%+v", s)
	}
	if _, err := l.BreakGlass(t.Context(), admin, "enough", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), sample("refused again")); model.CodeOf(err) != model.CodeAuditUnavailable {
		t.Errorf("closed again: %v", err)
	}

	// It is killed, so to speak, and starts again while the disk is still full; then there is space.
	l.release()
	l = open(t, o)
	if s := l.State(); s.Spooled != 7 {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := l.Wait(t.Context(), 18); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	l = open(t, o)
	records, err := l.Read(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, r := range records[12:] {
		actions = append(actions, r.Record.Action)
	}
	if got := strings.Join(actions, " "); got != "BreakGlassOpened TenantUpdate TenantUpdate TenantUpdate TenantUpdate TenantUpdate BreakGlassClosed" {
		t.Error(got)
	}
	if s := l.State(); s.Spooled != 0 || !s.Writable {
		t.Errorf("%+v", s)
	}
	closeLog(t, l)
	if r, err := Verify(t.Context(), o.Dir, k.key, nil); err != nil || !r.OK() {
		t.Errorf("%+v: %v", r, err)
	}
}

func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// TestSpoolIsNotAppendedTwice stops between the append of the spool's records and the emptying of the spool.
func TestSpoolIsNotAppendedTwice(t *testing.T) {
	for _, appended := range []int{0, 3, 5} {
		k := newKeys(t, origin)
		o := options(filepath.Join(t.TempDir(), "log"), k)
		l := open(t, o)
		fill(t, l, 20)
		closeLog(t, l)
		l = open(t, o)
		var entries []*pending
		for i := range 5 {
			r := sample(fmt.Sprint("spooled-", i))
			e, err := encode(&r)
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, &pending{entry: e})
		}
		if err := (&writer{Log: l}).add(entries[:appended]); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		s, err := openSpool(filepath.Join(o.Dir+".spool", "spool"), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := s.put(20, e.entry); err != nil {
				t.Fatal(err)
			}
		}
		s.close()
		l = open(t, o)
		if err := l.Wait(t.Context(), 24); err != nil {
			t.Fatal(err)
		}
		closeLog(t, l)
		if l.Size() != 25 {
			t.Errorf("%d were appended before: the log has %d", appended, l.Size())
		}
	}
}

func TestSpoolIsBoundedAndCutAtATornEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	s, err := openSpool(path, 4096)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; s.put(0, make([]byte, 500)) == nil; n++ {
	}
	if n != 7 || s.count() != 7 {
		t.Fatalf("%d entries fit", n)
	}
	if _, err := openSpool(path, 4096); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
	s.f.WriteAt([]byte{1}, s.end-3)
	s.close()
	if s, err = openSpool(path, 4096); err != nil || s.count() != 6 {
		t.Fatalf("%d entries: %v", s.count(), err)
	}
	if err := s.clear(0); err != nil {
		t.Fatal(err)
	}
	s.close()
	if s, err = openSpool(path, 4096); err != nil || s.count() != 0 {
		t.Fatalf("%d entries: %v", s.count(), err)
	}
	s.close()
}

// TestRefusalsDoNotFillTheSpool: while the log can't be written, strangers whose sign-ins are refused must not take the room of
// those who are let in.
func TestRefusalsDoNotFillTheSpool(t *testing.T) {
	w := &writer{Log: &Log{o: Options{Always: []string{"SignIn"}}, spool: &spool{}, now: time.Now}}
	for outcome, want := range map[model.Outcome]bool{model.OutcomeAllowed: true, model.OutcomeRefused: false} {
		p := &pending{record: model.Record{Action: "SignIn", Outcome: outcome}}
		if got := w.spoolAllowed(p); got != want {
			t.Errorf("%s: %t", outcome, got)
		}
	}
}
