package store

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func session(a *model.Account, secret string) *model.Session {
	return &model.Session{
		ID: id(), SecretHash: []byte(secret), User: a.ID, Tenant: a.Tenant, Created: now, LastSeen: now,
		Auth:    model.Strength{AMR: []string{"pwd", "otp"}, MFA: true, Time: now, FactorTime: now},
		Expires: now.Add(time.Hour), Idle: now.Add(time.Minute), Address: "::1", UserAgent: "x", Client: "c",
	}
}

func token(a *model.Account, name string) *model.Token {
	return &model.Token{
		ID: id(), User: a.ID, Tenant: a.Tenant, Name: name, Prefix: "bht_x", SecretHash: []byte("hash of " + name),
		Scopes: []string{"read"}, Auth: model.Strength{MFA: true, Time: now}, Created: now, Expires: now.Add(time.Hour),
	}
}

func TestSessions(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		a := account(t, s, "a", "alice")
		x := session(a, "one")
		ok(t, s.CreateSession(ctx, x))
		code(t, s.CreateSession(ctx, session(a, "one")), model.CodeExists)
		got, err := s.SessionBySecret(ctx, []byte("one"))
		ok(t, err)
		if d := cmp.Diff(x, got); d != "" {
			t.Fatal(d)
		}
		ok(t, s.TouchSession(ctx, x.ID, now.Add(1), now.Add(2*time.Minute)))
		y := session(a, "two")
		ok(t, s.RotateSession(ctx, x.ID, y))
		code(t, s.RotateSession(ctx, x.ID, session(a, "three")), model.CodeNotFound)
		_, err = s.SessionBySecret(ctx, []byte("one"))
		code(t, err, model.CodeNotFound)
		_, err = s.SessionBySecret(ctx, nil)
		code(t, err, model.CodeNotFound)
		z := session(a, "four")
		ok(t, s.CreateSession(ctx, z))
		ok(t, s.DeleteSessionsOf(ctx, a.ID, z.ID))
		all, err := s.SessionsOf(ctx, a.ID)
		ok(t, err)
		if len(all) != 1 || all[0].ID != z.ID {
			t.Fatal(all)
		}
		ok(t, s.DeleteSession(ctx, z.ID))
		code(t, s.DeleteSession(ctx, z.ID), model.CodeNotFound)
		code(t, s.TouchSession(ctx, z.ID, now, now), model.CodeNotFound)
	})
}

func TestTokens(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		a := account(t, s, "a", "alice")
		x := token(a, "ci")
		ok(t, s.CreateToken(ctx, x))
		ok(t, s.CreateToken(ctx, token(a, "other")))
		got, err := s.TokenBySecret(ctx, x.SecretHash)
		ok(t, err)
		if d := cmp.Diff(x, got); d != "" {
			t.Fatal(d)
		}
		ok(t, s.TouchToken(ctx, x.ID, now))
		ok(t, s.RevokeToken(ctx, x.ID, now))
		ok(t, s.RevokeToken(ctx, x.ID, now.Add(time.Hour)))
		got, err = s.Token(ctx, x.ID)
		ok(t, err)
		if !got.Revoked.Equal(now) || !got.LastUsed.Equal(now) {
			t.Fatalf("%+v", got)
		}
		for value, want := range map[string]string{"true": "ci", "false": "other"} {
			list, _, err := s.Tokens(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: "revoked", Op: "=", Value: value}}})
			ok(t, err)
			if len(list) != 1 || list[0].Name != want {
				t.Fatalf("revoked = %s: %+v", value, list)
			}
		}
		code(t, s.RevokeToken(ctx, "none", now), model.CodeNotFound)
		for _, name := range []string{"two", "three"} {
			ok(t, s.CreateToken(ctx, token(a, name)))
		}
		ok(t, s.RevokeTokensOf(ctx, a.ID, now))
		ok(t, s.RevokeTokensOf(ctx, a.ID, now.Add(time.Hour))) // nothing is left to end
		list, _, err := s.Tokens(ctx, model.Query{})
		ok(t, err)
		for _, x := range list {
			if x.User == a.ID && x.Revoked.IsZero() {
				t.Errorf("the token %s lives", x.Name)
			}
		}
	})
}

