package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// triage is what is to be made of findings.
type triage struct {
	filter, state, owner, ownerName, comment string
	nobody, yes                              bool
}

func (a *App) triageCommand() *cobra.Command {
	var t triage
	cmd := verb("triage [NODE ID...]", "Set state and owner of findings, and note a comment", 0, nil)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if (len(args) == 0) == (t.filter == "") || len(args) == 1 {
			return errors.New("name a node and the ids of its findings, or take --filter")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.triage(cmd.Context(), &t, args) }
	f := cmd.Flags()
	f.StringVar(&t.filter, "filter", "", "all findings that this `expression` (AIP-160) finds, at most 1000, instead of NODE and ID")
	f.StringVar(&t.state, "state", "", "`state`: open, acknowledged, in_progress or false_positive")
	f.StringVar(&t.owner, "owner", "", "`account` that sees to it, by name or id")
	f.StringVar(&t.ownerName, "owner-name", "", "`name` of who sees to it and has no account")
	f.BoolVar(&t.nobody, "no-owner", false, "nobody sees to it")
	f.StringVar(&t.comment, "comment", "", "`text` to note with it")
	cmd.MarkFlagsMutuallyExclusive("owner", "owner-name", "no-owner")
	cmd.MarkFlagsOneRequired("state", "owner", "owner-name", "no-owner", "comment")
	complete(cmd, "state", string(model.FindingOpen), string(model.FindingAcknowledged), string(model.FindingInProgress), string(model.FindingFalsePositive))
	return yesFlag(cmd, &t.yes)
}

func (a *App) triage(ctx context.Context, t *triage, args []string) error {
	found, err := a.findingsFor(ctx, t.filter, args)
	if err != nil {
		return err
	}
	r := &bulkheadv1.TriageFindingsRequest{State: t.state, Comment: t.comment}
	switch {
	case t.owner != "":
		_, id, err := a.user(ctx, t.owner)
		if err != nil {
			return err
		}
		r.Owner = &bulkheadv1.FindingOwner{User: id}
	case t.ownerName != "" || t.nobody:
		r.Owner = &bulkheadv1.FindingOwner{Name: t.ownerName}
	}
	if t.filter != "" {
		if err := a.confirm(t.yes, fmt.Sprintf("triage %d findings", len(found))); err != nil {
			return err
		}
	}
	return a.sendTriage(ctx, r, found)
}

// findingsFor are those that are named, or that a filter finds.
func (a *App) findingsFor(ctx context.Context, filter string, args []string) ([]*bulkheadv1.Finding, error) {
	c, err := a.findingClient(ctx)
	if err != nil {
		return nil, err
	}
	if filter != "" {
		res, err := c.ListFindings(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: &bulkheadv1.Page{Size: maxPage, Filter: filter}})
		switch {
		case err != nil:
			return nil, remoteError(err)
		case res.GetNextPage() != "":
			return nil, fmt.Errorf("more than %d findings fit; narrow --filter", maxPage)
		case len(res.GetFindings()) == 0:
			return nil, errors.New("no finding fits; `bulkhead findings list --filter` shows which do")
		}
		return res.GetFindings(), nil
	}
	node, err := a.nodeID(ctx, args[0])
	if err != nil {
		return nil, err
	}
	var out []*bulkheadv1.Finding
	for _, id := range args[1:] {
		f, err := c.GetFinding(ctx, &bulkheadv1.GetFindingRequest{Node: node, Id: id})
		if err != nil {
			return nil, remoteError(err)
		}
		out = append(out, f)
	}
	return out, nil
}

// sendTriage asks once for each tenant, as they were seen.
func (a *App) sendTriage(ctx context.Context, r *bulkheadv1.TriageFindingsRequest, found []*bulkheadv1.Finding) error {
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	of := map[string][]*bulkheadv1.FindingRef{}
	for _, f := range found {
		version := f.GetVersion()
		of[f.GetTenant()] = append(of[f.GetTenant()], &bulkheadv1.FindingRef{Node: f.GetNode(), Id: f.GetId(), Version: &version})
	}
	out := &bulkheadv1.TriageFindingsResponse{}
	for _, tenant := range slices.Sorted(maps.Keys(of)) {
		r.Tenant, r.Findings = tenant, of[tenant]
		res, err := c.TriageFindings(ctx, r)
		if err != nil {
			return remoteError(err)
		}
		out.Findings = append(out.Findings, res.GetFindings()...)
	}
	return a.answer(out, func() { fmt.Fprintf(a.Out, "triaged %d findings\n", len(out.GetFindings())) })
}

func (a *App) commentFinding(ctx context.Context, args []string) error {
	found, err := a.findingsFor(ctx, "", args[:2])
	if err != nil {
		return err
	}
	return a.sendTriage(ctx, &bulkheadv1.TriageFindingsRequest{Comment: args[2]}, found)
}

func (a *App) showFinding(ctx context.Context, args []string) error {
	found, err := a.findingsFor(ctx, "", args)
	if err != nil {
		return err
	}
	c, err := a.findingClient(ctx)
	if err != nil {
		return err
	}
	f := found[0]
	notes, err := c.ListFindingNotes(ctx, &bulkheadv1.ListFindingNotesRequest{Node: f.GetNode(), Id: f.GetId(), Page: &bulkheadv1.Page{Size: maxPage}})
	if err != nil {
		return remoteError(err)
	}
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printProtos(map[string]proto.Message{"finding": f, "notes": notes})
	}
	a.writeFinding(f, notes.GetNotes())
	return nil
}

func (a *App) writeFinding(f *bulkheadv1.Finding, notes []*bulkheadv1.FindingNote) {
	a.fields("id", f.GetId(), "tenant", f.GetTenant(), "node", f.GetNodeName(), "check", f.GetKind(), "requirement", f.GetRequirement(),
		"severity", f.GetSeverity(), "about", f.GetSubject(), "what", a.inLanguage(f.GetText(), f.GetTextZh()), "first", when(f.GetFirst()),
		"last", when(f.GetLast()), "over", when(f.GetOver()), "exception", f.GetException(), "state", f.GetState(), "owner", f.GetOwner().GetName())
	rows := make([][]string, 0, len(notes))
	for _, n := range notes {
		by := n.GetAuthorName()
		if n.GetAuthor() == "" {
			by = "came back"
		}
		rows = append(rows, []string{when(n.GetTime()), by, change(n.GetWasState(), n.GetState()), change(n.GetWasOwner(), n.GetOwner()), n.GetComment()})
	}
	fmt.Fprintln(a.Out)
	a.table("nobody did anything with it yet", []string{"WHEN", "WHO", "STATE", "OWNER", "COMMENT"}, rows)
}

// change is what something became, "" where it stayed.
func change(was, is string) string {
	switch {
	case was == is:
		return ""
	case is == "":
		return "nobody"
	}
	return is
}
