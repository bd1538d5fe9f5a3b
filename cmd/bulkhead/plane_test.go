package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func planeConfig(dir, name string) config.Server {
	c := config.Default().Server
	c.Listen, c.DataDir, c.MasterKeyFile, c.Name = "127.0.0.1:0", dir, filepath.Join(dir, "master.key"), name
	return c
}

func mustOpen(t *testing.T, c config.Server) *plane {
	t.Helper()
	p, err := openPlane(t.Context(), planeOptions{config: c, adapt: adapt{signIn: cheap}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// running runs a plane; what it gives is a client, and what stops it.
func running(t *testing.T, p *plane) (*http.Client, func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.certs.CAPEM())
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	ended := false
	end := func() {
		if ended {
			return
		}
		ended = true
		tr.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}, end
}

// TestServeSignsIn takes the link of the first start, signs in, and finds everything there after a restart.
func TestServeSignsIn(t *testing.T) {
	c := planeConfig(t.TempDir(), "a")
	p := mustOpen(t, c)
	link, err := p.enrolmentLink(t.Context())
	if err != nil || !strings.HasPrefix(link, "https://localhost:") || !strings.Contains(link, "&ca=sha256:") {
		t.Fatalf("%q, %v", link, err)
	}
	_, code, _ := strings.Cut(link, "#code=")
	code, _, _ = strings.Cut(code, "&")
	client, stop := running(t, p)
	auth := bulkheadv1connect.NewAuthServiceClient(client, p.c.PublicURL)
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Bulkhead-Session", "token")
	const password = "seven grey herons over tuesday"
	if _, err := auth.CompleteEnrolment(ctx, &bulkheadv1.CompleteEnrolmentRequest{Code: code, Name: "ann", Password: password}); err != nil {
		t.Fatal(err)
	}
	stop()

	p = mustOpen(t, c)
	if link, err := p.enrolmentLink(t.Context()); err != nil || link != "" {
		t.Errorf("a link although there is an administrator: %q, %v", link, err)
	}
	client, _ = running(t, p)
	auth = bulkheadv1connect.NewAuthServiceClient(client, p.c.PublicURL)
	res, err := auth.SignIn(ctx, &bulkheadv1.SignInRequest{Name: "ann", Password: password})
	if err != nil || res.GetNext() != bulkheadv1.Step_STEP_REGISTER || !strings.HasPrefix(res.GetSecret(), "bhs_") {
		t.Fatalf("%v, %v", res.GetNext(), err)
	}
	if n := p.log.Size(); n < 2 {
		t.Errorf("%d records", n)
	}
}

// TestTwoServers starts what must not run side by side.
func TestTwoServers(t *testing.T) {
	dir := t.TempDir()
	p := mustOpen(t, planeConfig(dir, "a"))
	defer p.close()
	if _, err := openPlane(t.Context(), planeOptions{config: planeConfig(dir, "b")}); err == nil || !strings.Contains(err.Error(), "another server runs") {
		t.Errorf("on one data directory: %v", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	// A data directory of which the part with the log was lost: the name is taken.
	for _, f := range []string{"instance", "audit"} {
		if err := os.RemoveAll(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := openPlane(t.Context(), planeOptions{config: planeConfig(dir, "a")}); err == nil || !strings.Contains(err.Error(), "choose another with --name") {
		t.Errorf("a name that is taken: %v", err)
	}
	again := mustOpen(t, planeConfig(dir, "a2"))
	if err := again.close(); err != nil {
		t.Error(err)
	}
}

// TestPoliciesOfAnotherHand writes policies past the API, as somebody with the database's password could.
func TestPoliciesOfAnotherHand(t *testing.T) {
	c := planeConfig(t.TempDir(), "a")
	p := mustOpen(t, c)
	good := &model.Policies{
		Tenant: model.SystemTenant, Version: 1, Author: "x", Created: time.Now(), Digest: "00",
		Signature: "none", Files: []model.PolicyFile{{Name: "a.cedar", Text: "permit (principal, action, resource);"}},
	}
	if err := p.store.CreatePolicies(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if err := p.refresh.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "not what was signed") {
		t.Errorf("took policies without a good signature: %v", err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openPlane(t.Context(), planeOptions{config: c}); err == nil {
		t.Error("serves with policies that nobody signed")
	}
}

func TestJobs(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer p.close()
	for _, w := range p.workers() {
		if w.Run == nil { // one with arguments
			continue
		}
		if did, err := w.Run(t.Context()); err != nil || did.EN == "" || did.ZH == "" {
			t.Errorf("%s: %q, %v", w.Kind, did, err)
		}
	}
	err := p.store.CreateAssessment(t.Context(), &model.Published{
		ID: "1", Tenant: model.SystemTenant, Node: "n1", NodeName: "n1", Time: time.Now(),
		Published: time.Now(), Publisher: "x", Document: []byte("{}"), Statuses: map[string]model.Status{"8.1.a": model.Met, "8.1.b": model.NotMet},
	})
	if err != nil {
		t.Fatal(err)
	}
	if did, err := p.report(t.Context()); err != nil || did != (model.Text{EN: "system: 1 nodes, 1 not met, 1 met", ZH: "system：1 个节点，1 项不满足，1 项满足"}) {
		t.Errorf("%q, %v", did, err)
	}
}

// TestLongReport has more tenants than a report has room for.
func TestLongReport(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer p.close()
	const tenants = 700
	err := p.store.InTx(t.Context(), func(ctx context.Context) error {
		for i := range tenants {
			id := fmt.Sprintf("tenant-%d", i)
			if err := p.store.CreateTenant(ctx, &model.Tenant{ID: id, Name: id, Created: time.Now()}); err != nil {
				return err
			}
			err := p.store.CreateAssessment(ctx, &model.Published{
				ID: id, Tenant: id, Node: "n1", NodeName: "n1", Time: time.Now(), Published: time.Now(), Publisher: "x", Document: []byte("{}"),
				Statuses: map[string]model.Status{"8.1.a": model.Met},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	did, err := p.report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(did.EN, "\n")
	left := 0
	if _, err := fmt.Sscanf(lines[len(lines)-1], "and %d tenants more", &left); err != nil || left == 0 || len(lines)-1+left != tenants {
		t.Errorf("%d lines, of which the last is %q: %v", len(lines), lines[len(lines)-1], err)
	}
	if len(did.EN) > maxReport+200 || strings.Count(did.ZH, "\n") != len(lines)-1 {
		t.Errorf("the report has %d bytes, and %d in Chinese", len(did.EN), len(did.ZH))
	}
}

// TestDrillsProveTheControls runs every drill but those on an engine: with its control left out and with all controls on.
func TestDrillsProveTheControls(t *testing.T) {
	dir, err := os.MkdirTemp("", "drills") // t.TempDir is too long for sockets, and closed to the user that PostgreSQL runs as
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	d := &drills{}
	var ids []string
	var needs [][]string
	for _, x := range d.List("") {
		if !slices.Contains(x.Needs, "engine") {
			ids, needs = append(ids, x.ID), append(needs, x.Needs)
		}
	}
	report, err := d.Run(t.Context(), ids, "", "", nil)
	if err != nil || len(report.Results) != len(ids) || len(ids) == 0 {
		t.Fatalf("%d results, %v", len(report.Results), err)
	}
	missing := len(glob(t, "/usr/lib/postgresql/*/bin/postgres")) == 0
	for i, r := range report.Results {
		if missing && r.Verdict == model.VerdictCannotRun && slices.Contains(needs[i], "postgresql") {
			t.Logf("%s: %s", r.ID, r.Why)
			continue
		}
		if r.Verdict != model.VerdictProved {
			t.Errorf("%s: %s: %s", r.ID, r.Verdict, r.Why)
		}
	}
	if _, err := d.Run(t.Context(), []string{"8.9.z/none"}, "", "", nil); err == nil {
		t.Error("an unknown drill")
	}
	if left := glob(t, filepath.Join(os.Getenv("TMPDIR"), "*")); len(left) != 0 {
		t.Errorf("the drills leave behind: %v", left)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSignaturesCanBeVerified opens a set's signature with the key that the API gives, as anybody can.
func TestSignaturesCanBeVerified(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	}()
	services, err := p.services()
	if err != nil {
		t.Fatal(err)
	}
	info, err := services.System.GetInfo(t.Context(), &bulkheadv1.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(info.GetPolicyKey())
	if err != nil {
		t.Fatalf("%q: %v", info.GetPolicyKey(), err)
	}
	signer, _, err := p.policySigner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	digest, err := bundle.SetDigest(&model.Policies{Tenant: "acme", Version: 3, Files: []model.PolicyFile{{Name: "a.cedar", Text: "// é <\n\tx"}}})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil || n.Text != "bulkhead policies\nsha256:"+hex.EncodeToString(digest)+"\n" {
		t.Errorf("%v %v", n, err)
	}
}
