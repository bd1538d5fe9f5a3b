package audit

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// memory is the store's part that logs use.
type memory struct {
	mu      sync.Mutex
	logs    map[string]model.LogState
	kept    map[string][]model.Checkpoint
	records []model.LogRecord
	fail    int // so many calls
}

func newMemory() *memory {
	return &memory{logs: map[string]model.LogState{}, kept: map[string][]model.Checkpoint{}}
}

func (m *memory) Logs(context.Context) ([]model.LogState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []model.LogState
	for _, l := range m.logs {
		out = append(out, l)
	}
	return out, nil
}

func (m *memory) ReplicaLogs(context.Context) ([]model.LogState, error) {
	return m.some(func(origin string) bool { return !ofNode(origin) }), nil
}

func (m *memory) NodeLogs(_ context.Context, after string, limit int) ([]model.LogState, error) {
	all := m.some(func(origin string) bool { return ofNode(origin) && origin > after })
	return all[:min(limit, len(all))], nil
}

func (m *memory) NodeLogProblems(context.Context) (int, error) {
	n := 0
	for _, l := range m.some(ofNode) {
		n += len(l.Problems)
	}
	return n, nil
}

func (m *memory) LogState(_ context.Context, origin string) (*model.LogState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.logs[origin]; ok {
		return &l, nil
	}
	return nil, &model.Error{Code: model.CodeNotFound, Message: "no such log"}
}

func (m *memory) some(want func(origin string) bool) []model.LogState {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []model.LogState
	for _, origin := range slices.Sorted(maps.Keys(m.logs)) {
		if want(origin) {
			out = append(out, m.logs[origin])
		}
	}
	return out
}

func (m *memory) KeepCheckpoints(ctx context.Context, all []model.Checkpoint, _ int) error {
	for i := range all {
		if err := m.KeepCheckpoint(ctx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) state(origin string, f func(*model.LogState)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.logs[origin]
	l.Origin = origin
	f(&l)
	m.logs[origin] = l
	return nil
}

func (m *memory) PublishLog(_ context.Context, c *model.Checkpoint, proofs []model.Consistency) error {
	return m.state(c.Origin, func(l *model.LogState) { l.Checkpoint, l.Proofs = *c, proofs })
}

func (m *memory) SetLogVerified(_ context.Context, origin string, when time.Time) error {
	return m.state(origin, func(l *model.LogState) { l.Verified = when })
}

func (m *memory) AddLogProblems(_ context.Context, origin string, problems []string, most int) error {
	return m.state(origin, func(l *model.LogState) {
		for _, p := range problems {
			if len(l.Problems) < most && !slices.Contains(l.Problems, p) {
				l.Problems = append(l.Problems, p)
			}
		}
	})
}

func (m *memory) LargestCheckpoints(_ context.Context, origin string) ([]model.Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	largest := map[string]model.Checkpoint{}
	for _, c := range m.kept[origin] {
		if c.Size >= largest[c.Keeper].Size {
			largest[c.Keeper] = c
		}
	}
	return slices.Collect(maps.Values(largest)), nil
}

func (m *memory) KeepCheckpoint(_ context.Context, c *model.Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, old := range m.kept[c.Origin] {
		if old.Keeper == c.Keeper && old.Size == c.Size && bytes.Equal(old.Root, c.Root) {
			return nil
		}
	}
	m.kept[c.Origin] = append([]model.Checkpoint{*c}, m.kept[c.Origin]...)
	return nil
}

func (m *memory) Checkpoints(_ context.Context, origin string, limit int) ([]model.Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]model.Checkpoint{}, m.kept[origin][:min(limit, len(m.kept[origin]))]...), nil
}

func (m *memory) IndexedUpTo(context.Context, string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return uint64(len(m.records)), nil
}

func (m *memory) IndexRecords(_ context.Context, records []model.LogRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return errors.New("the store is away")
	}
	m.records = append(m.records, records...)
	return nil
}

func keep(t *testing.T, l *Log, k keys, m *memory, file string) *Keeper {
	t.Helper()
	keeper, err := NewKeeper(KeeperOptions{Log: l, Key: k.key, Store: m, File: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	return keeper
}

func problems(m *memory) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.logs[origin].Problems, "; ")
}

// TestOwnLogThatWentBack has one machine alone: its kept file is what is left to compare with.
func TestOwnLogThatWentBack(t *testing.T) {
	for _, c := range []struct {
		name, want string
		tamper     func(*testing.T, made)
	}{
		{"nothing", "", func(*testing.T, made) {}},
		{"rolled back", "rolled back: bulkhead/test keeps a signed checkpoint over 300 entries", func(t *testing.T, m made) {
			e := m.entries(t)[:200]
			m.rewrite(t, e, true)
		}},
		{"forked", "forked: bulkhead/test keeps a signed checkpoint over 300 entries", func(t *testing.T, m made) {
			e := m.entries(t)
			e[290] = bytes.Replace(e[290], []byte("anna"), []byte("bnna"), 1)
			m.rewrite(t, append(e, e[:100]...), true)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := made{dir: filepath.Join(t.TempDir(), "log"), keys: newKeys(t, origin)}
			file := filepath.Join(t.TempDir(), "kept")
			for _, n := range []int{100, 200} {
				l := open(t, options(m.dir, m.keys))
				fill(t, l, n)
				closeLog(t, l)
				l = open(t, options(m.dir, m.keys))
				keep(t, l, m.keys, newMemory(), file)
				closeLog(t, l)
			}
			c.tamper(t, m)
			l := open(t, options(m.dir, m.keys))
			defer closeLog(t, l)
			store := newMemory()
			size := l.Size()
			keeper := keep(t, l, m.keys, store, file)
			if got := problems(store); !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("found %q, not %q", got, c.want)
			}
			if _, err := keeper.VerifyLogs(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				return
			}
			r, err := l.ReadAt(t.Context(), size)
			if err != nil || r.Record.Action != "AuditProblemFound" || !strings.Contains(r.Record.Reason, c.want) {
				t.Errorf("the record is %+v: %v", r, err)
			}
		})
	}
}

func TestKeptFileIsThinnedAndSurvivesAStop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept")
	k, err := openKept(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		k.remember(keptLine{"key", model.Checkpoint{Origin: origin, Size: uint64(i), Root: []byte{1}, Note: "x"}})
	}
	if err := k.thin(true); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"key":"unfini`)
	f.Close()
	for i := range 2 {
		if k, err = openKept(path); err != nil {
			t.Fatal(err)
		}
		if err := k.add("key", model.Checkpoint{Origin: origin, Size: uint64(3000 + i), Root: []byte{1}, Note: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if k, err = openKept(path); err != nil {
		t.Fatal(err)
	}
	_, got := k.of(origin)
	if want := keptNewest + 1500/keptNth + 1 + 2; len(got) != want || got[len(got)-1].Size != 3001 {
		t.Errorf("%d checkpoints are left, not %d", len(got), want)
	}
}

func TestFollowFillsTheIndexOnce(t *testing.T) {
	l := open(t, options(filepath.Join(t.TempDir(), "log"), newKeys(t, origin)))
	defer closeLog(t, l)
	store := newMemory()
	store.fail = 1
	fill(t, l, 700)
	for _, n := range []int{700, 900} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Follow(ctx, store) }()
		if n == 900 {
			fill(t, l, 200)
		}
		for {
			if next, _ := store.IndexedUpTo(ctx, ""); next >= uint64(n) {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	for i, r := range store.records {
		if r.Index != uint64(i) {
			t.Fatalf("record %d is at %d", r.Index, i)
		}
	}
}
