package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func exceptionRequest(tenant, id string) *model.ExceptionRequest {
	return &model.ExceptionRequest{
		ID: id, Tenant: tenant, Node: "n1", Requester: "u1", Created: now, State: model.ExceptionPending, Exception: exception(tenant, "").Exception,
	}
}

func drillOutcome(tenant, id, node string, ran time.Time) model.DrillOutcome {
	return model.DrillOutcome{
		ID: id, Tenant: tenant, Requirement: "8.5.c", Node: node, Version: "1.2.3", Ran: ran, Published: now, Publisher: "u1",
		Result: model.DrillResult{
			ID: "8.5.c/other-tenant", WithoutControl: model.AttackSucceeded, WithControl: model.AttackFailed, Verdict: model.VerdictProved,
			Why: "as it should", DurationMS: 7,
		},
	}
}

func reportOf(tenant, id string) *model.Report {
	return &model.Report{
		ID: id, Tenant: tenant, Title: "of " + tenant, Scope: model.ReportScope{Tenant: tenant, Labels: map[string]string{"zone": "a"}}, AsOf: now,
		Since: now.Add(-time.Hour), Author: "u1", AuthorName: "alice", Created: now, State: model.ReportWaiting, Total: 3,
		Summary: map[model.Status]int{}, Files: map[string]model.ReportFile{},
	}
}

func populateProofs(t testing.TB, s *Store) {
	t.Helper()
	ctx := t.Context()
	ok(t, s.CreateExceptionRequest(ctx, exceptionRequest("acme", "xr1")))
	ok(t, s.AddDrills(ctx, []model.DrillOutcome{drillOutcome("acme", "dr1", "n1", now)}))
	ok(t, s.CreateReport(ctx, reportOf("acme", "rp1")))
	ok(t, s.PutReportFile(ctx, "rp1", model.ReportJSON, func(w io.Writer) error { _, err := io.WriteString(w, "{}"); return err }))
}

func TestExceptionRequests(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		for _, id := range []string{"1", "2", "3"} {
			ok(t, s.CreateExceptionRequest(ctx, exceptionRequest("a", id)))
		}
		ok(t, s.CreateExceptionRequest(ctx, exceptionRequest("b", "4")))
		x, err := s.ExceptionRequest(ctx, "1")
		ok(t, err)
		if d := cmp.Diff(exceptionRequest("a", "1"), x); d != "" {
			t.Error(d)
		}
		x.State, x.Decider, x.Note, x.Decided, x.Stored = model.ExceptionApproved, "u2", "fine", now, "e1"
		made := exception("a", "e1")
		made.Approver = "u2"
		ok(t, s.DecideExceptionRequest(ctx, x, made))
		code(t, s.DecideExceptionRequest(ctx, x, made), model.CodeConflict)
		stored, err := s.Exception(ctx, "e1")
		ok(t, err)
		if stored.Approver != "u2" {
			t.Error(stored)
		}
		// Where the exception can't be made, the request stays as it was.
		second := exceptionRequest("a", "2")
		second.State = model.ExceptionApproved
		code(t, s.DecideExceptionRequest(ctx, second, made), model.CodeExists)
		if x, err = s.ExceptionRequest(ctx, "2"); err != nil || x.State != model.ExceptionPending {
			t.Error(x, err)
		}
		of := func(x model.ExceptionRequest) string { return x.ID }
		walk(t, s.ExceptionRequests, model.Query{Tenant: "a"}, of, "3", "2", "1")
		walk(t, s.ExceptionRequests, model.Query{Tenant: "a", Where: []model.Condition{{Field: "state", Op: "=", Value: "pending"}}}, of, "3", "2")
		_, err = s.ExceptionRequest(ctx, "none")
		code(t, err, model.CodeNotFound)
	})
}

func TestDrills(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		var all []model.DrillOutcome
		for i := range drillsKept + 5 {
			all = append(all, drillOutcome("a", fmt.Sprintf("d%03d", i), "n1", now.Add(time.Duration(i)*time.Minute)))
		}
		all = append(all, drillOutcome("a", "x1", "n2", now), drillOutcome("b", "y1", "n1", now))
		ok(t, s.AddDrills(ctx, all))
		of := func(d model.DrillOutcome) string { return d.ID }
		list := func(q model.Query, newest bool) (ids []string) {
			t.Helper()
			got, _, err := s.Drills(ctx, q, newest)
			ok(t, err)
			for _, d := range got {
				ids = append(ids, of(d))
			}
			return ids
		}
		if got := list(model.Query{Tenant: "a"}, true); cmp.Diff([]string{"d054", "x1"}, got) != "" {
			t.Error(got)
		}
		if got := list(model.Query{Tenant: "a", Size: 1000}, false); len(got) != drillsKept+1 {
			t.Error(len(got))
		}
		if got := list(model.Query{Tenant: "a", Until: now.Add(10 * time.Minute)}, true); cmp.Diff([]string{"d009", "x1"}, got) != "" {
			t.Error(got)
		}
		got, _, err := s.Drills(ctx, model.Query{Tenant: "b"}, true)
		ok(t, err)
		if d := cmp.Diff(all[len(all)-1:], got); d != "" {
			t.Error(d)
		}
	})
}

