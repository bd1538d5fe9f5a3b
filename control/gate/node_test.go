package gate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// nodes are the nodes that are known, by certificate, and a handler for them.
type nodes struct {
	bulkheadv1connect.UnimplementedAgentServiceHandler
	w       *world
	err     map[string]error
	expired map[string]bool
	asked   int
	seen    []string // what handlers saw
	fail    error
}

func (n *nodes) AuthenticateNode(ctx context.Context, certificate []byte, expiredToo bool) (model.Principal, *model.Member, error) {
	n.asked++
	name := string(certificate)
	m := &model.Member{ID: name, Name: "name of " + name, Tenant: "acme"}
	if ClientOf(ctx).Address == "" {
		return model.Principal{}, m, &model.Error{Code: model.CodeInternal, Message: "who calls from where is not known"}
	}
	if err := n.err[name]; err != nil {
		return model.Principal{}, m, err
	}
	if n.expired[name] && !expiredToo {
		return model.Principal{}, m, &model.Error{Code: model.CodeUnauthenticated, Message: "the certificate is over"}
	}
	return model.Principal{
		Ref: model.Ref{Type: "Node", ID: name}, Name: m.Name, Tenant: m.Tenant, Roles: []string{model.RoleNode}, Hosts: []string{name},
		Credential: model.Ref{Type: "Certificate", ID: "5e"},
	}, m, nil
}

func (n *nodes) Report(ctx context.Context, _ *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error) {
	n.seen = append(n.seen, Node(ctx).ID)
	return &bulkheadv1.ReportResponse{}, n.fail
}

func (n *nodes) Renew(ctx context.Context, _ *bulkheadv1.RenewRequest) (*bulkheadv1.RenewResponse, error) {
	n.w.event("handler")
	n.seen = append(n.seen, Node(ctx).ID+" "+Caller(ctx).Credential.ID)
	return &bulkheadv1.RenewResponse{}, n.fail
}

func (n *nodes) Join(ctx context.Context, _ *bulkheadv1.JoinRequest) (*bulkheadv1.JoinResponse, error) {
	if Node(ctx) != nil || Caller(ctx).ID != "" {
		return nil, &model.Error{Code: model.CodeInternal, Message: "somebody is known at the public door"}
	}
	return &bulkheadv1.JoinResponse{}, nil
}

func (n *nodes) Follow(ctx context.Context, _ *bulkheadv1.FollowRequest, out *connect.ServerStream[bulkheadv1.FollowResponse]) error {
	if err := out.Send(&bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Alive{Alive: &bulkheadv1.Empty{}}}); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// fleet is a world whose server takes the header Test-Certificate for a certificate that was shown.
func fleet(t *testing.T, change ...func(*Settings)) (*world, *nodes, bulkheadv1connect.AgentServiceClient) {
	t.Helper()
	w := newWorld(t, change...)
	n := &nodes{w: w, err: map[string]error{}, expired: map[string]bool{}}
	w.gate.Nodes = n
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAgentServiceHandler(n, w.gate.HandlerOption()))
	mux.Handle(bulkheadv1connect.NewTenantServiceHandler(&w.tenants, w.gate.HandlerOption()))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if c := r.Header.Get("Test-Certificate"); c != "" {
			r = r.WithContext(WithCertificate(r.Context(), []byte(c)))
		}
		mux.ServeHTTP(rw, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w.http, w.url = srv.Client(), srv.URL
	return w, n, bulkheadv1connect.NewAgentServiceClient(w.http, w.url)
}

func report() *bulkheadv1.ReportRequest {
	return &bulkheadv1.ReportRequest{Run: "r1", Time: timestamppb.Now()}
}

func renewal() *bulkheadv1.RenewRequest { return &bulkheadv1.RenewRequest{Csr: []byte("csr")} }