func TestPasswordsAndFactors(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		a := account(t, s, "a", "alice")
		for _, hash := range []string{"one", "two"} {
			ok(t, s.SetPassword(ctx, &model.Password{User: a.ID, Hash: hash, Changed: now}))
		}
		p, err := s.Password(ctx, a.ID)
		ok(t, err)
		if d := cmp.Diff(&model.Password{User: a.ID, Hash: "two", Changed: now}, p); d != "" {
			t.Fatal(d)
		}
		code(t, s.SetPassword(ctx, &model.Password{User: "none"}), model.CodeNotFound)
		f := &model.Factor{ID: id(), User: a.ID, Kind: model.FactorTOTP, Name: "phone", Data: []byte{0, 255}, Created: now, Counter: 7}
		ok(t, s.CreateFactor(ctx, f))
		got, err := s.FactorsOf(ctx, a.ID)
		ok(t, err)
		if d := cmp.Diff([]model.Factor{*f}, got); d != "" {
			t.Fatal(d)
		}
		b := account(t, s, "a", "bob")
		g := &model.Factor{ID: id(), User: b.ID, Kind: model.FactorTOTP, Name: "other", Data: []byte{1}, Created: now}
		ok(t, s.CreateFactor(ctx, g))
		all, err := s.FactorsOfAll(ctx, []string{a.ID, b.ID, "none"})
		ok(t, err)
		if d := cmp.Diff(map[string][]model.Factor{a.ID: {*f}, b.ID: {*g}}, all); d != "" {
			t.Fatal(d)
		}
		// The same code used by many at once is accepted once.
		won := race(8, func() error {
			g := *f
			g.Counter, g.LastUsed = 8, now
			return s.UpdateFactor(ctx, &g, 7)
		})
		if won != 1 {
			t.Fatalf("%d of 8 won", won)
		}
		code(t, s.UpdateFactor(ctx, f, 7), model.CodeConflict)
		code(t, s.UpdateFactor(ctx, &model.Factor{ID: "none"}, 7), model.CodeNotFound)
		ok(t, s.DeleteFactor(ctx, f.ID))
		code(t, s.DeleteFactor(ctx, f.ID), model.CodeNotFound)
	})
}

// race runs f n times at once and counts successes.
func race(n int, f func() error) int64 {
	var won atomic.Int64
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			if f() == nil {
				won.Add(1)
			}
		})
	}
	wait.Wait()
	return won.Load()
}

func TestTickets(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		x := &model.Ticket{
			ID: "t", Kind: model.TicketDevice, Lookup: "code", User: "u", Tenant: "a", Data: []byte("d"), Created: now, Expires: now.Add(time.Minute),
		}
		ok(t, s.CreateTicket(ctx, x))
		code(t, s.CreateTicket(ctx, x), model.CodeExists)
		got, err := s.TicketByLookup(ctx, model.TicketDevice, "code")
		ok(t, err)
		if d := cmp.Diff(x, got); d != "" {
			t.Fatal(d)
		}
		_, err = s.TicketByLookup(ctx, model.TicketOIDC, "code")
		code(t, err, model.CodeNotFound)
		x.Data = []byte("approved")
		code(t, s.UpdateTicket(ctx, x, []byte("another")), model.CodeConflict)
		ok(t, s.UpdateTicket(ctx, x, []byte("d")))
		won := race(8, func() error {
			_, err := s.TakeTicket(ctx, model.TicketDevice, "t", now)
			return err
		})
		if won != 1 {
			t.Fatalf("%d of 8 took it", won)
		}
		code(t, s.UpdateTicket(ctx, x, []byte("approved")), model.CodeConflict)
		for range 2 { // two without a second name don't disturb each other
			ok(t, s.CreateTicket(ctx, &model.Ticket{ID: id(), Kind: model.TicketOIDC, Expires: now}))
		}
		ok(t, s.CreateTicket(ctx, &model.Ticket{ID: "old", Kind: model.TicketOIDC, Expires: now}))
		_, err = s.TakeTicket(ctx, model.TicketOIDC, "old", now)
		code(t, err, model.CodeExpired)
		_, err = s.TakeTicket(ctx, model.TicketOIDC, "old", now)
		code(t, err, model.CodeNotFound)
	})
}

