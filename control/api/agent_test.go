package api_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func asConnect(err error, to **connect.Error) bool { return errors.As(err, to) }

func (y *yard) report() *bulkheadv1.ReportRequest {
	return &bulkheadv1.ReportRequest{Run: "r1", Time: timestamppb.New(y.now)}
}

// last is the newest record.
func (y *yard) last(t *testing.T) model.Record {
	t.Helper()
	if len(y.records) == 0 {
		t.Fatal("no record")
	}
	return y.records[len(y.records)-1]
}

func (y *yard) told(kind string) []model.Event {
	var out []model.Event
	for _, e := range y.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func TestJoinAndReport(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	id := m.res.GetNode()
	if len(id) != 32 || m.res.GetTenant() != "acme" || string(m.res.GetAuthority()) != string(y.ca.Certificate()) || m.res.GetPolicyKey() != "policy key" ||
		!m.res.GetTime().AsTime().Equal(y.now.UTC()) {
		t.Errorf("%v", m.res)
	}
	n := y.members[id]
	if n.Name != "web1" || n.Machine != id || n.Pool != "edge" || n.Labels["rack"] != "7" || n.Sensitivity != "secret" || n.Tenant != "acme" || n.Version != 1 ||
		n.Health != model.HealthUp || len(n.KeyHash) != 32 || n.Serial == "" || n.CertificateEnds.IsZero() || n.AgentVersion != "1.2" {
		t.Errorf("%+v", n)
	}
	r := y.records[0]
	if len(y.records) != 1 || r.Action != "NodeJoin" || r.Actor != "id-owner" || r.Tenant != "acme" || r.Resource != (model.Ref{Type: "Node", ID: id}) ||
		r.Outcome != model.OutcomeAllowed || r.Credential != "JoinToken::token-web1" || r.Address == "" || r.Changes["name"] != "web1" || len(r.Changes["key"]) != 64 {
		t.Errorf("%+v", y.records)
	}
	if e := y.told(model.EventJoined); len(e) != 1 || e[0].Node != id || e[0].NodeName != "web1" || e[0].Tenant != "acme" || e[0].Text.ZH == "" {
		t.Errorf("%+v", y.events)
	}
	if tok := y.tokens["token-web1"]; tok.UsedBy != id || tok.Used.IsZero() {
		t.Errorf("%+v", tok)
	}

	at := timestamppb.New(y.now.Add(-time.Minute))
	req := y.report()
	req.State = &bulkheadv1.AgentState{Version: "1.2", PoliciesVersion: 7, SettingsVersion: 8, AssignmentVersion: 9, Spooled: -1, Dropped: 3, Started: at, Stopping: true}
	req.Facts = &bulkheadv1.FactsUpdate{Digest: strings.Repeat("0a", 32), Taken: at, Removed: []string{"x"}, More: true, Set: []*bulkheadv1.Fact{{Key: "host", Data: []byte("{}")}}}
	req.Findings = []*bulkheadv1.ReportedFinding{
		{Id: "f1", Kind: "node/x", Severity: "high", Text: "t", TextZh: "z", First: at, Last: timestamppb.New(y.now.AddDate(1, 0, 0)), Count: 2, Over: true},
		{Id: "f2", Kind: "node/x", Severity: "low", First: timestamppb.New(y.now), Last: at, Count: 1},
	}
	req.Probes = []*bulkheadv1.ProbeResult{{Id: "p1", Reachable: true, Text: "answered"}}
	res, err := m.Report(t.Context(), req)
	if err != nil || res.GetFacts() != id || !res.GetResync() || res.GetTime() == nil {
		t.Fatal(res, err)
	}
	got := y.reports[0]
	if got.Run != "r1" || got.State.Policies != 7 || got.State.Settings != 8 || got.State.Assignment != 9 || got.State.Spooled != 0 || got.State.Dropped != 3 || !got.State.Stopping ||
		got.Facts.Digest != strings.Repeat("0a", 32) || !got.Facts.More || string(got.Facts.Set[0].Data) != "{}" || got.Facts.Removed[0] != "x" ||
		got.Probes[0] != (api.AgentProbeAnswer{ID: "p1", Reachable: true, Text: "answered"}) {
		t.Errorf("%+v", got)
	}
	f := got.Findings[0]
	if f.Node != id || f.Tenant != "acme" || f.NodeName != "web1" || f.Source != model.SourceNode || f.Severity != model.High || f.Count != 2 || f.Text.ZH != "z" ||
		f.Last.After(y.now.Add(6*time.Minute)) || !f.Over.Equal(f.Last) {
		t.Errorf("%+v", f)
	}
	if f := got.Findings[1]; f.First.After(f.Last) || !f.Over.IsZero() {
		t.Errorf("%+v", f)
	}
	if len(y.records) != 1 {
		t.Errorf("a report is recorded: %+v", y.records[1:])
	}
}

func TestFollow(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	y.items = []api.AgentItem{
		{Alive: true},
		{Document: &model.Bundle{Kind: model.BundlePolicies, Version: 3, Document: []byte("{}"), Signature: "sig"}},
		{Probe: &api.AgentProbe{ID: "p", Addresses: []string{"192.0.2.9"}}},
		{Resync: true},
		{Renew: true},
	}
	s, err := m.Follow(t.Context(), &bulkheadv1.FollowRequest{Run: "r1", PoliciesVersion: 1, SettingsVersion: 2, AssignmentVersion: 3})
	if err != nil {
		t.Fatal(err)
	}
	var got []*bulkheadv1.FollowResponse
	for s.Receive() {
		got = append(got, s.Msg())
	}
	if y.have != (api.AgentHave{Run: "r1", Policies: 1, Settings: 2, Assignment: 3}) || len(got) != 5 || got[0].GetAlive() == nil ||
		got[1].GetDocument().GetKind() != "policies" || got[1].GetDocument().GetVersion() != 3 || got[1].GetDocument().GetSignature() != "sig" ||
		got[2].GetProbe().GetAddresses()[0] != "192.0.2.9" || got[3].GetResync() == nil || got[4].GetRenew() == nil {
		t.Errorf("%+v %v", y.have, got)
	}
	if refusedAs(t, s.Err()).GetCode() != "unauthenticated" {
		t.Error(s.Err())
	}
}

func TestRenewal(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	id := m.res.GetNode()
	y.now = y.now.Add(12 * time.Hour)
	res, err := m.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: m.csr})
	if err != nil {
		t.Fatal(err)
	}
	if r := y.last(t); r.Action != "NodeRenew" || r.Outcome != model.OutcomeAllowed || r.Actor != id {
		t.Errorf("%+v", r)
	}
	old, fresh := m.AgentServiceClient, y.agent(res.GetCertificate(), m.key)
	for i, x := range []struct {
		c    bulkheadv1connect.AgentServiceClient
		good bool
	}{{old, true}, {fresh, true}, {old, false}, {fresh, true}} {
		if _, err := x.c.Report(t.Context(), y.report()); x.good != (err == nil) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if len(y.reused) != 1 || !strings.HasPrefix(y.reused[0], "web1 ") || !strings.HasSuffix(y.reused[0], " 127.0.0.1") || y.last(t).Resource.ID != id {
		t.Errorf("an old certificate is not told of: %v, %+v", y.reused, y.last(t))
	}
	// Whoever stole the old one can't renew it either.
	if _, err := old.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: m.csr}); refusedAs(t, err).GetCode() != "unauthenticated" {
		t.Error(err)
	}
	// A captured CSR of another node's key is of no use with this certificate.
	if _, err := fresh.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: csrOf(t, newKey(t))}); refusedAs(t, err).GetCode() != "denied" {
		t.Error(err)
	}
	if r := y.last(t); r.Outcome != model.OutcomeFailed || r.Action != "NodeRenew" || len(y.told(model.EventJoinFail)) != 1 {
		t.Errorf("%+v %+v", r, y.events)
	}
	if _, err := fresh.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: []byte("hello")}); refusedAs(t, err).GetField() != "csr" {
		t.Error(err)
	}
}