func TestNodesAtTheirDoor(t *testing.T) {
	w, n, c := fleet(t)
	var last model.Request
	w.decide = func(r model.Request) model.Decision {
		last = r
		return model.Decision{Allowed: r.Resource.Ref == r.Principal.Ref}
	}
	cert := as(t, "", "Test-Certificate", "n1", "Cookie", "__Host-bulkhead=bhs_admin")
	if _, err := c.Report(cert, report()); err != nil || !slices.Equal(n.seen, []string{"n1"}) {
		t.Fatal(err, n.seen)
	}
	if len(w.records)+len(w.later)+len(w.events) != 0 {
		t.Errorf("a report made records or a transaction: %v %v %v", w.records, w.later, w.events)
	}
	ref := model.Ref{Type: "Node", ID: "n1"}
	if o := last.Resource; o.Ref != ref || o.Attrs["tenant"] != (model.Ref{Type: "Tenant", ID: "acme"}) || o.Attrs["id"] != "n1" || o.Attrs["name"] != "name of n1" ||
		!slices.Contains(o.Parents, model.Ref{Type: "Role", ID: "node"}) || last.Action != "NodeReport" || last.Principal.Ref != ref {
		t.Errorf("asked about %+v", last)
	}
	if _, err := c.Renew(cert, renewal()); err != nil || n.seen[1] != "n1 5e" {
		t.Fatal(err, n.seen)
	}
	if !slices.Equal(w.events, []string{"record allowed", "handler"}) || w.records[0].Actor != "n1" || w.records[0].Action != "NodeRenew" ||
		w.records[0].Resource != ref || w.records[0].Tenant != "acme" || w.records[0].Credential != "Certificate::5e" {
		t.Errorf("a renewal is recorded before it, and not in the gate's transaction: %v %+v", w.events, w.records)
	}
	n.fail = &model.Error{Code: model.CodeDenied, Message: "another key"}
	if _, err := c.Renew(cert, renewal()); detail(t, err).GetCode() != "denied" || len(w.records) != 3 || w.records[2].Outcome != model.OutcomeFailed {
		t.Errorf("%v %+v", err, w.records)
	}
	if _, err := c.Report(as(t, "", "Test-Certificate", "n1", "Idempotency-Key", "k"), report()); detail(t, err).GetCode() != "invalid" {
		t.Error(err)
	}
}

func TestNoRecordNoRenewal(t *testing.T) {
	w, n, c := fleet(t)
	w.auditErr = &model.Error{Code: model.CodeAuditUnavailable, Message: "disk full"}
	if _, err := c.Renew(as(t, "", "Test-Certificate", "n1"), renewal()); detail(t, err).GetCode() != "audit_unavailable" || len(n.seen) != 0 {
		t.Error(err, n.seen)
	}
}

func TestWhoIsNoNode(t *testing.T) {
	for name, x := range map[string]struct {
		secret   string
		headers  []string
		recorded string // "" for not
	}{
		"nobody":                     {"", nil, ""},
		"a user's session":           {"bhs_admin", nil, "the credential is not good"},
		"a user's cookie":            {"", []string{"Cookie", "__Host-bulkhead=bhs_admin"}, ""},
		"certificate and session":    {"bhs_admin", []string{"Test-Certificate", "n1"}, "the credential is not good"},
		"certificate and basic auth": {"", []string{"Test-Certificate", "n1", "Authorization", "Basic YTpi"}, "the credential is not good"},
		"unknown certificate":        {"", []string{"Test-Certificate", "forged"}, "forged"},
		"revoked":                    {"", []string{"Test-Certificate", "revoked"}, "revoked yesterday"},
		"expired":                    {"", []string{"Test-Certificate", "expired"}, "is over"},
	} {
		t.Run(name, func(t *testing.T) {
			w, n, c := fleet(t)
			n.err["forged"] = &model.Error{Code: model.CodeUnauthenticated, Message: "forged"}
			n.err["revoked"] = &model.Error{Code: model.CodeUnauthenticated, Message: "revoked yesterday"}
			n.expired["expired"] = true
			_, err := c.Report(as(t, x.secret, x.headers...), report())
			if d := detail(t, err); d.GetCode() != "unauthenticated" || d.GetRemediation() == "" {
				t.Error(d)
			}
			if (x.recorded != "") != (len(w.later) == 1) || len(n.seen) != 0 {
				t.Fatalf("%+v %v", w.later, n.seen)
			}
			if x.recorded != "" && (!strings.Contains(w.later[0].Reason, x.recorded) || w.later[0].Outcome != model.OutcomeRefused) {
				t.Errorf("%+v", w.later[0])
			}
			if name == "revoked" && (w.later[0].Resource != model.Ref{Type: "Node", ID: "revoked"} || w.later[0].Tenant != "acme") {
				t.Errorf("%+v", w.later[0])
			}
		})
	}
	w, n, c := fleet(t)
	n.expired["expired"] = true
	if _, err := c.Renew(as(t, "", "Test-Certificate", "expired"), renewal()); err != nil {
		t.Errorf("an expired certificate can't be renewed: %v", err)
	}
	n.err["down"] = &model.Error{Code: model.CodeUnavailable, Message: "the store does not answer"}
	if _, err := c.Report(as(t, "", "Test-Certificate", "down"), report()); detail(t, err).GetCode() != "unavailable" || len(w.later) != 0 {
		t.Errorf("a store that is down makes bad credentials: %v %v", err, w.later)
	}
	w.gate.Nodes = nil
	if _, err := c.Report(as(t, "", "Test-Certificate", "n1"), report()); detail(t, err).GetCode() != "unauthenticated" {
		t.Error(err)
	}
}

