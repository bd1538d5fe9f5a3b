package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// clients are every service that has a handler in this package.
type clients struct {
	tenants     bulkheadv1connect.TenantServiceClient
	users       bulkheadv1connect.UserServiceClient
	groups      bulkheadv1connect.GroupServiceClient
	tokens      bulkheadv1connect.TokenServiceClient
	assessments bulkheadv1connect.AssessmentServiceClient
	policies    bulkheadv1connect.PolicyServiceClient
	access      bulkheadv1connect.AccessServiceClient
	audit       bulkheadv1connect.AuditServiceClient
	jobs        bulkheadv1connect.JobServiceClient
	watch       bulkheadv1connect.WatchServiceClient
	nodes       bulkheadv1connect.NodeServiceClient
	findings    bulkheadv1connect.FindingServiceClient
	pools       bulkheadv1connect.PoolServiceClient
	inventory   bulkheadv1connect.InventoryServiceClient
	drills      bulkheadv1connect.DrillServiceClient
	reports     bulkheadv1connect.ReportServiceClient
	guards      bulkheadv1connect.GuardServiceClient
	recordings  bulkheadv1connect.RecordingServiceClient
}

func (w *world) clients() *clients {
	srv := w.serve()
	c, url := srv.Client(), srv.URL
	return &clients{
		bulkheadv1connect.NewTenantServiceClient(c, url), bulkheadv1connect.NewUserServiceClient(c, url),
		bulkheadv1connect.NewGroupServiceClient(c, url), bulkheadv1connect.NewTokenServiceClient(c, url),
		bulkheadv1connect.NewAssessmentServiceClient(c, url), bulkheadv1connect.NewPolicyServiceClient(c, url),
		bulkheadv1connect.NewAccessServiceClient(c, url), bulkheadv1connect.NewAuditServiceClient(c, url),
		bulkheadv1connect.NewJobServiceClient(c, url),
		bulkheadv1connect.NewWatchServiceClient(c, url), bulkheadv1connect.NewNodeServiceClient(c, url),
		bulkheadv1connect.NewFindingServiceClient(c, url), bulkheadv1connect.NewPoolServiceClient(c, url),
		bulkheadv1connect.NewInventoryServiceClient(c, url),
		bulkheadv1connect.NewDrillServiceClient(c, url), bulkheadv1connect.NewReportServiceClient(c, url),
		bulkheadv1connect.NewGuardServiceClient(c, url),
		bulkheadv1connect.NewRecordingServiceClient(c, url),
	}
}

// attempt is a call as the owner of acme: the code that it ended with, and all that came back as text.
type attempt func(t *testing.T) (code, text string)

func trying[Req, Res proto.Message](call func(context.Context, Req) (Res, error), req Req) attempt {
	return func(t *testing.T) (string, string) {
		res, err := call(as(t, "bhs_owner"), req)
		if err != nil {
			return failure(t, err)
		}
		b, err := protojson.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		return "", string(b)
	}
}

func failure(t *testing.T, err error) (code, text string) {
	t.Helper()
	d := detailOf(t, err)
	return d.GetCode(), err.Error() + " " + d.String()
}

// streaming reads a stream until it ends or nothing but signs of life come.
func streaming[Req any, Res proto.Message, S interface {
	Receive() bool
	Msg() Res
	Err() error
	Close() error
}](call func(context.Context, Req) (S, error), req Req) attempt {
	return func(t *testing.T) (string, string) {
		s, err := call(as(t, "bhs_owner"), req)
		if err != nil {
			return failure(t, err)
		}
		defer s.Close()
		var all strings.Builder
		for s.Receive() {
			text := protojson.Format(s.Msg())
			all.WriteString(text)
			if strings.Contains(text, `"alive"`) {
				return "", all.String()
			}
		}
		if s.Err() != nil {
			code, text := failure(t, s.Err())
			return code, all.String() + text
		}
		return "", all.String()
	}
}

