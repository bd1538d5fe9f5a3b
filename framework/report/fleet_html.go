package report

import (
	"bufio"
	_ "embed" // the report's template and style
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

var (
	//go:embed html/fleet.html
	fleetHTML string
	//go:embed html/fleet.css
	fleetCSS string
)

// FleetHTML writes the report as one page in one language that needs neither script nor anything from elsewhere, made to be printed. digest
// is that of the JSON form. It is written as it is made: a report of many nodes is never in memory as a page.
func FleetHTML(w io.Writer, f *Fleet, cat *catalogue.Catalogue, lang, digest string) error {
	if lang != "zh" {
		lang = "en"
	}
	tmpl, err := template.New("fleet").Funcs(template.FuncMap{
		"t": func(key any, args ...any) string { return fleetWord(lang, key, args...) },
		"say": func(t model.Text) string {
			return strings.Join(cleanLines(pick(lang, t.EN, t.ZH)), "\n")
		},
		"clean": func(s any) string { return clean(fmt.Sprint(s)) }, "stamp": fleetStamp, "day": func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"mark": func(s any) string { return mark(fmt.Sprint(s)) },
		// A sentence that names what it is about needs no other name.
		"subject": func(e FleetEvidence) string {
			if e.Subject == "" || mentions(pick(lang, e.Text.EN, e.Text.ZH), e.Subject) {
				return ""
			}
			return e.Subject
		},
		"count": func(of map[model.CheckStatus]int, s string) int { return of[model.CheckStatus(s)] },
	}).Parse(fleetHTML)
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := tmpl.Execute(out, newFleetPage(f, cat, lang, digest)); err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func fleetStamp(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

type fleetPage struct {
	*Fleet
	Lang, Digest, CSP  string
	CSS                template.CSS
	Sections           []fleetSection
	Statuses           []model.Status
	Severities         []model.Severity
	Kinds              []kindCount
	Unassessed, Silent int
	Failing            bool
	Labels             []string
}

type fleetSection struct {
	ID    string
	Title model.Text
	Reqs  []FleetRequirement
}

type kindCount struct {
	Kind string
	N    int
}

func newFleetPage(f *Fleet, cat *catalogue.Catalogue, lang, sum string) fleetPage {
	css := strings.TrimSpace(fleetCSS)
	p := fleetPage{
		Fleet: f, Lang: lang, Digest: sum, CSP: "default-src 'none'; style-src '" + digest(css) + "'; base-uri 'none'; form-action 'none'",
		CSS: template.CSS(css), Statuses: statuses, Severities: severities, // #nosec G203 -- our own file
	}
	for _, r := range f.Requirements {
		if len(p.Sections) == 0 || p.Sections[len(p.Sections)-1].ID != r.Section {
			_, title := sectionOf(r.ID, cat)
			p.Sections = append(p.Sections, fleetSection{ID: r.Section, Title: title})
		}
		s := &p.Sections[len(p.Sections)-1]
		s.Reqs = append(s.Reqs, r)
		p.Failing = p.Failing || len(r.Checks) > 0
	}
	for _, k := range slices.Sorted(maps.Keys(f.Changes.Counts)) {
		p.Kinds = append(p.Kinds, kindCount{k, f.Changes.Counts[k]})
	}
	for i := range f.Nodes {
		if f.Nodes[i].Assessment == "" {
			p.Unassessed++
		}
		if f.Nodes[i].Health == model.HealthSilent {
			p.Silent++
		}
	}
	return p
}
