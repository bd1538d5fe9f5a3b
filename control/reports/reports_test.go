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
	"runtime"
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

func TestReport(t *testing.T) {
	w := populated(t)
	r := w.report(func(*model.Report) {})
	f := w.fleet(r)
	if f.NodesAssessed != 3 || len(f.Nodes) != 4 || f.Summary[model.NotMet] != 1 || f.Summary[model.Met] != 28 || f.SummaryBefore[model.Met] != 29 || r.Nodes != 3 {
		t.Errorf("%d of %d nodes, %v, before %v", f.NodesAssessed, len(f.Nodes), f.Summary, f.SummaryBefore)
	}
	q := f.Requirements[2]
	if q.ID != "8.1.c" || q.Status != model.NotMet || q.Before != model.Met || q.Nodes[model.NotMet] != 1 || len(q.Checks) != 1 || len(q.Checks[0].Evidence) != 3 || q.Checks[0].LeftOut != 2 {
		t.Errorf("%+v", q)
	}
	if len(f.Exceptions) != 1 || f.Exceptions[0].Approver != "u2" || len(f.Findings.List) != 1 || f.Findings.Counts[model.High] != 1 {
		t.Errorf("%+v %+v", f.Exceptions, f.Findings)
	}
	if f.Changes.Worse != 1 || f.Changes.Better != 0 || len(f.Changes.List) != 1 || len(f.Drills) != 1 || len(f.Controls) != 2 || len(f.Audit) != 1 || f.Audit[0].Size != 42 {
		t.Errorf("%+v %+v %+v", f.Changes, f.Drills, f.Audit)
	}
	told := ""
	for _, n := range f.NotKnown {
		told += n.EN + "\n"
		if n.ZH == "" || n.ZH == n.EN {
			t.Errorf("no Chinese of %q", n.EN)
		}
	}
	for _, want := range []string{"(1): db-1", "Not heard of (1): db-1", "more than a day old: 2", "Events are kept for 10 days"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told:\n%s", want, told)
		}
	}
	if len(w.records) != 1 || w.records[0].Action != "ReportMade" || w.records[0].Digest != r.Files[model.ReportJSON].SHA256 {
		t.Errorf("%+v", w.records)
	}
	w.signed(r)
	w.oscal(r)
	for _, name := range []string{model.ReportHTML, model.ReportHTMLZH} {
		page := string(w.file(r, name))
		for _, bad := range []string{"<script", "\x1b", "\u202e", "<no value>", "ZgotmplZ", "%!"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
		if !strings.Contains(page, "sha256:"+r.Files[model.ReportJSON].SHA256) || !strings.Contains(page, "old-1") {
			t.Errorf("%s lacks the digest or a node", name)
		}
		if dir := os.Getenv("BULKHEAD_REPORTS"); dir != "" {
			must(t, os.WriteFile(filepath.Join(dir, name+".html"), []byte(page), 0o600))
		}
	}
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

func TestScopes(t *testing.T) {
	w := populated(t)
	for name, k := range map[string]struct {
		change       func(*model.Report)
		nodes, known int
	}{
		"one node":     {func(r *model.Report) { r.Scope.Nodes = []string{"n1"} }, 1, 1},
		"a label":      {func(r *model.Report) { r.Scope.Labels = map[string]string{"zone": "a"} }, 3, 2},
		"another zone": {func(r *model.Report) { r.Scope.Labels = map[string]string{"zone": "b"} }, 0, 0},
		"another pool": {func(r *model.Report) { r.Scope.Pool = "edge" }, 0, 0},
		"a clause":     {func(r *model.Report) { r.Scope.Requirements = []string{"8.1"} }, 4, 3},
		"all tenants":  {func(r *model.Report) { r.Scope.Tenant, r.AllTenants = "", true }, 4, 3},
		"before it was worse": {func(r *model.Report) {
			r.AsOf, r.Since = w.now.Add(-20*24*time.Hour), w.now.Add(-50*24*time.Hour)
		}, 4, 3},
		"before anything was assessed": {func(r *model.Report) {
			r.AsOf, r.Since = w.now.Add(-60*24*time.Hour), w.now.Add(-70*24*time.Hour)
		}, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			r := w.report(k.change)
			f := w.fleet(r)
			if len(f.Nodes) != k.nodes || f.NodesAssessed != k.known {
				t.Errorf("%d nodes, %d assessed, want %d and %d", len(f.Nodes), f.NodesAssessed, k.nodes, k.known)
			}
			if strings.HasPrefix(name, "before") && (f.Requirements[2].Status == model.NotMet || len(f.Exceptions) > 0) {
				t.Errorf("the report knows what came later: %+v", f.Requirements[2])
			}
			if name == "a clause" && (len(f.Requirements) != 3 || len(f.Drills) != 0 || len(f.Controls) != 1) {
				t.Errorf("%d requirements, %v, %v", len(f.Requirements), f.Drills, f.Controls)
			}
			w.oscal(r)
			p, err := w.maker.Preview(t.Context(), r)
			if err != nil || p.Nodes != k.known || p.Nodes+p.Unassessed != k.nodes || p.Requirements != len(f.Requirements) {
				t.Errorf("the preview says %+v, %v", p, err)
			}
		})
	}
}

