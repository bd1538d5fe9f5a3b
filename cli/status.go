package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) statusCommand() *cobra.Command {
	var node, failOn string
	cmd := verb("status", "Show where the fleet stands on every requirement, by the published assessments", 0,
		func(ctx context.Context, _ []string) error { return a.status(ctx, node, failOn) })
	cmd.Long = `Joins the newest published assessment of every node: on each requirement the worst status counts.
A node's agent sends what it needs, and "bulkhead assess --publish" publishes one.`
	cmd.Example = `  bulkhead status
  bulkhead status --tenant acme --node web-1
  bulkhead status --fail-on shall      # exit 2 when a binding requirement is not shown to be met`
	cmd.Flags().StringVar(&node, "node", "", "only this node, by `name` or id")
	cmd.Flags().StringVar(&failOn, "fail-on", "", "exit 2 when a requirement is not shown to be met: `shall` for the binding ones, should for all")
	complete(cmd, "fail-on", "shall", "should")
	a.remoteFlags(cmd)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) assessmentClient(ctx context.Context) (bulkheadv1connect.AssessmentServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewAssessmentServiceClient)
}

func (a *App) status(ctx context.Context, node, failOn string) error {
	if err := checkFailOn(failOn); err != nil {
		return err
	}
	c, err := a.assessmentClient(ctx)
	if err != nil {
		return err
	}
	st, err := c.GetStatus(ctx, &bulkheadv1.GetStatusRequest{Tenant: a.remote.tenant, Node: node})
	if err != nil {
		return remoteError(err)
	}
	if err := a.answer(st, func() { a.statusText(st) }); err != nil {
		return err
	}
	if failOn == "" {
		return nil
	}
	if len(st.GetNodes()) == 0 {
		return errNo{fmt.Sprintf("--fail-on %s: no node has published an assessment", failOn)}
	}
	var bad []string
	for _, r := range st.GetRequirements() {
		met := r.GetStatus() == string(model.Met) || r.GetStatus() == string(model.NotApplicable)
		if !met && (failOn == "should" || r.GetKeyword() != string(model.Should)) {
			bad = append(bad, r.GetId())
		}
	}
	if len(bad) > 0 {
		return errNo{fmt.Sprintf("--fail-on %s: %s", failOn, strings.Join(bad, ", "))}
	}
	return nil
}

func checkFailOn(s string) error {
	if s != "" && s != "shall" && s != "should" {
		return fmt.Errorf("invalid argument %q for --fail-on: shall or should", s)
	}
	return nil
}

func (a *App) statusText(st *bulkheadv1.Status) {
	if len(st.GetNodes()) == 0 {
		fmt.Fprintln(a.Out, "No node has published an assessment here. `bulkhead assess --publish` publishes one.")
		return
	}
	rows := make([][]string, 0, len(st.GetRequirements()))
	for _, r := range st.GetRequirements() {
		title := r.GetTitle()
		if a.cfg.Lang == "zh" && r.GetTitleZh() != "" {
			title = r.GetTitleZh()
		}
		rows = append(rows, []string{r.GetId(), report.Word(a.cfg.Lang, r.GetKeyword()), report.Word(a.cfg.Lang, r.GetStatus()), a.counts(r.GetNodes()), title})
	}
	a.table("", []string{"ID", "", "STATUS", "NODES", "REQUIREMENT"}, rows)
	names := make([]string, 0, len(st.GetNodes()))
	for _, n := range st.GetNodes() {
		names = append(names, fmt.Sprintf("%s (%s)", n.GetNodeName(), when(n.GetTime())))
	}
	fmt.Fprintf(a.Out, "\n%s\n%s\n", plain(a.counts(st.GetSummary())), plain(strings.Join(names, ", ")))
}

// counts is "2 not met, 27 met", worst first as in reports.
func (a *App) counts(m map[string]int32) string {
	order := []string{string(model.NotMet), string(model.Unknown), string(model.PartlyMet), string(model.Met), string(model.NotApplicable)}
	keys := slices.SortedFunc(maps.Keys(m), func(x, y string) int { return slices.Index(order, x) - slices.Index(order, y) })
	var parts []string
	for _, k := range keys {
		if m[k] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", m[k], report.Word(a.cfg.Lang, k)))
		}
	}
	return strings.Join(parts, ", ")
}

// publish sends an assessment to the control plane and says so on standard error.
func (a *App) publish(ctx context.Context, r *model.Assessment) error {
	c, err := a.assessmentClient(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := report.JSON(&b, r); err != nil {
		return fmt.Errorf("publish the assessment: %w", err)
	}
	doc := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(b.String()), doc); err != nil {
		return errors.New("publish the assessment: it is no JSON object")
	}
	made, err := c.PublishAssessment(ctx, &bulkheadv1.PublishAssessmentRequest{Tenant: a.remote.tenant, Document: doc})
	if err != nil {
		return remoteError(err)
	}
	fmt.Fprintf(a.Err, "bulkhead: published as %s in the tenant %s\n", plain(made.GetId()), plain(made.GetTenant()))
	return nil
}
