package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) exceptionsCommand() *cobra.Command {
	var f listFlags
	cmd := a.group("exceptions", "Failures that are lived with until a day, each with an owner and a reason",
		`Lists, makes and ends exceptions. An exception changes no status; it is shown with the failure. It ends by itself after its last
day, which is at most 366 days ahead. Whoever may record none, or wants a second pair of eyes, asks for one: another person
approves or rejects it.`,
		`  bulkhead exceptions create 8.1.c/socket-mode --node web-1 --owner alice --reason "replaced in June" --expires 2027-06-30
  bulkhead exceptions create 8.3.b --subject 'legacy-*' --owner alice --reason "vendor does not sign" --expires 90d
  bulkhead exceptions list --filter 'owner = "alice"'
  bulkhead exceptions delete 0198…
  bulkhead exceptions request 8.1.c --owner alice --reason "until the new registry is there" --expires 30d
  bulkhead exceptions requests --pending
  bulkhead exceptions show-request 0198…
  bulkhead exceptions approve 0198… --note "not longer than that"
  bulkhead exceptions reject 0198… --note "update it instead"
  bulkhead exceptions withdraw 0198…`,
		lister(verb("list", "List exceptions by when they end", 0, func(ctx context.Context, _ []string) error { return a.listExceptions(ctx, f) }), &f, "check, node, owner"),
		a.createExceptionCommand(),
		verb("delete ID", "End an exception", 1, a.deleteException),
	)
	for _, sub := range a.askedExceptionCommands() {
		sub.Example = linesWith(cmd.Example, "bulkhead exceptions "+sub.Name())
		cmd.AddCommand(sub)
	}
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) createExceptionCommand() *cobra.Command {
	return a.exceptionCommand("create CHECK", "Live with a failing check, or with all of a requirement, until a day", a.createException)
}

// exceptionCommand is a verb that says what an exception is about.
func (a *App) exceptionCommand(use, short string, run func(context.Context, *bulkheadv1.Exception) error) *cobra.Command {
	e := &bulkheadv1.Exception{}
	var node string
	cmd := verb(use, short, 1, func(ctx context.Context, args []string) error {
		e.Check, e.Tenant = args[0], a.remote.tenant
		if day, ok := inDays(e.GetExpires(), time.Now()); ok {
			e.Expires = day
		}
		if node != "" {
			id, err := a.nodeID(ctx, node)
			if err != nil {
				return err
			}
			e.Node = id
		}
		return run(ctx, e)
	})
	f := cmd.Flags()
	f.StringVar(&e.Subject, "subject", "", "`glob` over what the failure is about, e.g. a container's name (default: all)")
	f.StringVar(&node, "node", "", "only on this `node`, by name or id (default: all of the tenant)")
	f.StringVar(&e.Owner, "owner", "", "`who` answers for it")
	f.StringVar(&e.Reason, "reason", "", "`why`")
	f.StringVar(&e.Expires, "expires", "", "last `day` on which it holds: YYYY-MM-DD, or in how many days, e.g. 90d")
	for _, name := range []string{"owner", "reason", "expires"} {
		_ = cmd.MarkFlagRequired(name) // the error says only that the flag does not exist, which the tests would show
	}
	return cmd
}

func (a *App) createException(ctx context.Context, e *bulkheadv1.Exception) error {
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	made, err := c.CreateException(ctx, &bulkheadv1.CreateExceptionRequest{Exception: e})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(made, func() {
		a.fields("id", made.GetId(), "tenant", made.GetTenant(), "check", made.GetCheck(), "subject", made.GetSubject(), "node", made.GetNode(),
			"owner", made.GetOwner(), "reason", made.GetReason(), "last day", made.GetExpires(), "recorded by", made.GetCreator(), "approved by", made.GetApprover())
	})
}

func (a *App) listExceptions(ctx context.Context, f listFlags) error {
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Exception, string, error) {
		res, err := c.ListExceptions(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetExceptions(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListExceptionsResponse{Exceptions: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, e := range items {
			rows = append(rows, []string{e.GetExpires(), e.GetCheck(), orAll(e.GetSubject()), orAll(e.GetNode()), e.GetOwner(), e.GetReason(), e.GetId()})
		}
		a.table("no exceptions", []string{"LAST DAY", "CHECK", "SUBJECT", "NODE", "OWNER", "REASON", "ID"}, rows)
		a.more(next)
	})
}

// inDays is the day of "90d", which is in so many days by UTC, as the server counts.
func inDays(s string, now time.Time) (day string, ok bool) {
	text, ok := strings.CutSuffix(s, "d")
	if days, err := strconv.Atoi(text); ok && err == nil && days >= 0 && days < 1000 && text[0] != '+' && text[0] != '-' {
		return now.UTC().AddDate(0, 0, days).Format(time.DateOnly), true
	}
	return "", false
}

func orAll(s string) string {
	if s == "" {
		return "all"
	}
	return s
}

func (a *App) deleteException(ctx context.Context, args []string) error {
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	_, err = c.DeleteException(ctx, &bulkheadv1.Id{Id: args[0]})
	return a.done(err, "ended the exception "+args[0])
}
