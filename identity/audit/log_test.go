package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

const origin = "bulkhead/test"

type keys struct {
	signer note.Signer
	key    string // to verify with
	secret string
}

func newKeys(t testing.TB, name string) keys {
	t.Helper()
	secret, key, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	return keysOf(t, secret, key)
}

func keysOf(t testing.TB, secret, key string) keys {
	t.Helper()
	s, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return keys{s, key, secret}
}

func options(dir string, k keys) Options {
	return Options{Dir: dir, Origin: k.signer.Name(), Signer: k.signer, Batch: 256, BatchAge: 50 * time.Millisecond}
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// fill makes a log of n records.
func fill(t testing.TB, l *Log, n int) {
	t.Helper()
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			r := sample(fmt.Sprint("id-", i))
			if _, err := l.Append(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestAppendIsThereAfterReopening(t *testing.T) {
	dir, k := filepath.Join(t.TempDir(), "log"), newKeys(t, origin)
	l := open(t, options(dir, k))
	var mu sync.Mutex
	places := map[string]uint64{}
	var wait sync.WaitGroup
	for i := range 600 {
		wait.Go(func() {
			r := sample(fmt.Sprint("id-", i))
			if i%3 == 0 {
				if err := l.Later(t.Context(), r); err != nil {
					t.Error(err)
				}
				return
			}
			at, err := l.Append(t.Context(), r)
			if err != nil || at.Origin != origin {
				t.Error(at.Origin, err)
			}
			mu.Lock()
			places[r.ID] = at.Index
			mu.Unlock()
		})
	}
	wait.Wait()
	if _, err := Open(t.Context(), options(dir, k)); err == nil {
		t.Error("a second one could open the log")
	}
	closeLog(t, l)
	if _, err := l.Append(t.Context(), sample("late")); model.CodeOf(err) != model.CodeAuditUnavailable {
		t.Errorf("append to a closed log: %v", err)
	}

	l = open(t, options(dir, k))
	defer closeLog(t, l)
	if l.Size() != 600 {
		t.Fatalf("size is %d", l.Size())
	}
	seen := map[string]bool{}
	records, err := l.Read(t.Context(), 0, 1000)
	if err != nil || len(records) != 600 {
		t.Fatal(len(records), err)
	}
	for i, r := range records {
		if r.Index != uint64(i) || seen[r.Record.ID] {
			t.Fatalf("%d is at %d, or twice", r.Index, i)
		}
		seen[r.Record.ID] = true
		if at, ok := places[r.Record.ID]; ok && at != r.Index {
			t.Errorf("%s is at %d, not at %d", r.Record.ID, r.Index, at)
		}
	}
	if at, err := l.Append(t.Context(), sample("next")); err != nil || at.Index != 600 {
		t.Errorf("next is at %d: %v", at.Index, err)
	}
}

func TestProof(t *testing.T) {
	k := newKeys(t, origin)
	l := open(t, options(filepath.Join(t.TempDir(), "log"), k))
	defer closeLog(t, l)
	fill(t, l, 300)
	for _, i := range []uint64{0, 255, 256, 299} {
		path, c, err := l.Proof(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.ReadAt(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, i, c.Size, rfc6962.DefaultHasher.HashLeaf(r.Event), path, c.Root); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		if _, err := ParseCheckpoint([]byte(c.Note), k.key); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := l.Proof(t.Context(), 300); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("proof of what is not there: %v", err)
	}
	if _, err := l.ReadAt(t.Context(), 300); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("record that is not there: %v", err)
	}
}

func TestLaterIsWrittenWithoutClose(t *testing.T) {
	l := open(t, options(filepath.Join(t.TempDir(), "log"), newKeys(t, origin)))
	defer closeLog(t, l)
	for i := range 10 {
		if err := l.Later(t.Context(), sample(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Wait(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, options(filepath.Join(b.TempDir(), "log"), newKeys(b, origin)))
	defer closeLog(b, l)
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(context.Background(), sample("")); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// A record that nobody waits for is read when it is written: what its maker changes afterwards is not in it, and what can't be told of it is left out.
func TestLaterIsReadLater(t *testing.T) {
	k := newKeys(t, origin)
	l := open(t, options(t.TempDir(), k))
	changed, odd := sample("changed"), sample("odd")
	request := model.Request{Action: "RunRead"}
	changed.Request = &request
	odd.Request = &model.Request{Action: "RunRead", Time: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)} // no year of JSON
	for _, r := range []model.Record{changed, odd} {
		if err := l.Later(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	request.Action = "RunDelete"
	if _, err := l.Append(t.Context(), sample("last")); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	l = open(t, l.o)
	defer closeLog(t, l)
	list, err := l.Read(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]model.Record{}
	for _, r := range list {
		got[r.Record.ID] = r.Record
	}
	if r := got["changed"]; r.Request == nil || r.Request.Action != "RunRead" {
		t.Errorf("it was changed: %+v", r.Request)
	}
	if r := got["odd"]; r.Request != nil || !strings.Contains(r.Reason, "can't be told") {
		t.Errorf("%q %+v", r.Reason, r.Request)
	}
}
