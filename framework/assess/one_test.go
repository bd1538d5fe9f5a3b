package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// assessOne runs the check with the id on a snapshot under the default settings, changed by the given functions.
func assessOne(t *testing.T, id string, snap *model.Snapshot, change ...func(*Settings)) model.CheckResult {
	t.Helper()
	set := DefaultSettings()
	for _, f := range change {
		f(&set)
	}
	for _, c := range Checks() {
		if c.ID == id {
			return runCheck(&Input{Snap: snap, Settings: &set}, c, nil)
		}
	}
	t.Fatalf("there is no check %q", id)
	return model.CheckResult{}
}

// wantCheck fails the test unless the check has the status, and shows its evidence.
func wantCheck(t *testing.T, want model.CheckStatus, id string, snap *model.Snapshot, change ...func(*Settings)) {
	t.Helper()
	res := assessOne(t, id, snap, change...)
	if res.Status == want {
		return
	}
	t.Errorf("%s is %s, want %s", id, res.Status, want)
	for _, e := range res.Evidence {
		t.Logf("  %s %s %s: %s", e.Status, e.Pointer, e.Subject, e.Text)
	}
}
