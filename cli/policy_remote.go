package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// durationFlag takes Go's durations, and days as "7d".
type durationFlag struct{ time.Duration }

// Set implements pflag.Value.
func (d *durationFlag) Set(s string) error {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return fmt.Errorf("%q is no number of days", s)
		}
		d.Duration = time.Duration(n) * 24 * time.Hour
		return nil
	}
	var err error
	d.Duration, err = time.ParseDuration(s)
	return err
}

// String implements pflag.Value. Help leaves a default of "0" out, and load sets a flag again to what this gives.
func (d *durationFlag) String() string {
	if d.Duration == 0 {
		return "0"
	}
	return d.Duration.String()
}

// Type implements pflag.Value.
func (d *durationFlag) Type() string { return "duration" }

func refText(r *bulkheadv1.ObjectRef) string { return r.GetType() + "::" + r.GetId() }

func (a *App) policyVersions(ctx context.Context, f listFlags) error {
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.PolicySet, string, error) {
		res, err := c.ListPolicyVersions(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetVersions(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListPolicyVersionsResponse{Versions: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, v := range items {
			name, _, _ := strings.Cut(signatureOf(v), " ")
			rows = append(rows, []string{v.GetTenant(), fmt.Sprint(v.GetVersion()), when(v.GetCreated()), v.GetAuthor(), v.GetApprover(), v.GetDigest(), name, v.GetNote()})
		}
		a.table("no custom policies", []string{"TENANT", "VERSION", "CREATED", "AUTHOR", "APPROVER", "DIGEST", "SIGNED BY", "NOTE"}, rows)
		a.more(next)
	})
}

// signatureOf is the line of a set's signed note that has the signature: the key's name and the signature in base64.
func signatureOf(set *bulkheadv1.PolicySet) string {
	_, line, _ := strings.Cut(set.GetSignature(), "\n\n— ")
	return strings.TrimSpace(line)
}

func (a *App) explainCommand() *cobra.Command {
	req := &bulkheadv1.ExplainRequest{}
	var attrs, facts []string
	cmd := &cobra.Command{
		Use: "explain [ACTION TYPE::ID]", Short: "Say why something would be, or was, allowed or refused, and by which policy",
		Args: cobra.MaximumNArgs(2), ValidArgsFunction: completeRequest(nil),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.explain(cmd.Context(), req, args, attrs, facts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.User, "user", "", "`account` that would ask, by id or name (default: you)")
	f.StringVar(&req.Record, "record", "", "explain the recorded decision `ORIGIN/INDEX` instead")
	f.StringArrayVar(&attrs, "attr", nil, "`NAME=VALUE` of an object that the server does not keep, e.g. owner=…; can be given more than once")
	f.StringArrayVar(&facts, "fact", nil, "`NAME=VALUE` of the request, e.g. mfa=true; can be given more than once")
	return cmd
}

func (a *App) explain(ctx context.Context, req *bulkheadv1.ExplainRequest, args, attrs, facts []string) error {
	req.Tenant = a.remote.tenant
	switch {
	case req.GetRecord() == "" && len(args) != 2:
		return fmt.Errorf("requires ACTION and TYPE::ID, or --record")
	case req.GetRecord() != "":
		// The API wants both; for a record they are not looked at.
		req.Action, req.Resource = "AuditRead", &bulkheadv1.ObjectRef{Type: "Record", Id: req.GetRecord()}
	default:
		var err error
		req.Action = args[0]
		if req.Resource, err = reference(args[1]); err != nil {
			return err
		}
		if req.Attributes, err = pairsStruct(attrs, "attr"); err != nil {
			return err
		}
		if req.Context, err = pairsStruct(facts, "fact"); err != nil {
			return err
		}
	}
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	x, err := c.Explain(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	return a.answer(x, func() {
		outcome := "refused"
		if x.GetAllowed() {
			outcome = "allowed"
		}
		a.fields("outcome", outcome, "reason", x.GetReason(), "would need", strings.Join(x.GetNeeds(), ", "), "errors", strings.Join(x.GetErrors(), "; "))
		for _, p := range x.GetPolicies() {
			fmt.Fprintf(a.Out, "\n// %s: %s\n", plain(p.GetId()), plain(p.GetReason()))
			a.text(p.GetText())
		}
	})
}

func (a *App) whoCanCommand() *cobra.Command {
	var attrs []string
	cmd := verb("who-can ACTION TYPE::ID", "List who may do an action to an object", 2, func(ctx context.Context, args []string) error {
		ref, err := reference(args[1])
		if err != nil {
			return err
		}
		st, err := pairsStruct(attrs, "attr")
		if err != nil {
			return err
		}
		c, err := a.policyClient(ctx)
		if err != nil {
			return err
		}
		res, err := c.WhoCan(ctx, &bulkheadv1.WhoCanRequest{Tenant: a.remote.tenant, Action: args[0], Resource: ref, Attributes: st})
		if err != nil {
			return remoteError(err)
		}
		return a.answer(res, func() {
			a.permissions("nobody", res.GetUsers())
			if res.GetTruncated() {
				fmt.Fprintln(a.Err, "bulkhead: there are more")
			}
		})
	})
	cmd.Flags().StringArrayVar(&attrs, "attr", nil, "`NAME=VALUE` of an object that the server does not keep; can be given more than once")
	cmd.ValidArgsFunction = completeRequest(nil)
	return cmd
}

func (a *App) whatCanCommand() *cobra.Command {
	req := &bulkheadv1.WhatCanRequest{}
	cmd := &cobra.Command{
		Use: "what-can [TYPE::ID]", Short: "List what a user may do to an object (default: to the user's tenant)",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: completeObject,
	}
	cmd.Flags().StringVar(&req.User, "user", "", "`account`, by id or name (default: you)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Tenant = a.remote.tenant
		if len(args) > 0 {
			var err error
			if req.Resource, err = reference(args[0]); err != nil {
				return err
			}
		}
		c, err := a.policyClient(cmd.Context())
		if err != nil {
			return err
		}
		res, err := c.WhatCan(cmd.Context(), req)
		if err != nil {
			return remoteError(err)
		}
		return a.answer(res, func() { a.permissions("nothing", res.GetPermissions()) })
	}
	return cmd
}

func (a *App) permissions(none string, list []*bulkheadv1.Permission) {
	rows := make([][]string, 0, len(list))
	for _, p := range list {
		rows = append(rows, []string{p.GetName(), p.GetTenant(), p.GetAction(), strings.Join(p.GetPolicies(), ", ")})
	}
	a.table(none, []string{"NAME", "TENANT", "ACTION", "POLICIES"}, rows)
}