func TestReportThatIsGoneOrDone(t *testing.T) {
	w := populated(t)
	if did, err := w.maker.Run(t.Context(), reports.Args("none")); err != nil || !strings.Contains(did, "deleted") {
		t.Error(did, err)
	}
	r := w.report(func(*model.Report) {})
	if did, err := w.maker.Run(t.Context(), reports.Args(r.ID)); err != nil || !strings.Contains(did, "before") {
		t.Error(did, err)
	}
	// A server that ends leaves the report to another.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.ID, r.State = "again", model.ReportRunning
	must(t, w.store.CreateReport(t.Context(), r))
	if _, err := w.maker.Run(ctx, reports.Args(r.ID)); err == nil {
		t.Error("it ran without a server")
	}
	if _, err := w.maker.Run(t.Context(), reports.Args(r.ID)); err != nil {
		t.Error(err)
	}
	if r, err := w.store.Report(t.Context(), "again"); err != nil || r.State != model.ReportReady {
		t.Error(r, err)
	}
	if _, err := w.maker.Run(t.Context(), []byte("{")); err == nil {
		t.Error("what is no job was done")
	}
}

// slow never gives the nodes.
type slow struct{ *store.Store }

// Nodes waits until nobody wants them any more.
func (slow) Nodes(ctx context.Context, _ model.Query) ([]model.Member, string, error) {
	<-ctx.Done()
	return nil, "", fmt.Errorf("list nodes: %w", ctx.Err())
}

func TestReportThatTakesTooLong(t *testing.T) {
	w := populated(t)
	r := w.report(func(*model.Report) {})
	r.ID, r.State, r.Finished = "late", model.ReportWaiting, time.Time{}
	must(t, w.store.CreateReport(t.Context(), r))
	m := reports.New(reports.Options{Store: slow{w.store}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := m.Run(ctx, reports.Args(r.ID)); err != nil {
		t.Error(err)
	}
	got, err := w.store.Report(t.Context(), r.ID)
	must(t, err)
	if got.State != model.ReportFailed || !strings.Contains(got.Error, "longer than two minutes") || got.Finished.IsZero() {
		t.Errorf("%+v", got)
	}
}

// TestReportOfManyNodes: the memory that a report needs is not that of its assessments.
func TestReportOfManyNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand assessments")
	}
	w := newWorld(t)
	const nodes, evidence = 1000, 250
	for i := range nodes {
		id := fmt.Sprintf("n%04d", i)
		w.assessed(id, "node-"+id, w.now.Add(-time.Duration(i)*time.Second), model.NotMet, evidence)
	}
	var all int
	list, _, err := w.store.AssessmentsAt(t.Context(), model.Query{Until: w.now.Add(time.Hour), Size: 1})
	must(t, err)
	p, err := w.store.Assessment(t.Context(), list[0].ID)
	must(t, err)
	all = nodes * len(p.Document)
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var m runtime.MemStats
		var highest uint64
		for {
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapInuse)
			select {
			case <-stop:
				most <- highest
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	runtime.GC()
	begin := time.Now()
	r := w.report(func(*model.Report) {})
	took := time.Since(begin)
	close(stop)
	heap := <-most
	t.Logf("%d nodes with %d MB of assessments: %v, at most %d MB of heap, JSON %d kB, HTML %d kB, OSCAL %d kB", nodes, all>>20, took.Round(time.Millisecond), heap>>20,
		r.Files[model.ReportJSON].Size>>10, r.Files[model.ReportHTML].Size>>10, r.Files[model.ReportOSCAL].Size>>10)
	if r.State != model.ReportReady || r.Nodes != nodes || r.Done != nodes {
		t.Errorf("%+v", r)
	}
	if took > 60*time.Second {
		t.Errorf("it took %v", took)
	}
	if heap > uint64(all) {
		t.Errorf("%d MB of heap for %d MB of assessments", heap>>20, all>>20)
	}
}
