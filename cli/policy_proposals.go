package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) proposeCommand() *cobra.Command {
	req := &bulkheadv1.ProposePoliciesRequest{}
	var yes bool
	base := int64(-1)
	cmd := takesDirectory(verb("propose DIR", "Propose a directory's files to a second person, who puts them into force or not", 1,
		func(ctx context.Context, args []string) error { return a.proposePolicies(ctx, req, args[0], base, yes) }))
	cmd.Long = `Shows on standard error what the files would change, as "bulkhead policy diff" does, asks, and keeps them for somebody else to approve.
Nothing is in force before that. With -o json the answer has what was shown in the field "preview".`
	cmd.Flags().StringVar(&req.Note, "note", "", "`why`; whoever decides reads it")
	cmd.Flags().Int64Var(&base, "base", -1, "`version` that the draft was made from (default: the one in force when this begins)")
	// The error says only that the flag does not exist, which the tests would show.
	_ = cmd.MarkFlagRequired("note")
	return yesFlag(cmd, &yes)
}

func (a *App) proposePolicies(ctx context.Context, req *bulkheadv1.ProposePoliciesRequest, dir string, base int64, yes bool) error {
	c, files, onto, err := a.draftOnto(ctx, dir, base, false)
	if err != nil {
		return err
	}
	req.Tenant, req.Files, req.BaseVersion = a.remote.tenant, files, onto
	return a.changePolicies(fmt.Sprintf("propose these policies in place of version %d", req.GetBaseVersion()), yes,
		func() (*bulkheadv1.PolicyPreview, error) { return a.previewOf(ctx, files, 0) },
		func() (proto.Message, func(), error) { return a.proposalAnswer(c.ProposePolicies(ctx, req)) })
}

func (a *App) policyProposals(ctx context.Context, f listFlags) error {
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.PolicyProposal, string, error) {
		res, err := c.ListPolicyProposals(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetProposals(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListPolicyProposalsResponse{Proposals: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, p := range items {
			rows = append(rows, []string{
				p.GetId(), p.GetTenant(), p.GetState(), p.GetAuthor(), when(p.GetCreated()), p.GetNote(), p.GetApprover(), p.GetReason(),
			})
		}
		a.table("no proposals", []string{"ID", "TENANT", "STATE", "AUTHOR", "CREATED", "NOTE", "APPROVER", "REASON"}, rows)
		a.more(next)
	})
}

func (a *App) showProposalCommand() *cobra.Command {
	return verb("proposal ID", "Show a proposal: its difference, its tests, and what was found when it was made", 1,
		func(ctx context.Context, args []string) error {
			p, err := a.proposalOf(ctx, args[0])
			if err != nil {
				return err
			}
			return a.answer(p, func() {
				a.proposalHead(p)
				a.preview(p.GetCheck())
			})
		})
}

func (a *App) proposalOf(ctx context.Context, id string) (*bulkheadv1.PolicyProposal, error) {
	c, err := a.policyClient(ctx)
	if err != nil {
		return nil, err
	}
	p, err := c.GetPolicyProposal(ctx, &bulkheadv1.Id{Id: id})
	return p, remoteError(err)
}

func (a *App) approveProposalCommand() *cobra.Command {
	var yes bool
	var reason string
	cmd := yesFlag(verb("approve ID", "Put what another proposed into force", 1, func(ctx context.Context, args []string) error {
		p, err := a.proposalOf(ctx, args[0])
		if err != nil {
			return err
		}
		c, err := a.policyClient(ctx)
		if err != nil {
			return err
		}
		a.remote.tenant = p.GetTenant() // the preview is of the proposal's tenant
		req := &bulkheadv1.DecidePolicyProposalRequest{Id: args[0], Approve: true, Reason: reason}
		return a.changePolicies(fmt.Sprintf("put this proposal into force in place of version %d", p.GetBaseVersion()), yes,
			func() (*bulkheadv1.PolicyPreview, error) { return a.previewOf(ctx, p.GetFiles(), 0) },
			func() (proto.Message, func(), error) { return a.proposalAnswer(c.DecidePolicyProposal(ctx, req)) })
	}), &yes)
	cmd.Long = `Shows on standard error what the proposal would change now, as "bulkhead policy diff" does, asks, and puts it into force as a new
version. Who approves is never who proposed it, and may apply policies too.`
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the one who proposed it")
	return cmd
}

func (a *App) rejectProposalCommand() *cobra.Command {
	var reason string
	cmd := verb("reject ID", "Reject what another proposed", 1, func(ctx context.Context, args []string) error {
		c, err := a.policyClient(ctx)
		if err != nil {
			return err
		}
		p, err := c.DecidePolicyProposal(ctx, &bulkheadv1.DecidePolicyProposalRequest{Id: args[0], Reason: reason})
		return a.showProposal(p, err)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "`why`, for the one who proposed it")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func (a *App) withdrawProposalCommand() *cobra.Command {
	return verb("withdraw ID", "Take an own proposal back", 1, func(ctx context.Context, args []string) error {
		c, err := a.policyClient(ctx)
		if err != nil {
			return err
		}
		p, err := c.WithdrawPolicyProposal(ctx, &bulkheadv1.Id{Id: args[0]})
		return a.showProposal(p, err)
	})
}

func (a *App) showProposal(p *bulkheadv1.PolicyProposal, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(p, func() { a.proposalHead(p) })
}

// proposalAnswer is an answer with how it is shown.
func (a *App) proposalAnswer(p *bulkheadv1.PolicyProposal, err error) (proto.Message, func(), error) {
	return p, func() { a.proposalHead(p) }, err
}

func (a *App) proposalHead(p *bulkheadv1.PolicyProposal) {
	version := ""
	if p.GetVersion() > 0 {
		version = fmt.Sprint(p.GetVersion())
	}
	a.fields("id", p.GetId(), "tenant", p.GetTenant(), "state", p.GetState(), "base version", fmt.Sprint(p.GetBaseVersion()),
		"version", version, "author", p.GetAuthor(), "note", p.GetNote(), "created", when(p.GetCreated()), "approver", p.GetApprover(),
		"reason", p.GetReason(), "ended", when(p.GetEnded()))
}
