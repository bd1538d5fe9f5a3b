package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template, style and script
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

var (
	//go:embed html/page.html
	pageHTML string
	//go:embed html/style.css
	pageCSS string
	//go:embed html/script.js
	pageJS string
)

// HTML writes the assessment as one page that stands alone: no request to anywhere, its content policy allows its own
// style and script by their digests and nothing else. Both languages are in it, lang chooses the first; without script
// all of it can be read, the script adds filters. The catalogue gives headings and explanations and may be nil.
func HTML(w io.Writer, a *model.Assessment, cat *catalogue.Catalogue, lang string) error {
	tmpl, err := template.New("page").Funcs(template.FuncMap{
		"t": bilingualWord, "both": bilingual, "said": said, "clean": clean, "stamp": stamp, "anchor": anchor, "bad": bad,
		"evidence": splitEvidence, "checks": worstChecks, "severities": badSeverities, "threat": threatTitle(cat),
	}).Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	// Into memory first: a page that breaks off in the middle is worse than none.
	var b bytes.Buffer
	if err := tmpl.Execute(&b, newPage(a, cat, lang)); err != nil {
		return fmt.Errorf("make the page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

type page struct {
	*model.Assessment
	Lang       string
	CSP        string
	CSS        template.CSS
	JS         template.JS
	NodeName   string
	Sections   []htmlSection
	Bar        []segment
	Forces     []force
	Exceptions []recorded
	Statuses   []model.Status
	Keywords   []model.Keyword
	Severities []model.Severity
}

// htmlSection is a section whose grid keeps the order of the standard, while the cards stand worst first.
type htmlSection struct {
	section
	Grid  []model.RequirementResult
	Cards []card
}

type card struct {
	model.RequirementResult
	Clause string
	Asks   model.Text
	Why    model.Text
	// Threats are ids of clause 7.
	Threats []string
}

// segment is a part of the bar of all requirements, in units of one requirement.
type segment struct {
	Status model.Status
	X, N   int
}

// force counts the requirements of one binding force.
type force struct {
	Word     string
	Met, All int
}

func newPage(a *model.Assessment, cat *catalogue.Catalogue, lang string) page {
	if lang != "zh" {
		lang = "en"
	}
	css, js := strings.TrimSpace(pageCSS), strings.TrimSpace(pageJS)
	p := page{
		Assessment: a, Lang: lang, NodeName: nodeName(a.Node),
		CSP: "default-src 'none'; style-src '" + digest(css) + "'; script-src '" + digest(js) +
			"'; base-uri 'none'; form-action 'none'",
		CSS:        template.CSS(css), // #nosec G203 -- our own file
		JS:         template.JS(js),   // #nosec G203 -- our own file
		Exceptions: recordedExceptions(a),
		Statuses:   statuses,
		Keywords:   []model.Keyword{model.Shall, model.ShallNot, model.Should},
		Severities: severities,
		Forces:     []force{{Word: "binding"}, {Word: "recommended"}},
	}
	for _, s := range sections(a, cat) {
		h := htmlSection{section: s}
		for _, r := range s.Reqs {
			h.Cards = append(h.Cards, newCard(r, s.ID, cat))
		}
		for _, r := range a.Requirements { // as the standard has them
			if slices.ContainsFunc(s.Reqs, func(x model.RequirementResult) bool { return x.ID == r.ID }) {
				h.Grid = append(h.Grid, r)
			}
		}
		p.Sections = append(p.Sections, h)
	}
	p.tally()
	return p
}

func newCard(r model.RequirementResult, clause string, cat *catalogue.Catalogue) card {
	c := card{RequirementResult: r, Clause: clause}
	if cat != nil {
		if q, ok := cat.Requirement(r.ID); ok {
			c.Asks, c.Why, c.Threats = q.Asks, q.Why, q.Threats
		}
	}
	return c
}

// tally counts for the bar and for the two forces.
func (p *page) tally() {
	byStatus := map[model.Status]int{}
	for _, r := range p.Requirements {
		byStatus[r.Status]++
		f := &p.Forces[0]
		if r.Keyword == model.Should {
			f = &p.Forces[1]
		}
		f.All++
		if r.Status == model.Met {
			f.Met++
		}
	}
	x := 0
	for i := len(statuses) - 1; i >= 0; i-- { // best first: a bar grows with what is met
		s := statuses[(i+len(statuses)-1)%len(statuses)]
		if n := byStatus[s]; n > 0 {
			p.Bar = append(p.Bar, segment{s, x, n})
			x += n
		}
	}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// said is a piece of evidence with its subject in bold in front, or where the sentence names it without.
func said(e model.Evidence) template.HTML {
	one := func(s string) string {
		subject := template.HTMLEscapeString(clean(e.Subject))
		rest, first := strings.CutPrefix(s, e.Subject)
		switch {
		case e.Subject == "" || !first && mentions(s, e.Subject):
			return template.HTMLEscapeString(clean(s))
		case !first || !strings.HasPrefix(rest, " "):
			rest = s
		}
		return `<bdi class="subject">` + subject + "</bdi> " + template.HTMLEscapeString(clean(strings.TrimSpace(rest)))
	}
	if e.TextZH == "" || e.TextZH == e.Text {
		return template.HTML(one(e.Text)) // #nosec G203 -- escaped
	}
	return bothLanguages(one(e.Text), one(e.TextZH))
}

// bilingual shows a text in both languages, of which the page's style hides one.
func bilingual(en, zh string) template.HTML {
	en, zh = strings.Join(cleanLines(en), "\n"), strings.Join(cleanLines(zh), "\n")
	if zh == "" || zh == en {
		return template.HTML(template.HTMLEscapeString(en)) // #nosec G203 -- escaped
	}
	return bothLanguages(template.HTMLEscapeString(en), template.HTMLEscapeString(zh))
}

// bothLanguages takes escaped HTML.
func bothLanguages(en, zh string) template.HTML {
	return template.HTML(`<span class="en" lang="en">` + en + `</span><span class="zh" lang="zh-Hans">` + zh + `</span>`) // #nosec G203 -- escaped
}

// bilingualWord is a word of the interface.
func bilingualWord(key any, args ...any) template.HTML {
	k := fmt.Sprint(key)
	return bilingual(word("en", k, args...), word("zh", k, args...))
}

// anchor is the page's id of a requirement. Ids come from the assessment, so only what is safe in a link is kept.
func anchor(id string) string {
	return "r-" + strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, id)
}

// evidenceParts are the first pieces, which are shown, and the rest, which unfolds.
type evidenceParts struct{ First, Rest []model.Evidence }

func splitEvidence(ev []model.Evidence) evidenceParts {
	ev = worstEvidence(ev)
	n := min(len(ev), longEvidence)
	return evidenceParts{ev[:n], ev[n:]}
}

// badSeverities lists the severities of the checks that ask for something to be done.
func badSeverities(checks []model.CheckResult) string {
	var out []string
	for _, s := range severities {
		if slices.ContainsFunc(checks, func(c model.CheckResult) bool { return bad(c.Status) && c.Severity == s }) {
			out = append(out, string(s))
		}
	}
	return strings.Join(out, " ")
}

func threatTitle(cat *catalogue.Catalogue) func(string) model.Text {
	return func(id string) model.Text {
		if cat == nil {
			return model.Text{}
		}
		t, _ := cat.Threat(id)
		return t.Title
	}
}
