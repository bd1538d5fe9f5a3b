package report

import (
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// gaps lists what could not be seen and what would close it.
func (p *printer) gaps(gaps []model.Gap, all bool) {
	p.heading(p.word("gaps"))
	if len(gaps) == 0 {
		p.hang("  ", plain, p.word("no_gaps"), plain)
		return
	}
	for i, g := range gaps {
		if !all && i == shortGaps {
			p.hang("  ", plain, p.word("more_gaps", len(gaps)-i), faint)
			return
		}
		p.gap("  ? ", purple, g)
	}
}

func (p *printer) gap(prefix string, st style, g model.Gap) {
	s := gapPath(g) + p.word("colon") + p.word(string(g.Reason))
	if g.Detail != "" {
		s += " (" + g.Detail + ")"
	}
	p.hang(prefix, st, s, plain)
	if g.Remedy != "" {
		p.hang(strings.Repeat(" ", textWidth(prefix))+"→ ", cyan, g.Remedy, plain)
	}
}

// gapPath names the part; the whole snapshot has an empty pointer.
func gapPath(g model.Gap) string {
	if g.Path == "" {
		return "/"
	}
	return g.Path
}

func (p *printer) exceptions(a *model.Assessment) {
	list := recordedExceptions(a)
	if len(list) == 0 {
		return
	}
	p.heading(p.word("exceptions"))
	for _, x := range list {
		p.exception("  ", x)
	}
}

func (p *printer) exception(indent string, x recorded) {
	state, st, sign := "in_force", yellow, "! "
	if x.Expired {
		state, st, sign = "expired", red, "✗ "
	}
	covers := p.word("covers_all")
	if x.Subject != "" {
		covers = p.word("covers", x.Subject)
	}
	p.hang(indent+sign, st, x.Check+" · "+covers+" · "+p.word(state, x.Expires), plain)
	p.hang(indent+"  ", plain, p.word("owner_reason", x.Owner, x.Reason), faint)
}

func (p *printer) legend() {
	p.heading(p.word("legend"))
	var parts []string
	for _, s := range statuses {
		parts = append(parts, mark(string(s))+" "+p.word(string(s)))
	}
	parts = append(parts, "! "+p.word("warn"), "→ "+p.word("todo"))
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], " ", "\u00a0") // a sign stays with its word
	}
	p.hang("  ", plain, strings.Join(parts, "   "), faint)
}

// next names the commands that lead on from here, with the worst requirement as the example.
func (p *printer) next(a *model.Assessment) {
	p.heading(p.word("next"))
	id := "8.1.c"
	for _, s := range statuses {
		if r, ok := firstWith(a, s); ok {
			id = r.ID
			break
		}
	}
	for _, row := range [][2]string{
		{"bulkhead assess --explain " + clean(id), "next_explain"},
		{"bulkhead assess -o html --out report.html", "next_html"},
		{"bulkhead assess diff BEFORE AFTER", "next_diff"},
	} {
		p.hang("  ", plain, row[0], strong)
		p.hang("      ", plain, p.word(row[1]), faint)
	}
}

func firstWith(a *model.Assessment, s model.Status) (model.RequirementResult, bool) {
	for _, r := range a.Requirements {
		if r.Status == s {
			return r, true
		}
	}
	return model.RequirementResult{}, false
}
