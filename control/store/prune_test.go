package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestPrune(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		u := account(t, s, "a", "alice")
		later := now.Add(1000 * time.Hour)
		ok(t, s.IndexRecords(ctx, []model.LogRecord{record("one", 0, "a"), record("one", 1, "a")}))
		for i := range 3 {
			ok(t, s.CreateAssessment(ctx, &model.Published{ID: fmt.Sprint(i), Tenant: "a", Node: "n", Published: now.Add(time.Duration(i))}))
			ok(t, s.KeepCheckpoint(ctx, &model.Checkpoint{Origin: "one", Keeper: "k", Size: uint64(i), Time: now.Add(time.Duration(i) * time.Second)}))
		}
		ok(t, s.CreateSession(ctx, session(u, "old")))
		fresh := session(u, "fresh")
		fresh.Idle, fresh.Expires = later, later
		ok(t, s.CreateSession(ctx, fresh))
		ok(t, s.CreateToken(ctx, token(u, "old")))
		revoked := token(u, "revoked")
		revoked.Expires, revoked.Revoked = later, now
		ok(t, s.CreateToken(ctx, revoked))
		kept := token(u, "kept")
		kept.Expires = later
		ok(t, s.CreateToken(ctx, kept))
		ok(t, s.CreateTicket(ctx, &model.Ticket{ID: "t", Kind: model.TicketOIDC, Expires: now}))
		_, err := s.AddFailure(ctx, "k", now)
		ok(t, err)
		ok(t, s.KeepAnswer(ctx, &model.Answer{Key: "k", Created: now}))
		for _, state := range []model.AccessState{model.AccessPending, model.AccessApproved, model.AccessDenied} {
			ok(t, s.CreateAccess(ctx, &model.Access{ID: string(state), Tenant: "a", User: u.ID, State: state, Expires: now}))
		}
		h := 24 * time.Hour
		r := model.Retention{AuditIndex: h, Assessments: h, Sessions: h, Tokens: h, Changes: 365 * 10 * h, Jobs: h, Answers: h}
		got, err := s.Prune(ctx, r, now.Add(999*time.Hour))
		ok(t, err)
		want := map[string]int64{
			"expired_access": 2, "audit_index": 2, "checkpoints": 2, "assessments": 2, "sessions": 1, "tokens": 2, "tickets": 1,
			"throttles": 1, "answers": 1, "changes": 0, "jobs": 0,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if _, err := s.Token(ctx, kept.ID); err != nil {
			t.Fatal(err)
		}
		// The place of the index stays, so that nothing is indexed again.
		up, err := s.IndexedUpTo(ctx, "one")
		ok(t, err)
		if up != 2 {
			t.Fatal(up)
		}
		last, err := s.LastChange(ctx)
		ok(t, err)
		got, err = s.Prune(ctx, model.Retention{Changes: h}, time.Now().Add(2*h))
		ok(t, err)
		oldest, err := s.OldestChange(ctx)
		ok(t, err)
		after, err := s.LastChange(ctx)
		ok(t, err)
		if got["changes"] != last || oldest != last+1 || after != last {
			t.Fatal(got, last, oldest, after)
		}
	})
}
