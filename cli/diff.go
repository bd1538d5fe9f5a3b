package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

func (a *App) diffCommand() *cobra.Command {
	var failOnWorse bool
	cmd := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Say what changed between two snapshots or results",
		Long: `Compares two files, each a snapshot (from --save) or a result (from --output json). Snapshots are assessed with the
settings in force now, so a difference is one of facts and not of settings.`,
		Example: `  bulkhead assess diff monday.json today.json
  bulkhead assess diff monday.json today.json --fail-on-worse`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1], failOnWorse) },
	}
	cmd.Flags().BoolVar(&failOnWorse, "fail-on-worse", false, "exit 2 when a requirement got worse")
	return cmd
}

func (a *App) diff(before, after string, failOnWorse bool) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	cat, err := catalogue.Load()
	if err != nil {
		return err
	}
	x, err := a.result(cat, before)
	if err != nil {
		return err
	}
	y, err := a.result(cat, after)
	if err != nil {
		return err
	}
	changes := report.Diff(x, y)
	if format == "json" {
		err = a.printJSON(changes)
	} else {
		err = report.DiffText(a.Out, changes, report.TextOptions{Width: a.width(), Color: a.color(), Lang: a.cfg.Lang})
	}
	if err != nil {
		return err
	}
	if failOnWorse && changes.Worse() {
		return errNo{"a requirement got worse"}
	}
	return nil
}

// result reads a result, or a snapshot and assesses it.
func (a *App) result(cat *catalogue.Catalogue, path string) (*model.Assessment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read for comparison: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, model.MaxSnapshotBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	// What is no JSON at all is told by the decoder below, with the place.
	if json.Unmarshal(b, &head) == nil && head.Schema == model.AssessmentSchema {
		r, err := report.ReadAssessment(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return r, nil
	}
	s, err := model.DecodeSnapshot(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := assess.Run(cat, s, a.cfg.Assess)
	return &r, nil
}
