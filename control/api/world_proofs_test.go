package api_test

import (
	"context"
	"io"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// proofs are the services of drills and reports; reports are begun and never made.
func (w *world) proofs(s *api.Services, c *catalogue.Catalogue) {
	w.begun = &begun{}
	s.Drills = &api.Drills{
		Store: w.store, Tenants: w.store, Facts: w.store, Catalogue: c, Controls: []string{model.ControlAgent}, Now: time.Now,
		Kinds: []model.Drill{{ID: "8.5.c/other-tenant", Requirement: "8.5.c", Title: "reads what is another tenant's", TitleZH: "读取他人租户"}, {ID: "8.5.d/password-only", Requirement: "8.5.d"}},
	}
	s.Recordings = &api.Recordings{
		Records: w.store, Nodes: w.store, Transfers: w.store, Fleet: w, Log: slog.New(slog.DiscardHandler), Now: time.Now, Patience: 5 * time.Second, Unread: unread,
	}
	s.Reports = &api.Reports{Store: w.store, Maker: w.begun, Nodes: w.store, Tenants: w.store, Catalogue: c, Now: time.Now}
}

// begun are the reports that were begun.
type begun struct{ ids []string }

// Begin implements api.ReportMaker.
func (b *begun) Begin(_ context.Context, id string) error {
	b.ids = append(b.ids, id)
	return nil
}

// Preview implements api.ReportMaker.
func (b *begun) Preview(_ context.Context, r *model.Report) (api.ReportPreview, error) {
	return api.ReportPreview{Nodes: 1, Names: []string{r.Scope.Tenant}}, nil
}

// proofsOf puts a request for an exception, the result of a drill and a report into a tenant.
func (w *world) proofsOf(t string, now time.Time) error {
	ctx := w.t.Context()
	recorded := recordedBy(t, id(t, "node"), recordingID, "sha256:"+named(t, "digest"), 0, now)
	recorded.Index = 1 << 20 // beyond what tests put there
	err := w.store.IndexRecords(ctx, []model.LogRecord{recorded})
	if err != nil {
		return err
	}
	err = w.store.CreateExceptionRequest(ctx, &model.ExceptionRequest{
		ID: id(t, "exceptionrequest"), Tenant: t, Node: id(t, "node"), Requester: id(t, "user"), Created: now, State: model.ExceptionPending,
		Exception: model.Exception{Check: "8.1.c", Subject: named(t, "subject"), Owner: named(t, "owner"), Reason: named(t, "reason"), Expires: tomorrow()},
	})
	if err != nil {
		return err
	}
	err = w.store.AddDrills(ctx, []model.DrillOutcome{{
		ID: id(t, "drill"), Tenant: t, Requirement: "8.5.c", Node: named(t, "nodename"), Ran: now, Published: now, Publisher: id(t, "user"),
		Result: model.DrillResult{
			ID: "8.5.c/other-tenant", Verdict: model.VerdictProved, WithoutControl: model.AttackSucceeded, WithControl: model.AttackFailed, Why: named(t, "why"),
		},
	}})
	if err != nil {
		return err
	}
	err = w.store.CreateReport(ctx, &model.Report{
		ID: id(t, "report"), Tenant: t, Title: named(t, "title"), Scope: model.ReportScope{Tenant: t}, AsOf: now, Since: now.Add(-time.Hour), Author: id(t, "user"),
		AuthorName: named(t, "author"), Created: now, State: model.ReportReady, Summary: map[model.Status]int{model.Met: 29},
		Files: map[string]model.ReportFile{model.ReportJSON: {Size: 2, SHA256: "00"}},
	})
	if err != nil {
		return err
	}
	return w.store.PutReportFile(ctx, id(t, "report"), model.ReportJSON, func(out io.Writer) error {
		_, err := io.WriteString(out, named(t, "content"))
		return err
	})
}

func drillResult() *bulkheadv1.DrillResult {
	return &bulkheadv1.DrillResult{
		Drill: "8.5.c/other-tenant", Verdict: "proved", WithoutControl: "attack_succeeded", WithControl: "attack_failed", Why: "as it should",
		DurationMs: 5, Ran: timestamppb.Now(),
	}
}

// unread is how long a transfer waits for somebody who reads it.
const unread = 8 * time.Second
