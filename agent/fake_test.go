package agent_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

const (
	nodeID = "0123456789abcdef0123456789abcdef"
	token  = "bhj_secret"
)

// fake is a control plane for one node, over real TLS. It applies facts as the real one does.
type fake struct {
	bulkheadv1connect.UnimplementedAgentServiceHandler

	t          *testing.T
	server     *httptest.Server
	ca, nodes  *authority
	signer     note.Signer
	policyKey  string
	life       time.Duration // of a node's certificate
	clock      time.Duration // how far its clock is off
	follows    chan struct{} // one for each stream that opens
	unanswered bool          // renewals are done and not answered

	mu        sync.Mutex
	mode      string // "", "500", "garbage", "hang"
	used      bool   // the token
	key       []byte // of the node
	serials   []string
	shown     []string // serials of certificates in the order of calls
	facts     map[string]string
	reports   []*bulkheadv1.ReportRequest
	findings  map[string]*bulkheadv1.ReportedFinding
	order     []string // of findings, as they came
	streams   []*bulkheadv1.FollowRequest
	out       chan *bulkheadv1.FollowResponse
	entries   [][]byte
	sent      []*bulkheadv1.SendLogRequest
	uncovered int // parts of the log that no checkpoint was over
	kept      []uint64
	forget    bool // the next report is answered with resync
}

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (a *authority) pin() string {
	s := sha256.Sum256(a.cert.Raw)
	return "sha256:" + hex.EncodeToString(s[:])
}

func certificate(t *testing.T, c *x509.Certificate, by *authority, public crypto.PublicKey) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	if public == nil {
		public = key.Public()
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := c, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, signer)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	return &authority{leaf, key}
}

func newAuthority(t *testing.T, name string) *authority {
	return certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newFake(t *testing.T) *fake {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "bulkhead/policies")
	check(t, err)
	f := &fake{
		t: t, ca: newAuthority(t, "server CA"), nodes: newAuthority(t, "nodes CA"), policyKey: public, life: 24 * time.Hour,
		follows: make(chan struct{}, 100), facts: map[string]string{}, findings: map[string]*bulkheadv1.ReportedFinding{},
	}
	f.signer, err = note.NewSigner(private)
	check(t, err)
	f.start("127.0.0.1:0", time.Time{})
	t.Cleanup(func() { f.stop() })
	return f
}

// start listens; a certificate that ended at a time is shown where one is given.
func (f *fake) start(at string, ended time.Time) {
	f.t.Helper()
	l, err := net.Listen("tcp", at)
	check(f.t, err)
	c := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if !ended.IsZero() {
		c.NotBefore, c.NotAfter = ended.Add(-time.Hour), ended
	}
	leaf := certificate(f.t, c, f.ca, nil)
	mux := http.NewServeMux()
	mux.Handle(bulkheadv1connect.NewAgentServiceHandler(f))
	s := httptest.NewUnstartedServer(f.door(mux))
	s.Listener = l
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.cert.Raw, f.ca.cert.Raw}, PrivateKey: leaf.key}},
	}
	s.StartTLS()
	f.server = s
}

func (f *fake) stop() {
	f.server.CloseClientConnections()
	f.server.Config.Close()
}

func (f *fake) link() string { return f.server.URL + "#ca=" + f.ca.pin() }

func (f *fake) set(mode string) {
	f.mu.Lock()
	f.mode = mode
	f.mu.Unlock()
	f.server.CloseClientConnections()
}

// door breaks answers where it is told to, and looks at the certificate that is shown.
func (f *fake) door(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		mode := f.mode
		f.mu.Unlock()
		switch mode {
		case "500":
			http.Error(w, "no", http.StatusInternalServerError)
			return
		case "garbage":
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
			_, _ = w.Write(bytes.Repeat([]byte{0x00, 0xff, 0x17}, 1000))
			return
		case "hang":
			<-r.Context().Done()
			return
		}
		if r.URL.Path == bulkheadv1connect.AgentServiceJoinProcedure {
			next.ServeHTTP(w, r)
			return
		}
		if err := f.admit(r.TLS.PeerCertificates); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f *fake) admit(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	if err := chain[0].CheckSignatureFrom(f.nodes.cert); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	serial := chain[0].SerialNumber.String()
	f.shown = append(f.shown, serial)
	n := len(f.serials)
	switch {
	case serial == f.serials[n-1]:
		f.serials = f.serials[n-1:] // used: the one before is good no longer
	case n > 1 && serial == f.serials[n-2]:
	default:
		f.t.Error("an old certificate was shown")
		return errors.New("an old certificate")
	}
	return nil
}

