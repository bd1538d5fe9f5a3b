package reports_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/reports"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

const hostile = "web<script>alert(1)</script>\x1b[2J\u202egpj"

// world is a store with what a report is made of, and a maker.
type world struct {
	t       testing.TB
	store   *store.Store
	maker   *reports.Maker
	key     string
	now     time.Time
	records []model.Record
}

// Append implements reports.AuditLog.
func (w *world) Append(_ context.Context, r model.Record) (model.LogRecord, error) {
	w.records = append(w.records, r)
	return model.LogRecord{Record: r}, nil
}

// Checkpoint implements reports.AuditLog.
func (w *world) Checkpoint(context.Context) (*model.Checkpoint, error) {
	return &model.Checkpoint{Origin: "log/one", Size: 42, Root: []byte{1, 2, 3}, Note: "log/one\n42\nAQID\n\n— log/one sig\n"}, nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	private, public, err := note.GenerateKey(rand.Reader, "bulkhead/reports")
	must(t, err)
	signer, err := note.NewSigner(private)
	must(t, err)
	cat, err := catalogue.Load()
	must(t, err)
	w := &world{t: t, store: s, key: public, now: time.Now().UTC()}
	w.maker = reports.New(reports.Options{
		Store: s, Catalogue: cat, Audit: w, Signer: signer, Key: public, Version: "1.2.3", Log: slog.New(slog.DiscardHandler), Now: time.Now,
		KeptAssessments: 24 * time.Hour * 400, KeptEvents: 24 * time.Hour * 10,
		Controls: func(context.Context, string) ([]report.FleetControl, error) {
			return []report.FleetControl{{Name: "agent", Requirements: []string{"8.5.b", "8.4.a"}, There: true, Enforce: 2}, {Name: "daemon-guard", Requirements: []string{"8.1.c"}}}, nil
		},
	})
	must(t, s.CreateTenant(t.Context(), &model.Tenant{ID: "acme", Name: "acme", Created: w.now}))
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) node(id, name string, health model.Health) {
	w.t.Helper()
	must(w.t, w.store.CreateNode(w.t.Context(), &model.Member{
		ID: id, Tenant: "acme", Name: name, Machine: id, Pool: "default", Labels: map[string]string{"zone": "a"}, KeyHash: []byte(id), Serial: id,
		Joined: w.now.Add(-90 * 24 * time.Hour), Health: health, HealthSince: w.now, LastSeen: w.now,
	}))
}

// assessed publishes an assessment of a node on which all requirements have a status, and 8.1.c has failing evidence.
func (w *world) assessed(id, name string, at time.Time, status model.Status, evidence int) {
	w.t.Helper()
	cat, err := catalogue.Load()
	must(w.t, err)
	a := &model.Assessment{Schema: model.AssessmentSchema, Node: model.Node{ID: id, Name: name}, Time: at, Host: "Debian", Gaps: []model.Gap{}}
	statuses := map[string]model.Status{}
	for _, r := range cat.Requirements {
		res := model.RequirementResult{ID: r.ID, Keyword: r.Keyword, Status: model.Met, Title: r.Title.EN, TitleZH: r.Title.ZH, Reason: "fine", ReasonZH: "好", Checks: []model.CheckResult{}}
		if r.ID == "8.1.c" {
			res.Status, res.Reason = status, "the socket is open"
			c := model.CheckResult{
				ID: "8.1.c/socket-mode", Status: model.CheckFail, Severity: model.High, Essential: true, Title: "mode", TitleZH: "权限",
				References: []string{"CIS"}, Remediation: "chmod 660 " + hostile, RemediationZH: "修改",
			}
			for i := range evidence {
				c.Evidence = append(c.Evidence, model.Evidence{Pointer: "/x", Subject: fmt.Sprintf("%s-%d", hostile, i), Status: model.CheckFail, Text: "is open " + strings.Repeat("x", 50), TextZH: "开放"})
			}
			if status == model.Met {
				c.Status, c.Evidence = model.CheckPass, []model.Evidence{}
			}
			res.Checks = append(res.Checks, c)
		}
		statuses[r.ID] = res.Status
		a.Requirements = append(a.Requirements, res)
	}
	var doc bytes.Buffer
	must(w.t, report.JSON(&doc, a))
	must(w.t, w.store.CreateAssessment(w.t.Context(), &model.Published{
		ID: fmt.Sprintf("%s-%d", id, at.UnixNano()), Tenant: "acme", Node: id, NodeName: name, Time: at, Published: at, Publisher: "p", Statuses: statuses, Document: doc.Bytes(),
	}))
}

func (w *world) report(change func(*model.Report)) *model.Report {
	w.t.Helper()
	r := &model.Report{
		ID: fmt.Sprintf("r%d", time.Now().UnixNano()), Tenant: "acme", Title: "of " + hostile, Scope: model.ReportScope{Tenant: "acme"}, AsOf: time.Now().UTC(),
		Since: w.now.Add(-30 * 24 * time.Hour), Author: "u1", AuthorName: "aud", Created: w.now, State: model.ReportWaiting,
	}
	change(r)
	must(w.t, w.store.CreateReport(w.t.Context(), r))
	_, err := w.maker.Run(w.t.Context(), reports.Args(r.ID))
	must(w.t, err)
	r, err = w.store.Report(w.t.Context(), r.ID)
	must(w.t, err)
	return r
}

