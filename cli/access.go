package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bulkhead-security/bulkhead/identity/authz"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) accessCommand() *cobra.Command {
	var f listFlags
	var mine bool
	list := lister(verb("list", "List requests", 0, func(ctx context.Context, _ []string) error { return a.listAccess(ctx, f, mine) }), &f, "user, state, action")
	list.Flags().BoolVar(&mine, "mine", false, "list your own requests, which needs no right; filter: state, action")
	cmd := a.group("access", "Access for a limited time, approved by a second person",
		`Asks for one action on one object for a time, and approves, denies or ends what others asked for. Who approves is never
who asked, and may do the action too. An approved request is good for exactly that action on that object. Whoever asked
sees what became of it with "list --mine", and takes it back with "withdraw".`,
		`  bulkhead access request ContainerExec Container::3f4a… --for 30m --reason "incident 42"
  bulkhead access list --mine
  bulkhead access list --filter 'state = "pending"'
  bulkhead access approve 0198… --note "with me on the phone"
  bulkhead access deny 0198… --note "wait for the window at 22:00"
  bulkhead access revoke 0198…
  bulkhead access withdraw 0198…`,
		a.requestAccessCommand(),
		list,
		a.decideAccessCommand("approve", "Approve a request", true), a.decideAccessCommand("deny", "Deny a request", false),
		verb("revoke ID", "End another's access early, or a request that is pending", 1, func(ctx context.Context, args []string) error {
			c, err := a.accessClient(ctx)
			if err != nil {
				return err
			}
			r, err := c.RevokeAccess(ctx, &bulkheadv1.Id{Id: args[0]})
			return a.showAccess(r, err)
		}),
		verb("withdraw ID", "Take an own request back, or end access that you were given", 1, func(ctx context.Context, args []string) error {
			c, err := a.accessClient(ctx)
			if err != nil {
				return err
			}
			r, err := c.WithdrawAccess(ctx, &bulkheadv1.Id{Id: args[0]})
			return a.showAccess(r, err)
		}),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) accessClient(ctx context.Context) (bulkheadv1connect.AccessServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewAccessServiceClient)
}

func (a *App) requestAccessCommand() *cobra.Command {
	req := &bulkheadv1.RequestAccessRequest{}
	var long durationFlag
	cmd := verb("request ACTION TYPE::ID", "Ask for access", 2, func(ctx context.Context, args []string) error {
		ref, err := reference(args[1])
		if err != nil {
			return err
		}
		req.Action, req.Resource = args[0], ref
		if long.Duration != 0 {
			req.Duration = durationpb.New(long.Duration)
		}
		c, err := a.accessClient(ctx)
		if err != nil {
			return err
		}
		r, err := c.RequestAccess(ctx, req)
		return a.showAccess(r, err)
	})
	cmd.Flags().StringVar(&req.Reason, "reason", "", "`why`; whoever approves reads it")
	cmd.ValidArgsFunction = completeRequest((*authz.Schema).Requestable)
	cmd.Flags().Var(&long, "for", "how long after approval, from 1m to 8h (default 1h)")
	// The error says only that the flag does not exist, which the tests would show.
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *App) decideAccessCommand(name, short string, approve bool) *cobra.Command {
	var note string
	cmd := verb(name+" ID", short, 1, func(ctx context.Context, args []string) error {
		c, err := a.accessClient(ctx)
		if err != nil {
			return err
		}
		r, err := c.DecideAccess(ctx, &bulkheadv1.DecideAccessRequest{Id: args[0], Approve: approve, Note: note})
		return a.showAccess(r, err)
	})
	cmd.Flags().StringVar(&note, "note", "", "`text` for the one who asked")
	return cmd
}

func (a *App) listAccess(ctx context.Context, f listFlags, mine bool) error {
	c, err := a.accessClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.AccessRequest, string, error) {
		var res *bulkheadv1.ListAccessRequestsResponse
		var err error
		if mine {
			res, err = c.ListMyAccessRequests(ctx, &bulkheadv1.ListMyAccessRequestsRequest{Page: p})
		} else {
			res, err = c.ListAccessRequests(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		}
		return res.GetRequests(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListAccessRequestsResponse{Requests: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, r := range items {
			rows = append(rows, []string{r.GetId(), r.GetUser(), r.GetAction(), refText(r.GetResource()), r.GetState(), when(r.GetExpires()), r.GetReason(), r.GetNote()})
		}
		a.table("no requests", []string{"ID", "USER", "ACTION", "OBJECT", "STATE", "EXPIRES", "REASON", "NOTE"}, rows)
		a.more(next)
	})
}

func (a *App) showAccess(r *bulkheadv1.AccessRequest, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(r, func() {
		a.fields("id", r.GetId(), "tenant", r.GetTenant(), "user", r.GetUser(), "action", r.GetAction(), "object", refText(r.GetResource()),
			"reason", strings.TrimSpace(r.GetReason()), "state", r.GetState(), "for", r.GetDuration().AsDuration().String(), "approver", r.GetApprover(),
			"note", r.GetNote(), "expires", when(r.GetExpires()))
	})
}
