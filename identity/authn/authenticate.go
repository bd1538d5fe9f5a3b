package authn

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	// touchEvery is how exactly the last use of sessions and tokens is kept.
	touchEvery = time.Minute
	mostKnown  = 4096
)

// known is who a secret stood for when the store's count of changes was at change. Any change of an account, group, session or
// token moves the count in its own transaction, so an answer with the count that the store has now is as good as a new one.
type known struct {
	change    int64
	principal model.Principal
	expires   time.Time
	idle      time.Time
	touched   time.Time // when the store was last told of its use
}

func (k *known) good(change int64, now time.Time) bool {
	return k.change == change && now.Before(k.expires) && now.Before(k.idle) && now.Sub(k.touched) < touchEvery
}

// Authenticate gives who a session secret or an API token stands for, as the account is now: a revoked session, an ended token,
// a disabled account and a lost role count with the next call, on every replica.
func (s *Service) Authenticate(ctx context.Context, secret, _, _ string) (model.Principal, error) {
	prefix, read := prefixSession, s.bySession
	if strings.HasPrefix(secret, prefixToken) {
		prefix, read = prefixToken, s.byToken
	}
	hash, ok := secretHash(secret, prefix)
	if !ok {
		return model.Principal{}, errSession(nil)
	}
	change, err := s.store.LastChange(ctx) // before anything else is read, so that what follows is no older
	if err != nil {
		return model.Principal{}, coded(err, "looking up who is calling")
	}
	key := [sha256.Size]byte(hash)
	if k, ok := s.known.Get(key); ok && k.good(change, s.now()) {
		return clone(k.principal), nil
	}
	k, err := read(ctx, hash)
	if err != nil {
		s.known.Remove(key)
		return model.Principal{}, err
	}
	k.change = change
	s.known.Add(key, *k)
	return clone(k.principal), nil
}

// clone keeps callers from changing what is known.
func clone(p model.Principal) model.Principal {
	p.Roles, p.Groups, p.Hosts = slices.Clone(p.Roles), slices.Clone(p.Groups), slices.Clone(p.Hosts)
	p.Scopes, p.Auth.AMR = slices.Clone(p.Scopes), slices.Clone(p.Auth.AMR)
	return p
}

func (s *Service) bySession(ctx context.Context, hash []byte) (*known, error) {
	session, err := s.store.SessionBySecret(ctx, hash)
	if err != nil {
		return nil, lookup(err)
	}
	now := s.now()
	if !now.Before(session.Expires) || !now.Before(session.Idle) {
		return nil, errSession(nil)
	}
	p, err := s.principalOf(ctx, session)
	if err != nil {
		return nil, err
	}
	if now.Sub(session.LastSeen) >= touchEvery {
		session.LastSeen, session.Idle = now, s.idleEnd(session, now)
		if err := s.store.TouchSession(ctx, session.ID, now, session.Idle); err != nil && !missing(err) {
			return nil, coded(err, "keeping when the session was seen")
		}
	}
	return &known{principal: p, expires: session.Expires, idle: session.Idle, touched: session.LastSeen}, nil
}

func (s *Service) byToken(ctx context.Context, hash []byte) (*known, error) {
	token, err := s.store.TokenBySecret(ctx, hash)
	if err != nil {
		return nil, lookup(err)
	}
	now := s.now()
	if !token.Revoked.IsZero() || !now.Before(token.Expires) {
		return nil, errSession(nil)
	}
	account, err := s.store.Account(ctx, token.User)
	if err != nil {
		return nil, lookup(err)
	}
	auth := token.Auth
	auth.FactorTime = time.Time{}
	p, err := s.principal(ctx, account, model.Ref{Type: "Token", ID: token.ID}, auth)
	if err != nil {
		return nil, err
	}
	p.Scopes = append([]string{}, token.Scopes...) // never nil: nil would be a session
	if now.Sub(token.LastUsed) >= touchEvery {
		token.LastUsed = now
		if err := s.store.TouchToken(ctx, token.ID, now); err != nil && !missing(err) {
			return nil, coded(err, "keeping when the token was used")
		}
	}
	return &known{principal: p, expires: token.Expires, idle: token.Expires, touched: token.LastUsed}, nil
}
