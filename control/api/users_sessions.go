package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// signOut ends the account's sessions and tokens for good.
func (s *Users) signOut(ctx context.Context, a *model.Account) error {
	if err := s.Credentials.DeleteSessionsOf(ctx, a.ID, ""); err != nil {
		return err
	}
	q := model.Query{Tenant: a.Tenant, Size: 1000, Where: []model.Condition{{Field: "user", Op: "=", Value: a.ID}}}
	for {
		tokens, next, err := s.Credentials.Tokens(ctx, q)
		if err != nil {
			return err
		}
		for i := range tokens {
			if !tokens[i].Revoked.IsZero() {
				continue
			}
			if err := s.Credentials.RevokeToken(ctx, tokens[i].ID, s.Now()); err != nil {
				return err
			}
		}
		if q.Token = next; next == "" {
			return nil
		}
	}
}

// ListUserSessions implements UserService.
func (s *Users) ListUserSessions(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.ListSessionsResponse, error) {
	sessions, err := s.Credentials.SessionsOf(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListSessionsResponse{}
	for i := range sessions {
		out.Sessions = append(out.Sessions, sessionOut(&sessions[i], gate.Caller(ctx).Credential.ID))
	}
	return out, nil
}

// RevokeUserSessions implements UserService.
func (s *Users) RevokeUserSessions(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, s.Credentials.DeleteSessionsOf(ctx, r.GetId(), "")
}
