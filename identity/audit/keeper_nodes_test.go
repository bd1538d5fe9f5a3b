package audit

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// counting counts how many logs were compared.
type counting struct {
	*memory
	compared atomic.Int64
}

func (c *counting) Checkpoints(ctx context.Context, origin string, limit int) ([]model.Checkpoint, error) {
	if ofNode(origin) {
		c.compared.Add(1)
	}
	return c.memory.Checkpoints(ctx, origin, limit)
}

// crowd is many nodes with logs, and a replica that keeps checkpoints of them.
type crowd struct {
	testing.TB
	keys  []keys
	store *counting
	k     *Keeper
	clock time.Time
	gauge map[string]int
	file  string
}

func newCrowd(t testing.TB, n int) *crowd {
	t.Helper()
	c := &crowd{TB: t, store: &counting{memory: newMemory()}, clock: time.Now(), gauge: map[string]int{}, file: filepath.Join(t.TempDir(), "kept")}
	for i := range n {
		k := newKeys(t, fmt.Sprintf("%sn%05d", model.NodeLogs, i))
		c.keys = append(c.keys, k)
		c.store.logs[k.signer.Name()] = model.LogState{Origin: k.signer.Name(), PublicKey: k.key}
		c.says(i, 1, "a")
	}
	mine := newKeys(t, "bulkhead/me")
	c.store.logs["bulkhead/me"] = model.LogState{Origin: "bulkhead/me", PublicKey: mine.key}
	o := options(filepath.Join(t.TempDir(), "me"), mine)
	o.Now = func() time.Time { return c.clock }
	l := open(t, o)
	t.Cleanup(func() { closeLog(t, l) })
	var err error
	c.k, err = NewKeeper(KeeperOptions{
		Log: l, Key: mine.key, Store: c.store, File: c.file, Report: func(of string, n int) { c.gauge[of] = n },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says publishes a checkpoint over one record, or over that and a second one, with the proof that it continues the first.
func (c *crowd) says(i int, size uint64, first string) {
	c.Helper()
	h := rfc6962.DefaultHasher
	root, second := h.HashLeaf([]byte(first)), h.HashLeaf([]byte("b"))
	var proofs []model.Consistency
	if size == 2 {
		root = h.HashChildren(root, second)
		proofs = []model.Consistency{{From: 1, Path: [][]byte{second}}}
	}
	name := c.keys[i].signer.Name()
	text, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", name, size, base64.StdEncoding.EncodeToString(root))}, c.keys[i].signer)
	if err != nil {
		c.Fatal(err)
	}
	p := &model.Checkpoint{Origin: name, Size: size, Root: root, Note: string(text), Time: c.clock}
	if err := c.store.PublishLog(context.Background(), p, proofs); err != nil {
		c.Fatal(err)
	}
}

// round has one, and says how many nodes were compared in it.
func (c *crowd) round() int {
	c.Helper()
	c.clock = c.clock.Add(time.Minute)
	before := c.store.compared.Load()
	if err := c.k.Round(c.Context()); err != nil {
		c.Fatal(err)
	}
	return int(c.store.compared.Load() - before)
}

func TestLogsOfManyNodes(t *testing.T) {
	const nodes = 2*nodesAtOnce + 50
	c := newCrowd(t, nodes)
	for i, want := range []int{nodesAtOnce, nodesAtOnce, 50, 0, 0, 0} {
		if got := c.round(); got != want {
			t.Fatalf("round %d compared %d, want %d", i, got, want)
		}
	}
	for i := range nodes {
		if _, kept := c.k.file.of(c.keys[i].signer.Name()); len(kept) != 1 {
			t.Fatalf("%d checkpoints of node %d are kept", len(kept), i)
		}
	}
	// One goes on, one was rewritten: both are seen with their turn, and no others are compared.
	c.clock = c.clock.Add(time.Second)
	c.says(7, 2, "a")
	c.says(nodes-1, 2, "rewritten")
	n := 0
	for range 3 {
		n += c.round()
	}
	if n != 2 {
		t.Fatalf("%d were compared", n)
	}
	if p := c.store.logs[c.keys[nodes-1].signer.Name()].Problems; len(p) != 1 || !strings.Contains(p[0], "forked") {
		t.Fatal(p)
	}
	if _, kept := c.k.file.of(c.keys[7].signer.Name()); len(kept) != 2 || len(c.store.kept[c.keys[7].signer.Name()]) != 2 {
		t.Fatal(kept)
	}
	// There is one figure for all nodes.
	if len(c.gauge) != 2 || c.gauge[AllNodes] != 1 {
		t.Fatal(c.gauge)
	}
	// Whoever asks for it has all compared at once, also what is as it was.
	before := c.store.compared.Load()
	if err := c.k.Compare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.store.compared.Load() - before; got != nodes {
		t.Fatalf("%d were compared", got)
	}
	// What says the same for long is compared again, too.
	c.clock = c.clock.Add(nodeAgain)
	n = 0
	for range 3 {
		n += c.round()
	}
	if n != nodes {
		t.Fatalf("%d were compared after %s", n, nodeAgain)
	}
}

// A log that is gone is forgotten, and one that owes a proof is compared until it has given it.
func TestNodeLogThatOwesAProof(t *testing.T) {
	c := newCrowd(t, 2)
	c.round()
	name := c.keys[0].signer.Name()
	c.clock = c.clock.Add(time.Second)
	c.says(0, 2, "a")
	s := c.store.logs[name]
	s.Proofs = nil
	c.store.logs[name] = s
	for range 3 {
		if got := c.round(); got != 1 {
			t.Fatalf("%d were compared", got)
		}
	}
	for range 10 {
		c.round()
	}
	if p := c.store.logs[name].Problems; len(p) != 1 || !strings.Contains(p[0], "no proof of consistency") {
		t.Fatal(p)
	}
	delete(c.store.logs, c.keys[1].signer.Name())
	c.round()
	c.round()
	if _, there := c.k.nodes.seen[c.keys[1].signer.Name()]; there {
		t.Fatal("not forgotten")
	}
}

func TestFewCheckpointsOfANodeAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept")
	k, err := openKept(path)
	if err != nil {
		t.Fatal(err)
	}
	name := model.NodeLogs + "n"
	big := strings.Repeat("x", 4000)
	most := int64(0)
	for i := range 40 {
		k.hold()
		for n := range 100 {
			if err := k.add("key", model.Checkpoint{Origin: name, Size: uint64(100*i + n + 1), Root: []byte{1}, Note: big}); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.add("key", model.Checkpoint{Origin: origin, Size: uint64(i + 1), Root: []byte{1}, Note: "x"}); err != nil {
			t.Fatal(err)
		}
		if err := k.release(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, info.Size())
	}
	if most > keptFileSize+1<<20 {
		t.Errorf("the file had %d bytes", most)
	}
	for range 2 {
		if _, kept := k.of(name); len(kept) != keptOfNode || kept[keptOfNode-1].Size != 4000 {
			t.Fatalf("%d are kept of a node", len(kept))
		}
		if _, kept := k.of(origin); len(kept) != 40 {
			t.Fatalf("%d are kept of a replica", len(kept))
		}
		if k, err = openKept(path); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkNodeLogs is a round with 10,000 nodes. Of those whose turn it is none ("same") or all ("compared") are compared.
func BenchmarkNodeLogs(b *testing.B) {
	const nodes = 10_000
	c := newCrowd(b, nodes)
	for range nodes/nodesAtOnce + 1 {
		c.round()
	}
	for _, x := range []struct {
		name  string
		later time.Duration
	}{{"same", 0}, {"compared", nodeAgain}} {
		b.Run(x.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				c.clock = c.clock.Add(x.later)
				n += c.round()
			}
			b.ReportMetric(float64(n)/float64(b.N), "compared/op")
		})
	}
}
