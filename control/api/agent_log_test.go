package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// diary is a node's audit log.
type diary struct {
	*audit.Log
	key    string
	signer note.Signer
}

func newDiary(t *testing.T, origin string) *diary {
	t.Helper()
	secret, key, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return &diary{openDiary(t, origin, signer), key, signer}
}

func openDiary(t *testing.T, origin string, signer note.Signer) *audit.Log {
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Options{Dir: t.TempDir(), Origin: origin, Signer: signer, Batch: 64, BatchAge: time.Millisecond, SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

func (d *diary) write(t *testing.T, n int, tenant string) {
	t.Helper()
	for i := range n {
		_, err := d.Append(t.Context(), model.Record{
			Time: time.Now(), Tenant: tenant, Actor: "id-alice", Action: "ContainerStart", Outcome: model.OutcomeAllowed,
			Resource: model.Ref{Type: "Container", ID: "c" + strconv.Itoa(i)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// part is a request with n entries from an index on.
func (d *diary) part(t *testing.T, from uint64, n int) *bulkheadv1.SendLogRequest {
	t.Helper()
	c, err := d.Checkpoint(t.Context())
	for ; err == nil && c.Size < d.Size(); c, err = d.Checkpoint(t.Context()) { // it comes a little later than the entries
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &bulkheadv1.SendLogRequest{Key: d.key, From: from, Checkpoint: c.Note}
	d.prove(t, r, from, from+uint64(n), c.Size)
	if n == 0 {
		return r
	}
	records, err := d.Read(t.Context(), from, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		r.Entries = append(r.Entries, rec.Event)
	}
	return r
}

// prove adds what proves that entries are under a checkpoint.
func (d *diary) prove(t *testing.T, r *bulkheadv1.SendLogRequest, from, end, size uint64) {
	t.Helper()
	before, err := d.Range(t.Context(), from, size)
	if err != nil {
		t.Fatal(err)
	}
	r.Before = before.Hashes
	proofs, err := d.Consistency(t.Context(), []uint64{end}, size)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proofs {
		r.Proofs = append(r.Proofs, &bulkheadv1.LogConsistency{From: p.From, Path: p.Path})
	}
}

// indexed are the records that the database has of an origin.
func (y *yard) indexed(t *testing.T, origin string) []model.LogRecord {
	t.Helper()
	all, _, err := y.store.Records(t.Context(), model.Query{Where: []model.Condition{{Field: "origin", Op: "=", Value: origin}}, Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// upTo is how many records the database has of an origin.
func (y *yard) upTo(t *testing.T, origin string) uint64 {
	t.Helper()
	n, err := y.store.IndexedUpTo(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (y *yard) published(t *testing.T, origin string) model.LogState {
	t.Helper()
	logs, err := y.store.Logs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range logs {
		if l.Origin == origin {
			return l
		}
	}
	return model.LogState{}
}

func TestSendLog(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	origin := api.NodeLogOrigin(m.res.GetNode())
	d := newDiary(t, origin)
	d.write(t, 10, "acme")
	for i, x := range []struct {
		from uint64
		n    int
		next uint64
	}{
		{0, 0, 0}, // asks how far the copy goes
		{0, 4, 4}, {0, 4, 4}, {2, 4, 6}, {8, 2, 6}, {6, 4, 10}, {0, 10, 10}, {10, 0, 10},
	} {
		res, err := m.SendLog(t.Context(), d.part(t, x.from, x.n))
		if err != nil || res.GetNext() != x.next {
			t.Fatalf("%d: next is %d, %v", i, res.GetNext(), err)
		}
	}
	all := y.indexed(t, origin)
	if len(all) != 10 {
		t.Fatalf("%d records", len(all))
	}
	want := d.part(t, 0, 10)
	for i, r := range all {
		if r.Index != uint64(i) || r.Record.Actor != "id-alice" || r.Record.Tenant != "acme" || r.Record.Action != "ContainerStart" || !bytes.Equal(r.Event, want.GetEntries()[i]) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	l := y.published(t, origin)
	if l.PublicKey != d.key || l.Checkpoint.Size != 10 || l.Checkpoint.Note != want.GetCheckpoint() || !l.Checkpoint.Time.Equal(y.now.Truncate(time.Microsecond)) && l.Checkpoint.Time.IsZero() {
		t.Errorf("%+v", l)
	}
	if y.members[m.res.GetNode()].LogKey != d.key {
		t.Error("the key is not kept")
	}

	// A replica's keeper takes the node's checkpoints like another replica's, and from what it keeps it needs proofs.
	replica := newDiary(t, "bulkhead/replica")
	replica.write(t, 1, "system")
	if err := y.store.RegisterLog(t.Context(), "bulkhead/replica", replica.key); err != nil {
		t.Fatal(err)
	}
	keeper, err := audit.NewKeeper(audit.KeeperOptions{Log: replica.Log, Key: replica.key, Store: y.store, File: filepath.Join(t.TempDir(), "kept")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keeper.Close(context.Background()) })
	if err := keeper.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := y.published(t, origin); len(l.Problems) != 0 {
		t.Errorf("%v", l.Problems)
	}
	d.write(t, 2, "acme")
	req := d.part(t, 10, 2)
	req.Proofs = []*bulkheadv1.LogConsistency{{From: 10, Path: [][]byte{bytes.Repeat([]byte{1}, 32)}}}
	res, err := m.SendLog(t.Context(), req)
	if err != nil || res.GetNext() != 12 || !slices.Equal(res.GetKept(), []uint64{10}) {
		t.Fatal(res, err)
	}
	if l := y.published(t, origin); l.Checkpoint.Size != 12 || len(l.Proofs) != 1 || l.Proofs[0].From != 10 || len(l.Proofs[0].Path) != 1 {
		t.Errorf("%+v", l)
	}
}

// TestLogsThatAreNotUnderTheirCheckpoint: a node that signs whatever it likes still can't put an entry into the index that is not under
// the checkpoint that it gave, or under one that does not go on from what is in the index.
func TestLogsThatAreNotUnderTheirCheckpoint(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	origin := api.NodeLogOrigin(m.res.GetNode())
	d := newDiary(t, origin)
	d.write(t, 300, "acme") // more than a tile
	// The same key signs another log.
	fork := &diary{openDiary(t, origin, d.signer), d.key, d.signer}
	fork.write(t, 300, "acme")
	next := uint64(0)
	send := func(r *bulkheadv1.SendLogRequest) error {
		res, err := m.SendLog(t.Context(), r)
		if err == nil {
			next = res.GetNext()
		}
		return err
	}
	check := func(name string, r *bulkheadv1.SendLogRequest) {
		t.Helper()
		y.now = y.now.Add(61 * time.Minute) // each is told
		before, told, records := y.published(t, origin), len(y.told(model.EventFinding)), len(y.records)
		if e := refusedAs(t, send(r)); e.GetCode() != "denied" || e.GetField() != "entries" {
			t.Errorf("%s: %v", name, e)
		}
		if len(y.told(model.EventFinding)) != told+1 || len(y.records) != records+1 || y.last(t).Outcome != model.OutcomeRefused {
			t.Errorf("%s: told %d times, recorded %+v", name, len(y.events), y.last(t))
		}
		if got := y.published(t, origin); got.Checkpoint.Note != before.Checkpoint.Note || y.upTo(t, origin) != next {
			t.Errorf("%s: something of it was taken", name)
		}
	}
	swapped := d.part(t, 0, 3)
	swapped.Entries[1] = fork.part(t, 1, 1).GetEntries()[0]
	check("an entry of another log", swapped)
	ordered := d.part(t, 0, 3)
	ordered.Entries[0], ordered.Entries[2] = ordered.GetEntries()[2], ordered.GetEntries()[0]
	check("in another order", ordered)
	moved := d.part(t, 1, 2)
	moved.From, moved.Before = 0, nil
	check("under another index", moved)
	unproved := d.part(t, 0, 3)
	unproved.Proofs = nil
	check("without a proof", unproved)

	for from := uint64(0); from < 80; from = next {
		if err := send(d.part(t, from, 20)); err != nil {
			t.Fatal(err)
		}
	}
	check("a log that forks", fork.part(t, 80, 20))
	check("a log that forks, from before", fork.part(t, 60, 40))
	check("a checkpoint that forks", fork.part(t, 80, 0))
	mixed := d.part(t, 80, 20)
	mixed.Checkpoint = fork.part(t, 80, 20).GetCheckpoint()
	check("under another checkpoint", mixed)
	lost := d.part(t, 80, 20)
	lost.Before = nil
	check("without what comes before", lost)

	// A version of the program that knows nothing of this went on, so that the tree is not known: the node's word counts, as far as it
	// is under the checkpoint.
	c := y.published(t, origin).Checkpoint
	if err := y.store.PublishLog(t.Context(), &c, nil); err != nil {
		t.Fatal(err)
	}
	wrong := d.part(t, 80, 20)
	wrong.Before = fork.part(t, 80, 20).GetBefore()
	check("unlike what comes before", wrong)
	for next < 300 {
		if err := send(d.part(t, next, min(256, 300-int(next)))); err != nil {
			t.Fatal(err)
		}
	}
	if n := y.upTo(t, origin); n != 300 {
		t.Errorf("%d records are in the index", n)
	}
	check("a log that forks, at last", fork.part(t, 300, 0))
}

func TestLogsThatAreRefused(t *testing.T) {
	y := newYard(t)
	m, other := y.joined(t, "web1"), y.joined(t, "web2")
	origin := api.NodeLogOrigin(m.res.GetNode())
	d := newDiary(t, origin)
	d.write(t, 3, "acme")
	if _, err := m.SendLog(t.Context(), d.part(t, 0, 2)); err != nil {
		t.Fatal(err)
	}
	replica, forged := newDiary(t, "bulkhead/replica"), newDiary(t, origin)
	theirs := newDiary(t, api.NodeLogOrigin(other.res.GetNode()))
	foreign := newDiary(t, origin)
	for _, l := range []*diary{replica, forged, theirs} {
		l.write(t, 3, "acme")
	}
	foreign.write(t, 1, "globex")
	for name, x := range map[string]struct {
		change func(*bulkheadv1.SendLogRequest)
		code   string
		field  string
	}{
		"another tenant's record": {func(r *bulkheadv1.SendLogRequest) { r.Entries = foreign.part(t, 0, 1).GetEntries() }, "denied", "entries"},
		"another node's log": {func(r *bulkheadv1.SendLogRequest) {
			p := theirs.part(t, 2, 1)
			r.Key, r.Checkpoint, r.Entries = p.GetKey(), p.GetCheckpoint(), p.GetEntries()
		}, "denied", "key"},
		"a replica's log": {func(r *bulkheadv1.SendLogRequest) {
			p := replica.part(t, 2, 1)
			r.Key, r.Checkpoint, r.Entries = p.GetKey(), p.GetCheckpoint(), p.GetEntries()
		}, "denied", "key"},
		"another node's checkpoint": {func(r *bulkheadv1.SendLogRequest) { r.Checkpoint = theirs.part(t, 2, 0).GetCheckpoint() }, "denied", "checkpoint"},
		"another key": {func(r *bulkheadv1.SendLogRequest) {
			r.Key, r.Checkpoint = forged.key, forged.part(t, 2, 0).GetCheckpoint()
		}, "denied", "key"},
		"signed by another key": {func(r *bulkheadv1.SendLogRequest) { r.Checkpoint = forged.part(t, 2, 0).GetCheckpoint() }, "denied", "checkpoint"},
		"changed after signing": {func(r *bulkheadv1.SendLogRequest) {
			r.Checkpoint = strings.Replace(r.GetCheckpoint(), "\n3\n", "\n4\n", 1)
		}, "denied", "checkpoint"},
		"no checkpoint":        {func(r *bulkheadv1.SendLogRequest) { r.Checkpoint = "" }, "invalid", "checkpoint"},
		"beyond it":            {func(r *bulkheadv1.SendLogRequest) { r.From = 3 }, "invalid", "checkpoint"},
		"an index that is big": {func(r *bulkheadv1.SendLogRequest) { r.From = 1<<64 - 1 }, "invalid", "checkpoint"},
		"no key":               {func(r *bulkheadv1.SendLogRequest) { r.Key = "hello" }, "invalid", "key"},
		"no entry":             {func(r *bulkheadv1.SendLogRequest) { r.Entries = [][]byte{[]byte("{}")} }, "invalid", "entries"},
		"an entry too long":    {func(r *bulkheadv1.SendLogRequest) { r.Entries = [][]byte{bytes.Repeat([]byte(" "), 1<<16+1)} }, "invalid", "entries"},
		"bad proof": {func(r *bulkheadv1.SendLogRequest) {
			r.Proofs = []*bulkheadv1.LogConsistency{{From: 1, Path: [][]byte{[]byte("short")}}}
		}, "invalid", "proofs"},
	} {
		y.now = y.now.Add(61 * time.Minute) // each is told
		told, records := len(y.told(model.EventFinding)), len(y.records)
		r := d.part(t, 2, 1)
		x.change(r)
		_, err := m.SendLog(t.Context(), r)
		if e := refusedAs(t, err); e.GetCode() != x.code || e.GetField() != x.field {
			t.Errorf("%s: %v %v", name, err, e)
		}
		if len(y.told(model.EventFinding)) != told+1 || len(y.records) != records+1 || y.last(t).Outcome != model.OutcomeRefused || y.last(t).Actor != m.res.GetNode() {
			t.Errorf("%s: told %d times, recorded %+v", name, len(y.events), y.last(t))
		}
		if n := len(y.indexed(t, origin)); n != 2 {
			t.Fatalf("%s: %d records are in the index", name, n)
		}
	}
	if l := y.published(t, origin); l.PublicKey != d.key || l.Checkpoint.Size != 3 {
		t.Errorf("%+v", l)
	}
	for _, l := range []string{"bulkhead/replica", api.NodeLogOrigin(other.res.GetNode())} {
		if len(y.indexed(t, l)) != 0 || y.published(t, l).Origin != "" {
			t.Errorf("it wrote into %s", l)
		}
	}
	if _, err := m.SendLog(t.Context(), d.part(t, 2, 1)); err != nil {
		t.Errorf("the node itself: %v", err)
	}
}
