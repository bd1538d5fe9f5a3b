package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// PolicyStore keeps the versions of policies.
type PolicyStore interface {
	CreatePolicies(ctx context.Context, p *model.Policies) error
	Policies(ctx context.Context, tenant string, version int64) (*model.Policies, error)
	PolicyVersions(ctx context.Context, q model.Query) ([]model.Policies, string, error)
	CreateProposal(ctx context.Context, p *model.Proposal) error
	Proposal(ctx context.Context, id string) (*model.Proposal, error)
	Proposals(ctx context.Context, q model.Query) ([]model.Proposal, string, error)
	EndProposal(ctx context.Context, p *model.Proposal) error
}

// PolicyRecords are the recorded decisions that a draft is tried on.
type PolicyRecords interface {
	Record(ctx context.Context, origin string, index uint64) (*model.LogRecord, error)
	Records(ctx context.Context, q model.Query) ([]model.LogRecord, string, error)
}

// PolicyPeople are those whom decisions are about.
type PolicyPeople interface {
	Directory
	Account(ctx context.Context, id string) (*model.Account, error)
	AccountByName(ctx context.Context, tenant, name string) (*model.Account, error)
	Accounts(ctx context.Context, q model.Query) ([]model.Account, string, error)
	Groups(ctx context.Context, q model.Query) ([]model.AccountGroup, string, error)
}

// Approvals finds approved access that is in force.
type Approvals interface {
	ApprovedAccess(ctx context.Context, user, action string, res model.Ref, now time.Time) (*model.Access, error)
}

// ObjectReader tells what policies may know of an object. Objects does.
type ObjectReader interface {
	Object(ctx context.Context, ref model.Ref) (model.Object, error)
}

// PolicySigner signs a version's digest.
type PolicySigner interface {
	Sign(ctx context.Context, digest []byte) (string, error)
}

// Policies implements PolicyService.
type Policies struct {
	Store   PolicyStore
	Records PolicyRecords
	People  PolicyPeople
	Objects ObjectReader
	SignIns SignIns
	Signer  PolicySigner
	Engine  *authz.Engine
	// Approvals are taken into account in explanations, as the gate takes them.
	Approvals Approvals
	// Applied is told that a new version was written, so that it is loaded as soon as it is committed. May be nil.
	Applied func()
	// ApprovalRequired has policies changed by proposals only, which a second person approves.
	ApprovalRequired bool
	StepUp           time.Duration // how long a second factor is fresh
	Now              func() time.Time

	turns turns
}

// checkTime bounds checking a draft.
const checkTime = 10 * time.Second

// GetPolicies implements PolicyService.
func (s *Policies) GetPolicies(ctx context.Context, r *bulkheadv1.GetPoliciesRequest) (*bulkheadv1.PolicySet, error) {
	tenant := gate.TenantOf(ctx, r.GetTenant())
	p, err := s.version(ctx, tenant, r.GetVersion())
	if err != nil {
		return nil, err
	}
	out := policiesOut(p)
	shipped, err := authz.Shipped()
	if err != nil {
		return nil, err
	}
	out.Shipped, out.ApprovalRequired = filesOut(shipped), s.ApprovalRequired
	return out, nil
}

// version is a version, 0 for the newest; where there is none yet, that is version 0 without files.
func (s *Policies) version(ctx context.Context, tenant string, version int64) (*model.Policies, error) {
	p, err := s.Store.Policies(ctx, tenant, version)
	if version == 0 && model.CodeOf(err) == model.CodeNotFound {
		return &model.Policies{Tenant: tenant}, nil
	}
	return p, err
}

// ListPolicyVersions implements PolicyService.
func (s *Policies) ListPolicyVersions(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListPolicyVersionsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"version", "author"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Store.PolicyVersions(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListPolicyVersionsResponse{NextPage: next}
	for i := range list {
		out.Versions = append(out.Versions, policiesOut(&list[i]))
	}
	return out, gate.MaskAll(out.GetVersions(), r.GetPage().GetReadMask())
}

// GetSchema implements PolicyService.
func (s *Policies) GetSchema(context.Context, *bulkheadv1.Empty) (*bulkheadv1.GetSchemaResponse, error) {
	return &bulkheadv1.GetSchemaResponse{Cedar: s.Engine.Schema().Text()}, nil
}

func policiesOut(p *model.Policies) *bulkheadv1.PolicySet {
	return &bulkheadv1.PolicySet{
		Tenant: p.Tenant, Version: p.Version, Files: filesOut(p.Files), Author: p.Author, Note: p.Note, Created: stamp(p.Created),
		Signature: p.Signature, Digest: p.Digest, Approver: p.Approver, Proposal: p.Proposal,
	}
}

func filesOut(files []model.PolicyFile) []*bulkheadv1.PolicyFile {
	var out []*bulkheadv1.PolicyFile
	for _, f := range files {
		out = append(out, &bulkheadv1.PolicyFile{Name: f.Name, Text: f.Text})
	}
	return out
}

func filesIn(files []*bulkheadv1.PolicyFile) []model.PolicyFile {
	var in []model.PolicyFile
	for _, f := range files {
		in = append(in, model.PolicyFile{Name: f.GetName(), Text: f.GetText()})
	}
	return in
}

// policyRecord splits "ORIGIN/INDEX".
func policyRecord(id string) (origin, index string, err error) {
	at := strings.LastIndexByte(id, '/')
	if at < 1 {
		return "", "", errors.New("it is not ORIGIN/INDEX")
	}
	return id[:at], id[at+1:], nil
}
