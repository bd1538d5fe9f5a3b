package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// group is a command that only holds others.
func (a *App) group(use, short, long, example string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a.remoteFlags(cmd)
	for _, sub := range subs {
		if sub.Example == "" {
			sub.Example = linesWith(example, "bulkhead "+use+" "+sub.Name())
		}
	}
	cmd.AddCommand(subs...)
	return cmd
}

// linesWith are the lines of a group's example that show one of its verbs.
func linesWith(example, verb string) string {
	var lines []string
	for line := range strings.Lines(example) {
		if line = strings.TrimRight(line, "\n"); strings.Contains(line+" ", verb+" ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// verb is a command with a number of arguments.
func verb(use, short string, args int, run func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(args), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
	}
}

// lister gives a command the flags of lists.
func lister(cmd *cobra.Command, f *listFlags, fields string) *cobra.Command {
	cmd.Flags().StringVar(&f.filter, "filter", "", "`expression` (AIP-160) over "+fields+`, e.g. name = "alice"`)
	cmd.Flags().IntVar(&f.limit, "limit", maxPage, "show at most this many")
	return cmd
}

// yesFlag gives a command --yes.
func yesFlag(cmd *cobra.Command, yes *bool) *cobra.Command {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *App) tenantsCommand() *cobra.Command {
	var f listFlags
	var yes bool
	return a.group("tenants", "Tenants: customers or parts of the organisation, out of each other's reach",
		`Lists, makes, changes and deletes tenants. Needs the role administrator; owners see their own.`,
		`  bulkhead tenants create acme --name "Acme GmbH" --label region=eu
  bulkhead tenants list -o json
  bulkhead tenants get acme
  bulkhead tenants update acme --name "Acme SE"
  bulkhead tenants delete acme`,
		lister(verb("list", "List tenants", 0, func(ctx context.Context, _ []string) error { return a.listTenants(ctx, f) }), &f, "name"),
		verb("get ID", "Show a tenant", 1, func(ctx context.Context, args []string) error { return a.getTenant(ctx, args[0]) }),
		a.createTenantCommand(), a.updateTenantCommand(),
		yesFlag(verb("delete ID", "Delete a tenant with its users, tokens, policies and assessments; audit records stay", 1,
			func(ctx context.Context, args []string) error { return a.deleteTenant(ctx, args[0], yes) }), &yes),
	)
}

func (a *App) createTenantCommand() *cobra.Command {
	var name string
	var pairs []string
	cmd := verb("create ID", "Make a tenant; the id is a DNS label and can't be changed", 1, func(ctx context.Context, args []string) error {
		l, err := labels(pairs)
		if err != nil {
			return err
		}
		return a.createTenant(ctx, &bulkheadv1.Tenant{Id: args[0], Name: name, Labels: l})
	})
	cmd.Flags().StringVar(&name, "name", "", "`name` for people")
	cmd.Flags().StringArrayVar(&pairs, "label", nil, "`NAME=VALUE`; can be given more than once")
	return cmd
}

func (a *App) updateTenantCommand() *cobra.Command {
	t := &bulkheadv1.Tenant{}
	var pairs []string
	cmd := verb("update ID", "Change a tenant's name, or replace its labels", 1, nil)
	cmd.Flags().StringVar(&t.Name, "name", "", "`name` for people")
	cmd.Flags().StringArrayVar(&pairs, "label", nil, "`NAME=VALUE`, instead of all labels; can be given more than once")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		l, err := labels(pairs)
		if err != nil {
			return err
		}
		t.Id, t.Labels = args[0], l
		mask, err := given(cmd, map[string]string{"name": "name", "label": "labels"})
		if err != nil {
			return err
		}
		return a.updateTenant(cmd.Context(), t, mask)
	}
	return cmd
}

// given is the mask of the fields whose flags were given.
func given(cmd *cobra.Command, fields map[string]string) (*fieldmaskpb.FieldMask, error) {
	m := &fieldmaskpb.FieldMask{}
	for _, flag := range slices.Sorted(maps.Keys(fields)) {
		if cmd.Flags().Changed(flag) && !slices.Contains(m.Paths, fields[flag]) {
			m.Paths = append(m.Paths, fields[flag])
		}
	}
	if len(m.Paths) == 0 {
		return nil, fmt.Errorf("requires at least one of --%s", strings.Join(slices.Sorted(maps.Keys(fields)), ", --"))
	}
	return m, nil
}

func (a *App) tenantClient(ctx context.Context) (bulkheadv1connect.TenantServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewTenantServiceClient)
}

func (a *App) listTenants(ctx context.Context, f listFlags) error {
	c, err := a.tenantClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Tenant, string, error) {
		res, err := c.ListTenants(ctx, &bulkheadv1.ListTenantsRequest{Page: p})
		return res.GetTenants(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListTenantsResponse{Tenants: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, t := range items {
			rows = append(rows, []string{t.GetId(), t.GetName(), labelText(t.GetLabels()), when(t.GetCreated())})
		}
		a.table("no tenants", []string{"ID", "NAME", "LABELS", "CREATED"}, rows)
		a.more(next)
	})
}

func (a *App) getTenant(ctx context.Context, id string) error {
	c, err := a.tenantClient(ctx)
	if err != nil {
		return err
	}
	t, err := c.GetTenant(ctx, &bulkheadv1.Id{Id: id})
	return a.showTenant(t, err)
}

func (a *App) createTenant(ctx context.Context, t *bulkheadv1.Tenant) error {
	c, err := a.tenantClient(ctx)
	if err != nil {
		return err
	}
	made, err := c.CreateTenant(ctx, &bulkheadv1.CreateTenantRequest{Tenant: t})
	return a.showTenant(made, err)
}

func (a *App) updateTenant(ctx context.Context, t *bulkheadv1.Tenant, mask *fieldmaskpb.FieldMask) error {
	c, err := a.tenantClient(ctx)
	if err != nil {
		return err
	}
	made, err := c.UpdateTenant(ctx, &bulkheadv1.UpdateTenantRequest{Tenant: t, UpdateMask: mask})
	return a.showTenant(made, err)
}

func (a *App) deleteTenant(ctx context.Context, id string, yes bool) error {
	c, err := a.tenantClient(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "delete the tenant "+id+" with its users, tokens, policies and assessments"); err != nil {
		return err
	}
	_, err = c.DeleteTenant(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "deleted the tenant "+id)
}

func (a *App) showTenant(t *bulkheadv1.Tenant, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(t, func() {
		a.fields("id", t.GetId(), "name", t.GetName(), "labels", labelText(t.GetLabels()), "created", when(t.GetCreated()),
			"version", fmt.Sprint(t.GetVersion()))
	})
}

// done ends a verb whose answer is empty: {} in JSON, a sentence in text.
func (a *App) done(err error, what string) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(&bulkheadv1.Empty{}, func() { fmt.Fprintln(a.Out, plain(what)) })
}

func labelText(m map[string]string) string {
	pairs := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, k+"="+m[k])
	}
	return strings.Join(pairs, ",")
}
