package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

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

// Type implements pflag.Value.
func (d *durationFlag) Type() string { return "duration" }

func draftOf(dir string) ([]*bulkheadv1.PolicyFile, error) {
	files, err := readPolicies(dir)
	if err != nil {
		return nil, err
	}
	var out []*bulkheadv1.PolicyFile
	for _, f := range files {
		out = append(out, &bulkheadv1.PolicyFile{Name: f.Name, Text: f.Text})
	}
	return out, nil
}

func (a *App) diffPolicies(ctx context.Context, dir string, since durationFlag) error {
	files, err := draftOf(dir)
	if err != nil {
		return err
	}
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	req := &bulkheadv1.PreviewPoliciesRequest{Tenant: a.remote.tenant, Files: files}
	if since.Duration > 0 {
		req.Since = durationpb.New(since.Duration)
	}
	p, err := c.PreviewPolicies(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	if err := a.answer(p, func() { a.preview(p) }); err != nil {
		return err
	}
	return applicable(p)
}

func (a *App) preview(p *bulkheadv1.PolicyPreview) {
	a.text(p.GetDifference())
	if p.GetDifference() == "" {
		fmt.Fprintln(a.Out, "no difference")
	}
	a.problems(p)
	fmt.Fprintf(a.Out, "%d tests; %d recorded decisions decided again: %d would be refused now, %d permitted\n",
		len(p.GetTests()), p.GetReplayed(), p.GetNewlyRefused(), p.GetNewlyPermitted())
	rows := make([][]string, 0, len(p.GetChanges()))
	for _, c := range p.GetChanges() {
		effect := "refused"
		if c.GetWouldBeAllowed() {
			effect = "permitted"
		}
		rows = append(rows, []string{when(c.GetTime()), c.GetPrincipal(), c.GetAction(), refText(c.GetResource()), effect, strings.Join(c.GetPolicies(), ", ")})
	}
	if len(rows) > 0 {
		a.table("", []string{"TIME", "WHO", "ACTION", "OBJECT", "WOULD BE", "POLICIES"}, rows)
	}
	a.fields("administrators", strings.Join(p.GetAdministrators(), ", "))
}

// applicable says no for a draft that can't be applied.
func applicable(p *bulkheadv1.PolicyPreview) error {
	failed := 0
	for _, t := range p.GetTests() {
		if !t.GetPassed() {
			failed++
		}
	}
	switch {
	case len(p.GetProblems()) > 0 || failed > 0:
		return errNo{fmt.Sprintf("it can't be applied: %d problems, %d of %d tests failed", len(p.GetProblems()), failed, len(p.GetTests()))}
	case len(p.GetAdministrators()) == 0:
		return errNo{"it can't be applied: no administrator would be left"}
	}
	return nil
}

func refText(r *bulkheadv1.ObjectRef) string { return r.GetType() + "::" + r.GetId() }

func (a *App) applyPoliciesCommand() *cobra.Command {
	req := &bulkheadv1.ApplyPoliciesRequest{}
	var yes, force bool
	base := int64(-1)
	cmd := verb("apply DIR", "Put a directory's files into force, in place of all that the tenant has", 1, func(ctx context.Context, args []string) error {
		return a.applyPolicies(ctx, req, args[0], base, force, yes)
	})
	f := cmd.Flags()
	f.StringVar(&req.Note, "note", "", "`why`")
	f.Int64Var(&base, "base", -1, "`version` that the draft was made from (default: the one in force when this begins)")
	f.BoolVar(&force, "force", false, "overwrite whatever is in force")
	return yesFlag(cmd, &yes)
}

func (a *App) applyPolicies(ctx context.Context, req *bulkheadv1.ApplyPoliciesRequest, dir string, base int64, force, yes bool) error {
	files, err := draftOf(dir)
	if err != nil {
		return err
	}
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	req.Tenant, req.Files, req.BaseVersion = a.remote.tenant, files, base
	if base < 0 && !force {
		set, err := c.GetPolicies(ctx, &bulkheadv1.GetPoliciesRequest{Tenant: req.GetTenant()})
		if err != nil {
			return remoteError(err)
		}
		req.BaseVersion = set.GetVersion()
	}
	if !yes {
		p, err := c.PreviewPolicies(ctx, &bulkheadv1.PreviewPoliciesRequest{Tenant: req.GetTenant(), Files: files})
		if err != nil {
			return remoteError(err)
		}
		if a.output != "json" {
			a.preview(p)
		}
		if err := applicable(p); err != nil {
			return err
		}
		if err := a.confirm(false, fmt.Sprintf("put these policies into force in place of version %d", req.GetBaseVersion())); err != nil {
			return err
		}
	}
	set, err := c.ApplyPolicies(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	return a.answer(set, func() { a.policyHead(set) })
}

func (a *App) rollbackPolicies(ctx context.Context, version, note string, yes bool) error {
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("invalid argument %q: a version is a number; `bulkhead policy versions` lists them", version)
	}
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "put version "+version+" into force again"); err != nil {
		return err
	}
	set, err := c.RollbackPolicies(ctx, &bulkheadv1.RollbackPoliciesRequest{Tenant: a.remote.tenant, Version: n, Note: note})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(set, func() { a.policyHead(set) })
}

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
			rows = append(rows, []string{v.GetTenant(), fmt.Sprint(v.GetVersion()), when(v.GetCreated()), v.GetAuthor(), v.GetDigest(), name, v.GetNote()})
		}
		a.table("no custom policies", []string{"TENANT", "VERSION", "CREATED", "AUTHOR", "DIGEST", "SIGNED BY", "NOTE"}, rows)
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
		Args: cobra.MaximumNArgs(2), ValidArgsFunction: cobra.NoFileCompletions,
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
	return cmd
}

func (a *App) whatCanCommand() *cobra.Command {
	req := &bulkheadv1.WhatCanRequest{}
	cmd := &cobra.Command{
		Use: "what-can [TYPE::ID]", Short: "List what a user may do to an object (default: to the user's tenant)",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
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
