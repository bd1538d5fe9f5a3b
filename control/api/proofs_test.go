package api_test

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func asked(check, reason string) *bulkheadv1.RequestExceptionRequest {
	return &bulkheadv1.RequestExceptionRequest{Exception: &bulkheadv1.Exception{
		Check: check, Owner: "otto", Reason: reason, Expires: time.Now().UTC().AddDate(0, 0, 30).Format(time.DateOnly),
	}}
}

// TestAskedExceptions: an operator, who may record none, asks; an owner approves or rejects; nobody decides on the own.
func TestAskedExceptions(t *testing.T) {
	w := newWorld(t, real)
	operator := w.account("otto", "acme", strong(), model.RoleOperator)
	owner := w.account("olga", "acme", strong(), model.RoleOwner)
	w.account("oona", "acme", strong(), model.RoleOwner)
	c := w.clients()
	otto, olga, oona := as(t, "bhs_otto"), as(t, "bhs_olga"), as(t, "bhs_oona")

	_, err := c.findings.CreateException(otto, &bulkheadv1.CreateExceptionRequest{Exception: asked("8.1.c", "r").GetException()})
	wantCode(t, err, "approval_required")
	_, err = c.findings.RequestException(otto, asked("8.1.c/nothing", "r"))
	wantCode(t, err, "invalid")
	x, err := c.findings.RequestException(otto, asked("8.1.c", "replaced in June"))
	if err != nil || x.GetState() != "pending" || x.GetRequester() != operator.ID || x.GetException().GetId() != "" {
		t.Fatal(x, err)
	}
	if list, err := c.findings.ListExceptions(olga, listing("", `check = "8.1.c" AND owner = "otto"`, "")); err != nil || len(list.GetExceptions()) != 0 {
		t.Error("a request counts as an exception", list, err)
	}
	_, err = c.findings.DecideException(otto, &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Approve: true})
	wantCode(t, err, "denied")
	got, err := c.findings.DecideException(olga, &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Approve: true, Note: "fine"})
	if err != nil || got.GetState() != "approved" || got.GetDecider() != owner.ID || got.GetException().GetId() == "" {
		t.Fatal(got, err)
	}
	list, err := c.findings.ListExceptions(olga, listing("", `owner = "otto"`, ""))
	if err != nil || len(list.GetExceptions()) != 1 || list.GetExceptions()[0].GetApprover() != owner.ID || list.GetExceptions()[0].GetCreator() != operator.ID {
		t.Error(list, err)
	}
	_, err = c.findings.DecideException(oona, &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Note: "no"})
	wantCode(t, err, "conflict")

	// An owner who wants a second pair of eyes asks as well, and does not decide.
	x, err = c.findings.RequestException(olga, asked("8.1.b", "r"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.findings.DecideException(olga, &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Approve: true})
	wantCode(t, err, "denied")
	_, err = c.findings.DecideException(oona, &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Note: "  "})
	wantCode(t, err, "invalid")
	if got, err = c.findings.DecideException(oona, &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Note: "not so long"}); err != nil || got.GetState() != "rejected" {
		t.Error(got, err)
	}
	// Whoever was let in by the one who asks is no second person.
	late := w.account("late", "acme", strong(), model.RoleOwner)
	late.InvitedBy = owner.ID
	if err := w.store.UpdateAccount(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if x, err = c.findings.RequestException(olga, asked("8.1.a", "r")); err != nil {
		t.Fatal(err)
	}
	_, err = c.findings.DecideException(as(t, "bhs_late"), &bulkheadv1.DecideExceptionRequest{Id: x.GetId(), Approve: true})
	wantCode(t, err, "denied")
	_, err = c.findings.WithdrawExceptionRequest(oona, &bulkheadv1.Id{Id: x.GetId()})
	wantCode(t, err, "denied")
	if got, err = c.findings.WithdrawExceptionRequest(olga, &bulkheadv1.Id{Id: x.GetId()}); err != nil || got.GetState() != "withdrawn" {
		t.Error(got, err)
	}
	for range 20 {
		if _, err = c.findings.RequestException(otto, asked("8.1.c", "r")); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.findings.RequestException(otto, asked("8.1.c", "r"))
	wantCode(t, err, "too_many_requests")
	mine, err := c.findings.ListExceptionRequests(olga, listing("", `state = "pending" AND requester = "`+operator.ID+`"`, ""))
	if err != nil || len(mine.GetRequests()) != 20 {
		t.Error(len(mine.GetRequests()), err)
	}
}

func TestPublishedDrills(t *testing.T) {
	w := newWorld(t, real)
	w.account("olga", "acme", strong(), model.RoleOwner)
	w.account("aud", "acme", strong(), model.RoleAuditor)
	c, ctx := w.clients(), as(t, "bhs_olga")
	publish := func(change func(*bulkheadv1.PublishDrillsRequest)) error {
		r := &bulkheadv1.PublishDrillsRequest{Node: "web-1", Version: "1.2.3", Results: []*bulkheadv1.DrillResult{drillResult()}}
		change(r)
		_, err := c.drills.PublishDrills(ctx, r)
		return err
	}
	for name, change := range map[string]func(*bulkheadv1.PublishDrillsRequest){
		"no such drill":     func(r *bulkheadv1.PublishDrillsRequest) { r.Results[0].Drill = "8.5.c/none" },
		"no such verdict":   func(r *bulkheadv1.PublishDrillsRequest) { r.Results[0].Verdict = "fine" },
		"proved by nothing": func(r *bulkheadv1.PublishDrillsRequest) { r.Results[0].WithControl = "not_run" },
		"no time":           func(r *bulkheadv1.PublishDrillsRequest) { r.Results[0].Ran = nil },
		"in the future": func(r *bulkheadv1.PublishDrillsRequest) {
			r.Results[0].Ran = timestamppb.New(time.Now().Add(time.Hour))
		},
		"long ago": func(r *bulkheadv1.PublishDrillsRequest) {
			r.Results[0].Ran = timestamppb.New(time.Now().AddDate(0, 0, -31))
		},
		"twice":              func(r *bulkheadv1.PublishDrillsRequest) { r.Results = append(r.Results, drillResult()) },
		"nowhere":            func(r *bulkheadv1.PublishDrillsRequest) { r.Node = "" },
		"unprintable":        func(r *bulkheadv1.PublishDrillsRequest) { r.Node = "web\n1" },
		"nothing":            func(r *bulkheadv1.PublishDrillsRequest) { r.Results = nil },
		"longer than a page": func(r *bulkheadv1.PublishDrillsRequest) { r.Results[0].Why = strings.Repeat("x", 4001) },
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, publish(change), "invalid") })
	}
	if err := publish(func(*bulkheadv1.PublishDrillsRequest) {}); err != nil {
		t.Fatal(err)
	}
	worse := func(r *bulkheadv1.PublishDrillsRequest) {
		r.Results[0].Verdict, r.Results[0].WithControl = "not_proved", "attack_succeeded"
	}
	if err := publish(worse); err != nil {
		t.Fatal(err)
	}
	_, err := c.drills.PublishDrills(as(t, "bhs_aud"), &bulkheadv1.PublishDrillsRequest{Node: "n", Results: []*bulkheadv1.DrillResult{drillResult()}})
	wantCode(t, err, "denied")
	page := &bulkheadv1.Page{Filter: `node = "web-1"`}
	newest, err := c.drills.ListDrills(as(t, "bhs_aud"), &bulkheadv1.ListDrillsRequest{Page: page})
	if err != nil || len(newest.GetResults()) != 1 || newest.GetResults()[0].GetVerdict() != "not_proved" || newest.GetResults()[0].GetRequirement() != "8.5.c" {
		t.Error(newest, err)
	}
	all, err := c.drills.ListDrills(as(t, "bhs_aud"), &bulkheadv1.ListDrillsRequest{Page: page, History: true})
	if err != nil || len(all.GetResults()) != 2 {
		t.Error(all, err)
	}
}

