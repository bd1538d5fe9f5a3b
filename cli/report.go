package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) reportCommand() *cobra.Command {
	var f listFlags
	var yes bool
	cmd := a.group("report", "Reports for auditors: where a part of the fleet stood at a time, why, and what happened before",
		`Has the control plane make a report of a tenant, of chosen nodes or requirements, as of now or of a time before. It is made in the
background; "list" and "show" find it again. It is given as JSON, as OSCAL assessment results, and as a page of HTML that prints well.
Each file's digest is signed, and in the audit log: "verify" tells whether a file was changed.`,
		`  bulkhead report create --tenant acme --wait
  bulkhead report create --tenant acme --label zone=a --requirement 8.1 --as-of 2026-09-30 --since 2026-07-01 --title "Third quarter"
  bulkhead report list
  bulkhead report show 0198…
  bulkhead report download 0198… --format html --lang zh --file report.html
  bulkhead report verify 0198… report.html
  bulkhead report delete 0198…`,
		a.createReportCommand(),
		lister(verb("list", "List reports, newest first", 0, func(ctx context.Context, _ []string) error { return a.listReports(ctx, f) }), &f, "state, author"),
		verb("show ID", "Show how far a report is, its digests and its signature", 1, func(ctx context.Context, args []string) error {
			c, err := a.reportClient(ctx)
			if err != nil {
				return err
			}
			r, err := c.GetReport(ctx, &bulkheadv1.Id{Id: args[0]})
			return a.showReport(r, err)
		}),
		a.downloadReportCommand(), a.verifyReportCommand(),
		yesFlag(verb("delete ID", "Delete a report; one that is being made is given up", 1, func(ctx context.Context, args []string) error {
			if err := a.confirm(yes, "delete the report "+args[0]); err != nil {
				return err
			}
			c, err := a.reportClient(ctx)
			if err != nil {
				return err
			}
			_, err = c.DeleteReport(ctx, &bulkheadv1.Id{Id: args[0]})
			return a.done(err, "deleted the report "+args[0])
		}), &yes),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) reportClient(ctx context.Context) (bulkheadv1connect.ReportServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewReportServiceClient)
}

// reportFlags are what a report is about.
type reportFlags struct {
	nodes, labels []string
	asOf, since   string
	wait, preview bool
}

func (a *App) createReportCommand() *cobra.Command {
	req := &bulkheadv1.CreateReportRequest{Scope: &bulkheadv1.ReportScope{}}
	var f reportFlags
	cmd := verb("create", "Have a report made", 0, func(ctx context.Context, _ []string) error { return a.createReport(ctx, req, f) })
	fl := cmd.Flags()
	fl.StringVar(&req.Title, "title", "", "a `title` for people (default: the tenant and the day)")
	fl.StringArrayVar(&f.nodes, "node", nil, "only this `node`, by name or id; may be given more than once")
	fl.StringVar(&req.Scope.Pool, "pool", "", "only nodes of this `pool`")
	fl.StringArrayVar(&f.labels, "label", nil, "only nodes with this label, `NAME=VALUE`; may be given more than once")
	fl.StringSliceVar(&req.Scope.Requirements, "requirement", nil, "only this requirement or `clause`, e.g. 8.1.c or 8.1; may be given more than once")
	fl.StringVar(&f.asOf, "as-of", "", "as it was at this `time`: 2026-01-31, 2026-01-31T10:00:00Z, or an age such as 24h (default: now)")
	fl.StringVar(&f.since, "since", "", "tell what happened from this `time` on (default: the 30 days before)")
	fl.BoolVar(&f.wait, "wait", false, "wait until it is ready, and show progress on standard error")
	fl.BoolVar(&f.preview, "preview", false, "only say what it would cover")
	return cmd
}

