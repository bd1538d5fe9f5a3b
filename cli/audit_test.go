package cli

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// smallLog is a copy of a log with three records, and its public key.
func smallLog(t *testing.T) (dir, key string) {
	t.Helper()
	secret, key, err := note.GenerateKey(rand.Reader, "bulkhead/one")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "audit")
	l, err := audit.Open(t.Context(), audit.Options{Dir: dir, Origin: "bulkhead/one", Signer: signer, Batch: 256, BatchAge: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := l.Append(t.Context(), model.Record{Action: "TenantUpdate", ActorName: "anna", Outcome: model.OutcomeAllowed}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir, key
}

func TestAuditVerifyWorksOnACopyAlone(t *testing.T) {
	dir, key := smallLog(t)
	s := newShell(t)
	keyFile := filepath.Join(s.home, "key")
	if err := os.WriteFile(keyFile, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := s.run(t, "audit", "verify", "--dir", dir, "--key", keyFile); code != ExitOK || !strings.Contains(out, "verified") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if code, _, errs := s.run(t, "audit", "verify", "--dir", dir); code != ExitError || !strings.Contains(errs, "--key") {
		t.Errorf("without a key: exit %d: %s", code, errs)
	}
	kept := filepath.Join(s.home, "kept.jsonl")
	if err := os.WriteFile(kept, []byte("no json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := s.run(t, "audit", "verify", "--dir", dir, "--key", key, "--checkpoints", kept); code != ExitError || !strings.Contains(errs, "line 1") {
		t.Errorf("broken checkpoints: exit %d: %s", code, errs)
	}
	bundle := filepath.Join(dir, "tile/entries/000.p/3")
	b, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bundle, []byte(strings.Replace(string(b), "anna", "bert", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := s.run(t, "audit", "verify", "--dir", dir, "--key", key, "-o", "json")
	if code != ExitNo || !strings.Contains(out, `"entry changed"`) || !strings.Contains(out, `"index": 0`) {
		t.Errorf("changed entry: exit %d: %s", code, out)
	}
}

// TestExportIsWhatTheLogHas compares lines with entries, byte for byte, after their way through the API.
func TestExportIsWhatTheLogHas(t *testing.T) {
	secret, _, err := note.GenerateKey(rand.Reader, "bulkhead/one")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), audit.Options{Dir: filepath.Join(t.TempDir(), "audit"), Origin: "bulkhead/one", Signer: signer, Batch: 256, BatchAge: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(context.Background())
	for _, reason := range []string{"", "<b>&\"\\\u2028", "größer \U0001F512 \x00\x1f\x7f", "1e21"} {
		r := model.Record{
			Action: "TenantUpdate", ActorName: reason, Reason: reason, Outcome: model.OutcomeAllowed,
			Request: &model.Request{Facts: map[string]any{"n": int64(1) << 60, "m": int64(1 << 52), "t": time.Unix(1, 5)}},
		}
		at, err := l.Append(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		var event structpb.Struct
		if err := event.UnmarshalJSON(at.Event); err != nil {
			t.Fatal(err)
		}
		if b, err := entryOf(&bulkheadv1.Record{Event: &event}); err != nil || string(b) != string(at.Event) {
			t.Errorf("%v\n%s\n%s", err, b, at.Event)
		}
	}
}

// auditPlane is a control plane that has one record and one bad log.
type auditPlane struct {
	bulkheadv1connect.UnimplementedAuditServiceHandler
	asked *bulkheadv1.SearchRecordsRequest
}

func (p *auditPlane) record() *bulkheadv1.Record {
	event, err := structpb.NewStruct(map[string]any{"class_uid": 6003})
	if err != nil {
		panic(err)
	}
	return &bulkheadv1.Record{Id: "bulkhead/one/0", Action: "TenantUpdate", ActorName: "anna", Outcome: "refused", Time: timestamppb.New(time.Unix(1700000000, 0)), Event: event}
}

func (p *auditPlane) SearchRecords(_ context.Context, r *bulkheadv1.SearchRecordsRequest) (*bulkheadv1.SearchRecordsResponse, error) {
	p.asked = r
	return &bulkheadv1.SearchRecordsResponse{Records: []*bulkheadv1.Record{p.record()}}, nil
}

func (p *auditPlane) ExportRecords(_ context.Context, r *bulkheadv1.SearchRecordsRequest, out *connect.ServerStream[bulkheadv1.Record]) error {
	p.asked = r
	return out.Send(p.record())
}

func (p *auditPlane) VerifyLogs(context.Context, *bulkheadv1.Empty) (*bulkheadv1.ListLogsResponse, error) {
	return &bulkheadv1.ListLogsResponse{Logs: []*bulkheadv1.Log{{Origin: "bulkhead/one", Problems: []string{"rolled back: to 5"}}}}, nil
}

func (p *auditPlane) BreakGlass(_ context.Context, r *bulkheadv1.BreakGlassRequest) (*bulkheadv1.BreakGlassResponse, error) {
	if r.GetMinutes() == 0 {
		return &bulkheadv1.BreakGlassResponse{}, nil
	}
	return &bulkheadv1.BreakGlassResponse{Until: timestamppb.New(time.Unix(1700000000, 0))}, nil
}

func TestAuditVerbs(t *testing.T) {
	p := &auditPlane{}
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAuditServiceHandler(p))
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	s := newShell(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	if err := (&App{Environ: []string{"XDG_CONFIG_HOME=" + s.home}}).keepSession(server.URL, session{CA: ca, Secret: "bhs_first", Name: "alice", Tenant: "system"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"audit search --since 24h --tenant acme --filter x", ExitOK, "anna"},
		{"audit search --since yesterday", ExitError, "2026-01-31"},
		{"audit export --since 2026-01-01", ExitOK, `{"class_uid":6003}`},
		{"audit verify", ExitNo, "rolled back: to 5"},
		{"audit break-glass --reason because-of-it", ExitOK, "open until 2023-11-14"},
		{"audit break-glass --reason because-of-it --minutes 0", ExitOK, "closed"},
		{"audit break-glass", ExitError, "reason"},
	} {
		code, out, errs := s.run(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+errs, c.want) {
			t.Errorf("%s: exit %d: %s%s", c.args, code, out, errs)
		}
	}
	if p.asked.GetSince().AsTime() != time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("asked for %s", p.asked)
	}
}