func (w *world) file(r *model.Report, name string) []byte {
	w.t.Helper()
	f, err := w.store.ReportFile(w.t.Context(), r.ID, name)
	must(w.t, err)
	b, err := io.ReadAll(f)
	must(w.t, err)
	return b
}

func (w *world) fleet(r *model.Report) *report.Fleet {
	w.t.Helper()
	if r.State != model.ReportReady {
		w.t.Fatalf("%+v", r)
	}
	var f report.Fleet
	must(w.t, json.Unmarshal(w.file(r, model.ReportJSON), &f))
	return &f
}

// populated has a node that is fine, one that got worse, one that was never assessed and is silent, and one that left.
func populated(t *testing.T) *world {
	w := newWorld(t)
	w.node("n1", "web-1", model.HealthUp)
	w.node("n2", hostile, model.HealthUp)
	w.node("n3", "db-1", model.HealthSilent)
	long := w.now.Add(-40 * 24 * time.Hour)
	w.assessed("n1", "web-1", long, model.Met, 0)
	w.assessed("n2", hostile, long, model.Met, 0)
	w.assessed("n2", hostile, w.now.Add(-time.Hour), model.NotMet, 5)
	w.assessed("gone", "old-1", long, model.Met, 0)
	ctx := t.Context()
	x := model.Exception{Check: "8.1.c", Owner: "olga", Reason: "June " + hostile, Expires: w.now.AddDate(0, 0, 5).Format(time.DateOnly)}
	asked := &model.ExceptionRequest{ID: "x1", Tenant: "acme", Requester: "u1", Created: w.now.Add(-3 * time.Hour), State: model.ExceptionPending, Exception: x}
	must(t, w.store.CreateExceptionRequest(ctx, asked))
	asked.State, asked.Decider, asked.Decided, asked.Stored = model.ExceptionApproved, "u2", w.now.Add(-2*time.Hour), "e1"
	must(t, w.store.DecideExceptionRequest(ctx, asked, &model.StoredException{ID: "e1", Tenant: "acme", Creator: "u1", Created: asked.Decided, Exception: x}))
	must(t, w.store.PutFindings(ctx, []model.Finding{
		{ID: "f1", Tenant: "acme", Node: "n2", NodeName: hostile, Kind: "8.1.c/socket-mode", Requirement: "8.1.c", Severity: model.High, Subject: "s", Text: model.Text{EN: "open", ZH: "开放"}, First: w.now.Add(-time.Hour), Last: w.now, Source: "server"},
		{ID: "f2", Tenant: "acme", Node: "n1", NodeName: "web-1", Kind: "8.1.a/x", Requirement: "8.1.a", Severity: model.Low, Text: model.Text{EN: "was"}, First: long, Last: long, Over: w.now.Add(-24 * time.Hour), Source: "server"},
	}))
	must(t, w.store.AddEvents(ctx, []model.Event{
		{ID: "v1", Tenant: "acme", Node: "n2", NodeName: hostile, Time: w.now.Add(-time.Hour), Kind: model.EventStatus, Severity: "high", Requirement: "8.1.c", Before: "met", After: "not_met", Text: model.Text{EN: "worse", ZH: "变差"}},
		{ID: "v2", Tenant: "acme", Node: "n2", NodeName: hostile, Time: long, Kind: model.EventJoined, Severity: "info", Text: model.Text{EN: "joined"}},
	}))
	must(t, w.store.AddDrills(ctx, []model.DrillOutcome{{
		ID: "d1", Tenant: "acme", Requirement: "8.5.c", Node: "web-1", Ran: w.now.Add(-time.Hour), Published: w.now, Version: "1.2.3",
		Result: model.DrillResult{ID: "8.5.c/other-tenant", Verdict: model.VerdictProved, Why: "as it should"},
	}}))
	return w
}

// signed holds the files to the signed note.
func (w *world) signed(r *model.Report) {
	w.t.Helper()
	v, err := note.NewVerifier(r.Key)
	must(w.t, err)
	n, err := note.Open([]byte(r.Signature), note.VerifierList(v))
	must(w.t, err)
	for name := range r.Files {
		sum := sha256.Sum256(w.file(r, name))
		if got, ok := report.InManifest(n.Text, r.ID, hex.EncodeToString(sum[:])); !ok || got != name {
			w.t.Errorf("%s is not what was signed: %s", name, n.Text)
		}
	}
	if _, ok := report.InManifest(n.Text, "another", r.Files[model.ReportJSON].SHA256); ok {
		w.t.Error("a file of another report counts")
	}
}

// oscal holds the file to NIST's schema.
func (w *world) oscal(r *model.Report) {
	w.t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "test", "fixtures", "oscal-1.2.1", "oscal_assessment-results_schema.json.gz"))
	must(w.t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(w.t, err)
	doc, err := jsonschema.UnmarshalJSON(z)
	must(w.t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	must(w.t, c.AddResource("oscal.json", doc))
	s, err := c.Compile("oscal.json")
	must(w.t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.file(r, model.ReportOSCAL)))
	must(w.t, err)
	if err := s.Validate(value); err != nil {
		w.t.Errorf("the report is not valid OSCAL: %v", err)
	}
}
