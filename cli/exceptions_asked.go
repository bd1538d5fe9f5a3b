package cli

import (
	"context"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// askedExceptionCommands ask for exceptions, and decide what others asked for.
func (a *App) askedExceptionCommands() []*cobra.Command {
	var f listFlags
	var pending bool
	list := lister(verb("requests", "List requests for exceptions, newest first", 0, func(ctx context.Context, _ []string) error {
		if pending {
			f.filter = about(f.filter, `state = "pending"`)
		}
		return a.listAskedExceptions(ctx, f)
	}), &f, "state, check, node, requester, owner")
	list.Flags().BoolVar(&pending, "pending", false, "only those that wait to be decided")
	withdraw := verb("withdraw ID", "Take an own request back", 1, func(ctx context.Context, args []string) error {
		c, err := a.findingClient(ctx)
		if err != nil {
			return err
		}
		x, err := c.WithdrawExceptionRequest(ctx, &bulkheadv1.Id{Id: args[0]})
		return a.showAskedException(x, err)
	})
	show := verb("show-request ID", "Show what became of a request; whoever asked may always see it", 1, func(ctx context.Context, args []string) error {
		c, err := a.findingClient(ctx)
		if err != nil {
			return err
		}
		x, err := c.GetExceptionRequest(ctx, &bulkheadv1.Id{Id: args[0]})
		return a.showAskedException(x, err)
	})
	request := a.exceptionCommand("request CHECK", "Ask a second person for an exception; it is none before that", a.requestException)
	return []*cobra.Command{
		request, list, show, a.decideExceptionCommand("approve", "Approve what another person asked for: it becomes an exception", true),
		a.decideExceptionCommand("reject", "Reject what another person asked for", false), withdraw,
	}
}

func (a *App) decideExceptionCommand(name, short string, approve bool) *cobra.Command {
	var note string
	cmd := verb(name+" ID", short, 1, func(ctx context.Context, args []string) error {
		c, err := a.findingClient(ctx)
		if err != nil {
			return err
		}
		x, err := c.DecideException(ctx, &bulkheadv1.DecideExceptionRequest{Id: args[0], Approve: approve, Note: note})
		return a.showAskedException(x, err)
	})
	cmd.Flags().StringVar(&note, "note", "", "`why`, for whoever asked")
	if !approve {
		_ = cmd.MarkFlagRequired("note") // the error says only that the flag does not exist, which the tests would show
	}
	return cmd
}

func (a *App) requestException(ctx context.Context, e *bulkheadv1.Exception) error {
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	x, err := c.RequestException(ctx, &bulkheadv1.RequestExceptionRequest{Exception: e})
	return a.showAskedException(x, err)
}

func (a *App) showAskedException(x *bulkheadv1.ExceptionRequest, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(x, func() {
		e := x.GetException()
		a.fields("id", x.GetId(), "state", x.GetState(), "tenant", e.GetTenant(), "check", e.GetCheck(), "subject", e.GetSubject(), "node", e.GetNode(),
			"owner", e.GetOwner(), "reason", e.GetReason(), "last day", e.GetExpires(), "asked by", x.GetRequester(), "asked", when(x.GetCreated()),
			"decided by", x.GetDecider(), "decided", when(x.GetDecided()), "note", x.GetNote(), "exception", e.GetId())
	})
}

func (a *App) listAskedExceptions(ctx context.Context, f listFlags) error {
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.ExceptionRequest, string, error) {
		res, err := c.ListExceptionRequests(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetRequests(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListExceptionRequestsResponse{Requests: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, x := range items {
			e := x.GetException()
			rows = append(rows, []string{x.GetState(), e.GetCheck(), orAll(e.GetNode()), e.GetOwner(), e.GetExpires(), x.GetRequester(), e.GetReason(), x.GetId()})
		}
		a.table("no requests; `bulkhead exceptions request` makes one", []string{"STATE", "CHECK", "NODE", "OWNER", "LAST DAY", "ASKED BY", "REASON", "ID"}, rows)
		a.more(next)
	})
}