// TestCrossing tries to reach or learn of another tenant by id, filter, page, body, stream, job and error message. Each
// attempt ends as it is meant to, which for a list is an answer with nothing of theirs.
func TestCrossing(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	w.account("other", "globex", strong(), model.RoleOwner)
	w.more()
	w.silent("acme-node", model.ReasonHostGone, model.HealthUp, model.HealthSilent)
	before := w.belongings("globex")
	if strings.Count(before, marker) < 20 {
		t.Fatalf("there is little to see: %s", before)
	}
	c := w.clients()
	for _, group := range []map[string]map[string]attempt{
		crossingReads(c), crossingLists(t, c), crossingQuestions(c), crossingChanges(c), crossingJobs(c), crossingFleet(t, c),
	} {
		for want, attempts := range group {
			for name, try := range attempts {
				code, text := try(t)
				if code != want {
					t.Errorf("%s: it ended with %q, not with %q: %s", name, code, want, text)
				}
				if strings.Contains(text, marker) || strings.Contains(text, "globex") {
					t.Errorf("%s: it comes out: %s", name, text)
				}
			}
		}
	}
	if after := w.belongings("globex"); after != before {
		t.Errorf("what is theirs was changed:\n%s\n%s", before, after)
	}
	if a, err := w.store.Account(t.Context(), "acme-user"); err != nil || a.Tenant != "acme" || len(a.Groups) != 1 {
		t.Error(a, err)
	}
}

// more gives each tenant a session and a version of policies.
func (w *world) more() {
	now := time.Now()
	for _, t := range tenants {
		err := w.store.CreateSession(w.t.Context(), &model.Session{
			ID: id(t, "session"), SecretHash: hash("session" + t), User: id(t, "user"), Tenant: t, Auth: strong(), Created: now, LastSeen: now,
			Expires: now.Add(time.Hour), Idle: now.Add(time.Hour), UserAgent: named(t, "agent"),
		})
		if err != nil {
			w.t.Fatal(err)
		}
		err = w.store.CreatePolicies(w.t.Context(), &model.Policies{
			Tenant: t, Version: 1, Author: id(t, "user"), Created: now, Note: named(t, "note"), Digest: "00", Signature: "x",
			Files: []model.PolicyFile{{Name: named(t, "file") + ".cedar"}},
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// belongings are all that a tenant has in the store.
func (w *world) belongings(tenant string) string {
	w.t.Helper()
	ctx, q := w.t.Context(), model.Query{Tenant: tenant, Size: 1000}
	var all []any
	add := func(v any, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, v)
	}
	add(w.store.Tenant(ctx, tenant))
	accounts, _, err := w.store.Accounts(ctx, q)
	add(accounts, err)
	for _, a := range accounts {
		add(w.store.SessionsOf(ctx, a.ID))
	}
	groups, _, err := w.store.Groups(ctx, q)
	add(groups, err)
	tokens, _, err := w.store.Tokens(ctx, q)
	add(tokens, err)
	assessments, _, err := w.store.Assessments(ctx, q)
	add(assessments, err)
	requests, _, err := w.store.Accesses(ctx, q)
	add(requests, err)
	versions, _, err := w.store.PolicyVersions(ctx, q)
	add(versions, err)
	w.fleetOf(tenant, add)
	b, err := json.Marshal(all)
	add(nil, err)
	return string(b)
}

// TestWatchStaysInTenant changes something in both tenants and sees only the own.
func TestWatchStaysInTenant(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	s, err := c.watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{})
	if err != nil || !s.Receive() || s.Msg().GetOperation() != "alive" {
		t.Fatal(err, s.Err())
	}
	from := s.Msg().GetCursor()
	for _, tenant := range []string{"globex", "acme"} {
		g := &model.AccountGroup{ID: "g-" + tenant, Tenant: tenant, Name: "g", Created: time.Now()}
		if err := w.store.CreateGroup(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	for s.Receive() && s.Msg().GetOperation() == "alive" {
		continue
	}
	if m := s.Msg(); m.GetTenant() != "acme" || m.GetObject().GetId() != "g-acme" || m.GetOperation() != "created" {
		t.Errorf("%v", m)
	}
	// The cursor brings the same change again, and a kind that it is not leaves it out.
	again, err := c.watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{Cursor: from, Kinds: []string{"Group"}})
	if err != nil || !again.Receive() || again.Msg().GetObject().GetId() != "g-acme" {
		t.Error(err, again.Err(), again.Msg())
	}
	// A cursor beyond the last change is of another database.
	ahead, err := c.watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{Cursor: "999999"})
	if err != nil || ahead.Receive() || detailOf(t, ahead.Err()).GetCode() != "expired" {
		t.Error(err, ahead.Err())
	}
	// The right ends, and the stream with it.
	a, err := w.store.Account(t.Context(), "id-owner")
	if err != nil {
		t.Fatal(err)
	}
	a.Roles = nil
	if err := w.store.UpdateAccount(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for s.Receive() {
		if s.Msg().GetTenant() == "globex" {
			t.Error(s.Msg())
		}
	}
	if d := detailOf(t, s.Err()); d.GetCode() != "denied" {
		t.Error(d)
	}
}
