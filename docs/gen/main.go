// Command gen writes the generated part of docs: a page per requirement, the threats, the coverage of
// docker-bench-security, the calls of the engine that the guard knows,
// the rules of workloads, and the JSON Schemas of snapshot and assessment. Run it from the root of the repository:
//
//	go run ./docs/gen
//
// What it writes depends on the code alone, so that `make generate` changes nothing when nothing changed. It writes
// below its output directory only, and is no part of the product.
package main

import (
	"bytes"
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

func main() {
	out := flag.String("out", "docs", "directory to write to")
	flag.Parse()
	if err := generate(*out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// generate writes all files below out. Schemas take their descriptions from the source in ./model.
func generate(out string) error {
	cat, err := catalogue.Load()
	if err != nil {
		return err
	}
	s := site{cat: cat, checks: assess.Checks()}
	files := map[string][]byte{}
	if err := s.pages(files); err != nil {
		return err
	}
	engineAPI(files)
	if err := schemas(files); err != nil {
		return err
	}
	return write(out, files)
}

// write replaces the generated directories and files, so that a page whose source is gone goes too.
func write(out string, files map[string][]byte) error {
	if err := os.RemoveAll(filepath.Join(out, "requirements")); err != nil {
		return fmt.Errorf("old pages could not be removed: %w", err)
	}
	for name, text := range files {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // documentation is for all to read
			return fmt.Errorf("the directory of %s could not be made: %w", path, err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // as above
			return fmt.Errorf("%s could not be written: %w", path, err)
		}
	}
	return nil
}

// site is what pages are made of.
type site struct {
	cat    *catalogue.Catalogue
	checks []assess.Check
}

// view is what a template sees: the site in one language, and what the page is about.
type view struct {
	site
	Lang  string
	Topic any
}

func (s site) pages(files map[string][]byte) error {
	render := func(name, tmpl, lang string, topic any) error {
		text, err := view{s, lang, topic}.render(tmpl)
		files[name] = text
		return err
	}
	for _, lang := range []string{"en", "zh"} {
		dir := "requirements/"
		if lang == "zh" {
			dir += "zh/"
		}
		for _, r := range s.cat.Requirements {
			if err := render(dir+r.ID+".md", "requirement.md.tmpl", lang, r); err != nil {
				return err
			}
		}
		if err := render(dir+"README.md", "index.md.tmpl", lang, nil); err != nil {
			return err
		}
	}
	if err := render("threats.md", "threats.md.tmpl", "en", nil); err != nil {
		return err
	}
	if err := render("coverage.md", "coverage.md.tmpl", "en", assess.DockerBench()); err != nil {
		return err
	}
	p, err := readProfiles()
	if err != nil {
		return err
	}
	return render("profiles.md", "profiles.md.tmpl", "en", p)
}

func (v view) render(name string) ([]byte, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"t": v.t, "text": v.text, "md": escape, "keyword": v.keyword, "severity": v.severity, "yesno": v.yesno,
		"section": v.section, "threat": v.threat, "part": v.part, "checks": v.checksOf, "bench": v.bench,
	}).ParseFS(templateFiles, "templates/"+name)
	if err != nil {
		return nil, fmt.Errorf("the template %s does not parse: %w", name, err)
	}
	var b bytes.Buffer
	data := map[string]any{"Topic": v.Topic, "Cat": v.cat, "Lang": v.Lang, "Standard": catalogue.Standard}
	if err := t.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("the page %s could not be made: %w", name, err)
	}
	return b.Bytes(), nil
}

// t picks one of two sentences, text the language of a text.
func (v view) t(en, zh string) string   { return model.Text{EN: en, ZH: zh}.In(v.Lang) }
func (v view) text(t model.Text) string { return escape(t.In(v.Lang)) }
func (v view) threat(id string) any     { x, _ := v.cat.Threat(id); return x }
func (v view) part(id string) any       { x, _ := v.cat.Part(id); return x }
func (v view) section(id string) any    { x, _ := v.cat.SectionOf(id); return x }
func (v view) yesno(b bool) string {
	return map[bool]string{true: v.t("yes", "是"), false: v.t("no", "否")}[b]
}
func (v view) checksOf(id string) []check { return v.site.checksOf(id) }

func (v view) keyword(k model.Keyword) string {
	switch k {
	case model.Shall:
		return v.t("shall", "须")
	case model.ShallNot:
		return v.t("shall not", "不得")
	}
	return v.t("should", "应")
}

func (v view) severity(s model.Severity) string {
	zh := map[model.Severity]string{model.Critical: "严重", model.High: "高", model.Medium: "中", model.Low: "低"}
	return v.t(string(s), zh[s])
}

// check is a check with the requirement that it answers for.
type check struct {
	assess.Check
	Requirement string
}

func (s site) checksOf(requirement string) []check {
	var out []check
	for _, c := range s.checks {
		if of, _, _ := strings.Cut(c.ID, "/"); of == requirement {
			out = append(out, check{c, requirement})
		}
	}
	return out
}

// bench returns the checks that answer for an item of docker-bench-security.
func (s site) bench(id string) []check {
	var out []check
	for _, r := range s.cat.Requirements {
		for _, c := range s.checksOf(r.ID) {
			if slices.Contains(c.References, "CIS Docker 1.6.0 "+id) {
				out = append(out, c)
			}
		}
	}
	return out
}
