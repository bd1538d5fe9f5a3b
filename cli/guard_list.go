package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) guardListCommand() *cobra.Command {
	var f listFlags
	cmd := lister(verb("list", "The guards of the fleet: which node's engine has one, its mode, and whether the engine's sockets are locked", 0,
		func(ctx context.Context, _ []string) error { return a.guardList(ctx, f) }), &f, "id, name, pool, health")
	cmd.Long = `Lists the nodes that have a container engine, each with the guard before it, as the node reported it last. LOCK says whether the engine's own
sockets are the guard's alone; "open" means that there is a way past it, which ` + "`bulkhead docker lock`" + ` on the node closes.`
	cmd.Example = `  bulkhead guard list
  bulkhead guard list --filter 'name = "web-1"' --output json`
	a.guardServer(cmd)
	return cmd
}

func (a *App) guardList(ctx context.Context, f listFlags) error {
	if f.limit < 1 {
		return fmt.Errorf("invalid argument \"%d\" for --limit: at least 1", f.limit)
	}
	c, err := a.guardClient(ctx)
	if err != nil {
		return err
	}
	out := &bulkheadv1.ListGuardsResponse{}
	for len(out.GetGuards()) < f.limit {
		// Nodes without an engine are left out of a page, so that one can be empty and not the last.
		res, err := c.ListGuards(ctx, &bulkheadv1.ListInTenantRequest{
			Tenant: a.remote.tenant, Page: &bulkheadv1.Page{Size: int32(min(f.limit-len(out.GetGuards()), maxPage)), Token: out.GetNextPage(), Filter: f.filter},
		})
		if err != nil {
			return remoteError(err)
		}
		out.Guards, out.NextPage = append(out.Guards, res.GetGuards()...), res.GetNextPage()
		if res.GetNextPage() == "" {
			break
		}
	}
	return a.answer(out, func() {
		rows := make([][]string, 0, len(out.GetGuards()))
		for _, g := range out.GetGuards() {
			rows = append(rows, guardRow(g))
		}
		a.table("no node has a container engine; `bulkhead nodes list` shows the nodes", []string{"NODE", "UP", "MODE", "PROFILE", "LOCK", "8.1.C", "FINDINGS", "SOCKET", "TLS", "VERSION", "SINCE"}, rows)
		a.more(out.GetNextPage())
	})
}

func guardRow(g *bulkheadv1.Guard) []string {
	mode := g.GetMode()
	if mode == "" {
		mode = "none"
	}
	return []string{
		g.GetNodeName(), yesNo(g.GetUp()), mode, g.GetProfile(), g.GetLock(), g.GetStatus(), fmt.Sprint(len(g.GetFindings())), g.GetSocket(), g.GetTls(), g.GetVersion(), when(g.GetStarted()),
	}
}
