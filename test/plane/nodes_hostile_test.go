//go:build e2e

package plane

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// hostile is a control plane that was taken over, and sends its nodes what it wants.
type hostile struct {
	bulkheadv1connect.UnimplementedAgentServiceHandler
	t      *testing.T
	ca     *testCA
	signer note.Signer
	key    string
	node   string
	url    string

	mu       sync.Mutex
	greeting []*bulkheadv1.FollowResponse // to each stream that opens
	next     chan *bulkheadv1.FollowResponse
	digest   string
	findings map[string]*bulkheadv1.ReportedFinding // by kind and subject
	state    *bulkheadv1.AgentState
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{
		t: t, ca: newTestCA(t), node: "5d41402abc4b2a76b9719d911017c592", next: make(chan *bulkheadv1.FollowResponse, 4),
		findings: map[string]*bulkheadv1.ReportedFinding{},
	}
	h.signer, h.key = newSigner(t)
	cert, key := filepath.Join(t.TempDir(), "tls.pem"), filepath.Join(t.TempDir(), "tls.key")
	h.ca.issue(t, 7, cert, key)
	chain, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	chain.Certificate = append(chain.Certificate, h.ca.cert.Raw)
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAgentServiceHandler(h))
	s := httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{chain}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13}
	s.StartTLS()
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	h.url = strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	return h
}

func newSigner(t *testing.T) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "bulkhead/policies")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

// Join implements AgentService.
func (h *hostile) Join(_ context.Context, r *bulkheadv1.JoinRequest) (*bulkheadv1.JoinResponse, error) {
	csr, err := x509.ParseCertificateRequest(r.GetCsr())
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(8), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		URIs: []*url.URL{{Scheme: "spiffe", Host: "bulkhead-hostile", Path: "/node/" + h.node}},
	}, h.ca.cert, csr.PublicKey, h.ca.key)
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.JoinResponse{
		Node: h.node, Tenant: "acme", Certificate: der, Authority: h.ca.cert.Raw, PolicyKey: h.key, Time: timestamppb.Now(),
	}, nil
}

// Report implements AgentService.
func (h *hostile) Report(_ context.Context, r *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = r.GetState()
	if d := r.GetFacts().GetDigest(); d != "" {
		h.digest = d
	}
	for _, f := range r.GetFindings() {
		h.findings[f.GetKind()+" "+f.GetSubject()] = f
	}
	return &bulkheadv1.ReportResponse{Time: timestamppb.Now(), Facts: h.digest}, nil
}

// SendLog implements AgentService.
func (h *hostile) SendLog(_ context.Context, r *bulkheadv1.SendLogRequest) (*bulkheadv1.SendLogResponse, error) {
	return &bulkheadv1.SendLogResponse{Next: r.GetFrom() + uint64(len(r.GetEntries()))}, nil
}

// Follow implements AgentService.
func (h *hostile) Follow(ctx context.Context, _ *bulkheadv1.FollowRequest, out *connect.ServerStream[bulkheadv1.FollowResponse]) error {
	alive := &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Alive{Alive: &bulkheadv1.Empty{}}}
	h.mu.Lock()
	first := append([]*bulkheadv1.FollowResponse{alive}, h.greeting...)
	h.mu.Unlock()
	for _, r := range first {
		if err := out.Send(r); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r := <-h.next:
			if err := out.Send(r); err != nil {
				return err
			}
		}
	}
}

// found is a finding that the agent reported, nil for none.
func (h *hostile) found(subject string) *bulkheadv1.ReportedFinding {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.findings["node/bundle-refused "+subject]
}

// document is one with a signature.
func document(t *testing.T, s note.Signer, kind model.BundleKind, scope string, version int64, d any) *bulkheadv1.FollowResponse {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	b := &model.Bundle{Kind: kind, Scope: scope, Version: version, Document: data}
	if err := bundle.Sign(b, s); err != nil {
		t.Fatal(err)
	}
	return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Document{Document: &bulkheadv1.SignedDocument{
		Kind: string(kind), Version: version, Document: data, Signature: b.Signature,
	}}}
}

