package authn

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func testStore(testing.TB) Store { return newMemory() }

func (w *world) group(name string, roles ...string) {
	w.t.Helper()
	m := w.store.(*memory)
	must(w.t, add(m, m.groups, "g-"+name, model.AccountGroup{ID: "g-" + name, Tenant: "acme", Name: name, Roles: roles}))
}
