package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// applyFlags say what `bulkhead apply` does.
type applyFlags struct {
	files              []string
	dryRun, prune, yes bool
}

func (a *App) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the control plane's configuration what files say: tenants, groups, pools, nodes, exceptions, policies",
		Long: `Reads YAML documents, checks all of them, compares them with what the control plane has, shows the difference, asks, and makes
it so. What is as the files say already is left alone, so it can be run again at any time. Fields that a file leaves out stay as
they are.

Exit codes with --dry-run: 0 there is nothing to do, 1 error, 2 there are differences.`,
		Example: `  bulkhead apply -f fleet/ --dry-run
  bulkhead apply -f fleet/
  bulkhead apply -f fleet/ --prune --yes
  generate | bulkhead apply -f - --yes -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.apply(cmd.Context(), f) },
	}
	a.bindRemote(cmd.Flags())
	cmd.Flags().StringVar(&a.remote.tenant, "tenant", "", "`tenant` of documents that name none")
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "`file`, directory, or - for standard input; can be given more than once")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "change nothing; exit with 2 where there are differences")
	cmd.Flags().BoolVar(&f.prune, "prune", false, "delete groups, pools, exceptions and policies of the named tenants that are in no file")
	return yesFlag(cmd, &f.yes)
}

func (a *App) apply(ctx context.Context, f applyFlags) error {
	if _, err := a.format("text", "json"); err != nil {
		return err
	}
	if len(f.files) == 0 {
		return errors.New("requires at least one --file")
	}
	docs, err := a.readDocuments(f.files)
	if err != nil {
		return err
	}
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	c := newApplyClients(r)
	s, err := c.state(ctx, docs, f.prune)
	if err != nil {
		return err
	}
	steps, err := plan(docs, s, f.prune)
	if err != nil {
		return err
	}
	changes := len(steps) - count(steps, opUnchanged)
	shown := a
	if !f.dryRun {
		shown = a.toErr() // standard output is for what was done
	}
	if a.output == "text" || !f.dryRun {
		shown.showSteps(steps)
	}
	refused := a.previewSteps(ctx, r, c, steps, s, f.yes)
	if refused != nil || f.dryRun || changes == 0 {
		if refused == nil && f.dryRun && changes > 0 {
			refused = errNo{fmt.Sprintf("%d differences", changes)}
		}
		return a.applied(steps, f.dryRun, refused)
	}
	what := fmt.Sprintf("create %d, change %d and delete %d objects on %s", count(steps, opCreate), count(steps, opUpdate), count(steps, opDelete), r.URL)
	if err := a.confirm(f.yes, what); err != nil {
		return err
	}
	return a.applied(steps, false, a.runSteps(ctx, c, steps, s))
}

// showSteps writes what differs.
func (a *App) showSteps(steps []*step) {
	sign := map[string]string{opCreate: "+", opUpdate: "~", opDelete: "-"}
	for _, s := range steps {
		if s.Operation == opUnchanged {
			continue
		}
		fmt.Fprintf(a.Out, "%s %s %s\n", sign[s.Operation], s.Kind, plain(s.Name))
		for line := range strings.Lines(s.Difference) {
			if !strings.HasPrefix(line, "--- server") && !strings.HasPrefix(line, "+++ file") {
				a.text("    " + line)
			}
		}
	}
	fmt.Fprintf(a.Out, "%d to create, %d to change, %d to delete, %d unchanged\n",
		count(steps, opCreate), count(steps, opUpdate), count(steps, opDelete), count(steps, opUnchanged))
}

// previewSteps has the server check policies and exceptions before anything is changed. Those of a tenant that is still to be made are
// checked when they are applied.
func (a *App) previewSteps(ctx context.Context, r *remote, c *applyClients, steps []*step, s *applyState, yes bool) error {
	for _, st := range steps {
		if st.Operation == opUnchanged || s.missing[st.tenant] {
			continue
		}
		var err error
		switch {
		case st.Kind == "PolicySet":
			err = a.previewPolicies(ctx, r, c, st, yes)
		case st.Kind == "Exception" && st.want != nil:
			err = a.previewException(ctx, c, st, s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *App) previewException(ctx context.Context, c *applyClients, st *step, s *applyState) error {
	_, err := c.findings.PreviewException(ctx, &bulkheadv1.CreateExceptionRequest{Exception: exceptionOf(st.want, s)})
	if connect.CodeOf(err) == connect.CodeUnimplemented {
		fmt.Fprintln(a.Err, "bulkhead: there is no preview of exceptions: the server is of an older version")
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", st.want.at, remoteError(err))
	}
	return nil
}

func (a *App) previewPolicies(ctx context.Context, r *remote, c *applyClients, st *step, yes bool) error {
	req := &bulkheadv1.PreviewPoliciesRequest{Tenant: st.tenant}
	if st.want != nil {
		req.Files = fresh[*bulkheadv1.PolicySet](st.want).GetFiles()
	}
	stop := a.working("deciding recorded decisions of "+st.tenant+" again", r.asking)
	p, err := c.policies.PreviewPolicies(ctx, req)
	stop()
	err = remoteError(err)
	if err != nil && yes && model.CodeOf(err) == model.CodeDenied {
		fmt.Fprintf(a.Err, "bulkhead: there is no preview of the policies of %s: %v\n", st.tenant, err)
		return nil
	}
	if err != nil {
		return err
	}
	e := a.toErr()
	e.problems(p)
	fmt.Fprintf(e.Out, "policies of %s: %d tests; %d recorded decisions decided again: %d would be refused now, %d permitted\n",
		st.tenant, len(p.GetTests()), p.GetReplayed(), p.GetNewlyRefused(), p.GetNewlyPermitted())
	return applicable(p)
}

// runSteps makes the changes one by one and tells of each. The first that fails is the last.
func (a *App) runSteps(ctx context.Context, c *applyClients, steps []*step, s *applyState) error {
	done := map[string]string{opCreate: "created", opUpdate: "changed", opDelete: "deleted"}
	var failed error
	for _, st := range steps {
		switch {
		case st.Operation == opUnchanged:
			continue
		case failed != nil:
			st.Outcome = outcomeNotTried
			continue
		}
		if err := c.do(ctx, st, s); err != nil {
			st.Outcome, st.Error = outcomeFailed, err.Error()
			fmt.Fprintf(a.Err, "bulkhead: could not %s %s %s\n", st.Operation, st.Kind, plain(st.Name))
			failed = err
			continue
		}
		st.Outcome = outcomeDone
		if a.output == "text" {
			fmt.Fprintf(a.Out, "%s %s %s\n", done[st.Operation], st.Kind, plain(st.Name))
		}
	}
	return failed
}

// applied writes the end, and gives the error that decides the exit code.
func (a *App) applied(steps []*step, dryRun bool, err error) error {
	if a.output == "json" {
		if e := a.printJSON(map[string]any{"dry_run": dryRun, "objects": steps}); e != nil {
			return errors.Join(err, e)
		}
		return err
	}
	left := 0
	for _, s := range steps {
		if s.Outcome == outcomeNotTried {
			left++
		}
	}
	if left > 0 {
		fmt.Fprintf(a.Err, "bulkhead: %d changes were not tried; run it again when this is repaired\n", left)
	}
	return err
}
