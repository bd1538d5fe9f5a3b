package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of a report, so that no number of nodes makes one that nobody can hold or read.
const (
	evidencePerCheck = 40  // pieces of evidence of a check, over all nodes
	evidencePerNode  = 3   // of those, of one node
	longestText      = 600 // runes of a text from a node
)

// FleetBuilder makes a report of assessments that are given to it one by one: it keeps none of them.
type FleetBuilder struct {
	f     *Fleet
	place map[string]int // of a requirement
	check map[string]*FleetCheck
}

// NewFleet begins a report about the requirements that are within any of some ids or clauses; none means all.
func NewFleet(cat *catalogue.Catalogue, within []string) *FleetBuilder {
	b := &FleetBuilder{place: map[string]int{}, check: map[string]*FleetCheck{}, f: &Fleet{
		Schema: FleetSchema, Summary: map[model.Status]int{}, SummaryBefore: map[model.Status]int{}, Requirements: []FleetRequirement{},
		Exceptions: []FleetException{}, Drills: []FleetDrill{}, Controls: []FleetControl{}, NotKnown: []model.Text{}, Nodes: []FleetNode{},
		Audit: []AuditPlace{}, Findings: FleetFindings{Counts: map[model.Severity]int{}, List: []FleetFinding{}},
		Changes: FleetChanges{Counts: map[string]int{}, List: []FleetEvent{}},
	}}
	for _, r := range cat.Requirements {
		if !Covers(within, r.ID) {
			continue
		}
		section, _ := sectionOf(r.ID, cat)
		b.place[r.ID] = len(b.f.Requirements)
		b.f.Requirements = append(b.f.Requirements, FleetRequirement{
			ID: r.ID, Section: section, Keyword: r.Keyword, Title: r.Title, Nodes: map[model.Status]int{}, Controls: notNull(r.Controls),
			Checks: []FleetCheck{},
		})
	}
	return b
}

// Covers says whether a requirement is among some ids of requirements or clauses; none means all.
func Covers(within []string, requirement string) bool {
	return len(within) == 0 || slices.ContainsFunc(within, func(w string) bool { return w == requirement || catalogue.Within(requirement, w) })
}

// Fleet is the report, to be completed with what does not come from assessments.
func (b *FleetBuilder) Fleet() *Fleet { return b.f }

// Wants says whether a requirement is part of the report.
func (b *FleetBuilder) Wants(requirement string) bool {
	_, ok := b.place[requirement]
	return ok
}

// Before takes where a node stood at the beginning of the time.
func (b *FleetBuilder) Before(statuses map[string]model.Status) {
	for id, i := range b.place {
		r := &b.f.Requirements[i]
		if s := known(statuses, id); r.Before == "" || worse(s) > worse(r.Before) {
			r.Before = s
		}
	}
}

// Add takes a node with its assessment, nil for one that has none.
func (b *FleetBuilder) Add(n FleetNode, a *model.Assessment) {
	n.Statuses, n.Failing, n.Labels = map[string]model.Status{}, []string{}, mapNotNull(n.Labels)
	if a != nil {
		b.f.NodesAssessed++
		n.Host, n.Gaps = bounded(a.Host), len(a.Gaps)
		results := map[string]*model.RequirementResult{}
		for i := range a.Requirements {
			results[a.Requirements[i].ID] = &a.Requirements[i]
		}
		for i := range b.f.Requirements {
			r := &b.f.Requirements[i]
			n.Statuses[r.ID] = b.requirement(r, &n, results[r.ID])
		}
	}
	b.f.Nodes = append(b.f.Nodes, n)
}

