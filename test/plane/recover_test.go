//go:build e2e

package plane

import (
	"net/http"
	"testing"
)

// TestRecovery locks the only administrator out and lets the server's owner help, on the server itself.
func TestRecovery(t *testing.T) {
	s := serve(t)
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	old := admin.secret()
	owner := newPerson(t, s)
	if r := owner.run("recover", "nobody", "--data-dir", s.Dir); r.code != 1 {
		t.Errorf("a link for nobody: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if r := owner.run("recover", "admin", "--data-dir", t.TempDir()); r.code != 1 {
		t.Errorf("without a server: %d %s%s", r.code, r.stdout, r.stderr)
	}
	var found struct{ Link string }
	owner.ask(&found, "recover", "admin", "--data-dir", s.Dir)
	if status, _ := admin.post(old, "AuthService/GetCaller", struct{}{}, nil); status != http.StatusUnauthorized {
		t.Errorf("the session from before was answered with %d", status)
	}
	again := newPerson(t, s)
	again.enrol(found.Link, "admin")
	if records := again.records("AccountRecover"); len(records) != 1 || records[0].Outcome != "allowed" {
		t.Errorf("the log says of the recovery: %+v", records)
	}
}
