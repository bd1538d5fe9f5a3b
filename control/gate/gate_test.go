package gate

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func connectError(err error, to **connect.Error) bool { return errors.As(err, to) }

func TestChangeIsRecordedFirst(t *testing.T) {
	w := newWorld(t)
	ctx := as(t, "bhs_admin", "User-Agent", "test")
	if _, err := w.tenantClient().CreateTenant(ctx, create("new")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"record allowed", "begin", "handler", "commit"}; !slices.Equal(w.events, want) {
		t.Errorf("order %v, want %v", w.events, want)
	}
	info, _ := connect.CallInfoForHandlerContext(ctx)
	_ = info
	r := w.records[0]
	if r.PolicyVersion != "v1" || r.PolicySets["acme"] != 1 {
		t.Errorf("which policies decided: %q %v", r.PolicyVersion, r.PolicySets)
	}
	if r.Actor != "admin" || r.Action != "TenantCreate" || r.Resource.Type != "System" || r.Tenant != "system" || r.Request == nil ||
		r.Changes["tenant.id"] != "new" || len(r.Digest) != 64 || r.Credential != "Session::s-admin" || r.ID == "" {
		t.Errorf("record %+v", r)
	}
}

func TestFailureIsRecorded(t *testing.T) {
	for name, fail := range map[string]error{
		"coded":   &model.Error{Code: model.CodeExists, Message: "taken"},
		"foreign": errors.New("password=hunter2"),
		"panic":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.tenants.fail = fail
			_, err := w.tenantClient().CreateTenant(as(t, "bhs_admin"), create("panic"))
			d := detail(t, err)
			if name == "coded" != (d.GetCode() == "exists") || d.GetRecord() != "log/0" {
				t.Errorf("%v", d)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "very secret") {
				t.Errorf("shown to the caller: %v", err)
			}
			if want := []string{"record allowed", "begin", "handler", "rollback", "record failed"}; !slices.Equal(w.events, want) {
				t.Errorf("order %v, want %v", w.events, want)
			}
			if w.records[1].Of != w.records[0].ID || w.records[1].Outcome != model.OutcomeFailed {
				t.Errorf("%+v", w.records[1])
			}
		})
	}
}

func TestNoRecordNoChange(t *testing.T) {
	w := newWorld(t)
	w.auditErr = errors.New("disk full")
	_, err := w.tenantClient().CreateTenant(as(t, "bhs_admin"), create("new"))
	if d := detail(t, err); d.GetCode() != "audit_unavailable" || len(w.events) != 0 {
		t.Errorf("%v, events %v", d, w.events)
	}
	_, err = w.tenantClient().GetTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "acme"})
	if d := detail(t, err); d.GetCode() != "audit_unavailable" {
		t.Errorf("a read without a record: %v", d)
	}
}

func TestOtherTenantLooksLikeNothing(t *testing.T) {
	w := newWorld(t)
	_, other := w.tenantClient().GetTenant(as(t, "bhs_alice"), &bulkheadv1.Id{Id: "globex"})
	_, missing := w.tenantClient().GetTenant(as(t, "bhs_alice"), &bulkheadv1.Id{Id: "nowhere"})
	if a, b := detail(t, other), detail(t, missing); a.String() != b.String() || other.Error() != missing.Error() || a.GetCode() != "not_found" {
		t.Errorf("%v %v\n%v %v", other, a, missing, b)
	}
	if len(w.later) != 2 || w.later[0].Outcome != model.OutcomeRefused || w.later[1].Outcome != model.OutcomeRefused {
		t.Errorf("records %+v", w.later)
	}
	if _, err := w.tenantClient().GetTenant(as(t, "bhs_alice"), &bulkheadv1.Id{Id: "acme"}); err != nil {
		t.Error(err)
	}
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	c := bulkheadv1connect.NewUserServiceClient(w.http, w.url)
	req := &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "new"}}
	first, err := c.CreateUser(as(t, "bhs_alice", "Idempotency-Key", "k1"), req)
	if err != nil || first.GetEnrolmentCode() == "" {
		t.Fatal(first, err)
	}
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer bhs_alice")
	info.RequestHeader().Set("Idempotency-Key", "k1")
	again, err := c.CreateUser(ctx, req)
	if err != nil || again.GetUser().GetId() != "u9" || again.GetEnrolmentCode() != "" || info.ResponseHeader().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v %v %v", again, err, info.ResponseHeader())
	}
	if n := count(w.events, "handler"); n != 1 {
		t.Errorf("the handler ran %d times", n)
	}
	_, err = c.CreateUser(as(t, "bhs_alice", "Idempotency-Key", "k1"), &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "other"}})
	if d := detail(t, err); d.GetCode() != "conflict" {
		t.Error(d)
	}
	// The same key of somebody else is another key.
	if _, err := c.CreateUser(as(t, "bhs_admin", "Idempotency-Key", "k1"), req); err != nil || count(w.events, "handler") != 2 {
		t.Error(err, w.events)
	}
	_, err = c.CreateUser(as(t, "bhs_alice", "Idempotency-Key", strings.Repeat("k", 129)), req)
	if d := detail(t, err); d.GetCode() != "invalid" {
		t.Error(d)
	}
}

