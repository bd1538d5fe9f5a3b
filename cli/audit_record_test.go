package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// provingPlane gives records of a real log, or what somebody makes of its answers.
type provingPlane struct {
	bulkheadv1connect.UnimplementedAuditServiceHandler
	bulkheadv1connect.UnimplementedSystemServiceHandler
	log    *audit.Log
	key    string
	tamper func(*bulkheadv1.RecordProof)
}

func (p *provingPlane) GetInfo(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Info, error) {
	return &bulkheadv1.Info{AuditOrigin: "bulkhead/one", AuditKey: p.key}, nil
}

func (p *provingPlane) GetRecord(ctx context.Context, r *bulkheadv1.GetRecordRequest) (*bulkheadv1.RecordProof, error) {
	entry, err := p.log.ReadAt(ctx, 2)
	if err != nil {
		return nil, err
	}
	path, c, err := p.log.Proof(ctx, 2)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.RecordProof{
		Record: &bulkheadv1.Record{Id: r.GetId(), Origin: "bulkhead/one", Index: 2}, Entry: entry.Event, Checkpoint: c.Note, Path: path,
	}
	if r.GetKeptSize() > 0 {
		proofs, err := p.log.Consistency(ctx, []uint64{r.GetKeptSize()}, c.Size)
		if err != nil {
			return nil, err
		}
		out.Consistency = proofs[0].Path
	}
	if p.tamper != nil {
		p.tamper(out)
	}
	return out, nil
}

func TestAuditRecordIsVerifiedHere(t *testing.T) {
	secret, key, err := note.GenerateKey(rand.Reader, "bulkhead/one")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.Context(), audit.Options{Dir: filepath.Join(t.TempDir(), "audit"), Origin: "bulkhead/one", Signer: signer, Batch: 256, BatchAge: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close(context.Background())
	s := newShell(t)
	kept, other := filepath.Join(s.home, "kept"), filepath.Join(s.home, "other")
	for i := range 6 {
		if _, err := log.Append(t.Context(), model.Record{Action: "TenantUpdate", ActorName: "anna\x1b[2J", Outcome: model.OutcomeAllowed}); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			keepNewest(t, log, 3, kept)
		}
	}
	keepNewest(t, log, 6, filepath.Join(s.home, "same"))
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &provingPlane{log: log, key: key}
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAuditServiceHandler(p))
	mux.Handle(bulkheadv1connect.NewSystemServiceHandler(p))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if err := (&App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}).keepSession(server.URL, session{CA: ca, Secret: "bhs_first", Name: "alice", Tenant: "system"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		tamper func(*bulkheadv1.RecordProof)
		code   int
		want   string
	}{
		{"bulkhead/one/2", nil, ExitOK, "it is entry 2 of the 6 that bulkhead/one signed"},
		{"bulkhead/one/2 --checkpoints " + kept + " --key " + key, nil, ExitOK, "the kept checkpoint over 3 entries"},
		{"bulkhead/one/2 --checkpoints " + other, nil, ExitError, "has none of the log"},
		{"bulkhead/one/2 --key bulkhead/one+00000000+x", nil, ExitNo, "verifier key"},
		{"bulkhead/one/3", nil, ExitNo, "the answer is another record"},
		{"bulkhead/one/2", func(p *bulkheadv1.RecordProof) { p.Entry[20] ^= 1 }, ExitNo, "not at place 2"},
		{"bulkhead/one/2", func(p *bulkheadv1.RecordProof) { p.Path[1][0] ^= 1 }, ExitNo, "not at place 2"},
		{"bulkhead/one/2", func(p *bulkheadv1.RecordProof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n6\n", "\n7\n", 1) }, ExitNo, "not signed"},
		{"bulkhead/one/2", func(p *bulkheadv1.RecordProof) { p.Checkpoint, p.Path = "", nil }, ExitNo, "without a proof"},
		{"bulkhead/one/2 --checkpoints " + kept, func(p *bulkheadv1.RecordProof) { p.Consistency = nil }, ExitNo, "does not continue the kept checkpoint over 3"},
	} {
		p.tamper = c.tamper
		code, out, errs := s.run(t, append([]string{"audit", "record"}, strings.Fields(c.args)...)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: exit %d: %s%s", c.args, code, out, errs)
		}
		if c.code != ExitOK && strings.Contains(out, "verified:") || strings.Contains(out, "\x1b") {
			t.Errorf("%s: it says %q", c.args, out)
		}
	}
}

// keepNewest writes the checkpoint over some entries into a file, as an auditor would keep it.
func keepNewest(t *testing.T, log *audit.Log, size uint64, file string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := log.Checkpoint(t.Context())
		if err != nil || c.Size != size {
			continue
		}
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no checkpoint over %d", size)
}
