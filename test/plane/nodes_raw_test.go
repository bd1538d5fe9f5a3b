//go:build e2e

package plane

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// rawNode is a node without an agent: what it sends is up to the test.
type rawNode struct {
	bulkheadv1connect.AgentServiceClient
	name string
	id   string
	key  *ecdsa.PrivateKey
	csr  []byte
	cert *tls.Certificate
	ca   []byte
}

// agentClient talks to the server as whoever has a certificate; nil shows none.
func agentClient(t *testing.T, p *person, cert *tls.Certificate) bulkheadv1connect.AgentServiceClient {
	t.Helper()
	return bulkheadv1connect.NewAgentServiceClient(clientWith(t, p, cert), p.server.URL)
}

func clientWith(t *testing.T, p *person, cert *tls.Certificate) *http.Client {
	t.Helper()
	c := p.server.Client()
	c.Timeout = 0
	if tr, ok := c.Transport.(*http.Transport); ok && cert != nil {
		tr.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func csrOf(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// joinToken is a new join token's secret.
func (p *person) joinToken() string {
	p.t.Helper()
	return p.joinTokenOf("acme")
}

func (p *person) joinTokenOf(tenant string) string {
	p.t.Helper()
	var made struct{ Secret string }
	p.ask(&made, "nodes", "join-token", "--tenant", tenant)
	return made.Secret
}

func (p *person) rawJoin(t *testing.T, name string) *rawNode {
	t.Helper()
	n := &rawNode{name: name, key: newKey(t)}
	n.csr = csrOf(t, n.key)
	res, err := agentClient(t, p, nil).Join(t.Context(), &bulkheadv1.JoinRequest{Token: p.joinToken(), Csr: n.csr, Name: name, Version: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	n.id, n.ca = res.GetNode(), res.GetAuthority()
	n.take(t, p, res.GetCertificate())
	return n
}

// take uses a new certificate from now on.
func (n *rawNode) take(t *testing.T, p *person, der []byte) {
	t.Helper()
	n.cert = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: n.key}
	n.AgentServiceClient = agentClient(t, p, n.cert)
}

func aReport(findings ...*bulkheadv1.ReportedFinding) *bulkheadv1.ReportRequest {
	return &bulkheadv1.ReportRequest{Run: "raw", Time: timestamppb.Now(), State: &bulkheadv1.AgentState{Version: "raw"}, Findings: findings}
}

func aFinding(id, text string) *bulkheadv1.ReportedFinding {
	return &bulkheadv1.ReportedFinding{
		Id: id, Kind: "node/test", Severity: string(model.High), Subject: "it", Text: text, First: timestamppb.Now(), Last: timestamppb.Now(), Count: 1,
	}
}

// refused looks whether an error is of a code.
func refused(t *testing.T, what string, err error, code connect.Code) {
	t.Helper()
	if connect.CodeOf(err) != code || err == nil {
		t.Errorf("%s was answered with %v, not refused as %s", what, err, code)
	}
}

// ends waits for a stream's end.
func ends(t *testing.T, what string, d time.Duration, s *connect.ServerStreamForClient[bulkheadv1.FollowResponse]) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		for s.Receive() {
		}
		ended <- s.Err()
	}()
	select {
	case err := <-ended:
		return err
	case <-time.After(d):
		t.Fatalf("%s later the stream still stands: %s", d, what)
		return nil
	}
}
