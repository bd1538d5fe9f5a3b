//go:build e2e

package plane

import "testing"

// directory makes what the pages of people, tokens and pools show beside what is there anyway. Nothing of it needs a fresh factor.
func (w *consoleWorld) directory(t *testing.T) {
	t.Helper()
	w.admin.must("groups", "create", "night shift", "--tenant", "acme", "--role", "developer")
	w.admin.must("groups", "create", hostileNames[0], "--tenant", "acme", "--role", "developer")
	w.admin.must("users", "update", "tom", "--tenant", "acme", "--display-name", hostileNames[3])
	w.admin.must("tenants", "update", "acme", "--label", "region=eu-central", "--label", "contract=gold")
	w.admin.must("pools", "create", "edge", "--tenant", "acme", "--description", "What stands at customers", "--collect-every", "1m", "--step", "5,25,100", "--soak", "30m",
		"--most-findings", "10", "--most-failures", "5", "--roll-back", "--window", "0 2 * * 6 for 4h in Europe/Berlin", "--window", "30 22 * * 1-5 for 90m")
	w.admin.must("nodes", "join-token", "--tenant", "acme", "--name", "rack 12", "--pool", "edge")
}
