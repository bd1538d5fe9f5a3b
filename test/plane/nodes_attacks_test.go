//go:build e2e

package plane

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestNodeAttacks tries what somebody may who has a token, a request, a certificate or a node that is not theirs. All of it is
// refused and recorded, and told where somebody has to do something.
func TestNodeAttacks(t *testing.T) {
	t.Parallel()
	admin := fleetOf(t)
	for name, attack := range map[string]func(*testing.T, *person){
		"stolen join token":   stolenToken,
		"replayed request":    replayedCSR,
		"another key":         otherKeyRenewed,
		"forged certificates": forgedCertificates,
		"old certificate":     oldCertificate,
		"revoked node":        revokedNode,
		"another node":        postedForAnother,
		"another door":        otherDoors,
	} {
		t.Run(name, func(t *testing.T) {
			p := *admin
			p.t = t
			attack(t, &p)
		})
	}
}

// stolenToken joins a second machine with the token of the first.
func stolenToken(t *testing.T, admin *person) {
	args := admin.joinArgs("owner")
	m, thief := newMachine(t, "owner"), newMachine(t, "thief")
	m.start(args...)
	admin.assessed(m)
	thief.start(append(args[:len(args)-1:len(args)-1], "thief")...)
	select {
	case <-thief.ended:
	case <-time.After(time.Minute):
		t.Fatal("the thief's agent runs")
	}
	if code := thief.cmd.ProcessState.ExitCode(); code == 0 || !strings.Contains(thief.said(), "was used on") {
		t.Errorf("the thief's agent ended with %d: %s", code, thief.said())
	}
	e := admin.told(soon, "owner", "join-refused", "127.0.0.1")
	var n struct{ Addresses []string }
	admin.ask(&n, "nodes", "get", "owner", "--tenant", "acme")
	contains(t, "the event", e.Text, append(n.Addresses, `"thief"`, "somebody else has the token")...)
	admin.recorded("NodeJoin", "refused", "was used on")
	if r := admin.run("nodes", "get", "thief", "--tenant", "acme"); r.code == 0 {
		t.Error("the thief is a node")
	}
}

// replayedCSR joins with the request that another node joined with.
func replayedCSR(t *testing.T, admin *person) {
	n := admin.rawJoin(t, "replayed")
	_, err := agentClient(t, admin, nil).Join(t.Context(), &bulkheadv1.JoinRequest{Token: admin.joinToken(), Csr: n.csr, Name: "replayer", Version: "raw"})
	refused(t, "a request that was captured", err, connect.CodeAlreadyExists)
	admin.recorded("NodeJoin", "failed", "a key joins once")
	var list struct{ Events []fleetEvent }
	admin.ask(&list, "nodes", "events", "--tenant", "acme", "--filter", `kind = "join-refused"`)
	if !strings.Contains(fmt.Sprint(list.Events), "a key that is or was a node's") {
		t.Errorf("told: %+v", list.Events)
	}
}

func otherKeyRenewed(t *testing.T, admin *person) {
	n := admin.rawJoin(t, "rekeyed")
	_, err := n.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: csrOf(t, newKey(t))})
	refused(t, "a request for another key", err, connect.CodePermissionDenied)
	admin.told(soon, "rekeyed", "join-refused", "another key than its own")
	admin.recorded("NodeRenew", "failed", "another key")
	if _, err := n.Report(t.Context(), aReport()); err != nil {
		t.Errorf("the node itself: %v", err)
	}
}

// forgedCertificates name a node that is there, and are of others than the nodes' CA.
func forgedCertificates(t *testing.T, admin *person) {
	n := admin.rawJoin(t, "forged")
	own, err := x509.ParseCertificate(n.cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(n.ca)
	if err != nil {
		t.Fatal(err)
	}
	caKey, alike := newKey(t), *ca
	alike.PublicKey = caKey.Public()
	for name, f := range map[string]struct {
		parent *x509.Certificate
		signer *ecdsa.PrivateKey
		key    *ecdsa.PrivateKey
	}{
		"by a CA of the same name":             {&alike, caKey, newKey(t)},
		"by a CA of the same name for its key": {&alike, caKey, n.key},
		"by the node for another":              {own, n.key, newKey(t)},
		"self-made":                            {nil, nil, newKey(t)},
	} {
		leaf := &x509.Certificate{
			SerialNumber: own.SerialNumber, Subject: pkix.Name{}, NotBefore: own.NotBefore, NotAfter: own.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, URIs: []*url.URL{own.URIs[0]},
		}
		if f.parent == nil {
			f.parent, f.signer = leaf, f.key
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, f.parent, f.key.Public(), f.signer)
		if err != nil {
			t.Fatal(err)
		}
		_, err = agentClient(t, admin, &tls.Certificate{Certificate: [][]byte{der, n.ca}, PrivateKey: f.key}).Report(t.Context(), aReport())
		refused(t, name, err, connect.CodeUnauthenticated)
	}
	admin.recorded("Authenticate", "refused", "the certificate is not good")
	_, err = agentClient(t, admin, nil).Report(t.Context(), aReport())
	refused(t, "no certificate", err, connect.CodeUnauthenticated)
}

// oldCertificate shows one after the newer was used. Until then it is good: the answer of a renewal may be lost.
func oldCertificate(t *testing.T, admin *person) {
	n := admin.rawJoin(t, "aged")
	old := n.AgentServiceClient
	leaf, err := x509.ParseCertificate(n.cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	res, err := n.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: n.csr})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Report(t.Context(), aReport()); err != nil {
		t.Errorf("before the new certificate was used: %v", err)
	}
	n.take(t, admin, res.GetCertificate())
	if _, err := n.Report(t.Context(), aReport()); err != nil {
		t.Fatal(err)
	}
	if told := admin.events("aged", "reuse"); len(told) > 0 {
		t.Errorf("a renewal was told as a theft: %+v", told)
	}
	_, err = old.Report(t.Context(), aReport())
	refused(t, "the old certificate", err, connect.CodeUnauthenticated)
	_, err = old.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: n.csr})
	refused(t, "a renewal by the old certificate", err, connect.CodeUnauthenticated)
	if e := admin.told(soon, "aged", "reuse", "old certificate"); e.Before != leaf.SerialNumber.Text(16) || e.Severity != "high" {
		t.Errorf("told: %+v", e)
	}
	admin.recorded("Authenticate", "refused", "has a newer certificate")
	if _, err := n.Report(t.Context(), aReport()); err != nil {
		t.Errorf("the node itself: %v", err)
	}
}

