//go:build e2e

package plane

import (
	"testing"
	"time"
)

// proofs are what the pages of exceptions, drills and reports show: an operator asks for an exception, one ends soon, the results of drills
// are published, and a report is there.
func (w *consoleWorld) proofs(t *testing.T) {
	t.Helper()
	otto := newPerson(t, w.server)
	otto.enrol(w.admin.invite("otto", "operator"), "otto")
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	otto.must("exceptions", "request", "8.1.b", "--owner", "otto", "--reason", "the vendor mends it next month", "--expires", day(5))
	w.owner.must("exceptions", "create", "8.4.e", "--owner", "olga", "--reason", "the audit of the host runs until Friday", "--expires", day(4))
	w.admin.must("drill", "run", "8.5.d/password-only", "--publish", "--node", "edge-01", "--tenant", "acme")
	w.admin.must("report", "create", "--title", "Third quarter", "--tenant", "acme", "--wait")
}
