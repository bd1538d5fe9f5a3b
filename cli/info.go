package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) infoCommand() *cobra.Command {
	cmd := verb("info", "Show the control plane: version, database, audit log, state of its controls", 0,
		func(ctx context.Context, _ []string) error { return a.info(ctx) })
	cmd.Example = `  bulkhead info
  bulkhead info -o json`
	a.remoteFlags(cmd)
	return cmd
}

func (a *App) info(ctx context.Context) error {
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	i, err := bulkheadv1connect.NewSystemServiceClient(r.HTTP, r.URL).GetInfo(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(i, func() {
		glass := "closed"
		if i.GetBreakGlass() {
			glass = "OPEN: changes are answered although they can't be recorded"
		}
		a.fields("server", r.URL, "version", i.GetVersion(), "replica", i.GetReplica(), "database", i.GetDatabase(), "started", when(i.GetStarted()),
			"audit log", i.GetAuditOrigin(), "its key", i.GetAuditKey(), "break-glass", glass)
		fmt.Fprintln(a.Out)
		rows := make([][]string, 0, len(i.GetControls()))
		for _, name := range slices.Sorted(maps.Keys(i.GetControls())) {
			rows = append(rows, []string{name, i.GetControls()[name]})
		}
		a.table("no controls", []string{"CONTROL", "MODE"}, rows)
	})
}
