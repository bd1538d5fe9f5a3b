package reports

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// errEnough ends a list that is long enough.
var errEnough = errors.New("enough")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// about says whether something that is about a node and a requirement ("" for none) is in the report.
func about(s *scope, b *report.FleetBuilder, node, requirement string) bool {
	return (s.all || s.member[node]) && (requirement == "" || b.Wants(requirement))
}

func (m *Maker) exceptions(ctx context.Context, r *model.Report, s *scope, b *report.FleetBuilder) error {
	f, names := b.Fleet(), map[string]string{}
	for _, n := range s.nodes {
		if n.member != nil {
			names[n.member.ID] = n.member.Name
		}
	}
	people := map[string]string{}
	return enough(each(ctx, model.Query{Tenant: r.Scope.Tenant}, m.o.Store.Exceptions, func(e *model.StoredException) error {
		requirement, _, _ := strings.Cut(e.Check, "/")
		switch {
		case e.Created.After(r.AsOf) || e.Expires < r.AsOf.UTC().Format(time.DateOnly):
			return nil
		case e.Node != "" && !s.all && !s.member[e.Node], len(r.Scope.Requirements) > 0 && !b.Wants(requirement):
			return nil
		case len(f.Exceptions) >= mostListed:
			return errEnough
		}
		node := e.Node
		if n := names[e.Node]; n != "" {
			node = n
		}
		f.Exceptions = append(f.Exceptions, report.FleetException{
			Exception: e.Exception, ID: e.ID, Tenant: e.Tenant, Node: node, Creator: m.person(ctx, people, e.Creator),
			Approver: m.person(ctx, people, e.Approver), Created: e.Created,
		})
		return nil
	}))
}

// person is an account's name, or its id where it is gone.
func (m *Maker) person(ctx context.Context, known map[string]string, id string) string {
	if id == "" {
		return ""
	}
	if known[id] == "" {
		known[id] = id
		if a, err := m.o.Store.Account(ctx, id); err == nil {
			known[id] = a.Name
		}
	}
	return known[id]
}

// findings are those that were seen before the time and were not over then.
func (m *Maker) findings(ctx context.Context, r *model.Report, s *scope, b *report.FleetBuilder) error {
	f, at := b.Fleet(), r.AsOf.UTC().Format(time.RFC3339Nano)
	seen := 0
	var list []report.FleetFinding
	first := model.Condition{Field: "first", Op: "<=", Value: at}
	for _, open := range []model.Condition{{Field: "over", Op: "=", Value: "false"}, {Field: "ended", Op: ">", Value: at}} {
		q := model.Query{Tenant: r.Scope.Tenant, Where: []model.Condition{first, open}}
		err := each(ctx, q, m.o.Store.Findings, func(x *model.Finding) error {
			if seen++; seen > countFindings {
				return errEnough
			}
			if !about(s, b, x.Node, x.Requirement) {
				return nil
			}
			f.Findings.Counts[x.Severity]++
			list = append(list, report.FleetFinding{
				Node: f.Label(x.Tenant, x.NodeName), Kind: x.Kind, Requirement: x.Requirement, Severity: x.Severity, Subject: x.Subject, Text: x.Text,
				First: x.First, Excepted: x.Exception != "",
			})
			if len(list) >= 4*mostFindings {
				list = gravest(list)
			}
			return nil
		})
		if err := enough(err); err != nil {
			return err
		}
	}
	all := 0
	for _, n := range f.Findings.Counts {
		all += n
	}
	f.Findings.List = append(f.Findings.List, gravest(list)...)
	f.Findings.LeftOut = all - len(f.Findings.List)
	if seen > countFindings {
		f.NotKnown = append(f.NotKnown, said("More than %d findings were open; those beyond are not counted.", "未关闭的发现超过 %d 项，其余未计入。", countFindings))
	}
	return nil
}

// gravest are as many as are listed, the gravest first.
func gravest(list []report.FleetFinding) []report.FleetFinding {
	order := []model.Severity{model.Critical, model.High, model.Medium, model.Low}
	slices.SortStableFunc(list, func(x, y report.FleetFinding) int {
		return slices.Index(order, x.Severity) - slices.Index(order, y.Severity)
	})
	return list[:min(len(list), mostFindings)]
}

// changes are what happened in the time, the newest first.
func (m *Maker) changes(ctx context.Context, r *model.Report, s *scope, b *report.FleetBuilder) error {
	f, seen := b.Fleet(), 0
	q := model.Query{Tenant: r.Scope.Tenant, Since: r.Since, Until: r.AsOf}
	err := each(ctx, q, m.o.Store.Events, func(e *model.Event) error {
		if seen++; seen > countEvents {
			return errEnough
		}
		if !about(s, b, e.Node, e.Requirement) {
			return nil
		}
		f.Changes.Counts[e.Kind]++
		if e.Kind == model.EventStatus {
			switch before, after := model.Status(e.Before), model.Status(e.After); {
			case report.Worse(before, after):
				f.Changes.Worse++
			case report.Worse(after, before):
				f.Changes.Better++
			}
		}
		if len(f.Changes.List) >= mostEvents {
			f.Changes.LeftOut++
			return nil
		}
		f.Changes.List = append(f.Changes.List, report.FleetEvent{
			Time: e.Time, Node: f.Label(e.Tenant, e.NodeName), Kind: e.Kind, Severity: e.Severity, Requirement: e.Requirement, Before: e.Before,
			After: e.After, Text: e.Text,
		})
		return nil
	})
	if seen > countEvents {
		f.NotKnown = append(f.NotKnown, said("More than %d things happened in the time; the oldest are not counted.", "期间事件超过 %d 项，最早的未计入。", countEvents))
	}
	return enough(err)
}