func TestExpiredAndRevoked(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	y.now = y.now.Add(25 * time.Hour)
	if _, err := m.Report(t.Context(), y.report()); refusedAs(t, err).GetCode() != "unauthenticated" || y.last(t).Outcome != model.OutcomeRefused {
		t.Error(err)
	}
	s, err := m.Follow(t.Context(), &bulkheadv1.FollowRequest{Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Receive() || refusedAs(t, s.Err()).GetCode() != "unauthenticated" {
		t.Errorf("an expired certificate follows: %v", s.Err())
	}
	res, err := m.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: m.csr})
	if err != nil {
		t.Fatalf("an expired certificate can't be renewed: %v", err)
	}
	fresh := y.agent(res.GetCertificate(), m.key)
	if _, err := fresh.Report(t.Context(), y.report()); err != nil {
		t.Error(err)
	}
	y.change(m.res.GetNode(), func(n *model.Member) { n.Revoked, n.RevokedReason = y.now, "lost laptop" })
	for _, f := range []func() error{
		func() error { _, err := fresh.Report(t.Context(), y.report()); return err },
		func() error { _, err := fresh.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: m.csr}); return err },
		func() error {
			_, err := fresh.SendLog(t.Context(), &bulkheadv1.SendLogRequest{Key: "k"})
			return err
		},
	} {
		if err := f(); refusedAs(t, err).GetCode() != "unauthenticated" || !strings.Contains(err.Error(), "lost laptop") {
			t.Error(err)
		}
	}
	if len(y.reports) != 1 {
		t.Errorf("%d reports came through", len(y.reports))
	}
	other := y.joined(t, "web2")
	y.now = y.now.Add(24*time.Hour + 31*24*time.Hour)
	if _, err := other.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: other.csr}); refusedAs(t, err).GetCode() != "unauthenticated" {
		t.Errorf("after the grace: %v", err)
	}
}