// policiesOf has a set that was signed, as by a control plane that has the key.
func policiesOf(t *testing.T, s note.Signer, tenant, setOf, cedar string) bundle.Policies {
	t.Helper()
	set := model.Policies{Tenant: setOf, Version: 1, Files: []model.PolicyFile{{Name: "a.cedar", Text: cedar}}}
	digest, err := bundle.SetDigest(&set)
	if err == nil {
		set.Signature, err = bundle.SignSet(digest, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Policies{Schema: bundle.Schema, Tenant: tenant, Sets: []model.Policies{set}}
}

// cedar is a policy that is good, with a mark.
func cedar(mark string) string {
	return fmt.Sprintf("@id(%q)\nforbid (principal in Bulkhead::Role::\"developer\", action, resource);\n", mark)
}

// TestHostileServer joins a real agent to a control plane that sends it what it must not take. It keeps the last good documents,
// also over a restart, and says what it refused.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	m := newMachine(t, "web-1")
	link := fmt.Sprintf("%s#ca=sha256:%x", h.url, sha256.Sum256(h.ca.cert.Raw))
	other := newTestCA(t)
	if r := m.run("--join", fmt.Sprintf("%s#ca=sha256:%x", h.url, sha256.Sum256(other.cert.Raw)), "--token-file", writeFile(t, "token", "t\n")); r.code == 0 ||
		!strings.Contains(r.stderr, "nothing was sent") {
		t.Errorf("another CA than the one that was named: %+v", r)
	}
	p := &person{t: t} // to wait with

	settings := func(pool string, every time.Duration) bundle.Settings {
		return bundle.Settings{Schema: bundle.Schema, Pool: pool, CollectEvery: every}
	}
	assignment := func(node, tenant string) bundle.Assignment {
		return bundle.Assignment{Schema: bundle.Schema, Node: node, Tenant: tenant, Pool: "default"}
	}
	const policies, set, node = model.BundlePolicies, model.BundleSettings, model.BundleAssignment
	good := []*bulkheadv1.FollowResponse{
		document(t, h.signer, node, h.node, 3, assignment(h.node, "acme")),
		document(t, h.signer, policies, "acme", 5, policiesOf(t, h.signer, "acme", "acme", cedar("five"))),
		document(t, h.signer, set, "acme/default", 6, settings("acme/default", time.Minute)),
	}
	h.greeting = good
	m.start("--join", link, "--token-file", writeFile(t, "token", "t\n"), "--name", "web-1")
	inForce := func(p, s, a int64) func() error {
		return func() error {
			if n := m.status(); !n.Connected || n.Policies != p || n.Settings != s || n.Assignment != a {
				return fmt.Errorf("%+v", n)
			}
			return nil
		}
	}
	p.within(time.Minute, "the good documents in force", inForce(5, 6, 3))

	thief, _ := newSigner(t)
	changed := document(t, h.signer, policies, "acme", 9, policiesOf(t, h.signer, "acme", "acme", cedar("nine")))
	changed.GetDocument().Document = []byte(strings.Replace(string(changed.GetDocument().GetDocument()), "nine", "evil", 1))
	for _, x := range []struct {
		name    string
		send    *bulkheadv1.FollowResponse
		subject string
		why     string
	}{
		{"rolled back", document(t, h.signer, policies, "acme", 4, policiesOf(t, h.signer, "acme", "acme", cedar("four"))), "policies", "older than what is in force"},
		{"of the same version", document(t, h.signer, policies, "acme", 5, policiesOf(t, h.signer, "acme", "acme", cedar("other"))), "policies", "version 5, and 5 is in force"},
		{"signed by another key", document(t, thief, policies, "acme", 9, policiesOf(t, h.signer, "acme", "acme", cedar("nine"))), "policies", "not signed by this control plane"},
		{"changed on the way", changed, "policies", "the signature is of another document"},
		{"for another tenant", document(t, h.signer, policies, "rival", 9, policiesOf(t, h.signer, "rival", "rival", cedar("nine"))), "policies", "for somebody else"},
		{"with another tenant's policies", document(t, h.signer, policies, "acme", 9, policiesOf(t, h.signer, "acme", "rival", cedar("nine"))), "policies", "policies of the tenant"},
		{"with a set that another key signed", document(t, h.signer, policies, "acme", 9, policiesOf(t, thief, "acme", "acme", cedar("nine"))), "policies", "policies of \"acme\", version 1: it is not signed by this control plane"},
		{"that can't be loaded", document(t, h.signer, policies, "acme", 9, policiesOf(t, h.signer, "acme", "acme", "forbid (")), "policies", "can't be loaded"},
		{"of 4.5 MiB", document(t, h.signer, policies, "acme", 9, policiesOf(t, h.signer, "acme", "acme", strings.Repeat("/", 9<<19))), "policies", "more than 4194304"},
		{"for another node", document(t, h.signer, node, "somebody", 9, assignment("somebody", "acme")), "assignment", "for somebody else"},
		{"for another tenant's node", document(t, h.signer, node, h.node, 9, assignment(h.node, "rival")), "assignment", "for the tenant"},
		{"for another pool", document(t, h.signer, set, "acme/edge", 9, settings("acme/edge", time.Minute)), "settings", "for somebody else"},
		{"with an interval that may not be", document(t, h.signer, set, "acme/default", 9, settings("acme/default", time.Second)), "settings", "between 10s and 1h"},
		{"of a kind that is none", document(t, h.signer, "firmware", "acme", 9, struct{}{}), "unknown", "firmware"},
		{"of 100 MB", document(t, h.signer, policies, "acme", 9, policiesOf(t, h.signer, "acme", "acme", strings.Repeat("/", 100<<20))), "unknown", "the server sends more than this node takes"},
	} {
		h.next <- x.send
		p.within(time.Minute, "told of policies "+x.name, func() error {
			if f := h.found(x.subject); !strings.Contains(f.GetText(), x.why) || f.GetOver() || f.GetSeverity() != "high" {
				return fmt.Errorf("told: %v", f)
			}
			return nil
		})
		p.within(time.Minute, "the good documents still in force", inForce(5, 6, 3))
		p.within(time.Minute, "agent status says why", func() error {
			if s := m.status(); !strings.Contains(s.Refused[model.BundleKind(x.subject)], x.why) {
				return fmt.Errorf("after one %s it says %v", x.name, s.Refused)
			}
			return nil
		})
	}
	contains(t, "agent status", m.run("status").stdout, "refused      policies, version 9")

	h.next <- document(t, h.signer, policies, "acme", 10, policiesOf(t, h.signer, "acme", "acme", cedar("ten")))
	p.within(time.Minute, "a newer good one in force", inForce(10, 6, 3))
	p.within(time.Minute, "the refusals of policies over", func() error {
		if a, b := h.found("policies"), h.found("unknown"); !a.GetOver() || !b.GetOver() {
			return fmt.Errorf("%v %v", a, b)
		}
		return nil
	})
	m.kill()
	m.start() // the server greets with version 5 again
	p.within(time.Minute, "after a restart the newest in force, and the older refused", func() error {
		if f := h.found("policies"); f.GetOver() || !strings.Contains(f.GetText(), "version 5, and 10 is in force") {
			return fmt.Errorf("told: %v", f)
		}
		return inForce(10, 6, 3)()
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state.GetPoliciesVersion() != 10 || h.state.GetSettingsVersion() != 6 || h.state.GetAssignmentVersion() != 3 {
		t.Errorf("the agent reports %v", h.state)
	}
}
