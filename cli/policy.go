package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) policyCommand() *cobra.Command {
	var f, p listFlags
	var since durationFlag
	diff := takesDirectory(verb("diff DIR", "Show what a draft would change: text, tests, and its effect on recorded decisions", 1,
		func(ctx context.Context, args []string) error { return a.diffPolicies(ctx, args[0], since.Duration) }))
	diff.Flags().Var(&since, "since", "how far back recorded decisions are decided again, at most 31d (default 7d)")
	cmd := a.group("policy", "Policies: who may do what, as Cedar files",
		`Reads, tests and changes the Cedar policies of a tenant, and says why something was allowed or refused. A draft is a
directory with NAME.cedar files and their example requests in NAME.test.yaml. validate and test work without a server.`,
		`  bulkhead policy get --dir policies
  bulkhead policy validate policies && bulkhead policy test policies
  bulkhead policy diff policies --tenant acme
  bulkhead policy apply policies --tenant acme --note "night shift"
  bulkhead policy versions --tenant acme --filter 'author = "alice"'
  bulkhead policy rollback 3 --tenant acme --note "too wide"
  bulkhead policy propose policies --tenant acme --note "night shift"
  bulkhead policy proposals --tenant acme --filter 'state = "pending"'
  bulkhead policy proposal 0198…
  bulkhead policy approve 0198… --reason "as agreed"
  bulkhead policy reject 0198… --reason "too wide"
  bulkhead policy withdraw 0198…
  bulkhead policy explain ContainerExec Container::web --user bob --attr owner=0198…
  bulkhead policy explain --record bulkhead/one/4711
  bulkhead policy who-can UserUpdate User::0198…
  bulkhead policy what-can --user bob
  bulkhead policy schema`,
		a.getPoliciesCommand(), a.applyPoliciesCommand(), diff,
		takesDirectory(verb("validate DIR", "Check files against the schema; works without a server", 1, a.validatePolicies)),
		takesDirectory(verb("test DIR", "Run the example requests of a directory; works without a server", 1, a.testPolicies)),
		lister(verb("versions", "List the versions, newest first", 0, func(ctx context.Context, _ []string) error { return a.policyVersions(ctx, f) }), &f, "version, author"),
		a.rollbackCommand(), a.proposeCommand(),
		lister(verb("proposals", "List what waits for a second person, and what became of it, newest first", 0,
			func(ctx context.Context, _ []string) error { return a.policyProposals(ctx, p) }), &p, "state, author"),
		a.showProposalCommand(), a.approveProposalCommand(), a.rejectProposalCommand(), a.withdrawProposalCommand(), a.explainCommand(), a.whoCanCommand(), a.whatCanCommand(),
		verb("schema", "Print the Cedar schema of every door; works without a server", 0, a.policySchema),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) policyClient(ctx context.Context) (bulkheadv1connect.PolicyServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewPolicyServiceClient)
}

// offlineTenant is the tenant whose policies a directory is, where no server says whose caller one is.
func (a *App) offlineTenant() string {
	if a.remote.tenant == "" {
		return model.SystemTenant
	}
	return a.remote.tenant
}

func (a *App) getPoliciesCommand() *cobra.Command {
	var version int64
	var dir string
	cmd := verb("get", "Show the policies in force, or those of a version", 0, func(ctx context.Context, _ []string) error {
		return a.getPolicies(ctx, version, dir)
	})
	cmd.Flags().Int64Var(&version, "version", 0, "`number` of a version (default: the newest)")
	cmd.Flags().StringVar(&dir, "dir", "", "write the files into `directory`, which must be empty or not there")
	return cmd
}

func (a *App) getPolicies(ctx context.Context, version int64, dir string) error {
	c, err := a.policyClient(ctx)
	if err != nil {
		return err
	}
	set, err := c.GetPolicies(ctx, &bulkheadv1.GetPoliciesRequest{Tenant: a.remote.tenant, Version: version})
	if err != nil {
		return remoteError(err)
	}
	if dir != "" {
		if err := writePolicies(dir, set.GetFiles()); err != nil {
			return err
		}
	}
	return a.answer(set, func() {
		a.policyHead(set)
		for _, f := range set.GetFiles() {
			if dir != "" {
				a.fields("written", filepath.Join(dir, f.GetName()))
				continue
			}
			fmt.Fprintf(a.Out, "\n// %s\n", plain(f.GetName()))
			a.text(f.GetText())
		}
	})
}

func (a *App) policyHead(set *bulkheadv1.PolicySet) {
	a.fields("tenant", set.GetTenant(), "version", fmt.Sprint(set.GetVersion()), "files", fmt.Sprint(len(set.GetFiles())), "author", set.GetAuthor(), "approver", set.GetApprover(), "proposal", set.GetProposal(),
		"note", set.GetNote(), "created", when(set.GetCreated()), "digest", set.GetDigest(), "signature", signatureOf(set))
}

