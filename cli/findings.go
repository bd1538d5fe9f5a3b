package cli

import (
	"context"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) findingsCommand() *cobra.Command {
	var f listFlags
	var node string
	var open bool
	list := lister(verb("list", "List findings, newest first", 0, func(ctx context.Context, _ []string) error {
		if open {
			f.filter = about(f.filter, "over = false")
		}
		return a.listFindings(ctx, f, node)
	}), &f, "node, kind, requirement, severity, subject, over, excepted, state, owner, owner_name")
	list.Flags().BoolVar(&open, "open", false, "only those that are not over")
	nodeFlag(list, &node)
	cmd := a.group("findings", "What is wrong on nodes: failing checks, and what nodes tell of themselves",
		`Lists findings: a check that fails on a node until it passes, and what the node found itself, such as a bundle that it refused.
"triage" says what is made of them: open, acknowledged, in_progress or false_positive, who sees to it, and a comment. That changes no
status, which only the check does. "bulkhead exceptions" records that one is lived with for a time.`,
		`  bulkhead findings list --open --node web-1
  bulkhead findings triage web-1 3f0c… --state in_progress --owner alice --comment "new hosts on Monday"
  bulkhead findings triage --filter 'kind = "8.1.c/socket-mode" AND over = false' --state acknowledged
  bulkhead findings show web-1 3f0c…
  bulkhead findings comment web-1 3f0c… "the vendor knows"
  bulkhead findings list --filter 'severity = "critical" AND excepted = false'
  bulkhead findings list --filter 'requirement = "8.1.c"' -o json`,
		list, a.triageCommand(),
		verb("show NODE ID", "Show a finding, and what was done with it", 2, a.showFinding),
		verb("comment NODE ID TEXT", "Note something of a finding", 3, a.commentFinding),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) findingClient(ctx context.Context) (bulkheadv1connect.FindingServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewFindingServiceClient)
}

func (a *App) listFindings(ctx context.Context, f listFlags, node string) error {
	if err := a.ofNode(ctx, &f, node); err != nil {
		return err
	}
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Finding, string, error) {
		res, err := c.ListFindings(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetFindings(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListFindingsResponse{Findings: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, x := range items {
			rows = append(rows, []string{
				when(x.GetLast()), x.GetSeverity(), x.GetNodeName(), x.GetKind(), stateOf(x), x.GetOwner().GetName(), x.GetId(), x.GetSubject(),
				a.inLanguage(x.GetText(), x.GetTextZh()),
			})
		}
		a.table("no findings", []string{"LAST", "SEVERITY", "NODE", "KIND", "STATE", "OWNER", "ID", "SUBJECT", "WHAT"}, rows)
		a.more(next)
	})
}

// stateOf is how a finding stands: that it is over or lived with says more than what people made of it.
func stateOf(f *bulkheadv1.Finding) string {
	switch {
	case f.GetOver() != nil:
		return "over"
	case f.GetException() != "":
		return "excepted"
	}
	return f.GetState()
}
