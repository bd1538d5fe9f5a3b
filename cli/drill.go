package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
)

// Drills are the attacks that prove controls.
type Drills interface {
	// List gives the drills of a requirement, or all.
	List(requirement string) []model.Drill
	// Run runs those with the ids, or of the requirement, or all. Those of container engines run on the engine in the directory engineBin,
	// or on the one in PATH. An error means that a name is unknown, or that something was left behind.
	Run(ctx context.Context, ids []string, requirement, engineBin string, tell func(r model.DrillResult, done, all int)) (model.DrillReport, error)
	// Here runs, at the socket of a guard that is in use and as whoever calls, those of the drills that do no harm there; of the others it says
	// that they need a throw-away engine. An error means that there is no guard, or that it knows nobody here.
	Here(ctx context.Context, ids []string, requirement, socket string, tell func(r model.DrillResult, done, all int)) (model.DrillReport, error)
	// Replica is what a process does that a drill starts to kill it: it reads what to be, and serves until the input ends.
	Replica(ctx context.Context, in io.Reader, out io.Writer) error
}

func (a *App) drillCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Attack harmlessly to prove that the controls hold",
		Long: `A drill is a harmless attack. It runs twice: with the control off, where it must succeed, and with the control on, where
it must fail and be recorded. Only then is it proved. Drills attack what they make for themselves and throw away, never the
installation, the engine or the network that are in use.`,
		Example: `  bulkhead drill list
  bulkhead drill run --all`,
	}
	cmd.AddCommand(a.drillListCommand(), a.drillRunCommand(), a.drillReplicaCommand())
	return cmd
}

// drillReplicaCommand is for drills only, which start the program again; it is in no help.
func (a *App) drillReplicaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "replica", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.Drills.Replica(cmd.Context(), a.In, a.Out) },
	}
}

func (a *App) drillListCommand() *cobra.Command {
	var requirement string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the drills",
		Example: "  bulkhead drill list --requirement 8.5.c",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.drillList(requirement) },
	}
	cmd.Flags().StringVar(&requirement, "requirement", "", "only those of this requirement, e.g. 8.5.c")
	return cmd
}

func (a *App) drillList(requirement string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	drills := a.Drills.List(requirement)
	if len(drills) == 0 {
		return fmt.Errorf("there is no drill of %q; `bulkhead drill list` shows all", requirement)
	}
	if format == "json" {
		return a.printJSON(drills)
	}
	w := tabwriter.NewWriter(a.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTECHNIQUE\tATTACK")
	for _, d := range drills {
		fmt.Fprintf(w, "%s\t%s\t%s\n", d.ID, d.Technique, model.Text{EN: d.Title, ZH: d.TitleZH}.In(a.cfg.Lang))
	}
	return w.Flush()
}

func (a *App) drillRunCommand() *cobra.Command {
	var requirement, node, engine, socket string
	var all, publish bool
	cmd := &cobra.Command{
		Use:   "run [ID...]",
		Short: "Run drills; exit 2 unless all are proved",
		Example: `  bulkhead drill run 8.5.d/password-only
  bulkhead drill run --requirement 8.5.c --output json
  bulkhead drill run --all
  bulkhead drill run --requirement 8.1.c --engine-bin /opt/docker/bin
  bulkhead drill run --requirement 8.1.c --engine /run/bulkhead/docker.sock   # the guard that is in use: only what is refused without harm
  bulkhead drill run --all --publish --node web-1          # also send the results to the control plane`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, d := range a.Drills.List("") {
				ids = append(ids, d.ID)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			n := 0
			for _, given := range []bool{len(args) > 0, requirement != "", all} {
				if given {
					n++
				}
			}
			if n != 1 {
				return errors.New("name drills, or give --requirement ID, or --all; `bulkhead drill list` shows them")
			}
			if node != "" && !publish {
				return errors.New("--node says of which machine results are published: add --publish")
			}
			if socket != "" && (publish || engine != "") {
				return errors.New("--engine runs half of a drill at a guard that is in use, with its own engine: leave out --publish and --engine-bin")
			}
			return a.drillRun(cmd.Context(), args, drillRun{requirement, node, engine, strings.TrimPrefix(socket, "unix://"), publish})
		},
	}
	cmd.Flags().StringVar(&requirement, "requirement", "", "those of this requirement, e.g. 8.5.c")
	cmd.Flags().BoolVar(&all, "all", false, "all drills")
	cmd.Flags().StringVar(&engine, "engine-bin", "", "start the throw-away container engine from this `directory` with dockerd, containerd and runc (default: PATH)")
	cmd.Flags().StringVar(&socket, "engine", "", "run what does no harm at this `socket` of a guard that is in use, as the user who calls: it must be refused")
	cmd.Flags().BoolVar(&publish, "publish", false, "also send the results to the control plane (see `bulkhead login`)")
	cmd.Flags().StringVar(&node, "node", "", "publish as of this `machine` (default: this machine's name)")
	a.localRemoteFlags(cmd)
	return cmd
}

// drillRun says which drills run, and whether their results are published.
type drillRun struct {
	requirement, node, engine, socket string
	publish                           bool
}

func (a *App) drillRun(ctx context.Context, ids []string, how drillRun) error {
	requirement, at := how.requirement, drillTimes{}
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	if requirement != "" && len(a.Drills.List(requirement)) == 0 {
		return fmt.Errorf("there is no drill of %q; `bulkhead drill list` shows all", requirement)
	}
	tell := func(r model.DrillResult, done, all int) {
		at[r.ID] = timestamppb.Now()
		if format == "text" {
			fmt.Fprintf(a.Out, "[%d/%d] %-12s %s (%d ms)\n        without the control: %s, with it: %s\n        %s\n",
				done, all, r.Verdict, r.ID, r.DurationMS, r.WithoutControl, r.WithControl, r.Why)
		}
	}
	run, with := a.Drills.Run, how.engine
	if how.socket != "" {
		run, with = a.Drills.Here, how.socket
	}
	report, err := run(ctx, ids, requirement, with, tell)
	if err != nil {
		return err
	}
	if format == "json" {
		if err := a.printJSON(report); err != nil {
			return err
		}
	}
	if how.publish {
		if err := a.publishDrills(ctx, how.node, report, at); err != nil {
			return err
		}
	}
	if how.socket != "" {
		return a.drillHeld(format, report)
	}
	proved := 0
	for _, r := range report.Results {
		if r.Verdict == model.VerdictProved {
			proved++
		}
	}
	if proved < len(report.Results) {
		return errNo{fmt.Sprintf("%d of %d drills proved their control", proved, len(report.Results))}
	}
	if format == "text" {
		fmt.Fprintf(a.Out, "%d of %d drills proved their control\n", proved, len(report.Results))
	}
	return nil
}

// drillHeld sums up what was tried at a guard in use.
func (a *App) drillHeld(format string, report model.DrillReport) error {
	n := map[model.Verdict]int{}
	for _, r := range report.Results {
		n[r.Verdict]++
	}
	sum := fmt.Sprintf("%d attacks were refused by the guard, %d were not; %d drills did not run here", n[model.VerdictHeld], n[model.VerdictNotProved], n[model.VerdictCannotRun])
	if n[model.VerdictNotProved] > 0 || n[model.VerdictHeld] == 0 {
		return errNo{sum}
	}
	if format == "text" {
		fmt.Fprintln(a.Out, sum)
	}
	return nil
}
