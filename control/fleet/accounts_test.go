package fleet

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// person makes an account of a tenant.
func (w *world) person(id, tenant string, change func(*model.Account)) {
	w.Helper()
	a := &model.Account{ID: id, Tenant: tenant, Name: id, Roles: []string{model.RoleDeveloper}, Created: w.clock.now()}
	if change != nil {
		change(a)
	}
	w.ok(w.store.CreateAccount(w.Context(), a))
}

// names are those of a bundle, with the roles that they have.
func (w *world) names(b *model.Bundle) map[string][]string {
	w.Helper()
	var d bundle.Accounts
	w.ok(bundle.Accept(b, w.verifier, b.Scope, 0))
	w.ok(bundle.Decode(b.Document, &d))
	names := map[string][]string{}
	for _, a := range d.Accounts {
		names[a.Name] = a.Roles
	}
	return names
}

func TestGuardsGetAccounts(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	w.join("s1", func(m *model.Member) { m.Tenant = model.SystemTenant })
	w.ok(w.store.CreateGroup(t.Context(), &model.AccountGroup{ID: "g1", Tenant: "acme", Name: "ops", Roles: []string{model.RoleOperator}, Hosts: []string{"n1"}, Created: w.clock.now()}))
	w.person("dev", "acme", func(a *model.Account) { a.Groups = []string{"g1"} })
	w.person("gone", "acme", func(a *model.Account) { a.Disabled = true })
	w.person("globex", "other", nil)
	w.person("root", model.SystemTenant, func(a *model.Account) { a.Roles = []string{model.RoleAdministrator} })

	w.pool(w.f, "default", failing(7)) // its settings come after accounts would
	w.follow(w.f, "n1", Have{}).until(func(i Item) bool {
		if isDocument(model.BundleAccounts)(i) {
			t.Error("an agent that guards nothing gets accounts")
		}
		return isDocument(model.BundleSettings)(i)
	})
	b := w.follow(w.f, "n1", Have{Guards: true}).document(model.BundleAccounts, "acme", 0)
	if got := w.names(b); len(got) != 2 || len(got["dev"]) != 2 || got["dev"][1] != model.RoleOperator || got["root"] == nil {
		t.Errorf("%v", got)
	}
	// The provider's own hosts may serve all tenants.
	if got := w.names(w.follow(w.f, "s1", Have{Guards: true}).document(model.BundleAccounts, model.SystemTenant, 0)); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestAccountsFollowWhatChanges(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	w.person("dev", "acme", nil)
	x := w.follow(w.f, "n1", Have{Guards: true})
	first := x.document(model.BundleAccounts, "acme", 0)
	feed := w.feeds(w.f)
	if b, err := w.f.putAccounts(t.Context(), "acme"); err != nil || b.Version != first.Version {
		t.Fatalf("the same accounts are version %d after %d: %v", b.Version, first.Version, err)
	}
	w.ok(w.store.CreateAccess(t.Context(), &model.Access{
		ID: "a1", Tenant: "acme", User: "dev", Action: "ContainerExec", Resource: model.Ref{Type: "Container", ID: "c1"}, State: model.AccessApproved,
		Duration: time.Hour, Created: w.clock.now(), Expires: w.clock.now().Add(time.Hour),
	}))
	w.ok(w.f.ensureAccounts(t.Context()))
	w.ok(feed.look(t.Context()))
	var d bundle.Accounts
	w.ok(bundle.Decode(x.document(model.BundleAccounts, "acme", first.Version).Document, &d))
	if len(d.Grants) != 1 || d.Grants[0].Action != "ContainerExec" || !d.Grants[0].Until.After(w.clock.now()) {
		t.Errorf("%+v", d.Grants)
	}
}
