package report

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// statuses are the states of a requirement, worst first: the order of every list.
var statuses = []model.Status{model.NotMet, model.Unknown, model.PartlyMet, model.Met, model.NotApplicable}

// checkStatuses are the results of a check, worst first.
var checkStatuses = []model.CheckStatus{
	model.CheckFail, model.CheckUnknown, model.CheckWarn, model.CheckPass, model.CheckNotApplicable,
}

var severities = []model.Severity{model.Critical, model.High, model.Medium, model.Low}

// place is the position in a list, worst first; what is not in it comes last.
func place[T comparable](list []T, v T) int {
	if i := slices.Index(list, v); i >= 0 {
		return i
	}
	return len(list)
}

// mark is the sign of a status, so that nothing depends on colour.
func mark(status string) string {
	switch status {
	case "met", "pass":
		return "✓"
	case "not_met", "fail":
		return "✗"
	case "partly_met":
		return "◐"
	case "warn":
		return "!"
	case "not_applicable":
		return "–"
	}
	return "?"
}

// section is a heading of clause 8 with its requirements, worst first.
type section struct {
	ID    string
	Title model.Text
	Reqs  []model.RequirementResult
}

// sections groups requirements by the heading they stand under, in the order of the standard.
func sections(a *model.Assessment, cat *catalogue.Catalogue) []section {
	var out []section
	for _, r := range a.Requirements {
		id, title := sectionOf(r.ID, cat)
		i := slices.IndexFunc(out, func(s section) bool { return s.ID == id })
		if i < 0 {
			i = len(out)
			out = append(out, section{ID: id, Title: title})
		}
		out[i].Reqs = append(out[i].Reqs, r)
	}
	for i := range out {
		slices.SortStableFunc(out[i].Reqs, func(x, y model.RequirementResult) int {
			return place(statuses, x.Status) - place(statuses, y.Status)
		})
	}
	return out
}

// sectionOf finds the heading in the catalogue, or by the shape of the id: the leading numbers.
func sectionOf(id string, cat *catalogue.Catalogue) (string, model.Text) {
	if cat != nil {
		if s, ok := cat.SectionOf(id); ok {
			return s.ID, s.Title
		}
	}
	parts := strings.Split(id, ".")
	n := slices.IndexFunc(parts, func(p string) bool { return p == "" || p[0] < '0' || p[0] > '9' })
	if n > 0 {
		parts = parts[:n]
	}
	return strings.Join(parts, "."), model.Text{}
}

// worstChecks orders checks by result, then essential before others, then severity.
func worstChecks(checks []model.CheckResult) []model.CheckResult {
	out := slices.Clone(checks)
	slices.SortStableFunc(out, func(x, y model.CheckResult) int {
		if d := place(checkStatuses, x.Status) - place(checkStatuses, y.Status); d != 0 {
			return d
		}
		if x.Essential != y.Essential {
			if x.Essential {
				return -1
			}
			return 1
		}
		return place(severities, x.Severity) - place(severities, y.Severity)
	})
	return out
}

// worstEvidence orders evidence by result.
func worstEvidence(ev []model.Evidence) []model.Evidence {
	out := slices.Clone(ev)
	slices.SortStableFunc(out, func(x, y model.Evidence) int {
		return place(checkStatuses, x.Status) - place(checkStatuses, y.Status)
	})
	return out
}

// bad says whether a check's result asks for something to be done.
func bad(s model.CheckStatus) bool {
	return s == model.CheckFail || s == model.CheckWarn || s == model.CheckUnknown
}

// recorded is an exception and the checks and subjects that it covers.
type recorded struct {
	model.Exception
	Checks []string
}

// recordedExceptions lists each exception that touches a piece of evidence once: those in force first.
func recordedExceptions(a *model.Assessment) []recorded {
	var out []recorded
	for _, r := range a.Requirements {
		for _, c := range r.Checks {
			for _, e := range c.Evidence {
				if e.Exception == nil {
					continue
				}
				i := slices.IndexFunc(out, func(x recorded) bool { return x.Exception == *e.Exception })
				if i < 0 {
					i = len(out)
					out = append(out, recorded{Exception: *e.Exception})
				}
				if !slices.Contains(out[i].Checks, c.ID) {
					out[i].Checks = append(out[i].Checks, c.ID)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(x, y recorded) int {
		switch {
		case x.Expired == y.Expired:
			return strings.Compare(x.Expires, y.Expires)
		case y.Expired:
			return -1
		}
		return 1
	})
	return out
}
