//go:build e2e

package plane

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestOwnAccount goes through what people do to their own account on the command line.
func TestOwnAccount(t *testing.T) {
	s := serve(t)
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	other := admin.signIn("admin")
	var list struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	admin.ask(&list, "account", "sessions")
	if len(list.Sessions) != 2 || list.Sessions[0].Current == list.Sessions[1].Current {
		t.Fatalf("the sessions are %+v", list)
	}
	admin.must("account", "sessions", "revoke", "--others")
	if code, _ := admin.post(other, "AuthService/GetCaller", struct{}{}, nil); code != http.StatusUnauthorized {
		t.Errorf("the other session is answered with %d", code)
	}

	old, changed := filepath.Join(admin.home, "password"), filepath.Join(admin.home, "changed")
	admin.noError(os.WriteFile(changed, []byte("five gulls over ostend\n"), 0o600))
	secret := admin.secret()
	admin.must("account", "password", "--old-password-file", old, "--new-password-file", changed)
	if admin.secret() == secret {
		t.Error("the session kept its secret through a change of the password")
	}
	admin.must("whoami")

	var codes struct{ Codes []string }
	admin.ask(&codes, "account", "recovery-codes", "--yes")
	if len(codes.Codes) != 10 {
		t.Errorf("there are %d new recovery codes", len(codes.Codes))
	}
	contains(t, "the factors", admin.must("account", "factors"), "authenticator app", "recovery codes")
	contains(t, "info", admin.must("info"), "sqlite", "CONTROL")
}
