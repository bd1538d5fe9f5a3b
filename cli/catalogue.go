package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/oscal"
	"github.com/bulkhead-security/bulkhead/framework/report"
)

func (a *App) catalogueCommand() *cobra.Command {
	var outDir string
	cmd := &cobra.Command{
		Use:   "catalogue",
		Short: "List and explain the requirements, threats and parts of X.1643",
		Example: `  bulkhead catalogue
  bulkhead catalogue show 8.6.2.a.2 --lang zh
  bulkhead catalogue -o oscal --out-dir oscal/     # catalog.json and component-definition.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.catalogueList(outDir) },
	}
	outputs(cmd, "text", "json", "oscal")
	cmd.Flags().StringVar(&outDir, "out-dir", "", "with --output oscal: write catalog.json and component-definition.json to this `directory`")
	cmd.AddCommand(&cobra.Command{
		Use:   "show ID",
		Short: "Explain one requirement, threat or part",
		Example: `  bulkhead catalogue show 8.1.c
  bulkhead catalogue show 8.6.2.a.2 --lang zh`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return catalogueIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.catalogueShow(args[0]) },
	})
	return cmd
}

func (a *App) catalogueList(outDir string) error {
	format, err := a.format("text", "json", "oscal")
	if err != nil {
		return err
	}
	cat, err := catalogue.Load()
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return a.printJSON(cat)
	case "oscal":
		return a.catalogueOSCAL(cat, outDir)
	}
	for _, s := range cat.Sections {
		fmt.Fprintf(a.Out, "\n%s  %s\n", s.ID, s.Title.In(a.cfg.Lang))
		for _, r := range cat.Requirements {
			if in, _ := cat.SectionOf(r.ID); in.ID == s.ID {
				fmt.Fprintf(a.Out, "  %-10s %s %s\n", r.ID, runewidth.FillRight(report.Word(a.cfg.Lang, string(r.Keyword)), 10), r.Title.In(a.cfg.Lang))
			}
		}
	}
	fmt.Fprintf(a.Out, "\n%d requirements, %d threats, %d parts. `bulkhead catalogue show ID` explains one.\n",
		len(cat.Requirements), len(cat.Threats), len(cat.Parts))
	return nil
}

// catalogueOSCAL writes both documents to a directory. OSCAL has one document to a file, so standard output takes the
// catalog only.
func (a *App) catalogueOSCAL(cat *catalogue.Catalogue, dir string) error {
	if dir == "" {
		fmt.Fprintln(a.Err, "bulkhead: the catalog only; --out-dir DIR writes the component definition beside it")
		return oscal.WriteCatalog(a.Out, cat, a.oscalMeta())
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the directory for OSCAL documents: %w", err)
	}
	err := toFile(filepath.Join(dir, oscal.CatalogFile), func(w io.Writer) error {
		return oscal.WriteCatalog(w, cat, a.oscalMeta())
	})
	if err != nil {
		return err
	}
	return toFile(filepath.Join(dir, oscal.ComponentsFile), func(w io.Writer) error {
		return oscal.WriteComponentDefinition(w, cat, assess.Checks(), a.oscalMeta())
	})
}

// oscalMeta is what an OSCAL document says of itself.
func (a *App) oscalMeta() oscal.Meta { return oscal.Meta{Lang: a.cfg.Lang, Product: a.Build.Version} }

func (a *App) catalogueShow(id string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	cat, err := catalogue.Load()
	if err != nil {
		return err
	}
	if r, ok := cat.Requirement(id); ok {
		if format == "json" {
			return a.printJSON(r)
		}
		return a.showRequirement(r)
	}
	if t, ok := cat.Threat(id); ok {
		return a.showEntry(format, t, t.ID, t.Title.In(a.cfg.Lang), t.Text.In(a.cfg.Lang))
	}
	if p, ok := cat.Part(id); ok {
		return a.showEntry(format, p, p.ID, p.Title.In(a.cfg.Lang), p.Text.In(a.cfg.Lang))
	}
	return fmt.Errorf("there is no %q in X.1643's clauses 6 to 8; `bulkhead catalogue` lists the ids", id)
}

func (a *App) showEntry(format string, v any, id, title, text string) error {
	if format == "json" {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintf(a.Out, "%s  %s\n\n%s\n", id, title, strings.Join(report.Wrap(text, a.width()), "\n"))
	return err
}

func (a *App) showRequirement(r catalogue.Requirement) error {
	lang := a.cfg.Lang
	fmt.Fprintf(a.Out, "%s  %s (%s)\n", r.ID, r.Title.In(lang), report.Word(a.cfg.Lang, string(r.Keyword)))
	for _, part := range []struct{ en, zh, text string }{
		{"What it asks", "要求", r.Asks.In(lang)},
		{"Why", "原因", r.Why.In(lang)},
		{"Evidence", "证据", r.Evidence.In(lang)},
		{"Control", "控制措施", r.Control.In(lang)},
		{"Drill", "演练", r.Drill.In(lang)},
	} {
		head := part.en
		if lang == "zh" {
			head = part.zh
		}
		fmt.Fprintf(a.Out, "\n%s\n%s\n", head, indent(report.Wrap(strings.TrimSpace(part.text), a.width()-2)))
	}
	fmt.Fprintf(a.Out, "\n%s: %s\n%s: %s\n\n", pick(lang, "Threats", "威胁"), strings.Join(r.Threats, ", "),
		pick(lang, "Parts of the framework", "框架组成部分"), strings.Join(r.Parts, ", "))
	fmt.Fprintln(a.Out, pick(lang, "Checks", "检查项"))
	for _, c := range assess.Checks() {
		if req, _, _ := strings.Cut(c.ID, "/"); req == r.ID {
			fmt.Fprintf(a.Out, "  %-34s %s %s\n", c.ID, runewidth.FillRight(report.Word(lang, string(c.Severity)), 9), c.Title.In(lang))
		}
	}
	return nil
}

func pick(lang, en, zh string) string {
	if lang == "zh" {
		return zh
	}
	return en
}

func indent(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

func catalogueIDs() []string {
	cat, err := catalogue.Load()
	if err != nil {
		return nil
	}
	var ids []string
	for _, r := range cat.Requirements {
		ids = append(ids, r.ID+"\t"+r.Title.EN)
	}
	for _, t := range cat.Threats {
		ids = append(ids, t.ID+"\t"+t.Title.EN)
	}
	for _, p := range cat.Parts {
		ids = append(ids, p.ID+"\t"+p.Title.EN)
	}
	return ids
}
