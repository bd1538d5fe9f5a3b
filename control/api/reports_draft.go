package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// draft is a report that may be made.
func (s *Reports) draft(ctx context.Context, r *bulkheadv1.CreateReportRequest) (*model.Report, error) {
	now, caller, in := s.Now().UTC(), gate.Caller(ctx), r.GetScope()
	out := &model.Report{
		Title: strings.TrimSpace(r.GetTitle()), AsOf: now, Author: caller.ID, AuthorName: caller.Name, Created: now, State: model.ReportWaiting,
		Scope: model.ReportScope{
			Tenant: gate.Scope(ctx, in.GetTenant()), Nodes: in.GetNodes(), Pool: in.GetPool(), Labels: in.GetLabels(), Requirements: in.GetRequirements(),
		},
	}
	out.Tenant, out.AllTenants = out.Scope.Tenant, out.Scope.Tenant == ""
	if out.AllTenants {
		out.Tenant = model.SystemTenant
	} else if _, err := s.Tenants.Tenant(ctx, out.Tenant); err != nil {
		return nil, err
	}
	if err := s.times(out, r, now); err != nil {
		return nil, err
	}
	if err := s.scope(ctx, &out.Scope); err != nil {
		return nil, err
	}
	if out.Title != printable(out.Title) || !utf8.ValidString(out.Title) {
		return nil, invalid("title", "it has characters that can't be seen")
	}
	if out.Title == "" {
		out.Title = "All tenants"
		if !out.AllTenants {
			out.Title = out.Tenant
		}
		out.Title += ", " + out.AsOf.Format(time.DateOnly)
	}
	return out, nil
}

func (s *Reports) times(out *model.Report, r *bulkheadv1.CreateReportRequest, now time.Time) error {
	if t := r.GetAsOf(); t != nil {
		if out.AsOf = t.AsTime().UTC(); out.AsOf.After(now.Add(maxClock)) {
			return invalid("as_of", "that time is in the future")
		}
		if out.AsOf.After(now) {
			out.AsOf = now
		}
	}
	out.Since = out.AsOf.Add(-reportSince)
	if t := r.GetSince(); t != nil {
		out.Since = t.AsTime().UTC()
	}
	if !out.Since.Before(out.AsOf) || out.AsOf.Sub(out.Since) > longestReport {
		return &model.Error{
			Code: model.CodeInvalid, Field: "since", Message: "since: it must be before the time that the report is of, by at most 400 days",
			Remedy: "Leave it out for the 30 days before.",
		}
	}
	return nil
}

func (s *Reports) scope(ctx context.Context, sc *model.ReportScope) error {
	for _, id := range sc.Nodes {
		n, err := s.Nodes.Node(ctx, id)
		if err != nil && model.CodeOf(err) != model.CodeNotFound {
			return err
		}
		if err != nil || sc.Tenant != "" && n.Tenant != sc.Tenant {
			return &model.Error{
				Code: model.CodeInvalid, Message: "scope.nodes: the tenant has no node with that id", Field: "scope.nodes",
				Remedy: "`bulkhead nodes list` shows the nodes with their ids.",
			}
		}
	}
	for k, v := range sc.Labels {
		if k == "" || len(k) > 200 || len(v) > 200 {
			return invalid("scope.labels", "names of labels must be there, names and values have at most 200 bytes")
		}
	}
	for _, id := range sc.Requirements {
		known := slices.ContainsFunc(s.Catalogue.Requirements, func(r catalogue.Requirement) bool { return r.ID == id || catalogue.Within(r.ID, id) })
		if !known {
			return &model.Error{
				Code: model.CodeInvalid, Message: "scope.requirements: X.1643 has no requirement or clause " + short(fmt.Errorf("%q", id)), Field: "scope.requirements",
				Remedy: "`bulkhead catalogue` lists them, e.g. 8.1 or 8.1.c.",
			}
		}
	}
	return nil
}