// A change that is tried again while it is still being made elsewhere, and then fails because it was made, has that one's answer.
func TestTriedAgainMeanwhile(t *testing.T) {
	for code, replayed := range map[model.Code]bool{
		model.CodeExists: true, model.CodeConflict: true, model.CodeNotFound: true, model.CodeInvalid: false, model.CodeInternal: false,
	} {
		w := newWorld(t)
		req := &bulkheadv1.CreateTenantRequest{Tenant: &bulkheadv1.Tenant{Id: "new"}}
		if _, err := w.tenantClient().CreateTenant(as(t, "bhs_admin", "Idempotency-Key", "k1"), req); err != nil {
			t.Fatal(err)
		}
		made := w.answers
		w.answers = map[string]*model.Answer{}
		w.tenants.fail = &model.Error{Code: code, Message: "it was made in between"}
		w.tenants.during = func() { w.answers = made }
		got, err := w.tenantClient().CreateTenant(as(t, "bhs_admin", "Idempotency-Key", "k1"), req)
		if replayed && (err != nil || got.GetId() != "new") {
			t.Errorf("%s: %v, %v", code, got, err)
		}
		if !replayed && detail(t, err).GetCode() != string(code) {
			t.Errorf("%s: %v, %v", code, got, err)
		}
		w.tenants.during = nil
		if _, err := w.tenantClient().CreateTenant(as(t, "bhs_admin", "Idempotency-Key", "k2"), req); detail(t, err).GetCode() != string(code) {
			t.Errorf("%s of a change that nobody made: %v", code, err)
		}
	}
}

func count(list []string, what string) int {
	n := 0
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

func TestSecretsStayOut(t *testing.T) {
	w := newWorld(t)
	c := bulkheadv1connect.NewAccountServiceClient(w.http, w.url)
	for _, p := range []string{"correct horse battery", "another one entirely"} {
		if _, err := c.ChangePassword(as(t, "bhs_alice"), &bulkheadv1.ChangePasswordRequest{OldPassword: p, NewPassword: p + "!"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.records[0].Changes) != 0 || w.records[0].Digest != w.records[1].Digest {
		t.Errorf("passwords show: %+v", w.records[0])
	}
	if slices.Contains(w.events, "begin") {
		t.Error("own accounts are not changed in the gate's transaction")
	}
}

func TestNeeds(t *testing.T) {
	for need, code := range map[model.Need]string{
		model.NeedFactor: "factor_required", model.NeedPhishingResistant: "factor_required",
		model.NeedStepUp: "step_up_required", model.NeedApproval: "approval_required",
	} {
		w := newWorld(t)
		w.decide = func(model.Request) model.Decision { return model.Decision{Needs: []model.Need{need}} }
		_, err := w.tenantClient().DeleteTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "acme"})
		if d := detail(t, err); d.GetCode() != code || d.GetRecord() == "" {
			t.Errorf("%s gives %v", need, d)
		}
	}
}

func TestFactsOfADecision(t *testing.T) {
	for name, c := range map[string]struct {
		change                  func(*world)
		fresh, approved, danger bool
	}{
		"fresh":                {fresh: true, danger: true},
		"stale":                {change: func(w *world) { w.now = w.now.Add(time.Hour) }, danger: true},
		"token":                {change: asToken, danger: true},
		"factor of the future": {change: func(w *world) { w.now = w.now.Add(-time.Hour) }, danger: true},
		"approved":             {change: func(w *world) { w.approved = true }, fresh: true, approved: true, danger: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.change != nil {
				c.change(w)
			}
			var last model.Request
			w.decide = func(r model.Request) model.Decision {
				last = r
				return model.Decision{Needs: []model.Need{model.NeedApproval}, Allowed: r.Approved}
			}
			_, _ = w.tenantClient().DeleteTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "acme"})
			if last.FreshFactor != c.fresh || last.Approved != c.approved || last.Dangerous != c.danger || last.Facts["door"] != "api" {
				t.Errorf("%+v", last)
			}
		})
	}
}

func asToken(w *world) {
	p := w.callers["bhs_admin"]
	p.Credential.Type = "Token"
	w.callers["bhs_admin"] = p
}

func TestPendingFactorOpensNothing(t *testing.T) {
	w := newWorld(t)
	p := w.callers["bhs_alice"]
	p.Auth = model.Strength{Pending: true}
	w.callers["bhs_alice"] = p
	for _, id := range []string{"acme", "globex", "nowhere"} {
		_, err := w.tenantClient().GetTenant(as(t, "bhs_alice"), &bulkheadv1.Id{Id: id})
		if d := detail(t, err); d.GetCode() != "factor_required" {
			t.Errorf("%s: %v", id, d)
		}
	}
}

