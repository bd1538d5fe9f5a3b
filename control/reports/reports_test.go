package reports_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/reports"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

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
	if did, err := w.maker.Run(t.Context(), reports.Args("none")); err != nil || !strings.Contains(did.EN, "deleted") {
		t.Error(did, err)
	}
	r := w.report(func(*model.Report) {})
	if did, err := w.maker.Run(t.Context(), reports.Args(r.ID)); err != nil || !strings.Contains(did.EN, "before") {
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
