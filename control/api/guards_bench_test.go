package api_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/test/judged"
)

// benchRecords are as many as the index of a fleet has in a week, from a hundred nodes.
const benchRecords = 1_000_000

// BenchmarkGuards is how long the first page of calls, and a preview of a week, take with a million records in the index: of a hundred,
// 20 make or start something, and one is refused or would be. They are the judge's own, with the events that nodes send.
func BenchmarkGuards(b *testing.B) {
	w := newWorld(b, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	w.million(b)
	for _, q := range []struct{ name, filter string }{
		{"first", ""},
		{"refused", `outcome = "refused"`},
		{"node", `node = "n7"`},
		{"rule", `rule = "profile_baseline/host-namespaces"`},
		{"nobody", `actor_name = "nobody" AND outcome = "refused"`},
	} {
		b.Run("calls/"+q.name, func(b *testing.B) {
			for b.Loop() {
				res, err := c.guards.ListGuardCalls(as(b, "bhs_owner"), &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Filter: q.filter}})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(res.GetCalls())), "calls")
			}
		})
	}
	b.Run("preview", func(b *testing.B) {
		for b.Loop() {
			res, err := c.guards.PreviewGuard(as(b, "bhs_owner"), &bulkheadv1.PreviewGuardRequest{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(res.GetRead()), "read")
		}
	})
}

// million fills the index with records of the last six days.
func (w *world) million(b *testing.B) {
	b.Helper()
	g := judged.New(b, filepath.Join(b.TempDir(), "audit"), model.NodeLogs+"n", judge.Parts{Host: "n", Mode: judge.Observe})
	g.Look("dev", "web")
	g.Run("dev", "web", judged.Plain())
	g.Run("dev", "bad", judged.Privileged())
	g.Export("dev", "web")
	kinds := g.Records()
	begin, step := time.Now().Add(-6*24*time.Hour), 6*24*time.Hour/benchRecords
	batch := make([]model.LogRecord, 0, 1000)
	for i := range benchRecords {
		kind := 0
		switch n := i % 100; {
		case i%200 == 0:
			kind = 2
		case n == 0:
			kind = 3
		case n < 20:
			kind = 1
		}
		r := kinds[kind]
		r.Origin, r.Index = fmt.Sprintf("%sn%d", model.NodeLogs, i%101), uint64(i/101)
		r.Record.ID, r.Record.Time = fmt.Sprint("id-", i), begin.Add(time.Duration(i)*step)
		if batch = append(batch, r); len(batch) == cap(batch) {
			if err := w.store.IndexRecords(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}
