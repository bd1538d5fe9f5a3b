package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) poolsCommand() *cobra.Command {
	var f listFlags
	var yes bool
	cmd := a.group("pools", "Pools of nodes: settings, how a change of them is rolled out, maintenance windows",
		`Lists, makes, changes and deletes pools. POOL is a pool's name in --tenant, or TENANT/NAME. The pool "default" is in every tenant. A
change of settings is rolled out by the pool's plan; "bulkhead rollouts" shows and steers that.`,
		`  bulkhead pools create edge --collect-every 1m --step 5,25,100 --soak 30m --most-findings 10 --most-failures 5 --roll-back
  bulkhead pools update edge --window '0 2 * * 6 for 4h in Europe/Berlin'
  bulkhead pools update default --assess assess.yaml          # as under "assess" in the configuration file
  bulkhead pools list
  bulkhead pools get edge -o json
  bulkhead pools delete edge`,
		lister(verb("list", "List pools", 0, func(ctx context.Context, _ []string) error { return a.listPools(ctx, f) }), &f, "name"),
		verb("get POOL", "Show a pool", 1, a.getPool),
		a.createPoolCommand(), a.updatePoolCommand(),
		yesFlag(verb("delete POOL", "Delete a pool without nodes", 1,
			func(ctx context.Context, args []string) error { return a.deletePool(ctx, args[0], yes) }), &yes),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) createPoolCommand() *cobra.Command {
	var f poolFlags
	cmd := verb("create NAME", "Make a pool; the name is a DNS label and can't be changed", 1, nil)
	f.bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p := &bulkheadv1.Pool{Name: args[0], Tenant: a.remote.tenant}
		if err := f.fill(cmd, p); err != nil {
			return err
		}
		c, err := a.poolClient(cmd.Context())
		if err != nil {
			return err
		}
		made, err := c.CreatePool(cmd.Context(), &bulkheadv1.CreatePoolRequest{Pool: p})
		return a.showPool(made, err)
	}
	return cmd
}

// updatePoolCommand changes what the flags name and leaves the rest of the settings, or of the plan, as they are.
func (a *App) updatePoolCommand() *cobra.Command {
	var f poolFlags
	cmd := verb("update POOL", "Change a pool; changed settings are rolled out", 1, nil)
	f.bind(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		mask, err := given(cmd, f.fields())
		if err != nil {
			return err
		}
		c, id, err := a.pool(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		p, err := c.GetPool(cmd.Context(), &bulkheadv1.Id{Id: id})
		if err != nil {
			return remoteError(err)
		}
		if err := f.fill(cmd, p); err != nil {
			return err
		}
		made, err := c.UpdatePool(cmd.Context(), &bulkheadv1.UpdatePoolRequest{Pool: p, UpdateMask: mask})
		return a.showPool(made, err)
	}
	return cmd
}

func (a *App) poolClient(ctx context.Context) (bulkheadv1connect.PoolServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewPoolServiceClient)
}

// pool is the client, and the id of a pool named by name or id.
func (a *App) pool(ctx context.Context, name string) (bulkheadv1connect.PoolServiceClient, string, error) {
	c, err := a.poolClient(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case strings.Contains(name, "/"):
		return c, name, nil
	case a.remote.tenant != "":
		return c, a.remote.tenant + "/" + name, nil
	}
	res, err := c.ListPools(ctx, &bulkheadv1.ListInTenantRequest{Page: named(name)})
	if err != nil {
		return nil, "", remoteError(err)
	}
	if n := len(res.GetPools()); n != 1 {
		return nil, "", notOne("pool", name, n)
	}
	return c, res.GetPools()[0].GetId(), nil
}

func (a *App) listPools(ctx context.Context, f listFlags) error {
	c, err := a.poolClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Pool, string, error) {
		res, err := c.ListPools(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetPools(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListPoolsResponse{Pools: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, p := range items {
			rows = append(rows, []string{
				p.GetName(), p.GetTenant(), fmt.Sprint(p.GetNodes()), fmt.Sprint(p.GetSettingsVersion()), planText(p.GetPlan()),
				fmt.Sprint(len(p.GetWindows())), p.GetDescription(),
			})
		}
		a.table("no pools", []string{"NAME", "TENANT", "NODES", "SETTINGS", "ROLL-OUT", "WINDOWS", "DESCRIPTION"}, rows)
		a.more(next)
	})
}

func (a *App) getPool(ctx context.Context, args []string) error {
	c, id, err := a.pool(ctx, args[0])
	if err != nil {
		return err
	}
	p, err := c.GetPool(ctx, &bulkheadv1.Id{Id: id})
	return a.showPool(p, err)
}

func (a *App) deletePool(ctx context.Context, name string, yes bool) error {
	c, id, err := a.pool(ctx, name)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "delete the pool "+id); err != nil {
		return err
	}
	_, err = c.DeletePool(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "deleted the pool "+id)
}

func (a *App) showPool(p *bulkheadv1.Pool, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(p, func() {
		every := "30s"
		if d := p.GetSettings().GetCollectEvery().AsDuration(); d > 0 {
			every = d.String()
		}
		assess := "the server's"
		if s := p.GetSettings().GetAssess(); len(s.GetFields()) > 0 {
			assess = fmt.Sprintf("%d of its own; -o json shows them", len(s.GetFields()))
		}
		a.fields("id", p.GetId(), "description", p.GetDescription(), "nodes", fmt.Sprint(p.GetNodes()), "settings", "version "+fmt.Sprint(p.GetSettingsVersion()),
			"collect every", every, "assess", assess, "roll-out", planText(p.GetPlan()))
		for i, w := range p.GetWindows() {
			text := windowText(w)
			if next := p.GetNextWindows(); i < len(next) && next[i].GetSeconds() > 0 {
				text += ", next " + when(next[i])
			}
			a.fields("window", text)
		}
		a.fields("created", when(p.GetCreated()), "version", fmt.Sprint(p.GetVersion()))
	})
}
