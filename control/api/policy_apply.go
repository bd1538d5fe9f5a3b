package api

import (
	"context"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// draft is a version that was checked and signed, with the engine that would have it in force.
type draft struct {
	model.Policies
	engine *authz.Engine
}

type draftKey struct{}

// Prepare implements gate.Prepared: it checks a draft before the transaction, in which everybody's changes would wait for it.
func (s *Policies) Prepare(ctx context.Context, m proto.Message) (context.Context, error) {
	var d *draft
	var err error
	switch r := m.(type) {
	case *bulkheadv1.ProposePoliciesRequest:
		return s.prepareProposal(ctx, r)
	case *bulkheadv1.DecidePolicyProposalRequest:
		if !r.GetApprove() {
			return ctx, nil
		}
		d, err = s.prepareApproval(ctx, r)
	case *bulkheadv1.ApplyPoliciesRequest:
		d, err = s.prepareApply(ctx, r)
	case *bulkheadv1.RollbackPoliciesRequest:
		d, err = s.prepareRollback(ctx, r)
	default:
		err = fmt.Errorf("%T has no draft", m)
	}
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, draftKey{}, d), nil
}

// ApplyPolicies implements PolicyService.
func (s *Policies) ApplyPolicies(ctx context.Context, r *bulkheadv1.ApplyPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	return apply(ctx, s, r, s.prepareApply)
}

// RollbackPolicies implements PolicyService. It goes the way of any draft: what was right once may not be any more.
func (s *Policies) RollbackPolicies(ctx context.Context, r *bulkheadv1.RollbackPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	return apply(ctx, s, r, s.prepareRollback)
}

func (s *Policies) prepareApply(ctx context.Context, r *bulkheadv1.ApplyPoliciesRequest) (*draft, error) {
	if err := s.byOneAlone(); err != nil {
		return nil, err
	}
	d := &draft{Policies: model.Policies{Tenant: gate.TenantOf(ctx, r.GetTenant()), Files: filesIn(r.GetFiles()), Note: r.GetNote()}}
	return d, s.check(ctx, d, r.GetBaseVersion())
}

func (s *Policies) prepareRollback(ctx context.Context, r *bulkheadv1.RollbackPoliciesRequest) (*draft, error) {
	if err := s.byOneAlone(); err != nil {
		return nil, err
	}
	d := &draft{Policies: model.Policies{Tenant: gate.TenantOf(ctx, r.GetTenant()), Note: r.GetNote()}}
	if d.Note == "" {
		d.Note = fmt.Sprintf("back to version %d", r.GetVersion())
	}
	if r.GetVersion() > 0 {
		old, err := s.Store.Policies(ctx, d.Tenant, r.GetVersion())
		if err != nil {
			return nil, err
		}
		d.Files = old.Files
	}
	return d, s.check(ctx, d, -1)
}

// byOneAlone refuses a change of policies that no second person has seen, where the server demands one.
func (s *Policies) byOneAlone() error {
	if !s.ApprovalRequired {
		return nil
	}
	return &model.Error{
		Code: model.CodeApprovalRequired, Message: "policies change by proposals here, which a second person approves (server.policies.approval)",
		Remedy: "Propose it: `bulkhead policy propose DIR --note WHY`; for an earlier version, write it with `bulkhead policy get --version N --dir DIR` first.",
	}
}

// check holds a draft to everything that can be seen without a transaction, and signs it as the next version. base is the
// version it was made from, or -1.
func (s *Policies) check(ctx context.Context, d *draft, base int64) error {
	newest, err := s.follows(ctx, d.Tenant, base)
	if err != nil {
		return err
	}
	d.Version, d.Author, d.Created = newest.Version+1, gate.Caller(ctx).ID, s.Now().UTC()
	if err := s.fit(ctx, d); err != nil {
		return err
	}
	digest, err := bundle.SetDigest(&d.Policies)
	if err != nil {
		return err
	}
	d.Digest = hex.EncodeToString(digest)
	if d.Signature, err = s.Signer.Sign(ctx, digest); err != nil {
		return &model.Error{Code: model.CodeUnavailable, Message: "the policies could not be signed", Err: err}
	}
	return nil
}

