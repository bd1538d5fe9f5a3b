package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/oscal"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

type assessFlags struct {
	save, from, out, failOn, explain string
	verbose, publish                 bool
}

func (a *App) assessCommand() *cobra.Command {
	var f assessFlags
	cmd := &cobra.Command{
		Use:   "assess",
		Short: "Assess this host on every requirement of X.1643",
		Long: `Collects facts from the host, its container engine, and the cluster of a kubeconfig if one is given, and computes
from them the status of all 29 requirements of X.1643 clause 8: why it is what it is, and what to do.

Nothing is changed on the host. As root it sees everything; as another user it sees less and says what is missing.`,
		Example: `  bulkhead assess                                  # report on the terminal
  bulkhead assess --explain 8.1.c                  # all evidence of one requirement or check
  bulkhead assess --save host.json                 # keep the facts; assess them anywhere with --from
  bulkhead assess --from host.json -o html --out report.html
  bulkhead assess -o json --fail-on shall          # exit 2 when a binding requirement is not shown to be met
  bulkhead assess --publish                        # also send the result to the control plane
  bulkhead assess diff before.json after.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.assess(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.save, "save", "", "also write the snapshot of facts to `file` (- for standard output, instead of the report)")
	fl.StringVar(&f.from, "from", "", "assess the snapshot in `file` (- for standard input) instead of this host")
	fl.StringVar(&f.out, "out", "", "write the report to `file` instead of standard output")
	fl.StringVar(&f.failOn, "fail-on", "", "exit 2 when a requirement is not shown to be met: `shall` for the binding ones, should for all")
	fl.StringVar(&f.explain, "explain", "", "all evidence of one requirement or check, by `id`")
	fl.BoolVar(&f.publish, "publish", false, "also send the result to the control plane (see `bulkhead login`)")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "list every check, also those that pass")
	fl.StringVar(&a.cfg.Engine.Endpoint, "engine", "", "container engine's `endpoint`, e.g. unix:///run/docker.sock")
	fl.StringVar(&a.cfg.Kubernetes.Kubeconfig, "kubeconfig", "", "also look at the cluster of this kubeconfig `file`")
	fl.StringVar(&a.cfg.Kubernetes.Context, "context", "", "`context` of the kubeconfig")
	fl.BoolVar(&a.cfg.Collect.ProbeRegistries, "probe-registries", false, "ask the registries configured on the host for certificate and anonymous access")
	fl.BoolVar(&a.cfg.Collect.ImageContents, "image-contents", a.cfg.Collect.ImageContents, "look inside images")
	fl.DurationVar(&a.cfg.Collect.Timeout, "timeout", a.cfg.Collect.Timeout, "time for the whole collection")
	complete(cmd, "fail-on", "shall", "should")
	outputs(cmd, reportFormats()...)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	a.localRemoteFlags(cmd)
	cmd.AddCommand(a.diffCommand())
	return cmd
}

func (a *App) assess(ctx context.Context, f assessFlags) error {
	format, err := a.format(reportFormats()...)
	if err != nil {
		return err
	}
	if err := checkFailOn(f.failOn); err != nil {
		return err
	}
	if f.publish {
		// Before the work, so that nobody waits for a report to learn that nobody is signed in.
		if _, err := a.server(ctx); err != nil {
			return err
		}
	}
	cat, err := catalogue.Load()
	if err != nil {
		return err
	}
	snap, err := a.snapshot(ctx, f.from)
	if err != nil {
		return err
	}
	if err := a.save(f.save, snap); err != nil {
		return err
	}
	result := assess.Run(cat, snap, a.cfg.Assess)
	write := func(w io.Writer) error { return a.writeReport(w, format, f, cat, &result) }
	switch {
	case f.out != "":
		err = toFile(f.out, write)
	case f.save != "-": // else standard output holds the snapshot
		err = write(a.Out)
	}
	if err != nil {
		return err
	}
	if f.publish {
		if err := a.publish(ctx, &result); err != nil {
			return err
		}
	}
	if f.failOn != "" {
		if bad, ids := report.FailOn(&result, f.failOn); bad {
			return errNo{fmt.Sprintf("--fail-on %s: %s", f.failOn, strings.Join(ids, ", "))}
		}
	}
	return nil
}

func (a *App) writeReport(w io.Writer, format string, f assessFlags, cat *catalogue.Catalogue, r *model.Assessment) error {
	opts := report.TextOptions{Width: a.width(), Color: f.out == "" && a.color(), Lang: a.cfg.Lang, Verbose: f.verbose}
	switch {
	case f.explain != "" && format == "text":
		return report.Explain(w, r, cat, f.explain, opts)
	case f.explain != "":
		return fmt.Errorf("--explain writes text; for JSON pick the requirement from `bulkhead assess -o json`")
	case format == "json":
		return report.JSON(w, r)
	case format == "html":
		return report.HTML(w, r, cat, a.cfg.Lang)
	case format == "oscal":
		return oscal.WriteAssessmentResults(w, r, a.oscalMeta())
	case format == "sarif":
		return report.SARIF(w, r, cat)
	}
	return report.Text(w, r, cat, opts)
}

// save writes the snapshot to a file, or to standard output for "-".
func (a *App) save(path string, snap *model.Snapshot) error {
	switch path {
	case "":
		return nil
	case "-":
		return model.EncodeSnapshot(a.Out, snap)
	}
	return toFile(path, func(w io.Writer) error { return model.EncodeSnapshot(w, snap) })
}

// snapshot reads a saved snapshot, or collects one.
func (a *App) snapshot(ctx context.Context, from string) (*model.Snapshot, error) {
	switch from {
	case "":
		show, stop := a.progress()
		defer stop()
		return a.Node.Snapshot(ctx, a.cfg, a.log, show)
	case "-":
		return model.DecodeSnapshot(a.In)
	}
	file, err := os.Open(from)
	if err != nil {
		return nil, fmt.Errorf("read the snapshot: %w", err)
	}
	defer file.Close()
	s, err := model.DecodeSnapshot(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return s, nil
}
