package authn

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

// testStore is the product's own store on SQLite, with the tenant "acme".
func testStore(t testing.TB) Store {
	t.Helper()
	s, err := store.Open(ctx(t), store.Options{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.CreateTenant(ctx(t), &model.Tenant{ID: "acme", Name: "Acme"}))
	return s
}

// group makes a group in "acme".
func (w *world) group(name string, roles ...string) {
	w.t.Helper()
	s := w.store.(*store.Store)
	must(w.t, s.CreateGroup(ctx(w.t), &model.AccountGroup{ID: "g-" + name, Tenant: "acme", Name: name, Roles: roles}))
}