func TestForeignCertificates(t *testing.T) {
	y, elsewhere := newYard(t), newYard(t)
	m := y.joined(t, "web1")
	id := m.res.GetNode()
	// Another installation's CA vouches for the very same id.
	der, _, _, err := elsewhere.ca.Issue(m.csr, id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	// This CA vouches for another key under the id.
	key := newKey(t)
	wrong, _, _, err := y.ca.Issue(csrOf(t, key), id, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]bulkheadv1connect.AgentServiceClient{
		"another CA": y.agent(der, m.key), "another key": y.agent(wrong, key), "no certificate": y.agent(nil, nil),
	} {
		if _, err := c.Report(t.Context(), y.report()); refusedAs(t, err).GetCode() != "unauthenticated" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(y.reports) != 0 {
		t.Error(y.reports)
	}
	// A node's certificate on a user's method, and a user's session on a node's.
	users := bulkheadv1connect.NewUserServiceClient(y.dial(m.res.GetCertificate(), m.key), y.url)
	if _, err := users.ListUsers(t.Context(), &bulkheadv1.ListInTenantRequest{}); refusedAs(t, err).GetCode() != "unauthenticated" {
		t.Error(err)
	}
	y.account("admin", "system", strong(), model.RoleAdministrator)
	for _, c := range []bulkheadv1connect.AgentServiceClient{y.agent(nil, nil), m} {
		if _, err := c.Report(as(t, "bhs_admin"), y.report()); refusedAs(t, err).GetCode() != "unauthenticated" {
			t.Error(err)
		}
	}
}

func TestClockThatIsOff(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	for _, off := range []time.Duration{365 * 24 * time.Hour, -365 * 24 * time.Hour, 6 * time.Minute, -6 * time.Minute} {
		r := y.report()
		r.Time = timestamppb.New(y.now.Add(off))
		_, err := m.Report(t.Context(), r)
		if d := refusedAs(t, err); d.GetCode() != "invalid" || d.GetField() != "time" || !strings.Contains(err.Error(), "clock") {
			t.Error(err)
		}
	}
	e := y.told(model.EventClock)
	if len(e) != 1 || e[0].Node != m.res.GetNode() || len(y.reports) != 0 || len(y.records) != 2 {
		t.Fatalf("told %+v, %d reports, %d records", e, len(y.reports), len(y.records))
	}
	if r := y.last(t); r.Outcome != model.OutcomeRefused || r.Action != "NodeReport" || r.Actor != m.res.GetNode() || r.Tenant != "acme" {
		t.Errorf("%+v", r)
	}
	y.now = y.now.Add(61 * time.Minute)
	r := y.report()
	r.Time = timestamppb.New(y.now.AddDate(1, 0, 0))
	_, _ = m.Report(t.Context(), r)
	if len(y.told(model.EventClock)) != 2 {
		t.Error("not told again after an hour")
	}
	for _, off := range []time.Duration{4 * time.Minute, -4 * time.Minute} {
		r.Time = timestamppb.New(y.now.Add(off))
		if _, err := m.Report(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	r.Time = &timestamppb.Timestamp{Seconds: 1 << 60}
	if _, err := m.Report(t.Context(), r); refusedAs(t, err).GetField() != "time" {
		t.Error(err)
	}
}

func TestTwoAtOnceWithOneToken(t *testing.T) {
	y := newYard(t)
	secret := y.token("one")
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = y.join(t, "node"+string(rune('a'+i)), func(r *bulkheadv1.JoinRequest) { r.Token = secret })
		})
	}
	wg.Wait()
	good := len(slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err != nil }))
	if good != 1 || len(y.members) != 1 || len(y.told(model.EventJoined)) != 1 {
		t.Fatalf("%d joined with one token: %v", good, errs)
	}
	for _, err := range errs {
		if err != nil && refusedAs(t, err).GetCode() != "unauthenticated" {
			t.Error(err)
		}
	}
	if e := y.told(model.EventJoinFail); len(e) != 1 {
		t.Errorf("told %+v", e)
	}
}
