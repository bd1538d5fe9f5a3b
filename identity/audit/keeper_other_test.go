package audit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// pair is two replicas with one store: the log of one is tampered with, the other is to notice.
type pair struct {
	made    // the log that is tampered with
	ownFile string
	store   *memory
	mine    *Log
	me      *Keeper
	clock   time.Time
	gauge   map[string]int
}

// newPair has an honest history: 100, 200 and 300 records, each time with a round of both.
func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{
		made: made{dir: filepath.Join(t.TempDir(), "log"), keys: newKeys(t, origin)}, store: newMemory(), gauge: map[string]int{},
		ownFile: filepath.Join(t.TempDir(), "kept"), clock: time.Now(),
	}
	mine := newKeys(t, "bulkhead/me")
	for name, key := range map[string]string{origin: p.keys.key, "bulkhead/me": mine.key} {
		p.store.logs[name] = model.LogState{Origin: name, PublicKey: key}
	}
	o := options(filepath.Join(t.TempDir(), "me"), mine)
	o.Now = func() time.Time { return p.clock }
	p.mine = open(t, o)
	t.Cleanup(func() { closeLog(t, p.mine) })
	var err error
	p.me, err = NewKeeper(KeeperOptions{
		Log: p.mine, Key: mine.key, Store: p.store, File: filepath.Join(t.TempDir(), "kept"),
		Report: func(of string, n int) { p.gauge[of] = n },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.grow(t, 100)
		p.other(t)
	}
	if got := problems(p.store); got != "" {
		t.Fatal(got)
	}
	return p
}