func (b *FleetBuilder) requirement(r *FleetRequirement, n *FleetNode, result *model.RequirementResult) model.Status {
	if result == nil { // of an older version
		result = &model.RequirementResult{Status: model.Unknown, Reason: "the assessment does not know the requirement", ReasonZH: "评估不包含该项要求"}
	}
	r.Nodes[result.Status]++
	if result.Excepted {
		r.Excepted++
	}
	if r.Status == "" || worse(result.Status) > worse(r.Status) {
		r.Status, r.Reason = result.Status, model.Text{EN: bounded(result.Reason), ZH: bounded(result.ReasonZH)}
	}
	for i := range result.Checks {
		c := &result.Checks[i]
		if !bad(c.Status) {
			continue
		}
		if c.Status == model.CheckFail {
			n.Failing = append(n.Failing, c.ID)
		}
		b.failing(c, b.f.Label(n.Tenant, n.Name))
	}
	return result.Status
}

func (b *FleetBuilder) failing(c *model.CheckResult, node string) {
	f := b.check[c.ID]
	if f == nil {
		f = &FleetCheck{
			ID: c.ID, Title: model.Text{EN: c.Title, ZH: c.TitleZH}, Severity: c.Severity, Essential: c.Essential, References: notNull(c.References),
			Remediation: model.Text{EN: c.Remediation, ZH: c.RemediationZH}, Nodes: map[model.CheckStatus]int{}, Evidence: []FleetEvidence{},
		}
		b.check[c.ID] = f
	}
	if f.Remediation.EN == "" { // a check that only warns may have none
		f.Remediation = model.Text{EN: c.Remediation, ZH: c.RemediationZH}
	}
	f.Nodes[c.Status]++
	took := 0
	for _, e := range worstEvidence(c.Evidence) {
		if !bad(e.Status) {
			continue
		}
		if took >= evidencePerNode || len(f.Evidence) >= evidencePerCheck {
			f.LeftOut++
			continue
		}
		took++
		f.Evidence = append(f.Evidence, FleetEvidence{
			Node: node, Subject: bounded(e.Subject), Status: e.Status, Text: model.Text{EN: bounded(e.Text), ZH: bounded(e.TextZH)}, Exception: e.Exception,
		})
	}
}

// Close puts all in order. Nothing is added afterwards but what does not come from assessments.
func (b *FleetBuilder) Close() *Fleet {
	for _, id := range slices.Sorted(maps.Keys(b.check)) {
		requirement, _, _ := strings.Cut(id, "/")
		if i, ok := b.place[requirement]; ok {
			r := &b.f.Requirements[i]
			r.Checks = append(r.Checks, *b.check[id])
		}
	}
	for i := range b.f.Requirements {
		r := &b.f.Requirements[i]
		if r.Status == "" {
			r.Status, r.Reason = model.Unknown, model.Text{EN: "no node was assessed", ZH: "没有节点完成评估"}
		}
		b.f.Summary[r.Status]++
		if r.Before != "" {
			b.f.SummaryBefore[r.Before]++
		}
		slices.SortStableFunc(r.Checks, func(x, y FleetCheck) int {
			if d := y.Nodes[model.CheckFail] - x.Nodes[model.CheckFail]; d != 0 {
				return d
			}
			return place(severities, x.Severity) - place(severities, y.Severity)
		})
	}
	slices.SortStableFunc(b.f.Nodes, func(x, y FleetNode) int {
		if d := strings.Compare(x.Tenant, y.Tenant); d != 0 {
			return d
		}
		return strings.Compare(x.Name, y.Name)
	})
	return b.f
}

// worse orders statuses, the worst highest. What is not known may be as bad as what is not met, but nobody has seen it.
func worse(s model.Status) int {
	return slices.Index([]model.Status{model.NotApplicable, model.Met, model.Unknown, model.PartlyMet, model.NotMet}, s)
}

// Worse says whether a status is worse than another one.
func Worse(than, is model.Status) bool { return worse(is) > worse(than) }

func known(statuses map[string]model.Status, id string) model.Status {
	if s, ok := statuses[id]; ok {
		return s
	}
	return model.Unknown
}

// bounded bounds a text that comes from a node.
func bounded(s string) string {
	if len(s) <= longestText {
		return s
	}
	if r := []rune(s); len(r) > longestText {
		return string(r[:longestText-1]) + "…"
	}
	return s
}

func mapNotNull(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
