package report

import (
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// DiffSchema names the version of the difference's JSON form.
const DiffSchema = "bulkhead.assessment-diff/v1"

// Changes is the difference between two assessments. Only what changed is in it.
type Changes struct {
	Schema       string              `json:"schema"`
	Before       Side                `json:"before"`
	After        Side                `json:"after"`
	Requirements []RequirementChange `json:"requirements"`
	Checks       []CheckChange       `json:"checks"`
	GapsOpened   []model.Gap         `json:"gaps_opened"`
	GapsClosed   []model.Gap         `json:"gaps_closed"`
}

// Side says what was compared.
type Side struct {
	Node model.Node `json:"node"`
	Time time.Time  `json:"time"`
}

// RequirementChange is a requirement whose status changed. A status is empty where the assessment lacks it.
type RequirementChange struct {
	ID      string        `json:"id"`
	Keyword model.Keyword `json:"keyword"`
	Title   string        `json:"title"`
	TitleZH string        `json:"title_zh"`
	Before  model.Status  `json:"before,omitempty"`
	After   model.Status  `json:"after,omitempty"`
}

// CheckChange is a check whose result changed, or which found fault with other subjects than before.
type CheckChange struct {
	ID      string            `json:"id"`
	Title   string            `json:"title"`
	TitleZH string            `json:"title_zh"`
	Before  model.CheckStatus `json:"before,omitempty"`
	After   model.CheckStatus `json:"after,omitempty"`
	// Appeared are subjects (containers, images, files) that the check newly finds fault with; Gone those that it no
	// longer does.
	Appeared []string `json:"appeared"`
	Gone     []string `json:"gone"`
}

// Worse says whether any requirement got worse: met or not_applicable, partly_met, unknown, not_met is the order from
// good to bad. One that only one of the two assessments has is no change of the node and is not counted.
func (c Changes) Worse() bool {
	return slices.ContainsFunc(c.Requirements, RequirementChange.worse)
}

func (r RequirementChange) worse() bool {
	return r.Before != "" && r.After != "" && badness(r.After) > badness(r.Before)
}

func badness(s model.Status) int {
	switch s {
	case model.Met, model.NotApplicable:
		return 0
	case model.PartlyMet:
		return 1
	case model.NotMet:
		return 3
	}
	return 2
}

// Diff says what changed from a to b.
func Diff(a, b *model.Assessment) Changes {
	c := Changes{
		Schema:       DiffSchema,
		Before:       Side{a.Node, a.Time},
		After:        Side{b.Node, b.Time},
		Requirements: []RequirementChange{},
		Checks:       []CheckChange{},
		GapsOpened:   gapsOnlyIn(b.Gaps, a.Gaps),
		GapsClosed:   gapsOnlyIn(a.Gaps, b.Gaps),
	}
	for _, p := range pairs(a.Requirements, b.Requirements, func(r model.RequirementResult) string { return r.ID }) {
		if p.before.Status != p.after.Status {
			c.Requirements = append(c.Requirements, RequirementChange{
				ID: p.any().ID, Keyword: p.any().Keyword, Title: p.any().Title, TitleZH: p.any().TitleZH,
				Before: p.before.Status, After: p.after.Status,
			})
		}
		for _, q := range pairs(p.before.Checks, p.after.Checks, func(c model.CheckResult) string { return c.ID }) {
			if ch, changed := checkChange(q); changed {
				c.Checks = append(c.Checks, ch)
			}
		}
	}
	return c
}

func checkChange(p pair[model.CheckResult]) (CheckChange, bool) {
	before, after := faulty(p.before), faulty(p.after)
	ch := CheckChange{
		ID: p.any().ID, Title: p.any().Title, TitleZH: p.any().TitleZH, Before: p.before.Status, After: p.after.Status,
		Appeared: without(after, before), Gone: without(before, after),
	}
	return ch, ch.Before != ch.After || len(ch.Appeared)+len(ch.Gone) > 0
}

// faulty lists the subjects that a check finds fault with, each once, in its order.
func faulty(c model.CheckResult) []string {
	out := []string{}
	seen := map[string]bool{"": true}
	for _, e := range c.Evidence {
		if bad(e.Status) && !seen[e.Subject] {
			seen[e.Subject] = true
			out = append(out, e.Subject)
		}
	}
	return out
}

func without(list, other []string) []string {
	known := map[string]bool{}
	for _, s := range other {
		known[s] = true
	}
	out := []string{}
	for _, s := range list {
		if !known[s] {
			out = append(out, s)
		}
	}
	return out
}

// gapsOnlyIn compares by part and cause: details hold times and numbers that differ from run to run.
func gapsOnlyIn(list, other []model.Gap) []model.Gap {
	type key struct {
		path, collector string
		reason          model.GapReason
	}
	known := map[key]bool{}
	for _, g := range other {
		known[key{g.Path, g.Collector, g.Reason}] = true
	}
	out := []model.Gap{}
	for _, g := range list {
		if !known[key{g.Path, g.Collector, g.Reason}] {
			out = append(out, g)
		}
	}
	return out
}

// pair is the same thing before and after; a side that lacks it holds the zero value.
type pair[T any] struct {
	before, after T
	gone          bool
}

// any is the later of the two, for what both have in common.
func (p pair[T]) any() T {
	if p.gone {
		return p.before
	}
	return p.after
}

// pairs matches two lists by id: in the order of the second, then what only the first has.
func pairs[T any](before, after []T, id func(T) string) []pair[T] {
	old := map[string]T{}
	for _, v := range before {
		old[id(v)] = v
	}
	var out []pair[T]
	seen := map[string]bool{}
	for _, v := range after {
		seen[id(v)] = true
		out = append(out, pair[T]{before: old[id(v)], after: v})
	}
	for _, v := range before {
		if !seen[id(v)] {
			out = append(out, pair[T]{before: v, gone: true})
		}
	}
	return out
}
