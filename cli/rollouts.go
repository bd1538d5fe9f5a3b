package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) rolloutsCommand() *cobra.Command {
	var f listFlags
	cmd := a.group("rollouts", "Changes of a pool's settings on their way to its nodes",
		`Lists roll-outs and steers them. A roll-out goes on by itself, step by step, and halts where findings or failures rise above what
the pool's plan allows.`,
		`  bulkhead rollouts list --filter 'state = "halted"'
  bulkhead rollouts halt 0198… --reason "looking at web-1"
  bulkhead rollouts resume 0198…
  bulkhead rollouts roll-back 0198… --reason "wrong profile"`,
		lister(verb("list", "List roll-outs, newest first", 0, func(ctx context.Context, _ []string) error { return a.listRollouts(ctx, f) }), &f, "pool, state"),
		a.decideRolloutCommand("halt ID", "Stop a roll-out where it is", "halt"),
		a.decideRolloutCommand("resume ID", "Let a halted roll-out go on", "resume"),
		a.decideRolloutCommand("roll-back ID", "Give the settings before to all nodes again", "roll_back"),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) decideRolloutCommand(use, short, decision string) *cobra.Command {
	var reason string
	cmd := verb(use, short, 1, func(ctx context.Context, args []string) error {
		c, err := a.poolClient(ctx)
		if err != nil {
			return err
		}
		r, err := c.DecideRollout(ctx, &bulkheadv1.DecideRolloutRequest{Id: args[0], Decision: decision, Reason: reason})
		return a.showRollout(r, err)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for those who look later")
	return cmd
}

func (a *App) showRollout(r *bulkheadv1.Rollout, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(r, func() {
		a.fields("id", r.GetId(), "pool", r.GetPool(), "state", r.GetState(), "reason", r.GetReason(), "settings", fmt.Sprintf("%d to %d", r.GetFrom(), r.GetTo()),
			"share", fmt.Sprintf("%d%%", r.GetShare()), "nodes", reachText(r), "findings", fmt.Sprint(r.GetFindings()), "author", r.GetAuthor(),
			"created", when(r.GetCreated()), "step since", when(r.GetStepSince()), "ended", when(r.GetEnded()))
	})
}

func reachText(r *bulkheadv1.Rollout) string {
	text := fmt.Sprintf("%d of %d have it", r.GetApplied(), r.GetNodes())
	if r.GetFailed() > 0 {
		text += fmt.Sprintf(", %d failed", r.GetFailed())
	}
	return text
}

func (a *App) listRollouts(ctx context.Context, f listFlags) error {
	c, err := a.poolClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Rollout, string, error) {
		res, err := c.ListRollouts(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetRollouts(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListRolloutsResponse{Rollouts: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, r := range items {
			rows = append(rows, []string{
				when(r.GetCreated()), r.GetPool(), fmt.Sprint(r.GetTo()), r.GetState(), fmt.Sprintf("%d%%", r.GetShare()), reachText(r), r.GetReason(), r.GetId(),
			})
		}
		a.table("no roll-outs", []string{"CREATED", "POOL", "SETTINGS", "STATE", "SHARE", "NODES", "REASON", "ID"}, rows)
		a.more(next)
	})
}
