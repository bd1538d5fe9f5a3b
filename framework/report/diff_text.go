package report

import (
	"io"

	"github.com/bulkhead-security/bulkhead/model"
)

// DiffText writes the changes for a terminal, what got worse first.
func DiffText(w io.Writer, c Changes, o TextOptions) error {
	p := newPrinter(w, o)
	p.hang("", plain, p.word("diff_title"), strong)
	p.line("")
	for _, s := range []struct {
		key  string
		side Side
	}{{"before", c.Before}, {"after", c.After}} {
		p.hang("  "+pad(p.word(s.key), 8), faint, nodeName(s.side.Node)+", "+stamp(s.side.Time), plain)
	}
	if c.Before.Node.ID != c.After.Node.ID || c.Before.Node.Name != c.After.Node.Name {
		p.hang("  ! ", yellow, p.word("other_node"), plain)
	}
	if len(c.Requirements)+len(c.Checks)+len(c.GapsOpened)+len(c.GapsClosed) == 0 {
		p.line("")
		p.hang("", plain, p.word("no_change"), plain)
		return p.result()
	}
	p.changedRequirements(c.Requirements)
	p.changedChecks(c.Checks)
	p.changedGaps("gaps_opened", "? ", purple, c.GapsOpened)
	p.changedGaps("gaps_closed", "✓ ", green, c.GapsClosed)
	return p.result()
}

func (p *printer) changedRequirements(list []RequirementChange) {
	if len(list) == 0 {
		return
	}
	p.heading(p.word("requirements"))
	for _, worse := range []bool{true, false} {
		for _, r := range list {
			if r.worse() != worse {
				continue
			}
			sign, st := "▲ ", green
			switch {
			case worse:
				sign, st = "▼ ", red
			case badness(r.After) == badness(r.Before) || r.Before == "" || r.After == "":
				sign, st = "• ", plain
			}
			p.hang("  "+sign+clean(r.ID)+"  ", st, p.pick(r.Title, r.TitleZH), plain)
			p.hang("      ", plain, p.state(string(r.Before))+" → "+p.state(string(r.After)), styleOf(string(r.After)))
		}
	}
}

// state names a status; an empty one says that the assessment lacks the requirement or check.
func (p *printer) state(s string) string {
	if s == "" {
		return p.word("not_there")
	}
	return mark(s) + " " + p.word(s)
}

func (p *printer) changedChecks(list []CheckChange) {
	if len(list) == 0 {
		return
	}
	p.heading(p.word("checks_changed"))
	for _, c := range list {
		now := string(c.After)
		if now == "" {
			now = string(model.CheckNotApplicable)
		}
		p.hang("  "+mark(now)+" ", styleOf(now), p.pick(c.Title, c.TitleZH)+" ("+c.ID+")", plain)
		if c.Before != c.After {
			p.hang("      ", plain, p.state(string(c.Before))+" → "+p.state(string(c.After)), styleOf(now))
		}
		for _, s := range c.Appeared {
			p.hang("      + ", red, s+" ("+p.word("appeared")+")", plain)
		}
		for _, s := range c.Gone {
			p.hang("      - ", green, s+" ("+p.word("gone")+")", plain)
		}
	}
}

func (p *printer) changedGaps(title, sign string, st style, gaps []model.Gap) {
	if len(gaps) == 0 {
		return
	}
	p.heading(p.word(title))
	for _, g := range gaps {
		p.gap("  "+sign, st, g)
	}
}
