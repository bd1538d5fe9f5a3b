package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func draftOf(dir string) ([]*bulkheadv1.PolicyFile, error) {
	files, err := config.ReadPolicies(dir)
	if err != nil {
		return nil, err
	}
	var out []*bulkheadv1.PolicyFile
	for _, f := range files {
		out = append(out, &bulkheadv1.PolicyFile{Name: f.Name, Text: f.Text})
	}
	return out, nil
}

func (a *App) diffPolicies(ctx context.Context, dir string, since time.Duration) error {
	files, err := draftOf(dir)
	if err != nil {
		return err
	}
	p, err := a.previewOf(ctx, files, since)
	if err != nil {
		return err
	}
	if err := a.answer(p, func() { a.preview(p) }); err != nil {
		return err
	}
	return applicable(p)
}

// previewOf asks what files would change, and shows that it works on it: recorded decisions are decided again for up to 20
// seconds.
func (a *App) previewOf(ctx context.Context, files []*bulkheadv1.PolicyFile, since time.Duration) (*bulkheadv1.PolicyPreview, error) {
	r, err := a.server(ctx)
	if err != nil {
		return nil, err
	}
	req := &bulkheadv1.PreviewPoliciesRequest{Tenant: a.remote.tenant, Files: files}
	if since > 0 {
		req.Since = durationpb.New(since)
	}
	stop := a.working("deciding recorded decisions again", r.asking)
	p, err := bulkheadv1connect.NewPolicyServiceClient(r.HTTP, r.URL).PreviewPolicies(ctx, req)
	stop()
	return p, remoteError(err)
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
	if len(p.GetAdministrators()) > 0 {
		a.fields("administrators", strings.Join(p.GetAdministrators(), ", "))
	}
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
	case p.GetLocksOut():
		return errNo{"it can't be applied: no administrator would be left"}
	}
	return nil
}

func (a *App) applyPoliciesCommand() *cobra.Command {
	req := &bulkheadv1.ApplyPoliciesRequest{}
	var yes, force bool
	base := int64(-1)
	cmd := takesDirectory(verb("apply DIR", "Put a directory's files into force, in place of all that the tenant has", 1, func(ctx context.Context, args []string) error {
		return a.applyPolicies(ctx, req, args[0], base, force, yes)
	}))
	cmd.Long = `Shows on standard error what the files would change, as "bulkhead policy diff" does, asks, and puts them into force as a new version.
With -o json the answer has it in the field "preview".`
	f := cmd.Flags()
	f.StringVar(&req.Note, "note", "", "`why`")
	f.Int64Var(&base, "base", -1, "`version` that the draft was made from (default: the one in force when this begins)")
	f.BoolVar(&force, "force", false, "overwrite whatever is in force")
	return yesFlag(cmd, &yes)
}

// draftOnto reads a draft, and finds the version that it is made from where nobody says: the one in force, unless that is not asked for.
func (a *App) draftOnto(
	ctx context.Context, dir string, base int64, whatever bool,
) (bulkheadv1connect.PolicyServiceClient, []*bulkheadv1.PolicyFile, int64, error) {
	files, err := draftOf(dir)
	if err != nil {
		return nil, nil, 0, err
	}
	c, err := a.policyClient(ctx)
	if err != nil || base >= 0 || whatever {
		return c, files, base, err
	}
	set, err := c.GetPolicies(ctx, &bulkheadv1.GetPoliciesRequest{Tenant: a.remote.tenant})
	if err != nil {
		return nil, nil, 0, remoteError(err)
	}
	return c, files, set.GetVersion(), nil
}

func (a *App) applyPolicies(ctx context.Context, req *bulkheadv1.ApplyPoliciesRequest, dir string, base int64, force, yes bool) error {
	c, files, onto, err := a.draftOnto(ctx, dir, base, force)
	if err != nil {
		return err
	}
	req.Tenant, req.Files, req.BaseVersion = a.remote.tenant, files, onto
	what := fmt.Sprintf("put these policies into force in place of version %d", req.GetBaseVersion())
	if req.GetBaseVersion() < 0 {
		what = "put these policies into force in place of whatever is"
	}
	return a.changePolicies(what, yes,
		func() (*bulkheadv1.PolicyPreview, error) { return a.previewOf(ctx, files, 0) },
		func() (proto.Message, func(), error) { return a.newVersion(c.ApplyPolicies(ctx, req)) })
}

