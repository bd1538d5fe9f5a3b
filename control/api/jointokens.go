package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// JoinTokenStore keeps join tokens.
type JoinTokenStore interface {
	CreateJoinToken(ctx context.Context, t *model.JoinToken) error
	JoinTokens(ctx context.Context, q model.Query) ([]model.JoinToken, string, error)
	RevokeJoinToken(ctx context.Context, id string, when time.Time) error
}

const defaultJoinMinutes = 60

// CreateJoinToken implements NodeService.
func (s *Nodes) CreateJoinToken(ctx context.Context, r *bulkheadv1.CreateJoinTokenRequest) (*bulkheadv1.CreateJoinTokenResponse, error) {
	tenant, pool := gate.TenantOf(ctx, r.GetTenant()), poolName(r.GetPool())
	if err := s.poolThere(ctx, "pool", tenant, pool); err != nil {
		return nil, err
	}
	if err := checkLabels("labels", r.GetLabels()); err != nil {
		return nil, err
	}
	if err := checkWord("sensitivity", r.GetSensitivity(), maxSensitivity); err != nil {
		return nil, err
	}
	if r.GetReplaces() != "" {
		if err := nodeThere(ctx, s.Store, "replaces", tenant, r.GetReplaces()); err != nil {
			return nil, err
		}
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	minutes := int(r.GetMinutes())
	if minutes == 0 {
		minutes = defaultJoinMinutes
	}
	secret, hash := NewJoinSecret()
	now := s.Now()
	t := &model.JoinToken{
		ID: id, Tenant: tenant, Name: r.GetName(), SecretHash: hash, Pool: pool, Labels: r.GetLabels(), Sensitivity: r.GetSensitivity(),
		Replaces: r.GetReplaces(), Creator: gate.Caller(ctx).ID, Created: now, Expires: now.Add(time.Duration(minutes) * time.Minute),
	}
	if err := s.Joins.CreateJoinToken(ctx, t); err != nil {
		return nil, err
	}
	out := &bulkheadv1.CreateJoinTokenResponse{Token: joinTokenOut(t), Secret: secret}
	if s.JoinURL != nil {
		out.JoinUrl = s.JoinURL()
	}
	return out, nil
}

// NodeReader finds a node.
type NodeReader interface {
	Node(ctx context.Context, id string) (*model.Member, error)
}

// nodeThere refuses a node that the tenant has not; one of another tenant is no other than one that is not.
func nodeThere(ctx context.Context, nodes NodeReader, field, tenant, id string) error {
	m, err := nodes.Node(ctx, id)
	if err != nil && model.CodeOf(err) != model.CodeNotFound {
		return err
	}
	if err != nil || m.Tenant != tenant {
		return &model.Error{
			Code: model.CodeInvalid, Message: field + ": the tenant has no node with that id", Field: field,
			Remedy: "`bulkhead nodes list` shows the nodes with their ids.",
		}
	}
	return nil
}

// ListJoinTokens implements NodeService.
func (s *Nodes) ListJoinTokens(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListJoinTokensResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"name", "pool", "used", "revoked"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	tokens, next, err := s.Joins.JoinTokens(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListJoinTokensResponse{NextPage: next}
	for i := range tokens {
		out.Tokens = append(out.Tokens, joinTokenOut(&tokens[i]))
	}
	return out, gate.MaskAll(out.GetTokens(), r.GetPage().GetReadMask())
}

// RevokeJoinToken implements NodeService.
func (s *Nodes) RevokeJoinToken(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, s.Joins.RevokeJoinToken(ctx, r.GetId(), s.Now())
}

func joinTokenOut(t *model.JoinToken) *bulkheadv1.JoinToken {
	return &bulkheadv1.JoinToken{
		Id: t.ID, Tenant: t.Tenant, Name: t.Name, Pool: t.Pool, Labels: t.Labels, Sensitivity: t.Sensitivity, Replaces: t.Replaces,
		Creator: t.Creator, Created: stamp(t.Created), Expires: stamp(t.Expires), Used: stamp(t.Used), UsedBy: t.UsedBy, Revoked: stamp(t.Revoked),
	}
}
