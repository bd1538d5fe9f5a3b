package api_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// tampered is a store in which somebody took rows away by hand.
type tampered struct {
	sets    []model.Policies
	tenants map[string]time.Time
}

func (s *tampered) AllPolicies(context.Context) ([]model.Policies, error) {
	return slices.Clone(s.sets), nil
}
func (s *tampered) LastChange(context.Context) (int64, error) { return 0, nil }
func (s *tampered) ChangesAfter(context.Context, string, int64, int) ([]model.Change, error) {
	return nil, nil
}

func (s *tampered) Tenant(_ context.Context, id string) (*model.Tenant, error) {
	created, ok := s.tenants[id]
	if !ok {
		return nil, &model.Error{Code: model.CodeNotFound}
	}
	return &model.Tenant{ID: id, Created: created}, nil
}

func TestPoliciesDontGoBack(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	set := func(version int64) model.Policies {
		return model.Policies{Tenant: "acme", Version: version, Created: begun.Add(time.Duration(version) * time.Hour)}
	}
	tests := []struct {
		name    string
		next    []model.Policies
		created time.Time // of the tenant; zero where it is gone
		want    int64
		said    bool
	}{
		{"a newer one", []model.Policies{set(4)}, begun, 4, false},
		{"the same", []model.Policies{set(3)}, begun, 3, false},
		{"the newest row is gone", []model.Policies{set(2)}, begun, 3, true},
		{"all rows are gone", nil, begun, 3, true},
		{"the tenant ended", nil, time.Time{}, 0, false},
		{"another tenant of the name", []model.Policies{set(1)}, begun.Add(9 * time.Hour), 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			engine, err := authz.New(authz.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			st := &tampered{sets: []model.Policies{set(3)}, tenants: map[string]time.Time{"acme": begun}}
			r := api.NewPolicyRefresher(st, engine, slog.New(slog.NewTextHandler(&said, nil)))
			if err := r.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			st.sets, st.tenants = tt.next, map[string]time.Time{}
			if !tt.created.IsZero() {
				st.tenants["acme"] = tt.created
			}
			for range 2 { // and it stays so
				if err := r.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := engine.Versions()["acme"]; got != tt.want || strings.Contains(said.String(), "level=ERROR") != tt.said {
				t.Errorf("version %d is in force, want %d; said: %s", got, tt.want, said.String())
			}
		})
	}
}
