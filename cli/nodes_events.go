package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) eventsCommand() *cobra.Command {
	var f listFlags
	var node string
	cmd := lister(verb("events", "List what happened to nodes, newest first", 0, func(ctx context.Context, _ []string) error {
		return a.listEvents(ctx, f, node)
	}), &f, "id, node, kind, requirement, severity, time")
	nodeFlag(cmd, &node)
	return cmd
}

// nodeFlag narrows a list to one node.
func nodeFlag(cmd *cobra.Command, node *string) {
	cmd.Flags().StringVar(node, "node", "", "only of this `node`, by name or id")
}

// ofNode adds a node to a filter.
func (a *App) ofNode(ctx context.Context, f *listFlags, node string) error {
	if node == "" {
		return nil
	}
	id, err := a.nodeID(ctx, node)
	f.filter = about(f.filter, fmt.Sprintf("node = %q", id))
	return err
}

func (a *App) listEvents(ctx context.Context, f listFlags, node string) error {
	if err := a.ofNode(ctx, &f, node); err != nil {
		return err
	}
	c, err := a.nodeClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Event, string, error) {
		res, err := c.ListEvents(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetEvents(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListEventsResponse{Events: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, e := range items {
			rows = append(rows, []string{when(e.GetTime()), e.GetSeverity(), e.GetNodeName(), e.GetKind(), a.inLanguage(e.GetText(), e.GetTextZh())})
		}
		a.table("no events", []string{"TIME", "SEVERITY", "NODE", "KIND", "WHAT"}, rows)
		a.more(next)
	})
}

// inLanguage is the text in the language of reports.
func (a *App) inLanguage(en, zh string) string {
	if a.cfg.Lang == "zh" && zh != "" {
		return zh
	}
	return en
}
