package cli

import (
	"context"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) approveCommand() *cobra.Command {
	req := &bulkheadv1.StepUpEnginesRequest{}
	var long durationFlag
	cmd := verb("approve", "Show your second factor to the engines of the fleet for some minutes", 0, func(ctx context.Context, _ []string) error {
		if long.Duration != 0 {
			req.Duration = durationpb.New(long.Duration)
		}
		c, err := a.accessClient(ctx)
		if err != nil {
			return err
		}
		r, err := c.StepUpEngines(ctx, req)
		return a.showAccess(r, err)
	})
	cmd.Long = `At a container engine nobody shows a second factor. This asks for yours, as every dangerous action does, and tells the guards
of the engines that you may come to. They take it for shown until the time is over, or you end it with "access withdraw".
What takes a second person is asked for with "access request".`
	cmd.Example = `  bulkhead approve
  bulkhead approve --for 30m --reason "incident 42"`
	cmd.Flags().StringVar(&req.Reason, "reason", "", "`why`; it is recorded")
	cmd.Flags().Var(&long, "for", "how long, from 1m to 1h (default 15m)")
	a.tenantFlag(cmd)
	return cmd
}
