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
	}), &f, "node, kind, requirement, severity, subject, over, excepted")
	list.Flags().BoolVar(&open, "open", false, "only those that are not over")
	nodeFlag(list, &node)
	cmd := a.group("findings", "What is wrong on nodes: failing checks, and what nodes tell of themselves",
		`Lists findings: a check that fails on a node until it passes, and what the node found itself, such as a bundle that it refused.
"bulkhead exceptions" records that one is lived with for a time.`,
		`  bulkhead findings list --open --node web-1
  bulkhead findings list --filter 'severity = "critical" AND excepted = false'
  bulkhead findings list --filter 'requirement = "8.1.c"' -o json`,
		list,
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) findingClient(ctx context.Context) (bulkheadv1connect.FindingServiceClient, error) {
	r, err := a.server(ctx)
	if err != nil {
		return nil, err
	}
	return bulkheadv1connect.NewFindingServiceClient(r.HTTP, r.URL), nil
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
			state := "open"
			switch {
			case x.GetOver() != nil:
				state = "over"
			case x.GetException() != "":
				state = "excepted"
			}
			rows = append(rows, []string{
				when(x.GetLast()), x.GetSeverity(), x.GetNodeName(), x.GetKind(), state, x.GetSubject(), a.inLanguage(x.GetText(), x.GetTextZh()),
			})
		}
		a.table("no findings", []string{"LAST", "SEVERITY", "NODE", "KIND", "STATE", "SUBJECT", "WHAT"}, rows)
		a.more(next)
	})
}