// follows is what is in force, which a draft must have been made from; base is -1 where that does not matter.
func (s *Policies) follows(ctx context.Context, tenant string, base int64) (*model.Policies, error) {
	if _, err := s.People.Tenant(ctx, tenant); err != nil {
		return nil, err
	}
	newest, err := s.version(ctx, tenant, 0)
	if err != nil {
		return nil, err
	}
	if base >= 0 && base != newest.Version {
		return nil, &model.Error{
			Code: model.CodeConflict, Message: fmt.Sprintf("version %d is in force, and the draft was made from %d", newest.Version, base),
			Remedy: "Read what is in force, apply your change to that, and preview it again.",
		}
	}
	return newest, nil
}

// fit refuses a draft that is wrong or that fails its own tests.
func (s *Policies) fit(ctx context.Context, d *draft) error {
	done, err := s.turns.take(ctx, gate.Caller(ctx).Tenant)
	if err != nil {
		return err
	}
	defer done()
	check, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if problems := s.Engine.Schema().Validate(check, d.Tenant, d.Files); len(problems) > 0 {
		p := problems[0]
		return &model.Error{
			Code: model.CodeInvalid, Field: "files", Message: fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message),
			Remedy: "`bulkhead policy validate` shows all problems.",
		}
	}
	if d.engine, err = s.Engine.With(d.Policies); err != nil {
		return err
	}
	for _, t := range d.engine.Test(check, d.Tenant, d.Files) {
		if !t.Passed {
			return &model.Error{
				Code: model.CodeInvalid, Field: "files", Message: fmt.Sprintf("the test %q in %s fails: %s", t.Name, t.File, t.Why),
				Remedy: "Correct the policy or the test; `bulkhead policy test` shows all results.",
			}
		}
	}
	return inTime(check)
}

func inTime(check context.Context) error {
	if check.Err() == nil {
		return nil
	}
	return &model.Error{Code: model.CodeTooLarge, Message: "checking the policies took too long", Remedy: "Use fewer or narrower policies.", Err: check.Err()}
}

// apply writes the draft that was prepared, within the transaction of the change.
func apply[R proto.Message](ctx context.Context, s *Policies, r R, prepare func(context.Context, R) (*draft, error)) (*bulkheadv1.PolicySet, error) {
	d, ok := ctx.Value(draftKey{}).(*draft)
	if !ok { // called without the gate
		var err error
		if d, err = prepare(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := s.write(ctx, d); err != nil {
		return nil, err
	}
	return policiesOut(&d.Policies), nil
}

// write puts a draft that was checked into force, within the transaction of the change.
func (s *Policies) write(ctx context.Context, d *draft) error {
	newest, err := s.version(ctx, d.Tenant, 0)
	if err != nil {
		return err
	}
	if newest.Version != d.Version-1 {
		return &model.Error{
			Code: model.CodeConflict, Message: "others changed the policies while yours were checked",
			Remedy: "Read what is in force, apply your change to that, and preview it again.",
		}
	}
	if err := s.keepAdministrators(ctx, d); err != nil {
		return err
	}
	if err := s.Store.CreatePolicies(ctx, &d.Policies); err != nil {
		return err
	}
	if s.Applied != nil {
		s.Applied()
	}
	return nil
}

// keepAdministrators refuses a draft after which nobody could administer. It waits for those who take administrators away at the
// same time. The policies of other tenants are confined and can't touch the provider's administrators.
func (s *Policies) keepAdministrators(ctx context.Context, d *draft) error {
	if d.Tenant != model.SystemTenant {
		return nil
	}
	if err := guardAdministrators(ctx, s.People); err != nil {
		return err
	}
	check, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	left, err := s.administrators(check, d.engine)
	if err != nil {
		return err
	}
	if err := inTime(check); err != nil {
		return err
	}
	if len(left) == 0 {
		return lastAdministrator()
	}
	return nil
}

func lastAdministrator() error {
	return &model.Error{
		Code: model.CodeLastAdministrator,
		Message: "no administrator could change policies and users afterwards with the factors that are registered, " +
			"or show and register one",
		Remedy: "Narrow the policies that forbid, and leave the actions in the group BeforeFactor out of them; or register the " +
			"factors first that they demand. `bulkhead policy diff` shows which administrators stay.",
	}
}
