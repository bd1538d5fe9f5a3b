package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/guard/calls"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// callFlags pick calls that came to guards.
type callFlags struct {
	log   guardLogFlags
	times auditFlags
	node  string
	pick  calls.Pick
	limit int
}

func (a *App) guardCallsCommand() *cobra.Command {
	f := &callFlags{}
	cmd := verb("calls", "Who called what through the guards, and what came of it, newest first", 0, func(ctx context.Context, _ []string) error {
		return a.guardCalls(ctx, f)
	})
	cmd.Long = `Lists calls of container engines that came to their guards: who, which call, on what, and for one that was refused the rule and what
would pass. OUTCOME "would refuse" is a call that a guard in observe let through, and refuses in enforce. The control plane is asked, which has the
calls of all nodes; with --log the audit log of one guard is read here, after it was verified, and no server is needed.`
	cmd.Example = `  bulkhead guard calls --since 24h --outcome refused
  bulkhead guard calls --actor alice --node web-1 --limit 20
  bulkhead guard calls --rule profile_baseline/privileged --output json
  bulkhead guard calls --log /var/lib/bulkhead-guard/audit --outcome would_refuse`
	timeFlags(cmd, &f.times)
	nodeFlag(cmd, &f.node)
	cmd.Flags().StringVar(&f.pick.Actor, "actor", "", "only by this `account`, by name or id")
	cmd.Flags().StringVar(&f.pick.Action, "action", "", "only this `action` of the policies, e.g. ContainerExec")
	cmd.Flags().StringVar(&f.pick.Outcome, "outcome", "", "only what ended so: "+strings.Join(calls.Outcomes(), ", "))
	cmd.Flags().StringVar(&f.pick.Rule, "rule", "", "only what this `rule` refused or would refuse, e.g. profile_baseline/privileged")
	cmd.Flags().IntVar(&f.limit, "limit", 50, "show at most this many")
	complete(cmd, "outcome", calls.Outcomes()...)
	a.guardRemote(cmd, &f.log)
	return cmd
}

func (a *App) guardCalls(ctx context.Context, f *callFlags) error {
	if f.limit < 1 || f.limit > 100_000 {
		return fmt.Errorf("invalid argument \"%d\" for --limit: from 1 to 100000", f.limit)
	}
	if f.pick.Outcome != "" && !slices.Contains(calls.Outcomes(), f.pick.Outcome) {
		return fmt.Errorf("invalid argument %q for --outcome: it must be one of %s", f.pick.Outcome, strings.Join(calls.Outcomes(), ", "))
	}
	times, err := a.auditRequest(f.times)
	if err != nil {
		return err
	}
	var res *bulkheadv1.ListGuardCallsResponse
	if f.log.dir != "" {
		res, err = a.callsOfLog(ctx, f, times)
	} else {
		res, err = a.callsOfServer(ctx, f, times)
	}
	if err != nil {
		return err
	}
	return a.answer(res, func() {
		rows := make([][]string, 0, len(res.GetCalls()))
		for _, c := range res.GetCalls() {
			rows = append(rows, callRow(c))
		}
		a.table("no calls", []string{"TIME (UTC)", "OUTCOME", "WHO", "CALL", "TO WHAT", "NODE", "RULE", "WHY", "WHAT WOULD PASS", "ID"}, rows)
		if res.GetNextPage() != "" {
			fmt.Fprintln(a.Err, "bulkhead: there are more; --limit shows them, --since, --node, --actor, --outcome and --rule narrow")
		}
	})
}

func callRow(c *bulkheadv1.GuardCall) []string {
	outcome, why := c.GetOutcome(), c.GetReason()
	switch {
	case len(c.GetWouldRefuse()) > 0:
		outcome = "would refuse"
	case outcome == "allowed": // the rule that permits is of no interest here
		why = ""
	}
	what := c.GetResource().GetType()
	name := c.GetName()
	if name == "" { // what is made has its name in the id, behind the host's
		name = c.GetResource().GetId()
		name = name[strings.LastIndexByte(name, '/')+1:]
	}
	what += " " + name
	node := c.GetNodeName()
	if node == "" {
		node = c.GetNode()
	}
	return []string{
		c.GetTime().AsTime().UTC().Format("2006-01-02 15:04:05"), outcome, actorText(c), c.GetCall(), what, node,
		short(strings.Join(calls.Rules(c), ", "), 80), short(why, 120), short(c.GetRemedy(), 120), c.GetId(),
	}
}

