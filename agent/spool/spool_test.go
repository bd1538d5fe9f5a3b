package spool

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func opened(t testing.TB, path string, bytes int64) (*Spool, *Lost) {
	t.Helper()
	s, lost, err := Open(Options{Path: path, Bytes: bytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, lost
}

func finding(id string) model.Finding {
	return model.Finding{ID: id, Kind: "node/test", Severity: model.High, Text: model.Text{EN: "text of " + id}, First: at, Last: at, Count: 1}
}

func ids(list []Item) []string {
	var out []string
	for _, i := range list {
		out = append(out, i.Finding.ID)
	}
	return out
}

func set(t testing.TB, kv ...string) facts.Set {
	t.Helper()
	out := facts.Set{}
	for i := 0; i < len(kv); i += 2 {
		f, err := facts.Of(kv[i], []byte(kv[i+1]))
		if err != nil {
			t.Fatal(err)
		}
		out[kv[i]] = f
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAllIsThereAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, lost := opened(t, path, 64<<20)
	if lost != nil {
		t.Fatal(lost)
	}
	first := set(t, "node", `{"name":"a"}`, "host", `{}`, "host/os", `{"id":"debian"}`)
	must(t, s.SetFacts(first, at))
	must(t, s.SetAcked(first.Digests()))
	next := set(t, "node", `{"name":"a"}`, "host", `{}`, "swarm", `{}`)
	must(t, s.SetFacts(next, at.Add(time.Minute)))
	for _, id := range []string{"a", "b", "c", "d"} {
		must(t, s.Add(finding(id)))
	}
	must(t, s.Done(s.Next(1, 1<<20)))
	again := finding("c") // seen again: it is newer than d now
	again.Count = 2
	must(t, s.Add(again))
	must(t, s.Close())

	s, lost = opened(t, path, 64<<20)
	if lost != nil {
		t.Fatal(lost)
	}
	have, taken, acked := s.Facts()
	if d := cmp.Diff(next, have); d != "" || !taken.Equal(at.Add(time.Minute)) {
		t.Errorf("taken %s: %s", taken, d)
	}
	if d := cmp.Diff(first.Digests(), acked); d != "" {
		t.Error(d)
	}
	waiting := s.Next(10, 1<<20)
	if d := cmp.Diff([]string{"b", "d", "c"}, ids(waiting)); d != "" || waiting[2].Finding.Count != 2 {
		t.Errorf("%s, %+v", d, waiting)
	}
	if d := cmp.Diff(finding("b"), waiting[0].Finding); d != "" {
		t.Error(d)
	}
	must(t, s.Done(waiting))
	if st := s.State(); st.Waiting != 0 || st.Dropped != 0 || st.Err != nil || len(s.Next(10, 1<<20)) > 0 {
		t.Errorf("%+v", st)
	}
}

func TestWhatWasReplacedMeanwhileStays(t *testing.T) {
	s, _ := opened(t, filepath.Join(t.TempDir(), "spool.db"), 64<<20)
	must(t, s.Add(finding("a")))
	sent := s.Next(10, 1<<20)
	newer := finding("a")
	newer.Count = 7
	must(t, s.Add(newer))
	must(t, s.Done(sent))
	if left := s.Next(10, 1<<20); len(left) != 1 || left[0].Finding.Count != 7 {
		t.Errorf("%+v", left)
	}
}

func TestNextIsBounded(t *testing.T) {
	s, _ := opened(t, filepath.Join(t.TempDir(), "spool.db"), 64<<20)
	for i := range 20 {
		f := finding(fmt.Sprint("f", i))
		f.Text.EN = strings.Repeat("x", 1000)
		must(t, s.Add(f))
	}
	if n := len(s.Next(7, 1<<20)); n != 7 {
		t.Errorf("%d", n)
	}
	if n := len(s.Next(500, 3000)); n < 2 || n > 3 {
		t.Errorf("%d", n)
	}
	if n := len(s.Next(500, 1)); n != 1 {
		t.Errorf("%d: a large one must go too", n)
	}
}

func TestTheOldestAreDroppedAndCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, _ := opened(t, path, LeastBytes)
	const n = 1500
	for i := range n {
		f := finding(fmt.Sprint("f", i))
		f.Text.EN = strings.Repeat("x", 2000)
		must(t, s.Add(f))
	}
	left := s.Next(n, 1<<30)
	st := s.State()
	if st.Dropped == 0 || int(st.Dropped)+len(left) != n || st.Waiting > LeastBytes/4 {
		t.Errorf("%+v, %d left of %d", st, len(left), n)
	}
	if left[0].Finding.ID != fmt.Sprint("f", st.Dropped) || left[len(left)-1].Finding.ID != fmt.Sprint("f", n-1) {
		t.Errorf("from %s to %s", left[0].Finding.ID, left[len(left)-1].Finding.ID)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() > LeastBytes {
		t.Errorf("%v, %v", fi.Size(), err)
	}
	must(t, s.Done(left))
	must(t, s.Close())
	s, _ = opened(t, path, LeastBytes)
	if again := s.State(); again.Dropped != st.Dropped || again.Waiting != 0 {
		t.Errorf("after a restart: %+v", again)
	}
}

func TestFactsThatHaveNoRoomAreInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, _ := opened(t, path, LeastBytes)
	small := set(t, "node", `{}`)
	must(t, s.SetFacts(small, at))
	large := set(t, "node", `{}`, "host/packages", `"`+strings.Repeat("x", LeastBytes/2)+`"`)
	var not *NotKept
	if err := s.SetFacts(large, at); !errors.As(err, &not) {
		t.Fatalf("%v", err)
	}
	if have, _, _ := s.Facts(); len(have) != 2 {
		t.Error("they are not in memory either")
	}
	must(t, s.Add(finding("a")))
	if s.State().Err == nil {
		t.Error("the state does not tell")
	}
	must(t, s.SetFacts(small, at))
	if err := s.State().Err; err != nil {
		t.Error(err)
	}
}

func TestADamagedFileIsMovedAside(t *testing.T) {
	write := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "spool.db")
		s, _ := opened(t, path, 64<<20)
		for i := range 300 {
			must(t, s.Add(finding(fmt.Sprint("f", i))))
		}
		must(t, s.SetFacts(set(t, "node", `{}`, "host", `{"a":"`+strings.Repeat("x", 20000)+`"}`), at))
		must(t, s.Close())
		return path
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"nothing but zeroes": func(b []byte) []byte { clear(b); return b },
		"something else":     func([]byte) []byte { return []byte(strings.Repeat("this is no spool. ", 5000)) },
		"cut short":          func(b []byte) []byte { return b[:len(b)/2] },
		"cut to the head":    func(b []byte) []byte { return b[:8192] },
		"pages of zeroes":    func(b []byte) []byte { clear(b[8192:]); return b },
		"facts changed": func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `{"a":"xxx`, `{"a"xxxxx`, 1))
		},
		"findings changed": func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), `{"ID":"f17"`, `{"ID"f"17"`)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t)
			b, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, spoil(b), 0o600))
			s, lost := opened(t, path, 64<<20)
			if lost == nil {
				t.Fatal("nothing was told")
			}
			if _, err := os.Stat(lost.Path); err != nil {
				t.Error(err)
			}
			must(t, s.Add(finding("new")))
			if d := cmp.Diff([]string{"new"}, ids(s.Next(10, 1<<20))); d != "" {
				t.Error(d)
			}
			must(t, s.Close())
			if _, lost := opened(t, path, 64<<20); lost != nil {
				t.Errorf("the new one is damaged too: %v", lost.Err)
			}
		})
	}
}

func TestAFileThatIsCutWhileItIsUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s, _ := opened(t, path, 64<<20)
	for i := range 500 {
		must(t, s.Add(finding(fmt.Sprint("f", i))))
	}
	must(t, os.Truncate(path, 0))
	var not *NotKept
	if err := s.Add(finding("after")); !errors.As(err, &not) {
		t.Fatalf("%v", err)
	}
	if d := cmp.Diff([]string{"after"}, ids(s.Next(10, 1<<20))); d != "" {
		t.Error(d)
	}
}

func TestAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "disk")
	if err := lab.SmallDisk(dir, 2<<20); err != nil {
		if os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skipf("only root can make a small disk: %v", err)
	}
	t.Cleanup(func() { must(t, lab.UnmountDisk(dir)) })
	path := filepath.Join(dir, "spool.db")
	s, _ := opened(t, path, 64<<20)
	must(t, s.SetFacts(set(t, "node", `{}`), at))
	var kept []string
	for i := range 20 {
		id := fmt.Sprint("before", i)
		must(t, s.Add(finding(id)))
		kept = append(kept, id)
	}
	must(t, lab.Fill(filepath.Join(dir, "ballast")))
	var not *NotKept
	var inMemory []string
	for i := 0; len(inMemory) < 5; i++ {
		f := finding(fmt.Sprint("full", i))
		f.Text.EN = strings.Repeat("x", 20000)
		switch err := s.Add(f); {
		case err == nil: // there were free pages in the file
			kept = append(kept, f.ID)
		case errors.As(err, &not):
			inMemory = append(inMemory, f.ID)
		default:
			t.Fatal(err)
		}
		if i > 500 {
			t.Fatal("the disk is never full")
		}
	}
	if st := s.State(); st.Err == nil {
		t.Error("the state does not tell")
	}
	big := set(t, "node", `{}`, "host", `"`+strings.Repeat("y", 300000)+`"`)
	if err := s.SetFacts(big, at); !errors.As(err, &not) {
		t.Errorf("%v", err)
	}
	if d := cmp.Diff(append(append([]string{}, kept...), inMemory...), ids(s.Next(1000, 1<<30))); d != "" {
		t.Errorf("what waits: %s", d)
	}
	// What dies now has all that Add said yes to.
	b, err := os.ReadFile(path)
	must(t, err)
	copied := filepath.Join(t.TempDir(), "spool.db")
	must(t, os.WriteFile(copied, b, 0o600))
	dead, lost := opened(t, copied, 64<<20)
	if lost != nil {
		t.Fatal(lost.Err)
	}
	if d := cmp.Diff(kept, ids(dead.Next(1000, 1<<30))); d != "" {
		t.Errorf("after a crash: %s", d)
	}
	// With room again, all is on disk.
	must(t, os.Remove(filepath.Join(dir, "ballast")))
	must(t, s.SetFacts(big, at))
	must(t, s.Close())
	s, _ = opened(t, path, 64<<20)
	if d := cmp.Diff(append(kept, inMemory...), ids(s.Next(1000, 1<<30))); d != "" {
		t.Errorf("after it had room again: %s", d)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s, _ := opened(t, filepath.Join(t.TempDir(), "spool.db"), 64<<20)
	must(t, s.Close()) // as if the disk were gone
	for i := range mostInMemory + 50 {
		_ = s.Add(finding(fmt.Sprint("f", i)))
	}
	left := s.Next(10*mostInMemory, 1<<30)
	if st := s.State(); st.Dropped != 50 || len(left) != mostInMemory || left[0].Finding.ID != "f50" {
		t.Errorf("%+v, %d left from %s", st, len(left), left[0].Finding.ID)
	}
	must2 := s.Done(left)
	if must2 == nil || len(s.Next(10, 1<<20)) > 0 {
		t.Errorf("%v: what the server has is told again", must2)
	}
}

