package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) nodesCommand() *cobra.Command {
	var f listFlags
	var yes bool
	var reason string
	revoke := yesFlag(verb("revoke NODE", "End a node's identity at once; what is known of it stays", 1,
		func(ctx context.Context, args []string) error { return a.revokeNode(ctx, args[0], reason, yes) }), &yes)
	revoke.Flags().StringVar(&reason, "reason", "", "`why`, for those who look later")
	cmd := a.group("nodes", "Machines of the fleet: join, look, cordon, drain, revoke",
		`Lists nodes, shows one with what runs there and, where it is silent, what that means, and works on them. NODE is a node's name in
--tenant, or its id.`,
		`  bulkhead nodes join-token --pool edge --out join.token        # and the two commands for the new machine
  bulkhead nodes list --filter 'health = "silent"'
  bulkhead nodes get web-1
  bulkhead nodes facts web-1 -o json > web-1.json               # for "bulkhead assess --from"
  bulkhead nodes update web-1 --pool edge --label rack=7 --sensitivity confidential
  bulkhead nodes cordon web-1
  bulkhead nodes drain web-1
  bulkhead nodes uncordon web-1
  bulkhead nodes events --node web-1
  bulkhead nodes revoke web-1 --reason "the disk was stolen"
  bulkhead nodes delete web-1
  bulkhead nodes join-tokens --filter 'used = false'
  bulkhead nodes revoke-join-token 0198…`,
		lister(verb("list", "List nodes by name", 0, func(ctx context.Context, _ []string) error { return a.listNodes(ctx, f) }), &f,
			"id, name, pool, sensitivity, health, cordoned"),
		verb("get NODE", "Show a node, its workloads and, where it is silent, what its loss means", 1, a.getNode),
		verb("facts NODE", "Show what a node said of itself last; -o json gives the snapshot", 1, a.nodeFacts),
		a.updateNodeCommand(),
		verb("cordon NODE", "Keep new workloads away; those that run stay", 1,
			func(ctx context.Context, args []string) error { return a.cordonNode(ctx, args[0], true, false) }),
		verb("drain NODE", "Keep new workloads away and move those that run", 1,
			func(ctx context.Context, args []string) error { return a.cordonNode(ctx, args[0], true, true) }),
		verb("uncordon NODE", "Let workloads come again", 1,
			func(ctx context.Context, args []string) error { return a.cordonNode(ctx, args[0], false, false) }),
		revoke,
		yesFlag(verb("delete NODE", "Remove a revoked node with its facts and findings; assessments and events stay", 1,
			func(ctx context.Context, args []string) error { return a.deleteNode(ctx, args[0], yes) }), &yes),
		a.eventsCommand(), a.joinTokenCommand(), a.joinTokensCommand(),
		verb("revoke-join-token ID", "End a join token at once", 1, a.revokeJoinToken),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) updateNodeCommand() *cobra.Command {
	n := &bulkheadv1.Node{}
	var pairs []string
	cmd := verb("update NODE", "Change a node's pool or sensitivity, or replace its labels", 1, nil)
	cmd.Flags().StringVar(&n.Pool, "pool", "", "`name` of the pool whose settings it takes")
	cmd.Flags().StringArrayVar(&pairs, "label", nil, "`NAME=VALUE`, instead of all labels; can be given more than once")
	cmd.Flags().StringVar(&n.Sensitivity, "sensitivity", "", "`level`, e.g. confidential; empty for none")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		mask, err := given(cmd, map[string]string{"pool": "pool", "label": "labels", "sensitivity": "sensitivity"})
		if err != nil {
			return err
		}
		if n.Labels, err = labels(pairs); err != nil {
			return err
		}
		c, id, err := a.node(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		n.Id = id
		made, err := c.UpdateNode(cmd.Context(), &bulkheadv1.UpdateNodeRequest{Node: n, UpdateMask: mask})
		return a.showNode(made, err)
	}
	return cmd
}

func (a *App) nodeClient(ctx context.Context) (bulkheadv1connect.NodeServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewNodeServiceClient)
}

// node is the client, and the id of a node named by id or name. Who may not list nodes can still name one by its id.
func (a *App) node(ctx context.Context, name string) (bulkheadv1connect.NodeServiceClient, string, error) {
	c, err := a.nodeClient(ctx)
	if err != nil {
		return nil, "", err
	}
	id, err := a.nodeID(ctx, name)
	return c, id, err
}

func (a *App) nodeID(ctx context.Context, name string) (string, error) {
	if uuid.Validate(name) == nil || regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(name) {
		return name, nil
	}
	c, err := a.nodeClient(ctx)
	if err != nil {
		return "", err
	}
	page := named(name)
	page.ReadMask = fieldsOf("id")
	res, err := c.ListNodes(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: page})
	if err != nil {
		return "", remoteError(err)
	}
	if n := len(res.GetNodes()); n != 1 {
		return "", notOne("node", name, n)
	}
	return res.GetNodes()[0].GetId(), nil
}

func (a *App) listNodes(ctx context.Context, f listFlags) error {
	c, err := a.nodeClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Node, string, error) {
		res, err := c.ListNodes(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetNodes(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListNodesResponse{Nodes: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		tenants := map[string]bool{}
		for _, n := range items {
			tenants[n.GetTenant()] = true
			rows = append(rows, []string{n.GetName(), n.GetTenant(), n.GetPool(), healthText(n), since(n.GetLastSeen(), time.Now()), a.bad(n.GetStatuses()), n.GetId()})
		}
		head := []string{"NAME", "TENANT", "POOL", "HEALTH", "HEARD", "STATUS", "ID"}
		if len(tenants) < 2 {
			head, rows = withoutColumn(head, rows, 1)
		}
		a.table("no nodes; `bulkhead nodes join-token` lets one join", head, rows)
		a.more(next)
	})
}

// withoutColumn keeps a table narrow where a column says the same in every row.
func withoutColumn(head []string, rows [][]string, at int) ([]string, [][]string) {
	cut := func(row []string) []string { return append(append([]string{}, row[:at]...), row[at+1:]...) }
	out := make([][]string, len(rows))
	for i := range rows {
		out[i] = cut(rows[i])
	}
	return cut(head), out
}

func (a *App) cordonNode(ctx context.Context, name string, cordoned, drained bool) error {
	c, id, err := a.node(ctx, name)
	if err != nil {
		return err
	}
	n, err := c.CordonNode(ctx, &bulkheadv1.CordonNodeRequest{Id: id, Cordoned: cordoned, Drained: drained})
	return a.showNode(n, err)
}

func (a *App) revokeNode(ctx context.Context, name, reason string, yes bool) error {
	c, id, err := a.node(ctx, name)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "end the identity of the node "+name+"; it can come back only by joining anew, with another key"); err != nil {
		return err
	}
	n, err := c.RevokeNode(ctx, &bulkheadv1.RevokeNodeRequest{Id: id, Reason: reason})
	return a.showNode(n, err)
}

func (a *App) deleteNode(ctx context.Context, name string, yes bool) error {
	c, id, err := a.node(ctx, name)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "delete the node "+name+" with its facts and findings"); err != nil {
		return err
	}
	_, err = c.DeleteNode(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "deleted the node "+name)
}

// about adds a condition to a filter.
func about(filter, condition string) string {
	if strings.TrimSpace(filter) == "" {
		return condition
	}
	return fmt.Sprintf("%s AND %s", filter, condition)
}