func actorText(c *bulkheadv1.GuardCall) string {
	switch {
	case c.GetActorName() != "":
		return c.GetActorName()
	case c.GetActor() != "":
		return c.GetActor()
	}
	return "nobody known"
}

func (a *App) guardClient(ctx context.Context) (bulkheadv1connect.GuardServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewGuardServiceClient)
}

// filterOf is the pick for the server.
func (a *App) filterOf(ctx context.Context, f *callFlags) (string, error) {
	list := listFlags{}
	actor := "actor_name"
	if uuid.Validate(f.pick.Actor) == nil {
		actor = "actor"
	}
	for _, c := range []struct{ field, value string }{
		{actor, f.pick.Actor}, {"action", f.pick.Action}, {"outcome", f.pick.Outcome}, {"rule", f.pick.Rule},
	} {
		if c.value != "" {
			list.filter = about(list.filter, fmt.Sprintf("%s = %q", c.field, c.value))
		}
	}
	return list.filter, a.ofNode(ctx, &list, f.node)
}

// mostEmpty is how many pages without a call are asked for in a row: each is a part of the log that the server read through.
const mostEmpty = 20

func (a *App) callsOfServer(ctx context.Context, f *callFlags, times *bulkheadv1.SearchRecordsRequest) (*bulkheadv1.ListGuardCallsResponse, error) {
	filter, err := a.filterOf(ctx, f)
	if err != nil {
		return nil, err
	}
	c, err := a.guardClient(ctx)
	if err != nil {
		return nil, err
	}
	req := &bulkheadv1.ListGuardCallsRequest{Tenant: a.remote.tenant, Since: times.GetSince(), Until: times.GetUntil(), Page: &bulkheadv1.Page{Filter: filter}}
	out := &bulkheadv1.ListGuardCallsResponse{}
	for empty := 0; empty < mostEmpty && len(out.GetCalls()) < f.limit; {
		req.Page.Size, req.Page.Token = int32(min(f.limit-len(out.GetCalls()), maxPage)), out.GetNextPage()
		res, err := c.ListGuardCalls(ctx, req)
		if err != nil {
			return nil, remoteError(err)
		}
		if empty++; len(res.GetCalls()) > 0 {
			empty = 0
		}
		out.Calls, out.NextPage = append(out.Calls, res.GetCalls()...), res.GetNextPage()
		if res.GetNextPage() == "" {
			break
		}
	}
	return out, nil
}

// callsOfLog keeps the newest of a log, which is read from its beginning.
func (a *App) callsOfLog(ctx context.Context, f *callFlags, times *bulkheadv1.SearchRecordsRequest) (*bulkheadv1.ListGuardCallsResponse, error) {
	if f.node != "" {
		return nil, errors.New("invalid argument: --node and --log together; a log is of one guard")
	}
	var found []*bulkheadv1.GuardCall
	more := false
	_, err := a.readGuardLog(ctx, f.log, func(c *bulkheadv1.GuardCall) {
		if !within(c.GetTime(), times.GetSince(), times.GetUntil()) || !f.pick.Takes(c) {
			return
		}
		if found = append(found, c); len(found) >= 2*f.limit {
			found, more = slices.Clone(found[f.limit:]), true
		}
	})
	if err != nil {
		return nil, err
	}
	if len(found) > f.limit {
		found, more = found[len(found)-f.limit:], true
	}
	slices.Reverse(found)
	out := &bulkheadv1.ListGuardCallsResponse{Calls: found}
	if more {
		fmt.Fprintln(a.Err, "bulkhead: there are more; --limit shows them, --since, --actor, --outcome and --rule narrow")
	}
	return out, nil
}

func within(t, since, until *timestamppb.Timestamp) bool {
	at := t.AsTime()
	return (since == nil || !at.Before(since.AsTime())) && (until == nil || at.Before(until.AsTime()))
}