// killed is the process that TestKill kills: it adds findings and says each that is kept.
const killed = "BULKHEAD_TEST_SPOOL_KILLED"

func TestKill(t *testing.T) {
	if path := os.Getenv(killed); path != "" {
		s, _, err := Open(Options{Path: path, Bytes: LeastBytes})
		must(t, err)
		for i := 0; ; i++ {
			must(t, s.Add(finding(fmt.Sprint("f", i))))
			must(t, s.SetFacts(set(t, "node", fmt.Sprint(i)), at))
			fmt.Println("kept", i)
		}
	}
	path := filepath.Join(t.TempDir(), "spool.db")
	for _, after := range []int{1, 7, 40} {
		must(t, Remove(path))
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), killed+"="+path)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		n := -1
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "kept %d", &n); err == nil && n == after {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // killed
		if n < after {
			t.Fatalf("it ended after %d", n)
		}
		s, lost := opened(t, path, LeastBytes)
		if lost != nil {
			t.Fatal(lost.Err)
		}
		left := s.Next(1<<20, 1<<30)
		if len(left) < n+1 || left[n].Finding.ID != fmt.Sprint("f", n) {
			t.Errorf("%d left of at least %d", len(left), n+1)
		}
		if have, _, _ := s.Facts(); len(have) != 1 {
			t.Errorf("facts: %v", have)
		}
		must(t, s.Close())
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, n := range []int64{0, -1, LeastBytes - 1, MostBytes + 1} {
		if _, _, err := Open(Options{Path: filepath.Join(t.TempDir(), "s"), Bytes: n}); err == nil {
			t.Errorf("%d bytes", n)
		}
	}
	path := filepath.Join(t.TempDir(), "spool.db")
	opened(t, path, LeastBytes)
	if _, lost, err := Open(Options{Path: path, Bytes: LeastBytes}); err == nil || lost != nil {
		t.Errorf("a second process: %v, %v", lost, err)
	}
	if _, _, err := Open(Options{Path: "/nonexistent/spool.db", Bytes: LeastBytes}); err == nil {
		t.Error("no directory")
	}
}
