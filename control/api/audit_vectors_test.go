package api_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// vectorsFile has answers of GetRecord as this server gives them, which the console's verification is tested with. It is made anew with
// "go test ./control/api -run Vectors -update".
const vectorsFile = "../../console/src/proof/testdata/proofs.json"

type vectors struct {
	Key     string   `json:"key"`
	Answers []vector `json:"answers"`
}

type vector struct {
	Kept   string          `json:"kept,omitempty"` // signed note of an earlier checkpoint
	Answer json.RawMessage `json:"answer"`
}

// TestAuditVectors holds the file to what this server's own code says of it.
func TestAuditVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	continued := 0
	for _, a := range v.Answers {
		var p bulkheadv1.RecordProof
		if err := protojson.Unmarshal(a.Answer, &p); err != nil {
			t.Fatal(err)
		}
		c, err := audit.VerifyRecord(p.GetEntry(), p.GetRecord().GetIndex(), p.GetPath(), p.GetCheckpoint(), v.Key)
		if err != nil {
			t.Fatal(err)
		}
		if a.Kept == "" {
			continue
		}
		kept, err := audit.ParseCheckpoint([]byte(a.Kept), v.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := audit.VerifyContinues(kept, c, p.GetConsistency()); err != nil {
			t.Error(err)
		}
		continued++
	}
	if len(v.Answers) < 8 || continued < 4 {
		t.Errorf("%d answers, %d of them with a kept checkpoint", len(v.Answers), continued)
	}
}

// vectorLog is a log that grows, with a service over it.
type vectorLog struct {
	*audit.Log
	service *api.Audit
	notes   map[uint64]string
}

func (l *vectorLog) grow(t *testing.T, to uint64) {
	t.Helper()
	for i := l.Size(); i < to; i++ {
		r := model.Record{
			Time: time.Unix(1700000000+int64(i), 0), Actor: "u1", ActorName: "anna", Tenant: "acme", Action: "TenantUpdate", Outcome: model.OutcomeAllowed,
			Resource: model.Ref{Type: "Tenant", ID: "t" + strconv.FormatUint(i, 10)},
		}
		if i%50 == 7 {
			r.ActorName, r.UserAgent = "<img src=x onerror=alert(1)>\u2028\u202e", `"\`+"\x00\x1f größer 数据库 \U0001F512"
			r.Changes = map[string]string{"__proto__": "x", "constructor": "y"}
			r.Request = &model.Request{Facts: map[string]any{"n": int64(1) << 60, "m": int64(1 << 52), "t": time.Unix(1, 5)}}
		}
		if _, err := l.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		if c, err := l.Checkpoint(t.Context()); err == nil && c.Size == to {
			l.notes[to] = c.Note
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no checkpoint over %d", to)
}

func writeVectors(t *testing.T) {
	t.Helper()
	secret, key, err := note.GenerateKey(rand.Reader, "bulkhead/one")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.Context(), audit.Options{Dir: t.TempDir(), Origin: "bulkhead/one", Signer: signer, Batch: 256, BatchAge: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close(context.Background()) })
	l := &vectorLog{Log: log, service: &api.Audit{Store: recordsOf{log}, Log: log, Now: time.Now}, notes: map[uint64]string{}}
	out := vectors{Key: key}
	for _, step := range []struct {
		size    uint64
		indexes []uint64
		kept    uint64
	}{
		{1, []uint64{0}, 0},
		{2, []uint64{1}, 1},
		{3, []uint64{2, 0}, 2},
		{8, []uint64{7}, 3},
		{256, []uint64{0, 255}, 8},
		{300, []uint64{57, 256, 299}, 256},
		{300, []uint64{3}, 0},
	} {
		l.grow(t, step.size)
		for _, i := range step.indexes {
			p, err := l.service.GetRecord(asTenant(t.Context(), model.SystemTenant), &bulkheadv1.GetRecordRequest{Id: "bulkhead/one/" + strconv.FormatUint(i, 10), KeptSize: step.kept})
			if err != nil {
				t.Fatal(err)
			}
			b, err := protojson.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			out.Answers = append(out.Answers, vector{l.notes[step.kept], b})
		}
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(vectorsFile), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorsFile, append(b, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// recordsOf is an index that has what the log has.
type recordsOf struct{ *audit.Log }

func (r recordsOf) Records(context.Context, model.Query) ([]model.LogRecord, string, error) {
	return nil, "", nil
}

func (r recordsOf) Record(ctx context.Context, _ string, index uint64) (*model.LogRecord, error) {
	return r.ReadAt(ctx, index)
}

func (r recordsOf) Logs(context.Context) ([]model.LogState, error) { return nil, nil }

func (r recordsOf) LargestCheckpoints(context.Context, string) ([]model.Checkpoint, error) {
	return nil, nil
}
