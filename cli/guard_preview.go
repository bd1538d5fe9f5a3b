package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// previewFlags say of what a preview is.
type previewFlags struct {
	log         guardLogFlags
	since, node string
}

func (a *App) guardPreviewCommand() *cobra.Command {
	f := &previewFlags{}
	cmd := verb("preview", "What enforce refuses, by rule: of calls that guards in observe let through, and of those that were refused", 0,
		func(ctx context.Context, _ []string) error { return a.guardPreview(ctx, f) })
	cmd.Long = `Groups calls by the rule that refused them, or would have refused them in enforce: how many, of how many people, where, since when, and
what would pass. So one sees what guard.mode: enforce will change before it is set. The control plane is asked, which has the calls of all
nodes; with --log the audit log of one guard is read here, after it was verified, and no server is needed.`
	cmd.Example = `  bulkhead guard preview
  bulkhead guard preview --node web-1 --since 24h --output json
  bulkhead guard preview --log /var/lib/bulkhead-guard/audit`
	cmd.Flags().StringVar(&f.since, "since", "168h", "not before this `time`: 2026-01-31, 2026-01-31T10:00:00Z, or an age such as 24h")
	nodeFlag(cmd, &f.node)
	a.guardRemote(cmd, &f.log)
	return cmd
}

func (a *App) guardPreview(ctx context.Context, f *previewFlags) error {
	times, err := a.auditRequest(auditFlags{since: f.since})
	if err != nil {
		return err
	}
	var res *bulkheadv1.PreviewGuardResponse
	if f.log.dir != "" {
		res, err = a.previewOfLog(ctx, f, times.GetSince())
	} else {
		res, err = a.previewOfServer(ctx, f, times.GetSince())
	}
	if err != nil {
		return err
	}
	return a.answer(res, func() { a.showPreview(res) })
}

func (a *App) showPreview(res *bulkheadv1.PreviewGuardResponse) {
	rows := make([][]string, 0, len(res.GetRules()))
	var would int64
	for _, r := range res.GetRules() {
		would += r.GetWouldRefuse()
		rule := r.GetRule()
		if rule == "" {
			rule = "(none permits)"
		}
		rows = append(rows, []string{
			rule, r.GetRequirement(), fmt.Sprint(r.GetWouldRefuse()), fmt.Sprint(r.GetRefused()), fmt.Sprint(r.GetPeople()), fmt.Sprint(len(r.GetNodes())),
			when(r.GetLast()), short(r.GetReason(), 120), short(r.GetRemedy(), 120),
		})
	}
	a.table("nothing was refused, and nothing would have been", []string{"RULE", "CLAUSE", "WOULD REFUSE", "REFUSED", "PEOPLE", "NODES", "LAST", "WHY", "WHAT WOULD PASS"}, rows)
	fmt.Fprintf(a.Out, "\n%d calls since %s\n", res.GetCalls(), when(res.GetSince()))
	if res.GetTruncated() {
		fmt.Fprintln(a.Err, "bulkhead: there is more than was looked through; ask for a shorter time with --since, or for one --node")
	}
	if would > 0 {
		fmt.Fprintln(a.Out, "What WOULD REFUSE counts passes as long as guard.mode is observe, and is refused in enforce; `bulkhead guard calls --outcome would_refuse` shows each.")
	}
}

func (a *App) previewOfServer(ctx context.Context, f *previewFlags, since *timestamppb.Timestamp) (*bulkheadv1.PreviewGuardResponse, error) {
	req := &bulkheadv1.PreviewGuardRequest{Tenant: a.remote.tenant, Since: since}
	if f.node != "" {
		id, err := a.nodeID(ctx, f.node)
		if err != nil {
			return nil, err
		}
		req.Node = id
	}
	c, err := a.guardClient(ctx)
	if err != nil {
		return nil, err
	}
	res, err := c.PreviewGuard(ctx, req)
	return res, remoteError(err)
}

func (a *App) previewOfLog(ctx context.Context, f *previewFlags, since *timestamppb.Timestamp) (*bulkheadv1.PreviewGuardResponse, error) {
	if f.node != "" {
		return nil, errors.New("invalid argument: --node and --log together; a log is of one guard")
	}
	known, err := shippedRules()
	if err != nil {
		return nil, err
	}
	var p calls.Preview
	out := &bulkheadv1.PreviewGuardResponse{Since: since}
	out.Read, err = a.readGuardLog(ctx, f.log, func(c *bulkheadv1.GuardCall) {
		if !within(c.GetTime(), since, nil) {
			return
		}
		if c.GetOutcome() != string(model.OutcomeFailed) { // its call has a record of its own
			out.Calls++
		}
		p.Add(c)
	})
	if err != nil {
		return nil, err
	}
	out.Rules, out.Truncated = p.Rules(known), p.Dropped
	return out, nil
}