func refusal(code model.Code, text string) error {
	err := connect.NewError(connect.CodePermissionDenied, errors.New(text))
	if d, derr := connect.NewErrorDetail(&bulkheadv1.ErrorDetail{Code: string(code)}); derr == nil {
		err.AddDetail(d)
	}
	return err
}

func (f *fake) issue(request []byte) ([]byte, error) {
	csr, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(csr.PublicKey)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key != nil && !bytes.Equal(f.key, spki) {
		return nil, refusal(model.CodeDenied, "another key")
	}
	f.key = spki
	leaf := certificate(f.t, &x509.Certificate{
		URIs:      []*url.URL{{Scheme: "spiffe", Host: "test", Path: "/node/" + nodeID}},
		NotBefore: time.Now().Add(-f.life / 10), NotAfter: time.Now().Add(f.life), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, f.nodes, csr.PublicKey)
	f.serials = append(f.serials, leaf.cert.SerialNumber.String())
	f.serials = f.serials[max(0, len(f.serials)-2):]
	return leaf.cert.Raw, nil
}

func (f *fake) time() *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(f.clock)) }

func (f *fake) Join(_ context.Context, r *bulkheadv1.JoinRequest) (*bulkheadv1.JoinResponse, error) {
	f.mu.Lock()
	used := f.used
	f.used = true
	f.mu.Unlock()
	if r.GetToken() != token || used {
		return nil, refusal(model.CodeConflict, "the token was used")
	}
	der, err := f.issue(r.GetCsr())
	if err != nil {
		return nil, err
	}
	return &bulkheadv1.JoinResponse{Node: nodeID, Tenant: "acme", Certificate: der, Authority: f.nodes.cert.Raw, PolicyKey: f.policyKey, Time: f.time()}, nil
}

func (f *fake) Renew(_ context.Context, r *bulkheadv1.RenewRequest) (*bulkheadv1.RenewResponse, error) {
	der, err := f.issue(r.GetCsr())
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	lost := f.unanswered
	f.unanswered = false
	f.mu.Unlock()
	if lost {
		return nil, connect.NewError(connect.CodeUnavailable, errors.New("the answer is lost"))
	}
	return &bulkheadv1.RenewResponse{Certificate: der, Time: f.time()}, nil
}

func (f *fake) Report(_ context.Context, r *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports = append(f.reports, r)
	for _, x := range r.GetFindings() {
		if f.findings[x.GetId()] == nil {
			f.order = append(f.order, x.GetId())
		}
		f.findings[x.GetId()] = x
	}
	res := &bulkheadv1.ReportResponse{Time: f.time()}
	if f.forget {
		f.forget, f.facts = false, map[string]string{}
	}
	if u := r.GetFacts(); u != nil {
		m := &model.FactsUpdate{Base: u.GetBase(), Digest: u.GetDigest(), Removed: u.GetRemoved(), More: u.GetMore()}
		for _, x := range u.GetSet() {
			m.Set = append(m.Set, model.Fact{Key: x.GetKey(), Data: x.GetData()})
		}
		after, o, err := facts.Apply(f.facts, m)
		if err != nil {
			return nil, refusal(model.CodeInvalid, err.Error())
		}
		res.Resync = o == facts.Resync
		f.facts = after
	}
	res.Facts = facts.Digest(f.facts)
	return res, nil
}

