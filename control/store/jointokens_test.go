package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestJoinTokens(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		x := joinToken("a", "j1")
		ok(t, s.CreateJoinToken(ctx, x))
		code(t, s.CreateJoinToken(ctx, x), model.CodeExists)
		code(t, s.CreateJoinToken(ctx, joinToken("none", "j9")), model.CodeNotFound)
		got, err := s.JoinToken(ctx, "j1")
		ok(t, err)
		same(t, x, got)
		got, err = s.JoinTokenBySecret(ctx, x.SecretHash)
		ok(t, err)
		same(t, x, got)
		_, err = s.JoinTokenBySecret(ctx, nil)
		code(t, err, model.CodeNotFound)
		_, err = s.JoinToken(ctx, "none")
		code(t, err, model.CodeNotFound)

		code(t, s.UseJoinToken(ctx, "j1", "n1", x.Expires), model.CodeExpired)
		ok(t, s.UseJoinToken(ctx, "j1", "n1", now))
		code(t, s.UseJoinToken(ctx, "j1", "n1", now), model.CodeConflict)
		code(t, s.UseJoinToken(ctx, "none", "n1", now), model.CodeNotFound)
		got, err = s.JoinToken(ctx, "j1")
		ok(t, err)
		x.Used, x.UsedBy = now, "n1"
		same(t, x, got)

		ok(t, s.CreateJoinToken(ctx, joinToken("a", "j2")))
		ok(t, s.RevokeJoinToken(ctx, "j2", now))
		ok(t, s.RevokeJoinToken(ctx, "j2", now.Add(time.Hour)))
		code(t, s.RevokeJoinToken(ctx, "none", now), model.CodeNotFound)
		code(t, s.UseJoinToken(ctx, "j2", "n1", now), model.CodeExpired)
		got, err = s.JoinToken(ctx, "j2")
		ok(t, err)
		if !got.Revoked.Equal(now) || !got.Used.IsZero() {
			t.Fatalf("%+v", got)
		}
		ok(t, s.CreateJoinToken(ctx, joinToken("a", "j3"))) // also without a time it is used once
		ok(t, s.UseJoinToken(ctx, "j3", "n1", now.Add(-time.Hour)))
		same(t, []string{
			"created j1@a", "updated j1@a", "created j2@a", "updated j2@a", "created j3@a", "updated j3@a",
		}, operations(t, s, "JoinToken"))
	})
}

func TestUseJoinTokenRace(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		tenant(t, s, "a")
		ok(t, s.CreateJoinToken(t.Context(), joinToken("a", "j1")))
		var n counter
		won := race(8, func() error {
			err := s.UseJoinToken(t.Context(), "j1", fmt.Sprint("n", n.next()), now)
			if err != nil && model.CodeOf(err) != model.CodeConflict {
				t.Error(err)
			}
			return err
		})
		if won != 1 {
			t.Fatal(won)
		}
	})
}

func TestJoinTokenLists(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		for i := range 5 {
			x := joinToken("a", fmt.Sprint("j", i))
			x.Created = now.Add(time.Duration(i/2) * time.Second)
			if i == 1 {
				x.Name, x.Pool = "other", "default"
			}
			ok(t, s.CreateJoinToken(ctx, x))
		}
		ok(t, s.CreateJoinToken(ctx, joinToken("b", "j9")))
		ok(t, s.UseJoinToken(ctx, "j2", "n", now))
		ok(t, s.RevokeJoinToken(ctx, "j3", now))
		of := func(x model.JoinToken) string { return x.ID }
		for _, c := range []struct {
			field, value string
			want         []string
		}{
			{"name", "other", []string{"j1"}},
			{"pool", "default", []string{"j1"}},
			{"used", "true", []string{"j2"}},
			{"revoked", "true", []string{"j3"}},
		} {
			got, _, err := s.JoinTokens(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: c.field, Op: "=", Value: c.value}}})
			ok(t, err)
			same(t, c.want, ids(got, of))
		}
		walk(t, s.JoinTokens, model.Query{Tenant: "a"}, of, "j4", "j3", "j2", "j1", "j0")
		walk(t, s.JoinTokens, model.Query{Tenant: "a", Oldest: true}, of, "j0", "j1", "j2", "j3", "j4")
	})
}
