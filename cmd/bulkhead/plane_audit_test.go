package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// bearer adds a session to each request, and takes the new one when the server gives one.
type bearer struct {
	http.RoundTripper
	secret string
}

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Bulkhead-Session", "token")
	if b.secret != "" {
		r.Header.Set("Authorization", "Bearer "+b.secret)
	}
	return b.RoundTripper.RoundTrip(r)
}

// administrator enrols the first one with a second factor, and gives a client with the session.
func administrator(t *testing.T, p *plane, client *http.Client) *http.Client {
	t.Helper()
	link, err := p.enrolmentLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(link, "#code=")
	code, _, _ = strings.Cut(code, "&")
	b := &bearer{RoundTripper: client.Transport}
	client = &http.Client{Transport: b, Timeout: client.Timeout}
	auth := bulkheadv1connect.NewAuthServiceClient(client, p.c.PublicURL)
	signedIn, err := auth.CompleteEnrolment(t.Context(), &bulkheadv1.CompleteEnrolmentRequest{Code: code, Name: "ann", Password: "seven grey herons over tuesday"})
	if err != nil {
		t.Fatal(err)
	}
	b.secret = signedIn.GetSecret()
	account := bulkheadv1connect.NewAccountServiceClient(client, p.c.PublicURL)
	begun, err := account.BeginTOTP(t.Context(), &bulkheadv1.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	key, err := otp.NewKeyFromURL(begun.GetUri())
	if err != nil {
		t.Fatal(err)
	}
	pin, err := totp.GenerateCodeCustom(key.Secret(), time.Now(), totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	done, err := account.FinishTOTP(t.Context(), &bulkheadv1.FinishTOTPRequest{Id: begun.GetId(), Code: pin})
	if err != nil {
		t.Fatal(err)
	}
	if s := done.GetSession().GetSecret(); s != "" {
		b.secret = s
	}
	return client
}

// TestReadingTheLogIsRecorded reads the log in each way that there is, and finds that in the log.
func TestReadingTheLogIsRecorded(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	client, _ := running(t, p)
	client = administrator(t, p, client)
	logs := bulkheadv1connect.NewAuditServiceClient(client, p.c.PublicURL)
	from := p.log.Size()
	filter := &bulkheadv1.SearchRecordsRequest{Page: &bulkheadv1.Page{Filter: `outcome = "allowed"`}}
	if _, err := logs.SearchRecords(t.Context(), filter); err != nil {
		t.Fatal(err)
	}
	stream, err := logs.ExportRecords(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	for stream.Receive() {
	}
	if err := stream.Err(); err != nil {
		t.Fatal(connect.CodeOf(err), err)
	}
	if _, err := logs.GetRecord(t.Context(), &bulkheadv1.GetRecordRequest{Id: "bulkhead/a/0"}); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.VerifyLogs(t.Context(), &bulkheadv1.Empty{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"AuditRead", "AuditExport", "AuditRead", "AuditVerify"} // records of reads are in the order of the reads
	if err := p.log.Wait(t.Context(), from+uint64(len(want))-1); err != nil {
		t.Fatal(err)
	}
	records, err := p.log.Read(t.Context(), from, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if i >= len(want) || r.Record.Action != want[i] || r.Record.ActorName != "ann" || r.Record.Outcome != model.OutcomeAllowed || r.Record.Digest == "" {
			t.Errorf("record %d of %v is %+v", i, want, r.Record)
		}
	}
}

// TestVerifyJob changes an entry on the disk: the job says so.
func TestVerifyJob(t *testing.T) {
	dir := t.TempDir()
	p := mustOpen(t, planeConfig(dir, "a"))
	defer p.close()
	if _, err := p.log.Append(t.Context(), model.Record{Action: "TenantUpdate", ActorName: "anna", Outcome: model.OutcomeAllowed}); err != nil {
		t.Fatal(err)
	}
	if did, err := p.verifyLogs(t.Context()); err != nil || did != (model.Text{EN: "bulkhead/a: 1 entries verified", ZH: "bulkhead/a：已验证 1 条记录"}) {
		t.Fatalf("%q, %v", did, err)
	}
	bundle := filepath.Join(dir, "audit", "a", "tile/entries/000.p/1")
	b, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bundle, []byte(strings.Replace(string(b), "anna", "bert", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if did, err := p.verifyLogs(t.Context()); err != nil || !strings.Contains(did.EN, "PROBLEM entry changed: entry 0 is not the one") {
		t.Errorf("%q, %v", did, err)
	}
	if at, err := p.verificationAsked(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("nobody asked: %v, %v", at, err)
	}
}

// TestSpoolElsewhere puts the spool on another disk, where it is beside those of others.
func TestSpoolElsewhere(t *testing.T) {
	c := planeConfig(t.TempDir(), "a")
	c.Audit.SpoolDir = t.TempDir()
	p := mustOpen(t, c)
	defer p.close()
	for path, want := range map[string]bool{filepath.Join(c.Audit.SpoolDir, "a", "spool"): true, filepath.Join(c.DataDir, "spool"): false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