func (f *fake) Follow(ctx context.Context, r *bulkheadv1.FollowRequest, s *connect.ServerStream[bulkheadv1.FollowResponse]) error {
	out := make(chan *bulkheadv1.FollowResponse, 16)
	f.mu.Lock()
	f.streams = append(f.streams, r)
	f.out = out
	f.mu.Unlock()
	if err := s.Send(&bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Alive{Alive: &bulkheadv1.Empty{}}}); err != nil {
		return err
	}
	f.follows <- struct{}{}
	for {
		select {
		case m := <-out:
			if err := s.Send(m); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send puts something on the open stream.
func (f *fake) send(m *bulkheadv1.FollowResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out <- m
}

// sizeOf is what a checkpoint is over: its second line.
func sizeOf(checkpoint string) uint64 {
	lines := strings.SplitN(checkpoint, "\n", 3)
	if len(lines) < 3 {
		return 0
	}
	n, _ := strconv.ParseUint(lines[1], 10, 64)
	return n
}

func (f *fake) SendLog(_ context.Context, r *bulkheadv1.SendLogRequest) (*bulkheadv1.SendLogResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, r)
	if n := r.GetFrom() + uint64(len(r.GetEntries())); len(r.GetEntries()) > 0 && n > sizeOf(r.GetCheckpoint()) {
		f.uncovered++
		return nil, refusal(model.CodeInvalid, "the entries are not among those that the checkpoint is over")
	}
	if err := underCheckpoint(r); err != nil {
		f.t.Errorf("%d entries from %d: %v", len(r.GetEntries()), r.GetFrom(), err)
	}
	for i, e := range r.GetEntries() {
		if at := r.GetFrom() + uint64(i); at == uint64(len(f.entries)) {
			f.entries = append(f.entries, e)
		} else if at > uint64(len(f.entries)) {
			return nil, refusal(model.CodeInvalid, "a hole in the log")
		}
	}
	return &bulkheadv1.SendLogResponse{Next: uint64(len(f.entries)), Kept: f.kept}, nil
}

// document signs one.
func (f *fake) document(kind model.BundleKind, scope string, version int64, v any) *bulkheadv1.SignedDocument {
	f.t.Helper()
	data, _, err := bundle.Encode(v)
	check(f.t, err)
	b := &model.Bundle{Kind: kind, Scope: scope, Version: version, Document: data}
	check(f.t, bundle.Sign(b, f.signer))
	return &bulkheadv1.SignedDocument{Kind: string(kind), Version: version, Document: b.Document, Signature: b.Signature}
}

func (f *fake) policies(version int64, name string) *bulkheadv1.SignedDocument {
	return f.document(model.BundlePolicies, "acme", version, bundle.Policies{Schema: bundle.Schema, Tenant: "acme", Sets: []model.Policies{f.set1(version, name)}})
}

// set1 is a signed set of one file.
func (f *fake) set1(version int64, name string) model.Policies {
	f.t.Helper()
	p := model.Policies{Tenant: "acme", Version: version, Files: []model.PolicyFile{{Name: name}}}
	digest, err := bundle.SetDigest(&p)
	check(f.t, err)
	p.Signature, err = bundle.SignSet(digest, f.signer)
	check(f.t, err)
	return p
}

func wrap(d *bulkheadv1.SignedDocument) *bulkheadv1.FollowResponse {
	return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Document{Document: d}}
}

// seen waits until something holds of the server, looked at under its lock.
func (f *fake) seen(what string, ok func() bool) {
	f.t.Helper()
	f.eventually(what, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return ok()
	})
}

func (f *fake) eventually(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	f.t.Fatalf("never seen: %s", what)
}

func (f *fake) last() *bulkheadv1.ReportRequest {
	if len(f.reports) == 0 {
		return &bulkheadv1.ReportRequest{}
	}
	return f.reports[len(f.reports)-1]
}

// found gives the finding of a kind about a subject.
func (f *fake) found(kind, subject string) *bulkheadv1.ReportedFinding {
	for _, x := range f.findings {
		if x.GetKind() == kind && x.GetSubject() == subject {
			return x
		}
	}
	return nil
}

// sees says whether the server has the facts of a node of a name.
func (f *fake) sees(name string) bool {
	s := sha256.Sum256([]byte(`{"name":"` + name + `","uid":0}`))
	return f.facts["node"] == hex.EncodeToString(s[:])
}

// fromNothing says how often facts were sent from nothing.
func (f *fake) fromNothing() (n int) {
	for _, r := range f.reports {
		if r.GetFacts() != nil && r.GetFacts().GetBase() == "" {
			n++
		}
	}
	return n
}

func unique(list []string) bool {
	s := slices.Clone(list)
	slices.Sort(s)
	return len(slices.Compact(s)) == len(list)
}

func pemOf(a *authority) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}