func (a *App) createReport(ctx context.Context, req *bulkheadv1.CreateReportRequest, f reportFlags) error {
	req.Scope.Tenant = a.remote.tenant
	for _, t := range []struct {
		flag, value string
		to          **timestamppb.Timestamp
	}{{"as-of", f.asOf, &req.AsOf}, {"since", f.since, &req.Since}} {
		at, err := timeOf(t.value, time.Now())
		if err != nil {
			return fmt.Errorf("invalid argument %q for --%s: it must be a time such as 2026-01-31 or an age such as 24h", t.value, t.flag)
		}
		if !at.IsZero() {
			*t.to = timestamppb.New(at)
		}
	}
	var err error
	if req.Scope.Labels, err = labels(f.labels); err != nil {
		return err
	}
	for _, n := range f.nodes {
		id, err := a.nodeID(ctx, n)
		if err != nil {
			return err
		}
		req.Scope.Nodes = append(req.Scope.Nodes, id)
	}
	c, err := a.reportClient(ctx)
	if err != nil {
		return err
	}
	if f.preview {
		return a.previewReport(ctx, c, req)
	}
	r, err := c.CreateReport(ctx, req)
	if err == nil && f.wait {
		r, err = a.awaitReport(ctx, c, r)
	}
	return a.showReport(r, err)
}

func (a *App) previewReport(ctx context.Context, c bulkheadv1connect.ReportServiceClient, req *bulkheadv1.CreateReportRequest) error {
	p, err := c.PreviewReport(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	return a.answer(p, func() {
		a.fields("nodes", fmt.Sprint(p.GetNodes()), "not assessed", fmt.Sprint(p.GetUnassessed()), "requirements", fmt.Sprint(p.GetRequirements()),
			"names", strings.Join(p.GetNames(), ", "))
		for _, n := range p.GetNotes() {
			a.fields("note", a.inLanguage(n.GetEn(), n.GetZh()))
		}
	})
}

// awaitReport waits until a report is ready or failed. What is interrupted goes on at the server.
func (a *App) awaitReport(ctx context.Context, c bulkheadv1connect.ReportServiceClient, r *bulkheadv1.Report) (*bulkheadv1.Report, error) {
	told := ""
	for r.GetState() == "waiting" || r.GetState() == "running" {
		if now := fmt.Sprintf("bulkhead: the report %s is %s, %d of %d nodes", plain(r.GetId()), plain(r.GetState()), r.GetDone(), r.GetTotal()); now != told {
			fmt.Fprintln(a.Err, now)
			told = now
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the report %s goes on at the server: %w", r.GetId(), context.Cause(ctx))
		case <-time.After(a.second()):
		}
		var err error
		if r, err = c.GetReport(ctx, &bulkheadv1.Id{Id: r.GetId()}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (a *App) showReport(r *bulkheadv1.Report, err error) error {
	if err != nil {
		return remoteError(err)
	}
	err = a.answer(r, func() {
		progress := ""
		if r.GetState() == "running" {
			progress = fmt.Sprintf("%d of %d nodes", r.GetDone(), r.GetTotal())
		}
		a.fields("id", r.GetId(), "title", r.GetTitle(), "state", r.GetState(), "progress", progress, "error", r.GetError(), "as of", when(r.GetAsOf()),
			"since", when(r.GetSince()), "made by", r.GetAuthorName(), "made", when(r.GetCreated()), "status", a.counts(r.GetSummary()))
		for _, f := range r.GetFiles() {
			name := f.GetFormat()
			if name == "html" {
				name += " " + f.GetLanguage()
			}
			a.fields(name, fmt.Sprintf("%d bytes, sha256:%s", f.GetSize(), f.GetSha256()))
		}
		a.fields("key", r.GetKey())
	})
	if err == nil && r.GetState() == "failed" {
		return errNo{"the report could not be made: " + plain(r.GetError())}
	}
	return err
}

func (a *App) listReports(ctx context.Context, f listFlags) error {
	c, err := a.reportClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Report, string, error) {
		res, err := c.ListReports(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetReports(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListReportsResponse{Reports: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, r := range items {
			rows = append(rows, []string{r.GetTitle(), r.GetState(), when(r.GetAsOf()), a.counts(r.GetSummary()), r.GetAuthorName(), r.GetId()})
		}
		a.table("no reports; `bulkhead report create` has one made", []string{"TITLE", "STATE", "AS OF", "STATUS", "MADE BY", "ID"}, rows)
		a.more(next)
	})
}
