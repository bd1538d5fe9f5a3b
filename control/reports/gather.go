package reports

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of what a report is made of.
const (
	mostNodes     = 5000
	pageSize      = 1000
	mostFindings  = 400   // that are listed
	mostEvents    = 300   // that are listed
	countFindings = 50000 // that are looked at
	countEvents   = 50000
	mostListed    = 2000 // exceptions, drills
	staleAfter    = 24 * time.Hour
)

// chosen is a node of the scope: a member, an assessment, or both.
type chosen struct {
	member *model.Member
	at     *model.Published
}

// scope is what a report is made of.
type scope struct {
	nodes  []chosen
	names  []string          // of nodes that were named
	member map[string]bool   // ids of members in the scope
	before []model.Published // where nodes stood at Since
	all    bool              // no choice among nodes
}

// choose finds the nodes of a scope with their assessments at a time, without documents.
func (m *Maker) choose(ctx context.Context, r *model.Report) (*scope, error) {
	s := &scope{member: map[string]bool{}, all: len(r.Scope.Nodes) == 0 && r.Scope.Pool == "" && len(r.Scope.Labels) == 0}
	members := map[string]*model.Member{}
	err := each(ctx, model.Query{Tenant: r.Scope.Tenant}, m.o.Store.Nodes, func(n *model.Member) error {
		if !picks(&r.Scope, n) || n.Joined.After(r.AsOf) {
			return nil
		}
		members[n.Tenant+"/"+n.ID], s.member[n.ID] = n, true
		if slices.Contains(r.Scope.Nodes, n.ID) {
			s.names = append(s.names, n.Name)
		}
		return tooMany(len(members))
	})
	if err != nil {
		return nil, err
	}
	wanted := func(p *model.Published) bool { return s.all || members[p.Tenant+"/"+p.Node] != nil }
	err = each(ctx, model.Query{Tenant: r.Scope.Tenant, Until: r.AsOf}, m.o.Store.AssessmentsAt, func(p *model.Published) error {
		if !wanted(p) {
			return nil
		}
		s.nodes = append(s.nodes, chosen{members[p.Tenant+"/"+p.Node], p})
		delete(members, p.Tenant+"/"+p.Node)
		return tooMany(len(s.nodes))
	})
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if n := members[key]; n.Revoked.IsZero() || n.Revoked.After(r.AsOf) {
			s.nodes = append(s.nodes, chosen{member: n})
		}
	}
	known := map[string]bool{}
	for _, n := range s.nodes {
		if n.at != nil {
			known[n.at.Tenant+"/"+n.at.Node] = true
		}
	}
	return s, each(ctx, model.Query{Tenant: r.Scope.Tenant, Until: r.Since}, m.o.Store.AssessmentsAt, func(p *model.Published) error {
		if known[p.Tenant+"/"+p.Node] {
			s.before = append(s.before, *p)
		}
		return nil
	})
}

func tooMany(n int) error {
	if n <= mostNodes {
		return nil
	}
	return &model.Error{
		Code: model.CodeTooMany, Message: fmt.Sprintf("the scope has more than %d nodes; choose a tenant, a pool or labels", mostNodes),
		Field: "scope", Remedy: "Make several reports, e.g. one for each tenant or pool.",
	}
}

// picks says whether a scope has a member.
func picks(s *model.ReportScope, n *model.Member) bool {
	if len(s.Nodes) > 0 && !slices.Contains(s.Nodes, n.ID) || s.Pool != "" && n.Pool != s.Pool {
		return false
	}
	for k, v := range s.Labels {
		if have, ok := n.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// each goes through a list page by page.
func each[T any](ctx context.Context, q model.Query, list func(context.Context, model.Query) ([]T, string, error), take func(*T) error) error {
	for q.Size = pageSize; ; {
		items, next, err := list(ctx, q)
		if err != nil {
			return err
		}
		for i := range items {
			if err := take(&items[i]); err != nil {
				return err
			}
		}
		if q.Token = next; next == "" {
			return nil
		}
	}
}

// gather makes the report's content.
func (m *Maker) gather(ctx context.Context, r *model.Report) (*report.Fleet, error) {
	s, err := m.choose(ctx, r)
	if err != nil {
		return nil, err
	}
	b := report.NewFleet(m.o.Catalogue, r.Scope.Requirements)
	f := b.Fleet()
	f.ID, f.Title, f.Product, f.Created, f.AsOf, f.Since = r.ID, r.Title, m.o.Version, m.o.Now().UTC(), r.AsOf, r.Since
	f.Author = report.Author{ID: r.Author, Name: r.AuthorName}
	f.Scope = report.FleetScope{
		Tenant: r.Scope.Tenant, Nodes: append([]string{}, s.names...), Pool: r.Scope.Pool, Labels: r.Scope.Labels,
		Requirements: append([]string{}, r.Scope.Requirements...), Words: scopeWords(&r.Scope, s.names),
	}
	for i := range s.before {
		b.Before(s.before[i].Statuses)
	}
	r.State, r.Done, r.Total = model.ReportRunning, 0, len(s.nodes)
	var last time.Time
	w := &witness{}
	for i := range s.nodes {
		if err := m.progress(ctx, r, &last); err != nil {
			return nil, err
		}
		if err := m.node(ctx, b, &s.nodes[i], w); err != nil {
			return nil, err
		}
		r.Done++
	}
	b.Close()
	f.NotKnown = append(f.NotKnown, m.notKnown(r, s, w)...)
	for _, more := range []func(context.Context, *model.Report, *scope, *report.FleetBuilder) error{
		m.exceptions, m.findings, m.changes, m.drills, m.controls, m.audit,
	} {
		if err := more(ctx, r, s, b); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// witness counts what can't be seen.
type witness struct{ unread, gaps int }

// node adds one node. Its assessment is forgotten afterwards.
func (m *Maker) node(ctx context.Context, b *report.FleetBuilder, c *chosen, w *witness) error {
	n := report.FleetNode{}
	if c.member != nil {
		n = report.FleetNode{
			ID: c.member.ID, Tenant: c.member.Tenant, Name: c.member.Name, Pool: c.member.Pool, Labels: c.member.Labels, Health: c.member.Health,
			HealthReason: c.member.HealthReason, HealthSince: c.member.HealthSince,
		}
	}
	if c.at == nil {
		b.Add(n, nil)
		return nil
	}
	if c.member == nil {
		n.ID, n.Tenant, n.Name = c.at.Node, c.at.Tenant, c.at.NodeName
	}
	p, err := m.o.Store.Assessment(ctx, c.at.ID)
	if model.CodeOf(err) == model.CodeNotFound { // retention took it meanwhile
		b.Add(n, nil)
		return nil
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256(p.Document)
	n.Assessment, n.Digest, n.Facts, n.Published = p.ID, hex.EncodeToString(sum[:]), p.Time, p.Published
	a, err := report.ReadAssessment(bytes.NewReader(p.Document))
	if err != nil { // of a newer version: its statuses are known, its evidence is not
		w.unread++
		a = &model.Assessment{}
		for id, s := range p.Statuses {
			a.Requirements = append(a.Requirements, model.RequirementResult{
				ID: id, Status: s, Reason: "the assessment was made by another version and can't be read", ReasonZH: "评估由其他版本生成，无法读取",
			})
		}
	}
	if len(a.Gaps) > 0 {
		w.gaps++
	}
	b.Add(n, a)
	return nil
}