func TestThrottleAnswersSecrets(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		if won := race(10, func() error { _, err := s.AddFailure(ctx, "k", now); return err }); won != 10 {
			t.Fatal(won)
		}
		n, last, err := s.Failures(ctx, "k")
		ok(t, err)
		if n != 10 || !last.Equal(now) {
			t.Fatal(n, last)
		}
		ok(t, s.ClearFailures(ctx, "k"))
		n, _, err = s.Failures(ctx, "k")
		ok(t, err)
		if n != 0 {
			t.Fatal(n)
		}
		a := &model.Answer{Key: "k", Digest: []byte{1}, Body: nil, Created: now}
		if won := race(5, func() error { return s.KeepAnswer(ctx, a) }); won != 1 {
			t.Fatal(won)
		}
		code(t, s.KeepAnswer(ctx, a), model.CodeExists)
		got, err := s.Answer(ctx, "k")
		ok(t, err)
		if string(got.Digest) != "\x01" {
			t.Fatal(got)
		}
		_, err = s.Answer(ctx, "none")
		code(t, err, model.CodeNotFound)
		ok(t, s.CreateSecret(ctx, "ca", []byte{1, 0, 2}))
		code(t, s.CreateSecret(ctx, "ca", []byte{9}), model.CodeExists)
		b, err := s.Secret(ctx, "ca")
		ok(t, err)
		if string(b) != "\x01\x00\x02" {
			t.Fatal(b)
		}
	})
}

func TestPolicies(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		make := func(version int64) *model.Policies {
			return &model.Policies{
				Tenant: "a", Version: version, Files: []model.PolicyFile{{Name: "x.cedar", Text: "permit(…);"}}, Author: "u",
				Note: "n", Created: now, Digest: "d", Signature: "s",
			}
		}
		_, err := s.Policies(ctx, "a", 0)
		code(t, err, model.CodeNotFound)
		code(t, s.CreatePolicies(ctx, make(2)), model.CodeConflict)
		if won := race(5, func() error { return s.CreatePolicies(ctx, make(1)) }); won != 1 {
			t.Fatal(won)
		}
		code(t, s.CreatePolicies(ctx, make(1)), model.CodeConflict)
		ok(t, s.CreatePolicies(ctx, make(2)))
		got, err := s.Policies(ctx, "a", 0)
		ok(t, err)
		if d := cmp.Diff(make(2), got); d != "" {
			t.Fatal(d)
		}
		list, _, err := s.PolicyVersions(ctx, model.Query{Tenant: "a"})
		ok(t, err)
		if len(list) != 2 || list[0].Version != 2 || list[0].Files != nil {
			t.Fatal(list)
		}
		all, err := s.AllPolicies(ctx)
		ok(t, err)
		if d := cmp.Diff([]model.Policies{*make(2)}, all); d != "" {
			t.Fatal(d)
		}
	})
}

func TestAccess(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		u := account(t, s, "a", "alice")
		x := &model.Access{
			ID: id(), Tenant: "a", User: u.ID, Action: "TenantDelete", Resource: model.Ref{Type: "Tenant", ID: "a"}, Reason: "r",
			Duration: time.Hour, State: model.AccessPending, Created: now, Expires: now.Add(time.Hour),
		}
		ok(t, s.CreateAccess(ctx, x))
		_, err := s.ApprovedAccess(ctx, u.ID, x.Action, x.Resource, now)
		code(t, err, model.CodeNotFound)
		won := race(5, func() error {
			y := *x
			y.State, y.Approver, y.Decided = model.AccessApproved, "bob", now
			return s.UpdateAccess(ctx, &y, model.AccessPending)
		})
		if won != 1 {
			t.Fatal(won)
		}
		got, err := s.ApprovedAccess(ctx, u.ID, x.Action, x.Resource, now)
		ok(t, err)
		x.State, x.Approver, x.Decided = model.AccessApproved, "bob", now
		if d := cmp.Diff(x, got); d != "" {
			t.Fatal(d)
		}
		for name, f := range map[string]func() error{
			"later":  func() error { _, err := s.ApprovedAccess(ctx, u.ID, x.Action, x.Resource, x.Expires); return err },
			"action": func() error { _, err := s.ApprovedAccess(ctx, u.ID, "X", x.Resource, now); return err },
			"resource": func() error {
				_, err := s.ApprovedAccess(ctx, u.ID, x.Action, model.Ref{Type: "Tenant", ID: "b"}, now)
				return err
			},
			"user": func() error { _, err := s.ApprovedAccess(ctx, "bob", x.Action, x.Resource, now); return err },
		} {
			if model.CodeOf(f()) != model.CodeNotFound {
				t.Errorf("approved for another %s", name)
			}
		}
		code(t, s.UpdateAccess(ctx, x, model.AccessPending), model.CodeConflict)
		list, _, err := s.Accesses(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: "state", Op: "=", Value: "approved"}}})
		ok(t, err)
		if len(list) != 1 {
			t.Fatal(list)
		}
	})
}
