//go:build e2e

package plane

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	nightShift = `// Who may restart the shop at night.
@id("night-shift")
@reason("the night shift restarts the shop's containers")
permit (
  principal in Bulkhead::Role::"operator",
  action == Bulkhead::Action::"ContainerRestart",
  resource is Bulkhead::Container
)
when { resource has image && resource.image like "registry.example/shop/*" };
`
	nightShiftTests = `tests:
  - name: the night shift restarts the shop
    principal: {id: nina, roles: [operator]}
    action: ContainerRestart
    resource: {type: Container, id: web, attrs: {image: registry.example/shop/web:1}}
    expect: allow
  - name: and nothing else
    principal: {id: nina, roles: [operator]}
    action: ContainerRestart
    resource: {type: Container, id: db, attrs: {image: registry.example/db:1}}
    expect: refuse
`
	noDrains = `
@id("no-drains")
@reason("nodes are drained by day only")
forbid (principal, action == Bulkhead::Action::"NodeCordon", resource is Bulkhead::Node)
unless { principal in Bulkhead::Role::"owner" };
`
)

// policies makes two versions of acme's policies, a second person with a browser, and a request that ann can approve.
func (w *consoleWorld) policies(t *testing.T) {
	t.Helper()
	w.links["pia"] = w.admin.inviteTo("pia", "administrator", "system")
	w.links["ravi"] = w.admin.inviteTo("ravi", "administrator", "system") // whose browser is in another zone
	for _, text := range []string{nightShift, nightShift + noDrains} {
		dir := t.TempDir()
		for name, text := range map[string]string{"night.cedar": text, "night.test.yaml": nightShiftTests} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.owner.must("policy", "apply", dir, "--yes", "--note", "night shift of the shop")
	}
	w.owner.must("access", "request", "AuditExport", "Tenant::acme", "--for", "30m", "--reason", "the yearly audit begins")
}