// revokedNode revokes one with an open stream, and one with an agent.
func revokedNode(t *testing.T, admin *person) {
	n := admin.rawJoin(t, "revoked")
	stream, err := n.Follow(t.Context(), &bulkheadv1.FollowRequest{Run: "raw"})
	if err != nil || !stream.Receive() {
		t.Fatal(err, stream.Err())
	}
	m := newMachine(t, "revoked-agent")
	admin.join(m)
	for _, name := range []string{"revoked", "revoked-agent"} {
		admin.must("nodes", "revoke", name, "--tenant", "acme", "--reason", "the disk was stolen", "--yes")
	}
	refused(t, "the stream", ends(t, "the node is revoked", soon, stream), connect.CodeUnauthenticated)
	_, err = n.Report(t.Context(), aReport())
	refused(t, "a report", err, connect.CodeUnauthenticated)
	_, err = n.Renew(t.Context(), &bulkheadv1.RenewRequest{Csr: n.csr})
	refused(t, "a renewal", err, connect.CodeUnauthenticated)
	admin.recorded("Authenticate", "refused", "was revoked on", "the disk was stolen")
	admin.told(soon, "revoked", "revoked", "")
	admin.within(soon, "the agent knows that it is revoked", func() error {
		if s := m.status(); s.Connected || !strings.Contains(s.Error, "revoked") {
			return fmt.Errorf("connected %t, error %q", s.Connected, s.Error)
		}
		return nil
	})
	admin.health(soon, "revoked-agent", "revoked", "")
}

// postedForAnother has one node send what is another's.
func postedForAnother(t *testing.T, admin *person) {
	victim, evil := admin.rawJoin(t, "victim"), admin.rawJoin(t, "evil")
	if _, err := victim.Report(t.Context(), aReport(aFinding("f1", "the victim's"))); err != nil {
		t.Fatal(err)
	}
	of := func(name string) string { return fmt.Sprint(admin.findings(name, "node/test")) }
	before := of("victim")
	var ids []*bulkheadv1.ReportedFinding
	for _, id := range []string{"f1", "n-f1", victim.id + "/f1", victim.id + "/n-f1"} {
		f := aFinding(id, "forged")
		f.Over = true
		ids = append(ids, f)
	}
	if _, err := evil.Report(t.Context(), aReport(ids...)); err != nil {
		t.Fatal(err)
	}
	if after := of("victim"); after != before || !strings.Contains(after, "the victim's") {
		t.Errorf("the victim's findings were %s and are %s", before, after)
	}
	if got := of("evil"); strings.Count(got, "forged") != len(ids) {
		t.Errorf("the sender's own findings are %s", got)
	}
	_, key, err := note.GenerateKey(rand.Reader, "bulkhead/node/"+victim.id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = evil.SendLog(t.Context(), &bulkheadv1.SendLogRequest{Key: key})
	refused(t, "another node's log", err, connect.CodePermissionDenied)
	admin.recorded("NodeReport", "refused", "the key is that of another log")
	admin.told(soon, "evil", "finding", "audit log was refused")
	_, err = evil.Report(t.Context(), aReport(aFinding("large", strings.Repeat("x", 100<<20))))
	refused(t, "a report of 100 MB", err, connect.CodeResourceExhausted)
}

// otherDoors shows a node's certificate where users belong, and a user's session where nodes do.
func otherDoors(t *testing.T, admin *person) {
	n := admin.rawJoin(t, "door")
	secret := admin.secret()
	c := clientWith(t, admin, n.cert)
	for _, method := range []string{"NodeService/ListNodes", "NodeService/RevokeNode", "TenantService/ListTenants", "AuditService/SearchRecords", "PoolService/CreatePool"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, admin.server.URL+"/bulkhead.v1."+method, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusNotFound {
			t.Errorf("a node's certificate at %s was answered with %d %s", method, res.StatusCode, b)
		}
	}
	admin.recorded("Authenticate", "refused", "nobody is signed in")
	for _, method := range []string{"Report", "Renew", "SendLog", "Follow"} {
		status, body := admin.post(secret, "AgentService/"+method, map[string]any{"run": "x", "time": time.Now().UTC().Format(time.RFC3339), "csr": n.csr}, nil)
		if status == http.StatusOK {
			t.Errorf("a user's session at %s was answered with %d %s", method, status, body)
		}
	}
	admin.recorded("Authenticate", "refused", "only a node's certificate is")
	if _, err := n.Report(t.Context(), aReport()); err != nil {
		t.Errorf("the node itself: %v", err)
	}
}