// grow lets the owner run, write n records and have a round.
func (p *pair) grow(t *testing.T, n int) {
	t.Helper()
	o := options(p.dir, p.keys)
	o.Now = func() time.Time { return p.clock }
	l := open(t, o)
	fill(t, l, n)
	closeLog(t, l)
	l = open(t, o)
	defer closeLog(t, l)
	p.clock = p.clock.Add(time.Minute)
	k, err := NewKeeper(KeeperOptions{Log: l, Key: p.keys.key, Store: p.store, File: p.ownFile})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (p *pair) other(t *testing.T) {
	t.Helper()
	p.clock = p.clock.Add(time.Second)
	if err := p.me.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// silence takes back what the owner itself found, and all that the store keeps of its log, as somebody with the store can: only
// what the other has on its own disk is left.
func (p *pair) silence() {
	p.store.kept[origin] = nil
	_ = p.store.state(origin, func(l *model.LogState) { l.Problems = nil })
}

func (p *pair) newest(t *testing.T) model.Checkpoint {
	t.Helper()
	_, kept := p.me.file.of(origin)
	if len(kept) == 0 {
		t.Fatal("nothing is kept")
	}
	return kept[len(kept)-1]
}

// TestOtherLogThatWentBack has the other replica alone to notice, although the log has outgrown what is kept of it.
func TestOtherLogThatWentBack(t *testing.T) {
	for _, c := range []struct {
		name, want string
		tamper     func(*testing.T, *pair)
	}{
		{"nothing", "", func(t *testing.T, p *pair) { p.grow(t, 50) }},
		{"rolled back", "rolled back: bulkhead/me keeps a signed checkpoint over 300 entries", func(t *testing.T, p *pair) {
			p.rewrite(t, p.entries(t)[:150], true)
			p.grow(t, 20)
		}},
		{"rolled back and regrown", "it was rewritten between entry 100 and entry 199", func(t *testing.T, p *pair) {
			p.rewrite(t, p.entries(t)[:150], true)
			p.grow(t, 400)
		}},
		{"truncated to nothing and regrown", "it was rewritten between entry 0 and entry 99", func(t *testing.T, p *pair) {
			if err := os.RemoveAll(p.dir); err != nil {
				t.Fatal(err)
			}
			p.grow(t, 400)
		}},
		{"forked and regrown", "it was rewritten between entry 200 and entry 299", func(t *testing.T, p *pair) {
			e := p.entries(t)
			e[250] = bytes.Replace(e[250], []byte("anna"), []byte("bnna"), 1)
			p.rewrite(t, e, true)
			p.grow(t, 50)
		}},
		{"another key", "another key", func(t *testing.T, p *pair) {
			_ = p.store.state(origin, func(l *model.LogState) { l.PublicKey = newKeys(t, origin).key })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t)
			before := p.newest(t)
			c.tamper(t, p)
			p.silence()
			p.other(t)
			got := problems(p.store)
			if c.want == "" {
				if got != "" || p.newest(t).Size <= before.Size {
					t.Errorf("found %q and keeps %d entries", got, p.newest(t).Size)
				}
				return
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("found %q, not %q", got, c.want)
			}
			if now := p.newest(t); now.Size != before.Size || !bytes.Equal(now.Root, before.Root) {
				t.Errorf("the kept checkpoint was replaced by a forged one over %d entries", now.Size)
			}
			if p.gauge[origin] == 0 {
				t.Error("the gauge shows no problem")
			}
			// It is recorded once, and comes back when somebody takes it out of the store.
			size := p.mine.Size()
			p.silence()
			p.other(t)
			if again := problems(p.store); again != got {
				t.Errorf("after it was taken out of the store: %q, not %q", again, got)
			}
			r, err := p.mine.ReadAt(t.Context(), size-1)
			if err != nil || p.mine.Size() != size || r.Record.Action != "AuditProblemFound" || !strings.Contains(r.Record.Reason, c.want) || r.Record.Changes["log"] != origin {
				t.Errorf("%d records, the last %+v: %v", p.mine.Size(), r, err)
			}
		})
	}
}

// TestOwnerComparesWithWhatOthersKeep takes away the owner's file: the store still has what the other keeps.
func TestOwnerComparesWithWhatOthersKeep(t *testing.T) {
	p := newPair(t)
	if err := os.Remove(p.ownFile); err != nil {
		t.Fatal(err)
	}
	for _, c := range p.store.kept[origin] {
		if c.Keeper == "bulkhead/me" && c.Size == 300 {
			p.store.kept[origin] = []model.Checkpoint{c}
		}
	}
	if len(p.store.kept[origin]) != 1 {
		t.Fatal("the other did not put into the store what it keeps")
	}
	p.rewrite(t, p.entries(t)[:150], true)
	p.grow(t, 400)
	if got := problems(p.store); !strings.Contains(got, "forked: bulkhead/me keeps a signed checkpoint over 300 entries") {
		t.Errorf("the owner found %q", got)
	}
}

// TestOwnerThatProvesNothing publishes forged checkpoints without proofs.
func TestOwnerThatProvesNothing(t *testing.T) {
	p := newPair(t)
	p.rewrite(t, p.entries(t)[:150], true)
	p.grow(t, 400)
	p.silence()
	_ = p.store.state(origin, func(l *model.LogState) { l.Proofs = nil })
	p.other(t)
	if got := problems(p.store); got != "" {
		t.Errorf("the owner may not have had its turn yet: %s", got)
	}
	if p.newest(t).Size != 300 {
		t.Error("a checkpoint without a proof was kept")
	}
	p.clock = p.clock.Add(time.Hour)
	p.other(t)
	if got := problems(p.store); !strings.Contains(got, "no proof of consistency between 300 and 550") {
		t.Error(got)
	}
	if p.newest(t).Size != 300 {
		t.Error("a checkpoint without a proof was kept")
	}
}

// TestStoreThatWentBack restores an old word of the log: the log itself is whole.
func TestStoreThatWentBack(t *testing.T) {
	p := newPair(t)
	old := p.store.logs[origin]
	p.grow(t, 50)
	p.other(t)
	p.store.logs[origin] = old
	p.other(t)
	p.grow(t, 50)
	p.clock = p.clock.Add(time.Hour)
	p.other(t)
	if got := problems(p.store); got != "" || p.newest(t).Size != 400 {
		t.Errorf("%q, %d entries are kept", got, p.newest(t).Size)
	}
	_ = p.store.state(origin, func(l *model.LogState) { l.Checkpoint = model.Checkpoint{} })
	p.other(t)
	p.clock = p.clock.Add(time.Hour)
	p.other(t)
	if got := problems(p.store); !strings.Contains(got, "truncated: the store has no signed checkpoint") {
		t.Error(got)
	}
}

// TestProofsAreFewAndEnough has more kept checkpoints than there are proofs.
func TestProofsAreFewAndEnough(t *testing.T) {
	var kept []model.Checkpoint
	for i := range uint64(1000) {
		kept = append(kept, model.Checkpoint{Size: 10 * (i + 1)})
	}
	got := proofsFrom(kept, []model.Checkpoint{{Size: 777}})
	has := fmt.Sprint(got)
	if len(got) > proofsNewest+proofsOlder+1 || !strings.Contains(has, " 777 ") || !strings.Contains(has, " 9850 9860 ") || got[0] != 10 {
		t.Error(len(got), has)
	}
}

// TestVerificationGoesOn asks with too little time for a big log.
func TestVerificationGoesOn(t *testing.T) {
	keys := newKeys(t, origin)
	l := open(t, options(filepath.Join(t.TempDir(), "log"), keys))
	defer closeLog(t, l)
	fill(t, l, 700)
	store := newMemory()
	k, err := NewKeeper(KeeperOptions{Log: l, Key: keys.key, Store: store, File: filepath.Join(t.TempDir(), "kept")})
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock() // the verification can't end yet
	ctx, cancel := context.WithTimeout(t.Context(), answerTime+100*time.Millisecond)
	defer cancel()
	_, err = k.VerifyLogs(ctx)
	if model.CodeOf(err) != model.CodeUnavailable || !strings.Contains(err.Error(), "of 700 entries so far") || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
	run := k.run
	k.mu.Unlock()
	<-run.done
	if store.logs[origin].Verified.IsZero() || run.err != nil {
		t.Errorf("it did not end: %v", run.err)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyWhenDue verifies daily, and when somebody asks.
func TestVerifyWhenDue(t *testing.T) {
	m := made{dir: filepath.Join(t.TempDir(), "log"), keys: newKeys(t, origin)}
	now := time.Now()
	o := options(m.dir, m.keys)
	o.Now = func() time.Time { return now }
	l := open(t, o)
	defer closeLog(t, l)
	fill(t, l, 10)
	store := newMemory()
	k := keep(t, l, m.keys, store, filepath.Join(t.TempDir(), "kept"))
	var asked time.Time
	due := func(want bool, why string) {
		t.Helper()
		before := store.logs[origin].Verified
		if err := k.verifyIfDue(t.Context(), 24*time.Hour, func(context.Context) (time.Time, error) { return asked, nil }); err != nil {
			t.Fatal(err)
		}
		if got := store.logs[origin].Verified; got.After(before) != want {
			t.Errorf("%s: verified %v", why, got)
		}
	}
	due(true, "the first time")
	now = now.Add(time.Hour)
	due(false, "an hour later")
	asked = now.Add(-time.Minute)
	due(true, "asked")
	due(false, "asked and done")
	now = now.Add(25 * time.Hour)
	flipEntry(t, m.dir)
	due(true, "a day later")
	if got := problems(store); !strings.Contains(got, "entry changed: entry 0") {
		t.Errorf("found %q", got)
	}
}

func flipEntry(t *testing.T, dir string) {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(dir, "tile/entries/000.p/*"))
	if err != nil || len(bundles) == 0 {
		t.Fatal(bundles, err)
	}
	for _, b := range bundles {
		change(t, b, flip(0))
	}
}
