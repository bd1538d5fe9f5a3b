package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// onBoth runs a benchmark on each database.
func onBoth(b *testing.B, f func(b *testing.B, s *Store, u *model.Account)) {
	for _, kind := range []string{KindSQLite, KindPostgres} {
		b.Run(kind, func(b *testing.B) {
			s := open(b, options(b, kind))
			tenant(b, s, "a")
			f(b, s, account(b, s, "a", "alice"))
		})
	}
}

func BenchmarkSessionBySecret(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store, u *model.Account) {
		for i := range 100 {
			ok(b, s.CreateSession(b.Context(), session(u, fmt.Sprint(i))))
		}
		for b.Loop() {
			_, err := s.SessionBySecret(b.Context(), []byte("50"))
			ok(b, err)
		}
	})
}

func BenchmarkTokenBySecret(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store, u *model.Account) {
		x := token(u, "ci")
		ok(b, s.CreateToken(b.Context(), x))
		for b.Loop() {
			_, err := s.TokenBySecret(b.Context(), x.SecretHash)
			ok(b, err)
		}
	})
}

func BenchmarkApprovedAccess(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store, u *model.Account) {
		res := model.Ref{Type: "Tenant", ID: "a"}
		ok(b, s.InTx(b.Context(), func(ctx context.Context) error {
			for i := range 200 {
				x := &model.Access{ID: id(), Tenant: "a", User: u.ID, Action: fmt.Sprint(i), Resource: res, State: model.AccessApproved, Expires: now.Add(time.Hour)}
				if err := s.CreateAccess(ctx, x); err != nil {
					return err
				}
			}
			return nil
		}))
		for b.Loop() {
			_, err := s.ApprovedAccess(b.Context(), u.ID, "100", res, now)
			ok(b, err)
		}
	})
}

func BenchmarkIndexRecords256(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store, _ *model.Account) {
		var next uint64
		for b.Loop() {
			batch := make([]model.LogRecord, 256)
			for i := range batch {
				batch[i] = record("one", next, "a")
				next++
			}
			ok(b, s.IndexRecords(b.Context(), batch))
		}
	})
}

// What a replica writes down of 10,000 nodes every few seconds.
func BenchmarkTouchNodes10000(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store, _ *model.Account) {
		contacts := make([]model.Contact, 10000)
		ok(b, s.InTx(b.Context(), func(ctx context.Context) error {
			for i := range contacts {
				m := member("a", fmt.Sprintf("%032x", i))
				if err := s.CreateNode(ctx, m); err != nil {
					return err
				}
				contacts[i] = model.Contact{Node: m.ID, Run: "run"}
			}
			return nil
		}))
		seen := now
		for b.Loop() {
			seen = seen.Add(5 * time.Second)
			for i := range contacts {
				contacts[i].Seen = seen
			}
			ok(b, s.TouchNodes(b.Context(), contacts))
		}
	})
}

// A node of 2,000 facts reports that 20 of them changed.
func BenchmarkApplyFacts(b *testing.B) {
	onBoth(b, func(b *testing.B, s *Store, _ *model.Account) {
		node(b, s, "a", "n1")
		keys := make([]string, 2000)
		for i := range keys {
			keys[i] = fmt.Sprintf("containers/%064x", i)
		}
		ok(b, s.ApplyFacts(b.Context(), "n1", update("", "0", keys...), now))
		for i := 0; b.Loop(); i++ {
			u := update(fmt.Sprint(i), fmt.Sprint(i+1), keys[:20]...)
			ok(b, s.InTx(b.Context(), func(ctx context.Context) error {
				if _, err := s.FactDigests(ctx, "n1"); err != nil {
					return err
				}
				return s.ApplyFacts(ctx, "n1", u, now)
			}))
		}
	})
}
