package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// TextOptions shape the reports for a terminal.
type TextOptions struct {
	Width   int    // columns; 0 means 80
	Color   bool   // ANSI colours
	Lang    string // "zh", else English
	Verbose bool   // every check, more evidence, every gap
}

// How much the short report shows of one requirement.
const (
	shortChecks   = 3
	shortEvidence = 2
	longEvidence  = 10
	shortGaps     = 8
)

// Text writes the report for a terminal: grouped by clause, worst first, with the first evidence of what fails and
// what to do about the worst. The catalogue gives the headings and may be nil.
func Text(w io.Writer, a *model.Assessment, cat *catalogue.Catalogue, o TextOptions) error {
	p := newPrinter(w, o)
	p.header(a)
	p.score(a)
	for _, s := range sections(a, cat) {
		p.heading(strings.TrimSpace(s.ID + "  " + s.Title.In(p.lang)))
		idw := idWidth(s.Reqs)
		for _, r := range s.Reqs {
			p.requirement(r, idw, o.Verbose)
		}
	}
	p.gaps(a.Gaps, o.Verbose)
	p.exceptions(a)
	p.legend()
	p.next(a)
	return p.result()
}

func (p *printer) result() error {
	if p.err != nil {
		return fmt.Errorf("write the report: %w", p.err)
	}
	return nil
}

func (p *printer) header(a *model.Assessment) {
	p.hang("", plain, p.word("title")+"  "+p.word("standard"), strong)
	p.line("")
	by := p.word("root")
	if a.Node.UID != 0 {
		by = p.word("limited", a.Node.UID)
	}
	rows := [][2]string{
		{p.word("node"), nodeName(a.Node)},
		{"", a.Host},
		{p.word("time"), stamp(a.Time)},
		{p.word("seen_by"), by},
		{"Bulkhead", a.Node.Version},
	}
	wide := 0
	for _, r := range rows {
		wide = max(wide, textWidth(r[0]))
	}
	for _, r := range rows {
		if r[1] != "" {
			p.hang("  "+pad(r[0], wide)+"  ", faint, r[1], plain)
		}
	}
}

func nodeName(n model.Node) string {
	if n.Name == "" {
		return n.ID
	}
	return n.Name
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// score is one sign per requirement, worst first, and the same in numbers.
func (p *printer) score(a *model.Assessment) {
	p.line("")
	bar, used := "  ", 2
	for _, s := range statuses {
		n := min(a.Summary.ByStatus[s], max(0, p.width-used))
		bar += p.paint(styleOf(string(s)), strings.Repeat(mark(string(s)), n))
		used += n
	}
	p.line(bar)
	var parts []string
	for _, s := range statuses {
		if n := a.Summary.ByStatus[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, p.word(string(s))))
		}
	}
	p.hang("  ", plain, strings.Join(parts, " · "), strong)
	all, met := 0, 0
	for _, k := range []model.Keyword{model.Shall, model.ShallNot} {
		for s, n := range a.Summary.ByKeyword[k] {
			all += n
			if s == model.Met {
				met += n
			}
		}
	}
	p.hang("  ", plain, p.word("binding")+p.word("colon")+p.word("score", met, all), plain)
	if a.Summary.Excepted > 0 {
		p.hang("  ", plain, p.word("excepted_n", a.Summary.Excepted), plain)
	}
}

func idWidth(reqs []model.RequirementResult) int {
	w := 0
	for _, r := range reqs {
		w = max(w, textWidth(clean(r.ID)))
	}
	return min(w, 12)
}

// requirementLine is the one line of a requirement: mark, id, force, title.
func (p *printer) requirementLine(r model.RequirementResult, idw int) {
	force := 9 // "shall not"
	if p.lang == "zh" {
		force = 4
	}
	title := p.pick(r.Title, r.TitleZH)
	if r.Excepted {
		title += " [" + p.word("excepted") + "]"
	}
	prefix := "  " + mark(string(r.Status)) + " " + pad(clean(r.ID), idw) + "  " + pad(p.word(string(r.Keyword)), force) + "  "
	p.hang(prefix, styleOf(string(r.Status)), title, plain)
}

func (p *printer) requirement(r model.RequirementResult, idw int, verbose bool) {
	p.requirementLine(r, idw)
	if !verbose && (r.Status == model.Met || r.Status == model.NotApplicable) {
		return
	}
	shown := 0
	checks := worstChecks(r.Checks)
	for _, c := range checks {
		switch {
		case verbose:
			p.check(c, longEvidence, bad(c.Status))
		case !bad(c.Status):
			continue
		case shown == shortChecks:
			p.hang("      ", plain, p.word("more_checks", count(checks, bad)-shown, clean(r.ID)), faint)
			return
		default:
			p.check(c, shortEvidence, shown == 0 && r.Status != model.Unknown)
		}
		shown++
	}
}

func count(checks []model.CheckResult, is func(model.CheckStatus) bool) int {
	n := 0
	for _, c := range checks {
		if is(c.Status) {
			n++
		}
	}
	return n
}

// check writes a check with its first evidence, and what to do if asked.
func (p *printer) check(c model.CheckResult, evidence int, todo bool) {
	p.hang("      "+mark(string(c.Status))+" ", styleOf(string(c.Status)), p.pick(c.Title, c.TitleZH), plain)
	wanted := worstEvidence(c.Evidence)
	if bad(c.Status) { // what is in order is not why it fails
		for i, e := range wanted {
			if !bad(e.Status) {
				wanted = wanted[:i]
				break
			}
		}
	}
	for i, e := range wanted {
		if i == evidence {
			p.hang("        · ", faint, p.word("more_evidence", len(wanted)-i), faint)
			break
		}
		p.hang("        · ", faint, p.sentence(e), faint)
	}
	if todo && c.Remediation+c.RemediationZH != "" {
		p.block("        → ", cyan, p.pick(c.Remediation, c.RemediationZH), plain)
	}
}

// sentence says a piece of evidence, with its subject where the sentence does not name it, and its exception.
func (p *printer) sentence(e model.Evidence) string {
	s := p.pick(e.Text, e.TextZH)
	if e.Subject != "" && !mentions(s, e.Subject) {
		s = e.Subject + p.word("colon") + s
	}
	if e.Exception != nil {
		s += " [" + p.exceptionState(*e.Exception) + "]"
	}
	return s
}

func (p *printer) exceptionState(e model.Exception) string {
	key := "in_force"
	if e.Expired {
		key = "expired"
	}
	return p.word("exception") + " " + p.word(key, e.Expires)
}
