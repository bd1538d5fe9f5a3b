package api_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// auditService is the service over a real store and a real log of 600 records, half of them of the tenant acme.
func auditService(t *testing.T) (service *api.Audit, key string) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	secret, key, err := note.GenerateKey(rand.Reader, "bulkhead/one")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(t.Context(), audit.Options{Dir: filepath.Join(dir, "audit"), Origin: "bulkhead/one", Signer: signer, Batch: 256, BatchAge: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close(context.Background()) })
	for i := range 600 {
		tenant := []string{"acme", "globex"}[i%2]
		r := model.Record{Time: time.Unix(1700000000+int64(i), 0), Actor: "u1", Tenant: tenant, Action: "TenantUpdate", Outcome: model.OutcomeAllowed}
		if err := log.Later(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Wait(t.Context(), 599); err != nil {
		t.Fatal(err)
	}
	records, err := log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.IndexRecords(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := s.RegisterLog(t.Context(), "bulkhead/one", key); err != nil {
		t.Fatal(err)
	}
	keeper, err := audit.NewKeeper(audit.KeeperOptions{Log: log, Key: key, Store: s, File: filepath.Join(dir, "kept")})
	if err != nil {
		t.Fatal(err)
	}
	return &api.Audit{Store: s, Log: log, Verifier: keeper, Now: time.Now}, key
}

func asTenant(ctx context.Context, tenant string) context.Context {
	return gate.With(ctx, model.Principal{Ref: model.Ref{Type: "User", ID: "u-" + tenant}, Tenant: tenant}, gate.Client{}, "")
}

func TestAuditKeepsTenantsApart(t *testing.T) {
	s, key := auditService(t)
	for _, c := range []struct {
		tenant string
		want   int
	}{{"acme", 300}, {"globex", 300}, {"initech", 0}, {model.SystemTenant, 600}} {
		ctx := asTenant(t.Context(), c.tenant)
		count := 0
		req := &bulkheadv1.SearchRecordsRequest{Page: &bulkheadv1.Page{Size: 70}}
		for {
			res, err := s.SearchRecords(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			count += len(res.GetRecords())
			for _, r := range res.GetRecords() {
				if c.tenant != model.SystemTenant && r.GetTenant() != c.tenant || r.GetEvent() == nil {
					t.Errorf("%s sees %s", c.tenant, r)
				}
			}
			if req.Page.Token = res.GetNextPage(); req.Page.Token == "" {
				break
			}
		}
		if count != c.want || len(exported(t, s, c.tenant, 0)) != c.want {
			t.Errorf("%s sees %d records", c.tenant, count)
		}
		for i, of := range []string{"acme", "globex"} {
			p, err := s.GetRecord(ctx, &bulkheadv1.GetRecordRequest{Id: fmt.Sprint("bulkhead/one/", 400+i)})
			if c.tenant != of && c.tenant != model.SystemTenant {
				if model.CodeOf(err) != model.CodeNotFound {
					t.Errorf("%s gets a record of %s: %v", c.tenant, of, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			cp, err := audit.ParseCheckpoint([]byte(p.GetCheckpoint()), key)
			if err != nil {
				t.Fatal(err)
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(p.GetEntry())
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.GetRecord().GetIndex(), cp.Size, leaf, p.GetPath(), cp.Root); err != nil {
				t.Error(err)
			}
		}
	}
	for _, id := range []string{"x", "/1", "bulkhead/one/01", "bulkhead/one/-1", "bulkhead/one/99999", "bulkhead/two/1"} {
		if _, err := s.GetRecord(asTenant(t.Context(), model.SystemTenant), &bulkheadv1.GetRecordRequest{Id: id}); model.CodeOf(err) != model.CodeNotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// exported reads the stream through a real server.
func exported(t *testing.T, s *api.Audit, tenant string, size int32) (out []uint64) {
	t.Helper()
	_, handler := bulkheadv1connect.NewAuditServiceHandler(s)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(asTenant(r.Context(), tenant)))
	}))
	defer server.Close()
	stream, err := bulkheadv1connect.NewAuditServiceClient(server.Client(), server.URL).
		ExportRecords(t.Context(), &bulkheadv1.SearchRecordsRequest{Page: &bulkheadv1.Page{Size: size}})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for stream.Receive() {
		out = append(out, stream.Msg().GetIndex())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(connect.CodeOf(err), err)
	}
	if !slices.IsSorted(out) {
		t.Error("the oldest is not first")
	}
	return out
}

func TestAuditVerifiesAndBreaksTheGlass(t *testing.T) {
	s, _ := auditService(t)
	ctx := asTenant(t.Context(), model.SystemTenant)
	if got := exported(t, s, model.SystemTenant, 250); len(got) != 250 {
		t.Errorf("%d records, not as many as asked for", len(got))
	}
	for _, f := range []func(context.Context, *bulkheadv1.Empty) (*bulkheadv1.ListLogsResponse, error){s.VerifyLogs, s.ListLogs} {
		res, err := f(ctx, &bulkheadv1.Empty{})
		if err != nil || len(res.GetLogs()) != 1 {
			t.Fatal(res, err)
		}
		if l := res.GetLogs()[0]; l.GetSize() != 600 || len(l.GetProblems()) != 0 || l.GetVerified() == nil {
			t.Error(l)
		}
	}
	res, err := s.BreakGlass(ctx, &bulkheadv1.BreakGlassRequest{Reason: "the disk is full", Minutes: 5})
	if err != nil || time.Until(res.GetUntil().AsTime()) > 5*time.Minute {
		t.Error(res, err)
	}
	if res, err = s.BreakGlass(ctx, &bulkheadv1.BreakGlassRequest{Reason: "it is not any more"}); err != nil || res.GetUntil() != nil {
		t.Error(res, err)
	}
	r, err := s.Log.ReadAt(t.Context(), 600)
	if err != nil || r.Record.Action != audit.ActionBreakGlassOpened || r.Record.Actor != "u-system" {
		t.Error(r, err)
	}
}