func (a *App) rollbackCommand() *cobra.Command {
	var yes bool
	var note string
	cmd := yesFlag(verb("rollback VERSION", "Put an earlier version into force again, as a new one; 0 means none", 1,
		func(ctx context.Context, args []string) error { return a.rollbackPolicies(ctx, args[0], note, yes) }), &yes)
	cmd.Long = `Shows on standard error what the version would change, as "bulkhead policy diff" does for a draft, asks, and puts it into force as a
new version. With -o json the answer has it in the field "preview".`
	cmd.Flags().StringVar(&note, "note", "", "`why`")
	return cmd
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
	// The API previews files, not versions, so the version's files are asked for first.
	preview := func() (*bulkheadv1.PolicyPreview, error) {
		if n == 0 {
			return a.previewOf(ctx, nil, 0)
		}
		set, err := c.GetPolicies(ctx, &bulkheadv1.GetPoliciesRequest{Tenant: a.remote.tenant, Version: n})
		if err != nil {
			return nil, remoteError(err)
		}
		return a.previewOf(ctx, set.GetFiles(), 0)
	}
	req := &bulkheadv1.RollbackPoliciesRequest{Tenant: a.remote.tenant, Version: n, Note: note}
	return a.changePolicies("put version "+version+" into force again", yes, preview,
		func() (proto.Message, func(), error) { return a.newVersion(c.RollbackPolicies(ctx, req)) })
}

// newVersion is an answer with how it is shown.
func (a *App) newVersion(set *bulkheadv1.PolicySet, err error) (proto.Message, func(), error) {
	return set, func() { a.policyHead(set) }, err
}

// changePolicies shows what a change would do, asks, and makes it. The preview goes to standard error, so that standard
// output holds the answer alone.
func (a *App) changePolicies(what string, yes bool, preview func() (*bulkheadv1.PolicyPreview, error), change func() (proto.Message, func(), error)) error {
	if _, err := a.format("text", "json"); err != nil {
		return err
	}
	p, err := preview()
	switch {
	case err == nil:
		a.toErr().preview(p)
		if err := applicable(p); err != nil {
			return a.notChanged(p, err)
		}
	case yes && model.CodeOf(err) == model.CodeDenied:
		// Whoever has the right for a limited time may have no right to a preview.
		fmt.Fprintln(a.Err, "bulkhead: there is no preview:", err)
	default:
		return err
	}
	if err := a.confirm(yes, what); err != nil {
		return err
	}
	answer, show, err := change()
	if err != nil {
		return remoteError(err)
	}
	if a.output == "json" {
		return a.printPreviewed(answer, p)
	}
	show()
	return nil
}

// toErr is the same command line, which writes to standard error.
func (a *App) toErr() *App {
	e := *a
	e.Out = a.Err
	return &e
}

// notChanged is the refusal of a draft, which in JSON still has its preview.
func (a *App) notChanged(p *bulkheadv1.PolicyPreview, why error) error {
	if a.output == "json" {
		if err := a.printPreviewed(nil, p); err != nil {
			return err
		}
	}
	return why
}

// printPreviewed writes an answer with the preview beside its fields, which the API has no message for.
func (a *App) printPreviewed(answer proto.Message, p *bulkheadv1.PolicyPreview) error {
	out := map[string]json.RawMessage{}
	options := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}
	marshal := func(m proto.Message) (json.RawMessage, error) {
		b, err := options.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("write the answer: %w", err)
		}
		return b, nil
	}
	if answer != nil {
		b, err := marshal(answer)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &out); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	out["preview"] = json.RawMessage("null")
	if p != nil {
		b, err := marshal(p)
		if err != nil {
			return err
		}
		out["preview"] = b
	}
	return a.printJSON(out)
}