func TestWhoCalls(t *testing.T) {
	w := newWorld(t)
	for name, headers := range map[string][]string{
		"nobody": nil, "basic": {"Authorization", "Basic YTpi"}, "empty": {"Authorization", "Bearer "},
		"unknown":    {"Authorization", "Bearer bhs_x"},
		"cross site": {"Cookie", "__Host-bulkhead=bhs_admin", "Sec-Fetch-Site", "cross-site"},
		"same site":  {"Cookie", "__Host-bulkhead=bhs_admin", "Sec-Fetch-Site", "same-site"},
		"origin":     {"Cookie", "__Host-bulkhead=bhs_admin", "Origin", "https://evil.example"},
	} {
		_, err := w.tenantClient().GetTenant(as(t, "", headers...), &bulkheadv1.Id{Id: "acme"})
		if d := detail(t, err); d.GetCode() != "unauthenticated" {
			t.Errorf("%s: %v", name, d)
		}
	}
	for _, headers := range [][]string{
		{"Cookie", "__Host-bulkhead=bhs_admin", "Sec-Fetch-Site", "same-origin"}, {"Cookie", "__Host-bulkhead=bhs_admin"},
	} {
		if _, err := w.tenantClient().GetTenant(as(t, "", headers...), &bulkheadv1.Id{Id: "acme"}); err != nil {
			t.Errorf("%v: %v", headers, err)
		}
	}
}

func TestForm(t *testing.T) {
	w := newWorld(t)
	_, err := w.tenantClient().CreateTenant(as(t, "bhs_admin"), create("NOT a label"))
	if d := detail(t, err); d.GetCode() != "invalid" || d.GetField() != "tenant.id" || len(w.events) != 0 {
		t.Errorf("%v %v", d, w.events)
	}
}

func TestRate(t *testing.T) {
	w := newWorld(t, func(s *Settings) { s.Rate, s.Burst, s.PublicRate, s.PublicBurst = 1, 3, 1, 2 })
	var codes []string
	for range 4 {
		if _, err := w.tenantClient().GetTenant(as(t, "bhs_alice"), &bulkheadv1.Id{Id: "acme"}); err != nil {
			codes = append(codes, detail(t, err).GetCode())
		}
	}
	if !slices.Equal(codes, []string{"too_many_requests"}) {
		t.Error(codes)
	}
	if _, err := w.tenantClient().GetTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "acme"}); err != nil {
		t.Errorf("somebody else is held up: %v", err)
	}
	codes = nil
	for range 3 { // guesses count against their address
		_, err := w.tenantClient().GetTenant(as(t, "bhs_guess"), &bulkheadv1.Id{Id: "acme"})
		codes = append(codes, detail(t, err).GetCode())
	}
	if !slices.Equal(codes, []string{"unauthenticated", "unauthenticated", "too_many_requests"}) {
		t.Error(codes)
	}
}

func TestStreamEndsWithItsRight(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*world)
		code string
	}{
		"revoked": {func(w *world) { delete(w.callers, "bhs_alice") }, "unauthenticated"},
		"right": {func(w *world) {
			w.decide = func(model.Request) model.Decision { return model.Decision{Reason: "no more"} }
		}, "denied"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := watch(t, w)
			w.mu.Lock()
			c.end(w)
			w.mu.Unlock()
			for s.Receive() {
				t.Log(s.Msg())
			}
			if d := detail(t, s.Err()); d.GetCode() != c.code {
				t.Error(d)
			}
		})
	}
	w := newWorld(t)
	s := watch(t, w)
	w.gate.Drain()
	for s.Receive() {
		t.Log(s.Msg())
	}
	if d := detail(t, s.Err()); d.GetCode() != "unavailable" {
		t.Error(d)
	}
}

func watch(t *testing.T, w *world) *connect.ServerStreamForClient[bulkheadv1.Change] {
	t.Helper()
	s, err := bulkheadv1connect.NewWatchServiceClient(w.http, w.url).Watch(as(t, "bhs_alice"), &bulkheadv1.WatchRequest{Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if !s.Receive() || len(w.later) == 0 {
		t.Fatal(s.Err())
	}
	return s
}

func TestStreamOfAnotherTenant(t *testing.T) {
	w := newWorld(t)
	s, err := bulkheadv1connect.NewWatchServiceClient(w.http, w.url).Watch(as(t, "bhs_alice"), &bulkheadv1.WatchRequest{Tenant: "globex"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Receive() {
		t.Error("something came")
	}
	if d := detail(t, s.Err()); d.GetCode() != "not_found" {
		t.Error(d)
	}
}

// TestUnreadableBodies: what can't be read is refused with a code and what to do, and only after it is known who sends it.
func TestUnreadableBodies(t *testing.T) {
	w := newWorld(t)
	m := &bulkheadv1.CreateTenantRequest{}
	Malformed(m, errors.New("unknown field \"admin\""))
	_, err := w.tenantClient().CreateTenant(as(t, "bhs_admin"), m)
	if d := detail(t, err); d.GetCode() != "invalid" || d.GetRemediation() == "" || !strings.Contains(err.Error(), `unknown field "admin"`) {
		t.Errorf("%v, %v", err, d)
	}
	_, err = w.tenantClient().CreateTenant(as(t, ""), m)
	if d := detail(t, err); d.GetCode() != "unauthenticated" {
		t.Errorf("%v", err)
	}
	if len(w.events) != 0 {
		t.Errorf("something happened: %v", w.events)
	}
}