func TestReports(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		r := reportOf("a", "r1")
		ok(t, s.CreateReport(ctx, r))
		big := strings.Repeat("0123456789abcdef", 1<<17) // 2 MB
		random := make([]byte, 3<<20)
		for i, x := 0, uint32(1); i < len(random); i++ {
			x = x*1664525 + 1013904223
			random[i] = byte(x >> 24)
		}
		for _, content := range [][]byte{[]byte(big), random, {}} {
			ok(t, s.PutReportFile(ctx, "r1", model.ReportHTML, func(w io.Writer) error {
				_, err := io.Copy(w, bytes.NewReader(content))
				return err
			}))
			f, err := s.ReportFile(ctx, "r1", model.ReportHTML)
			ok(t, err)
			got, err := io.ReadAll(f)
			ok(t, err)
			if !bytes.Equal(got, content) {
				t.Errorf("%d bytes came back as %d", len(content), len(got))
			}
		}
		broken := errors.New("broken")
		if err := s.PutReportFile(ctx, "r1", model.ReportJSON, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
		_, err := s.ReportFile(ctx, "r1", model.ReportOSCAL)
		code(t, err, model.CodeNotFound)
		r.State, r.Done, r.Finished, r.Summary, r.Nodes = model.ReportReady, 3, now, map[model.Status]int{model.Met: 29}, 3
		r.Signature, r.Key, r.Files = "s", "k", map[string]model.ReportFile{"json": {Size: 2, SHA256: "00"}}
		ok(t, s.UpdateReport(ctx, r))
		got, err := s.Report(ctx, "r1")
		ok(t, err)
		if d := cmp.Diff(r, got); d != "" {
			t.Error(d)
		}
		ok(t, s.DeleteReport(ctx, "r1"))
		code(t, s.DeleteReport(ctx, "r1"), model.CodeNotFound)
		code(t, s.UpdateReport(ctx, r), model.CodeNotFound)
		_, err = s.ReportFile(ctx, "r1", model.ReportHTML)
		code(t, err, model.CodeNotFound)
	})
}

func TestAssessmentsAt(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		for i, node := range []string{"n1", "n2", "n1", "n1"} {
			ok(t, s.CreateAssessment(ctx, &model.Published{
				ID: fmt.Sprint(i), Tenant: "a", Node: node, NodeName: node, Time: now, Published: now.Add(time.Duration(i) * time.Hour), Document: []byte("{}"),
			}))
		}
		of := func(p model.Published) string { return p.ID }
		for hours, want := range map[int][]string{0: nil, 1: {"0"}, 2: {"1", "0"}, 3: {"2", "1"}, 9: {"3", "1"}} {
			walk(t, s.AssessmentsAt, model.Query{Tenant: "a", Until: now.Add(time.Duration(hours) * time.Hour)}, of, want...)
		}
	})
}

// proofsToPrune are one of each to go, and what stays.
func proofsToPrune(t testing.TB, s *Store) {
	t.Helper()
	ctx, recent := t.Context(), now.Add(999*time.Hour)
	ok(t, s.CreateExceptionRequest(ctx, exceptionRequest("a", "old")))
	kept := exceptionRequest("a", "kept")
	kept.Created = recent
	ok(t, s.CreateExceptionRequest(ctx, kept))
	ok(t, s.AddDrills(ctx, []model.DrillOutcome{drillOutcome("a", "old", "n1", now), drillOutcome("a", "kept", "n1", now.Add(time.Second))}))
	ok(t, s.CreateReport(ctx, reportOf("a", "old")))
	r := reportOf("a", "kept")
	r.Created = recent
	ok(t, s.CreateReport(ctx, r))
}

func proofsThatStay(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	requests, _, err := s.ExceptionRequests(ctx, model.Query{})
	if ok(t, err); len(requests) != 1 || requests[0].ID != "kept" {
		t.Error(requests)
	}
	reports, _, err := s.Reports(ctx, model.Query{})
	if ok(t, err); len(reports) != 1 || reports[0].ID != "kept" {
		t.Error(reports)
	}
	drills, _, err := s.Drills(ctx, model.Query{}, false)
	if ok(t, err); len(drills) != 1 || drills[0].ID != "kept" {
		t.Error(drills)
	}
}
