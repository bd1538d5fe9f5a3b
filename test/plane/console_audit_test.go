//go:build e2e

package plane

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// nodeLog is what a node says is its audit log.
type nodeLog struct {
	*audit.Log
	key string
}

func openNodeLog(t *testing.T, origin, key string, signer note.Signer) *nodeLog {
	t.Helper()
	l, err := audit.Open(t.Context(), audit.Options{Dir: t.TempDir(), Origin: origin, Signer: signer, Batch: 64, BatchAge: time.Millisecond, SpoolDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return &nodeLog{l, key}
}

func (l *nodeLog) grow(t *testing.T, to uint64, who, agent string) {
	t.Helper()
	for l.Size() < to {
		_, err := l.Append(t.Context(), model.Record{
			Time: time.Now(), Tenant: "globex", Actor: "1000", ActorName: who, UserAgent: agent, Action: "ContainerExec", Outcome: model.OutcomeRefused,
			Reason: who, Resource: model.Ref{Type: "Container", ID: agent}, Changes: map[string]string{"cmd": agent, "__proto__": who},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// part is the entries from an index on with what proves them, as an agent sends them.
func (l *nodeLog) part(t *testing.T, from uint64) *bulkheadv1.SendLogRequest {
	t.Helper()
	var c *model.Checkpoint
	eventually(t, "the checkpoint covers the log", func() bool {
		var err error
		c, err = l.Checkpoint(t.Context())
		return err == nil && c.Size == l.Size()
	})
	before, err := l.Range(t.Context(), from, c.Size)
	if err != nil {
		t.Fatal(err)
	}
	r := &bulkheadv1.SendLogRequest{Key: l.key, From: from, Checkpoint: c.Note, Before: before.Hashes}
	records, err := l.Read(t.Context(), from, int(c.Size-from))
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		r.Entries = append(r.Entries, rec.Event)
	}
	return r
}

// prove adds that the log continues what it was.
func (l *nodeLog) prove(t *testing.T, r *bulkheadv1.SendLogRequest, from ...uint64) {
	t.Helper()
	proofs, err := l.Consistency(t.Context(), from, l.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range proofs {
		r.Proofs = append(r.Proofs, &bulkheadv1.LogConsistency{From: p.From, Path: p.Path})
	}
}

// forkedLog has a node rewrite its audit log once the server keeps a checkpoint of it: whoever has the node and its key can do that.
func (w *consoleWorld) forkedLog(t *testing.T) {
	t.Helper()
	origin := model.NodeLogs + w.plane2.Node
	secret, key, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	send := func(r *bulkheadv1.SendLogRequest) {
		t.Helper()
		if _, err := w.plane2.SendLog(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	log := openNodeLog(t, origin, key, signer)
	log.grow(t, 4, hostileNames[0], hostileNames[1]+hostileNames[3])
	send(log.part(t, 0))
	w.admin.must("audit", "verify") // which keeps its checkpoint
	log.grow(t, 8, "mallory", "curl/8.14")
	more := log.part(t, 4)
	log.prove(t, more, 4)
	send(more)
	other := openNodeLog(t, origin, key, signer)
	other.grow(t, 5, "nobody in particular", "curl/8.14")
	rewritten := other.part(t, 5)
	other.prove(t, rewritten, 4)
	send(rewritten)
	if r := w.admin.run("audit", "verify"); r.code == 0 || !strings.Contains(r.stdout, "forked: ") {
		t.Fatalf("a log that was rewritten was not noticed: %s%s", r.stdout, r.stderr)
	}
}