// text writes lines of somebody else's text without what a terminal would obey.
func (a *App) text(s string) {
	for line := range strings.Lines(s) {
		fmt.Fprintln(a.Out, plain(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")))
	}
}

func writePolicies(dir string, files []*bulkheadv1.PolicyFile) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	if len(there) > 0 {
		return fmt.Errorf("%s is not empty; name a directory that is, or is not there", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the directory: %w", err)
	}
	defer root.Close()
	for _, f := range files {
		if err := root.WriteFile(f.GetName(), []byte(f.GetText()), 0o600); err != nil {
			return fmt.Errorf("write a policy: %w", err)
		}
	}
	return nil
}

func (a *App) validatePolicies(ctx context.Context, args []string) error {
	files, err := config.ReadPolicies(args[0])
	if err != nil {
		return err
	}
	schema, err := authz.NewSchema()
	if err != nil {
		return err
	}
	out := &bulkheadv1.PolicyPreview{Problems: problemsOut(schema.Validate(ctx, a.offlineTenant(), files))}
	return a.verdict(out, fmt.Sprintf("%d files are right", len(files)))
}

func (a *App) testPolicies(ctx context.Context, args []string) error {
	files, err := config.ReadPolicies(args[0])
	if err != nil {
		return err
	}
	engine, err := authz.New(authz.Options{FourEyes: a.cfg.Server.FourEyes, PhishingResistant: a.cfg.Server.SignIn.PhishingResistant})
	if err != nil {
		return err
	}
	tenant := a.offlineTenant()
	out := &bulkheadv1.PolicyPreview{Problems: problemsOut(engine.Schema().Validate(ctx, tenant, files))}
	if len(out.GetProblems()) == 0 {
		draft, err := engine.With(model.Policies{Tenant: tenant, Files: files})
		if err != nil {
			return err
		}
		for _, t := range draft.Test(ctx, tenant, files) {
			out.Tests = append(out.Tests, &bulkheadv1.PolicyTestResult{File: t.File, Name: t.Name, Passed: t.Passed, Why: t.Why})
		}
	}
	return a.verdict(out, fmt.Sprintf("%d tests passed", len(out.GetTests())))
}

func problemsOut(list []authz.Problem) []*bulkheadv1.PolicyProblem {
	var out []*bulkheadv1.PolicyProblem
	for _, p := range list {
		out = append(out, &bulkheadv1.PolicyProblem{File: p.File, Line: int32(p.Line), Column: int32(p.Column), Message: p.Message})
	}
	return out
}

// verdict shows problems and failed tests; with any, the answer is no.
func (a *App) verdict(p *bulkheadv1.PolicyPreview, good string) error {
	failed := 0
	for _, t := range p.GetTests() {
		if !t.GetPassed() {
			failed++
		}
	}
	if err := a.answer(p, func() {
		a.problems(p)
		if failed+len(p.GetProblems()) == 0 {
			fmt.Fprintln(a.Out, good)
		}
	}); err != nil {
		return err
	}
	if failed+len(p.GetProblems()) > 0 {
		return errNo{fmt.Sprintf("%d problems, %d of %d tests failed", len(p.GetProblems()), failed, len(p.GetTests()))}
	}
	return nil
}

func (a *App) problems(p *bulkheadv1.PolicyPreview) {
	for _, x := range p.GetProblems() {
		fmt.Fprintf(a.Out, "%s:%d:%d: %s\n", plain(x.GetFile()), x.GetLine(), x.GetColumn(), plain(x.GetMessage()))
	}
	for _, t := range p.GetTests() {
		if !t.GetPassed() {
			fmt.Fprintf(a.Out, "%s: %s: FAILED: %s\n", plain(t.GetFile()), plain(t.GetName()), plain(t.GetWhy()))
		}
	}
}

func (a *App) policySchema(context.Context, []string) error {
	schema, err := authz.NewSchema()
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.GetSchemaResponse{Cedar: schema.Text()}, func() { fmt.Fprint(a.Out, schema.Text()) })
}

// reference reads TYPE::ID.
func reference(s string) (*bulkheadv1.ObjectRef, error) {
	typ, id, ok := strings.Cut(s, "::")
	if !ok || typ == "" || id == "" {
		return nil, fmt.Errorf("invalid argument %q: an object is TYPE::ID, e.g. Tenant::acme", s)
	}
	return &bulkheadv1.ObjectRef{Type: typ, Id: strings.Trim(id, `"`)}, nil
}

// pairsStruct reads NAME=VALUE pairs as attributes; true, false and nothing else are not text.
func pairsStruct(pairs []string, flag string) (*structpb.Struct, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	m := map[string]any{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("invalid argument %q for --%s: it must be NAME=VALUE", p, flag)
		}
		switch v {
		case "true", "false":
			m[k] = v == "true"
		default:
			m[k] = v
		}
	}
	return structpb.NewStruct(m)
}
