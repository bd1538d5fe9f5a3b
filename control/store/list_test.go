package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func names(list []model.Account) (out []string) {
	for _, a := range list {
		out = append(out, a.Name)
	}
	return out
}

func TestPages(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		var want []string
		for i := range 25 {
			account(t, s, "a", fmt.Sprintf("u%02d", i))
			account(t, s, "b", fmt.Sprintf("u%02d", i))
			want = append(want, fmt.Sprintf("u%02d", i))
		}
		q := model.Query{Tenant: "a", Size: 10}
		var got []string
		for pages := 0; ; pages++ {
			list, next, err := s.Accounts(ctx, q)
			ok(t, err)
			got = append(got, names(list)...)
			if next == "" {
				if pages != 2 || len(list) != 5 {
					t.Fatalf("page %d has %d", pages, len(list))
				}
				break
			}
			account(t, s, "a", fmt.Sprintf("a-before-%d", pages)) // what is added in front moves nothing
			q.Token = next
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		list, next, err := s.Accounts(ctx, model.Query{Tenant: "b", Size: 25})
		ok(t, err)
		if len(list) != 25 || next != "" {
			t.Fatal(len(list), next)
		}
		// A token of one question does not answer another one, in particular not of another tenant.
		_, token, err := s.Accounts(ctx, model.Query{Tenant: "a", Size: 1})
		ok(t, err)
		for name, q := range map[string]model.Query{
			"another tenant": {Tenant: "b", Token: token},
			"all tenants":    {Token: token},
			"another filter": {Tenant: "a", Token: token, Where: []model.Condition{{Field: "name", Op: "=", Value: "x"}}},
			"no token":       {Tenant: "a", Token: "x"},
			"no JSON":        {Tenant: "a", Token: base64.RawURLEncoding.EncodeToString([]byte("x"))},
			"too long":       {Tenant: "a", Token: strings.Repeat("A", 5000)},
			"other keys":     {Tenant: "a", Token: accounts().token(model.Query{Tenant: "a"}, []any{1, 2})},
			"fewer keys":     {Tenant: "a", Token: accounts().token(model.Query{Tenant: "a"}, []any{"x"})},
		} {
			_, _, err := s.Accounts(ctx, q)
			if model.CodeOf(err) != model.CodeExpired {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, _, err = s.Accounts(ctx, model.Query{Size: -1})
		code(t, err, model.CodeInvalid)
	})
}

func TestFilters(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		for i, a := range []model.Account{
			{Name: "alice", Email: "a'@x", Roles: []string{"owner", "developer"}, Created: now},
			{Name: "bob", Roles: []string{"own_r", "own"}, Disabled: true, Created: now.Add(time.Second)},
			{Name: "carol", Email: "%", Created: now.Add(2 * time.Second)},
		} {
			a.ID, a.Tenant = fmt.Sprint(i), "a"
			ok(t, s.CreateAccount(ctx, &a))
		}
		for _, c := range []struct {
			field, op, value string
			want             []string
		}{
			{"name", "=", "bob", []string{"bob"}},
			{"name", "!=", "bob", []string{"alice", "carol"}},
			{"name", ">", "alice", []string{"bob", "carol"}},
			{"name", ">=", "bob", []string{"bob", "carol"}},
			{"name", "<", "bob", []string{"alice"}},
			{"name", "<=", "bob", []string{"alice", "bob"}},
			{"name", "=", "' OR 1=1 --", nil},
			{"email", "=", "a'@x", []string{"alice"}},
			{"email", "=", "%", []string{"carol"}},
			{"role", "=", "owner", []string{"alice"}},
			{"role", "!=", "owner", []string{"bob", "carol"}},
			{"role", "=", "own_r", []string{"bob"}},
			{"role", "=", "%", nil},
			{"disabled", "=", "true", []string{"bob"}},
			{"disabled", "!=", "true", []string{"alice", "carol"}},
			{"created", ">", now.Format(time.RFC3339Nano), []string{"bob", "carol"}},
		} {
			list, _, err := s.Accounts(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: c.field, Op: c.op, Value: c.value}}})
			ok(t, err)
			if d := cmp.Diff(c.want, names(list)); d != "" {
				t.Errorf("%s %s %q: %s", c.field, c.op, c.value, d)
			}
		}
		for _, c := range []model.Condition{
			{Field: "secret_hash", Op: "=", Value: "x"},
			{Field: "name; DROP TABLE accounts", Op: "=", Value: "x"},
			{Field: "name", Op: "LIKE", Value: "x"},
			{Field: "name", Op: "= '' OR '' =", Value: "x"},
			{Field: "name", Op: "=", Value: "a\x00b"},
			{Field: "role", Op: "<", Value: "x"},
			{Field: "disabled", Op: "=", Value: "perhaps"},
			{Field: "created", Op: "=", Value: "yesterday"},
		} {
			_, _, err := s.Accounts(ctx, model.Query{Where: []model.Condition{c}})
			if model.CodeOf(err) != model.CodeInvalid {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

// Whatever a token or a filter holds, the list answers or refuses; it never fails inside.
func FuzzQuery(f *testing.F) {
	s := open(f, Options{Dir: f.TempDir()})
	for _, seed := range []struct{ token, field, op, value string }{
		{"", "name", "=", "x"},
		{accounts().token(model.Query{}, []any{"a", "b"}), "", "", ""},
		{"e30", "role", "!=", "'"},
		{accounts().token(model.Query{}, []any{"\x00", "b"}), "created", ">", "2026-01-01T00:00:00Z"},
	} {
		f.Add(seed.token, seed.field, seed.op, seed.value)
	}
	f.Fuzz(func(t *testing.T, token, field, op, value string) {
		q := model.Query{Token: token}
		if field != "" {
			q.Where = []model.Condition{{Field: field, Op: op, Value: value}}
		}
		_, _, err := s.Accounts(t.Context(), q)
		switch model.CodeOf(err) {
		case "", model.CodeInvalid, model.CodeExpired:
		default:
			t.Fatal(err)
		}
	})
}

func ids[M any](list []M, of func(M) string) (out []string) {
	for _, m := range list {
		out = append(out, of(m))
	}
	return out
}

// walk reads a list page by page, and wants these ids in this order.
func walk[M any](t *testing.T, list func(context.Context, model.Query) ([]M, string, error), q model.Query, of func(M) string, want ...string) {
	t.Helper()
	q.Size = 2
	var got []string
	for range len(want) + 1 {
		page, next, err := list(t.Context(), q)
		ok(t, err)
		got = append(got, ids(page, of)...)
		if q.Token = next; next == "" {
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	_, _, err := list(t.Context(), model.Query{Where: []model.Condition{{Field: "secret_hash", Op: "=", Value: "x"}}})
	code(t, err, model.CodeInvalid)
	_, next, err := list(t.Context(), model.Query{Tenant: q.Tenant, Size: 1})
	ok(t, err)
	_, _, err = list(t.Context(), model.Query{Tenant: "another", Size: 1, Token: next})
	code(t, err, model.CodeExpired)
}

// counter gives numbers to those who race.
type counter struct{ n atomic.Int64 }

func (c *counter) next() int { return int(c.n.Add(1)) }