// TestCertificatesOpenNoOtherDoor: neither alone nor beside a user's secret does a certificate change who calls.
func TestCertificatesOpenNoOtherDoor(t *testing.T) {
	w, n, c := fleet(t)
	_, err := w.tenantClient().GetTenant(as(t, "", "Test-Certificate", "n1"), &bulkheadv1.Id{Id: "acme"})
	if d := detail(t, err); d.GetCode() != "unauthenticated" || n.asked != 0 || len(w.later) != 1 {
		t.Errorf("%v, asked %d times, records %v", d, n.asked, w.later)
	}
	if _, err := w.tenantClient().GetTenant(as(t, "bhs_alice", "Test-Certificate", "n1"), &bulkheadv1.Id{Id: "acme"}); err != nil || n.asked != 0 {
		t.Error(err, n.asked)
	}
	if _, err := c.Join(as(t, "", "Test-Certificate", "n1"), &bulkheadv1.JoinRequest{Token: "t", Csr: []byte("c"), Name: "n"}); err != nil || n.asked != 0 {
		t.Error(err, n.asked)
	}
}

func TestRefusedNodesDoNotFillTheLog(t *testing.T) {
	w, _, c := fleet(t, func(s *Settings) { s.PublicRate, s.PublicBurst = 1, 2 })
	w.decide = func(model.Request) model.Decision { return model.Decision{Reason: "forbidden"} }
	var codes []string
	for range 5 {
		_, err := c.Report(as(t, "", "Test-Certificate", "n1"), report())
		codes = append(codes, detail(t, err).GetCode())
	}
	if want := []string{"denied", "denied", "too_many_requests", "too_many_requests", "too_many_requests"}; !slices.Equal(codes, want) || len(w.records) != 2 {
		t.Errorf("%v, %d records", codes, len(w.records))
	}
	if w.records[0].Outcome != model.OutcomeRefused || w.records[0].Action != "NodeReport" || w.records[0].Tenant != "acme" {
		t.Errorf("%+v", w.records[0])
	}
}

func TestNodesHaveARate(t *testing.T) {
	w, _, c := fleet(t, func(s *Settings) { s.Rate, s.Burst = 1, 2 })
	var codes []string
	for _, who := range []string{"n1", "n1", "n1", "n2"} {
		code := ""
		if _, err := c.Report(as(t, "", "Test-Certificate", who), report()); err != nil {
			code = detail(t, err).GetCode()
		}
		codes = append(codes, code)
	}
	if !slices.Equal(codes, []string{"", "", "too_many_requests", ""}) || len(w.records) != 0 {
		t.Error(codes)
	}
}

func TestNodesStreams(t *testing.T) {
	w, n, c := fleet(t, func(s *Settings) { s.Streams, s.TenantStreams, s.Recheck = 2, 1, time.Millisecond })
	follow := func(who string) *connect.ServerStreamForClient[bulkheadv1.FollowResponse] {
		s, err := c.Follow(as(t, "", "Test-Certificate", who), &bulkheadv1.FollowRequest{Run: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	var open []*connect.ServerStreamForClient[bulkheadv1.FollowResponse]
	for _, who := range []string{"n1", "n1", "n2", "n3"} { // more than the tenant may have
		s := follow(who)
		if !s.Receive() {
			t.Fatal(s.Err())
		}
		open = append(open, s)
	}
	third := follow("n1")
	if third.Receive() {
		t.Error("a node has as many streams as it likes")
	}
	if d := detail(t, third.Err()); d.GetCode() != "too_many_requests" {
		t.Error(d)
	}
	if n.asked != 5 || len(w.records)+len(w.later) != 0 {
		t.Errorf("asked %d times who it is, recorded %v %v", n.asked, w.records, w.later)
	}
	w.mu.Lock()
	w.decide = func(model.Request) model.Decision { return model.Decision{Reason: "no more"} }
	w.mu.Unlock()
	if s := follow("n4"); s.Receive() || detail(t, s.Err()).GetCode() != "denied" {
		t.Error("the policies are not asked")
	}
	w.gate.Drain()
	for _, s := range open {
		for s.Receive() {
			t.Log(s.Msg())
		}
		if d := detail(t, s.Err()); d.GetCode() != "unavailable" {
			t.Error(d)
		}
	}
}
