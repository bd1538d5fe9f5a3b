package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) groupsCommand() *cobra.Command {
	var f listFlags
	var yes bool
	cmd := a.group("groups", "Groups: members get the group's roles and hosts",
		`Lists, makes, changes and deletes groups. GROUP is a group's id, or its name in --tenant. An account joins with
"bulkhead users update USER --group ID".`,
		`  bulkhead groups create night-shift --role operator --host 5f0c… --tenant acme
  bulkhead groups list --tenant acme
  bulkhead groups get night-shift --tenant acme
  bulkhead groups update night-shift --host 5f0c… --host 77a1… --tenant acme
  bulkhead groups delete night-shift --tenant acme`,
		lister(verb("list", "List groups", 0, func(ctx context.Context, _ []string) error { return a.listGroups(ctx, f) }), &f, "name"),
		verb("get GROUP", "Show a group", 1, a.getGroup),
		a.createGroupCommand(), a.updateGroupCommand(),
		yesFlag(verb("delete GROUP", "Delete a group from the tenant and from its members", 1,
			func(ctx context.Context, args []string) error { return a.deleteGroup(ctx, args[0], yes) }), &yes),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) createGroupCommand() *cobra.Command {
	g := &bulkheadv1.Group{}
	cmd := verb("create NAME", "Make a group", 1, func(ctx context.Context, args []string) error {
		g.Name, g.Tenant = args[0], a.remote.tenant
		c, err := a.groupClient(ctx)
		if err != nil {
			return err
		}
		made, err := c.CreateGroup(ctx, &bulkheadv1.CreateGroupRequest{Group: g})
		return a.showGroup(made, err)
	})
	roleFlags(cmd, &g.Roles, &g.Hosts)
	return cmd
}

func (a *App) updateGroupCommand() *cobra.Command {
	g := &bulkheadv1.Group{}
	cmd := verb("update GROUP", "Change a group; a list that is given replaces the whole list, empty with =''", 1, nil)
	cmd.Flags().StringVar(&g.Name, "name", "", "another `name`")
	roleFlags(cmd, &g.Roles, &g.Hosts)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		mask, err := given(cmd, map[string]string{"name": "name", "role": "roles", "host": "hosts"})
		if err != nil {
			return err
		}
		c, have, err := a.groupNamed(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if g.Id, g.Tenant = have.GetId(), have.GetTenant(); !cmd.Flags().Changed("name") {
			g.Name = have.GetName()
		}
		made, err := c.UpdateGroup(cmd.Context(), &bulkheadv1.UpdateGroupRequest{Group: g, UpdateMask: mask})
		return a.showGroup(made, err)
	}
	return cmd
}

func (a *App) groupClient(ctx context.Context) (bulkheadv1connect.GroupServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewGroupServiceClient)
}

// groupNamed is the client, and a group named by id or name.
func (a *App) groupNamed(ctx context.Context, name string) (bulkheadv1connect.GroupServiceClient, *bulkheadv1.Group, error) {
	c, err := a.groupClient(ctx)
	if err != nil {
		return nil, nil, err
	}
	if uuid.Validate(name) == nil {
		g, err := c.GetGroup(ctx, &bulkheadv1.Id{Id: name})
		return c, g, remoteError(err)
	}
	res, err := c.ListGroups(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: named(name)})
	if err != nil {
		return nil, nil, remoteError(err)
	}
	if n := len(res.GetGroups()); n != 1 {
		return nil, nil, notOne("group", name, n)
	}
	return c, res.GetGroups()[0], nil
}

func (a *App) listGroups(ctx context.Context, f listFlags) error {
	c, err := a.groupClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Group, string, error) {
		res, err := c.ListGroups(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetGroups(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListGroupsResponse{Groups: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, g := range items {
			rows = append(rows, []string{g.GetName(), g.GetTenant(), strings.Join(g.GetRoles(), ","), fmt.Sprint(len(g.GetHosts())), g.GetId()})
		}
		a.table("no groups", []string{"NAME", "TENANT", "ROLES", "HOSTS", "ID"}, rows)
		a.more(next)
	})
}

func (a *App) getGroup(ctx context.Context, args []string) error {
	_, g, err := a.groupNamed(ctx, args[0])
	return a.showGroup(g, err)
}

func (a *App) deleteGroup(ctx context.Context, name string, yes bool) error {
	c, g, err := a.groupNamed(ctx, name)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "delete the group "+name); err != nil {
		return err
	}
	_, err = c.DeleteGroup(ctx, &bulkheadv1.Id{Id: g.GetId()})
	return a.done(err, "deleted the group "+name)
}

func (a *App) showGroup(g *bulkheadv1.Group, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(g, func() {
		a.fields("id", g.GetId(), "name", g.GetName(), "tenant", g.GetTenant(), "roles", strings.Join(g.GetRoles(), ", "),
			"hosts", strings.Join(g.GetHosts(), ", "), "created", when(g.GetCreated()), "version", fmt.Sprint(g.GetVersion()))
	})
}
