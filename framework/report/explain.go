package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// Explain writes all that is known about one requirement ("8.1.c") or one check ("8.1.c/socket-mode"): what is asked
// and why, every piece of evidence with its pointer into the snapshot, references, what to do, exceptions. The
// catalogue may be nil. An id that the assessment does not hold is an error that names what is near.
func Explain(w io.Writer, a *model.Assessment, cat *catalogue.Catalogue, id string, o TextOptions) error {
	p := newPrinter(w, o)
	reqID, checkName, isCheck := strings.Cut(id, "/")
	for _, r := range a.Requirements {
		if r.ID != reqID {
			continue
		}
		checks := worstChecks(r.Checks)
		if isCheck {
			c, ok := findCheck(r.Checks, id)
			if !ok {
				return fmt.Errorf("requirement %s has no check %q; it has %s", reqID, checkName, checkNames(r.Checks))
			}
			checks = []model.CheckResult{c}
		}
		p.explainRequirement(r, cat, isCheck)
		for _, c := range checks {
			p.explainCheck(c)
		}
		if len(checks) == 0 {
			p.line("")
			p.hang("  ", plain, p.word("no_checks"), plain)
		}
		return p.result()
	}
	return fmt.Errorf("there is no requirement or check %q in this assessment; %s", id, nearIDs(a, reqID))
}

func findCheck(checks []model.CheckResult, id string) (model.CheckResult, bool) {
	for _, c := range checks {
		if c.ID == id {
			return c, true
		}
	}
	return model.CheckResult{}, false
}

func checkNames(checks []model.CheckResult) string {
	if len(checks) == 0 {
		return "none"
	}
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.ID
	}
	return strings.Join(names, ", ")
}

// nearIDs lists the requirements of the clause that the id seems to mean.
func nearIDs(a *model.Assessment, id string) string {
	for probe := id; probe != ""; probe = probe[:max(0, strings.LastIndexByte(probe, '.'))] {
		var near []string
		for _, r := range a.Requirements {
			if catalogue.Within(r.ID, probe) {
				near = append(near, r.ID)
			}
		}
		if len(near) > 0 && probe != "8" {
			return "of clause " + probe + " there are " + strings.Join(near, ", ")
		}
	}
	return "`bulkhead catalogue` lists them"
}

func (p *printer) explainRequirement(r model.RequirementResult, cat *catalogue.Catalogue, short bool) {
	p.requirementLine(r, textWidth(clean(r.ID)))
	p.hang("    ", plain, p.word(string(r.Status))+p.word("colon")+p.pick(r.Reason, r.ReasonZH), styleOf(string(r.Status)))
	if short || cat == nil {
		return
	}
	q, ok := cat.Requirement(r.ID)
	if !ok {
		return
	}
	for _, t := range []struct {
		key  string
		text model.Text
	}{{"asks", q.Asks}, {"why", q.Why}} {
		if s := t.text.In(p.lang); s != "" {
			p.line("")
			p.hang("    ", plain, p.word(t.key), strong)
			p.hang("    ", plain, s, plain)
		}
	}
	if len(q.Threats) == 0 {
		return
	}
	p.line("")
	p.hang("    ", plain, p.word("threats"), strong)
	for _, id := range q.Threats {
		t, _ := cat.Threat(id)
		p.hang("    "+id+"  ", faint, t.Title.In(p.lang), plain)
	}
}

func (p *printer) explainCheck(c model.CheckResult) {
	p.line("")
	p.hang("  "+mark(string(c.Status))+" ", styleOf(string(c.Status)), p.pick(c.Title, c.TitleZH), strong)
	facts := []string{c.ID, p.word(string(c.Status)), p.word(string(c.Severity))}
	if c.Essential {
		facts = append(facts, p.word("essential"))
	}
	p.hang("    ", plain, strings.Join(facts, " · "), faint)
	if len(c.References) > 0 {
		p.hang("    "+p.word("references")+p.word("colon"), faint, strings.Join(c.References, "; "), faint)
	}
	for _, e := range worstEvidence(c.Evidence) {
		bare := e
		bare.Exception = nil // it follows in full
		p.hang("    "+mark(string(e.Status))+" ", styleOf(string(e.Status)), p.sentence(bare), plain)
		if e.Pointer != "" {
			p.hang("      ", plain, e.Pointer, faint)
		}
		if e.Exception != nil {
			p.exception("      ", recorded{Exception: *e.Exception})
		}
	}
	if todo := p.pick(c.Remediation, c.RemediationZH); todo != "" {
		p.hang("    ", plain, p.word("todo"), strong)
		p.block("      → ", cyan, todo, plain)
	}
}