func TestDrillKindsInBothLanguages(t *testing.T) {
	w := newWorld(t, real)
	w.account("olga", "acme", strong(), model.RoleOwner)
	kinds, err := w.clients().drills.GetDrillKinds(as(t, "bhs_olga"), &bulkheadv1.Empty{})
	if err != nil || len(kinds.GetDrills()) != 2 || kinds.GetDrills()[0].GetTitle() != "reads what is another tenant's" || kinds.GetDrills()[0].GetTitleZh() != "读取他人租户" {
		t.Error(kinds, err)
	}
}

func TestControlsAndTheirMode(t *testing.T) {
	w := newWorld(t, real)
	w.account("olga", "acme", strong(), model.RoleOwner)
	c, ctx := w.clients(), as(t, "bhs_olga")
	before, err := c.drills.GetControls(ctx, &bulkheadv1.GetControlsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := facts.Split(&model.Snapshot{
		Schema: model.SnapshotSchema, Node: model.Node{ID: "acme-node", Name: "n"}, Controls: []model.Control{{Name: model.ControlAgent, Mode: model.ModeObserve}},
	})
	if err != nil {
		t.Fatal(err)
	}
	have, err := w.store.FactDigests(t.Context(), "acme-node")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range facts.Diff(have, set, time.Now(), 1<<20) {
		if err := w.store.ApplyFacts(t.Context(), "acme-node", &u, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	after, err := c.drills.GetControls(ctx, &bulkheadv1.GetControlsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	of := func(all *bulkheadv1.Controls, name string) *bulkheadv1.Control {
		for _, x := range all.GetControls() {
			if x.GetName() == name {
				return x
			}
		}
		t.Fatal("no control " + name)
		return nil
	}
	if x := of(after, "agent"); x.GetObserve() != 1 || !x.GetThere() || x.GetMissing() != after.GetTold()-1 || of(before, "agent").GetObserve() != 0 {
		t.Error(before, after)
	}
	if x := of(after, "daemon-guard"); x.GetThere() || len(x.GetRequirements()) < 3 || x.GetMissing() != after.GetTold() {
		t.Error(x)
	}
}

func TestReportsAreAskedFor(t *testing.T) {
	w := newWorld(t, real)
	auditor := w.account("aud", "acme", strong(), model.RoleAuditor)
	c, ctx := w.clients(), as(t, "bhs_aud")
	at := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(d)) }
	for name, r := range map[string]*bulkheadv1.CreateReportRequest{
		"in the future":     {AsOf: at(time.Hour)},
		"backwards":         {AsOf: at(-time.Hour), Since: at(-time.Minute)},
		"of two years":      {Since: at(-800 * 24 * time.Hour)},
		"no requirement":    {Scope: &bulkheadv1.ReportScope{Requirements: []string{"9.1"}}},
		"unprintable title": {Title: "a\x07b"},
		"of no node":        {Scope: &bulkheadv1.ReportScope{Nodes: []string{"none"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.reports.CreateReport(ctx, r)
			wantCode(t, err, "invalid")
		})
	}
	made, err := c.reports.CreateReport(ctx, &bulkheadv1.CreateReportRequest{Scope: &bulkheadv1.ReportScope{Requirements: []string{"8.1", "8.5.c"}}})
	if err != nil || made.GetState() != "waiting" || made.GetAuthor() != auditor.ID || made.GetScope().GetTenant() != "acme" || made.GetTitle() == "" {
		t.Fatal(made, err)
	}
	if len(w.begun.ids) != 1 || w.begun.ids[0] != made.GetId() {
		t.Error(w.begun.ids)
	}
	stream, err := c.reports.DownloadReport(ctx, &bulkheadv1.DownloadReportRequest{Id: made.GetId(), Format: "json"})
	if err == nil {
		stream.Receive()
		err = stream.Err()
	}
	wantCode(t, err, "conflict")
	for range 4 {
		if _, err := c.reports.CreateReport(ctx, &bulkheadv1.CreateReportRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.reports.CreateReport(ctx, &bulkheadv1.CreateReportRequest{})
	wantCode(t, err, "too_many_requests")
	if _, err := c.reports.DeleteReport(ctx, &bulkheadv1.Id{Id: made.GetId()}); err != nil {
		t.Error(err)
	}
	_, err = c.reports.DeleteReport(ctx, &bulkheadv1.Id{Id: id("acme", "report")}) // another's
	wantCode(t, err, "denied")
	stream, err = c.reports.DownloadReport(ctx, &bulkheadv1.DownloadReportRequest{Id: id("acme", "report"), Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	if got := drained(stream); got != named("acme", "content") {
		t.Errorf("%q", got)
	}
}

func drained(s *connect.ServerStreamForClient[bulkheadv1.ReportPiece]) string {
	var b strings.Builder
	for s.Receive() {
		b.Write(s.Msg().GetData())
	}
	return b.String()
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := codeOf(t, err); got != want {
		t.Errorf("%v, want the code %q", err, want)
	}
}
