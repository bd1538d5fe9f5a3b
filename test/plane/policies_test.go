//go:build e2e

package plane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// whole is what the tests of rights begin with: an administrator, the tenant acme with its owner alice, and the developer bob.
func whole(t *testing.T) (admin, alice, bob *person) {
	t.Helper()
	s := serve(t)
	admin, alice, bob = newPerson(t, s), newPerson(t, s), newPerson(t, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	alice.enrol(admin.invite("alice", "owner"), "alice")
	bob.enrol(admin.invite("bob", "developer"), "bob")
	return admin, alice, bob
}

// id is the person's account.
func (p *person) id() string {
	p.t.Helper()
	var me struct{ ID string }
	p.ask(&me, "whoami")
	return me.ID
}

// refused runs a command that has to be answered with no, and gives what it said.
func (p *person) refused(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != 2 {
		p.t.Fatalf("%v ended with %d, not with 2: %s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stderr
}

// contains fails where a text lacks one of those wanted.
func contains(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%s lacks %q:\n%s", what, w, text)
		}
	}
}

// TestPoliciesFromDraftToRollback goes the way of an owner who gives a right by a policy of the tenant's own, asks why and
// who, and takes it back.
func TestPoliciesFromDraftToRollback(t *testing.T) {
	_, alice, bob := whole(t)
	bobID := bob.id()
	bob.refused("users", "list")

	dir := filepath.Join(alice.home, "draft")
	write := func(name, text string) {
		t.Helper()
		alice.noError(os.MkdirAll(dir, 0o700))
		alice.noError(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("desk.cedar", `@id("list")
@reason("bob keeps the list of people")
permit (principal == Bulkhead::User::"`+bobID+`", action == Bulkhead::Action::"UserLists", resource);
`)
	alice.refused("policy", "validate", dir, "--tenant", "acme")
	write("desk.cedar", `@id("list")
@reason("bob keeps the list of people")
permit (principal == Bulkhead::User::"`+bobID+`", action == Bulkhead::Action::"UserList", resource is Bulkhead::Tenant);
`)
	tests := `tests:
  - name: bob lists people
    principal: {id: ` + bobID + `}
    action: UserList
    resource: {type: Tenant, id: acme}
    expect: `
	write("desk.test.yaml", tests+"refuse\n")
	contains(t, "the test", alice.must("policy", "validate", dir, "--tenant", "acme"), "2 files are right")
	alice.refused("policy", "test", dir, "--tenant", "acme")
	alice.refused("policy", "apply", dir, "--yes")
	write("desk.test.yaml", tests+"allow\n")
	contains(t, "the test", alice.must("policy", "test", dir, "--tenant", "acme"), "1 tests passed")

	contains(t, "the difference", alice.must("policy", "diff", dir), "desk.cedar", "0 would be refused now, 1 permitted", "bob", "UserList", "acme/desk/list")
	bob.refused("users", "list")
	applied := alice.run("policy", "apply", dir, "--yes", "--note", "the desk")
	if applied.code != 0 {
		t.Fatalf("apply ended with %d: %s", applied.code, applied.stderr)
	}
	contains(t, "the preview on standard error", applied.stderr, "desk.cedar", "permitted")
	contains(t, "the answer", applied.stdout, "version:       1", "the desk")
	contains(t, "the list", bob.must("users", "list"), "alice")

	// Why, who, what.
	contains(t, "the explanation", alice.must("policy", "explain", "UserList", "Tenant::acme", "--user", "bob"), "allowed", "acme/desk/list", "bob keeps the list of people")
	contains(t, "the explanation", alice.must("policy", "explain", "UserCreate", "Tenant::acme", "--user", bobID), "refused")
	var found struct {
		Records []struct{ ID, Outcome string }
	}
	eventually(t, "bob's refusals are in the log", func() bool {
		alice.ask(&found, "audit", "search", "--filter", `actor = "`+bobID+`" AND action = "UserList" AND outcome = "refused"`)
		return len(found.Records) > 0
	})
	contains(t, "the record's explanation", alice.must("policy", "explain", "--record", found.Records[0].ID), "refused", "would decide otherwise")
	who := alice.must("policy", "who-can", "UserList", "Tenant::acme")
	contains(t, "who-can", who, "alice", "bob", "acme/desk/list")
	contains(t, "what-can", alice.must("policy", "what-can", "--user", "bob"), "UserList")
	bob.refused("policy", "who-can", "UserList", "Tenant::acme")

	// And back, to the version before and to none.
	write("desk.cedar", "// nobody\n")
	write("desk.test.yaml", tests+"refuse\n")
	var second struct {
		Version string
		Preview struct {
			NewlyRefused string `json:"newly_refused"`
		}
	}
	alice.ask(&second, "policy", "apply", dir, "--yes")
	if second.Version != "2" || second.Preview.NewlyRefused != "3" { // the one that was permitted, and the two before that would be now
		t.Errorf("the second version is %+v", second)
	}
	bob.refused("users", "list")
	contains(t, "versions", alice.must("policy", "versions"), "1  ", "2  ", "the desk")
	back := alice.run("policy", "rollback", "1", "--yes", "--note", "it was right")
	if back.code != 0 {
		t.Fatalf("rollback ended with %d: %s", back.code, back.stderr)
	}
	contains(t, "the preview of a rollback", back.stderr, "desk.cedar", "permitted")
	bob.must("users", "list")
	alice.must("policy", "rollback", "0", "--yes")
	bob.refused("users", "list")
	contains(t, "the policies in force", alice.must("policy", "get"), "version:       4", "files:         0")
}

// TestAccessForATime goes from a request to its approval by a second person, to the call that it permits, and to its end:
// early, and by time.
func TestAccessForATime(t *testing.T) {
	admin, alice, bob := whole(t)
	carol := newPerson(t, admin.server)
	carol.enrol(admin.invite("carol", "developer"), "carol")
	carolID := carol.id()
	call := []string{"users", "revoke-sessions", carolID}
	bob.refused(call...)

	type request struct{ ID, State string }
	ask := func(p *person, long string) request {
		t.Helper()
		var r request
		p.ask(&r, "access", "request", "UserSessionsRevoke", "User::"+carolID, "--for", long, "--reason", "carol lost a laptop")
		if r.State != "pending" {
			t.Fatalf("the request is %+v", r)
		}
		return r
	}
	if r := bob.run("access", "request", "UserSessionsRevoke", "User::"+carolID, "--for", "9h", "--reason", "x"); r.code != 1 {
		t.Errorf("nine hours ended with %d: %s", r.code, r.stderr)
	}
	bob.refused("access", "request", "Watch", "Tenant::acme", "--reason", "it can't be asked for")

	first := ask(bob, "30m")
	bob.refused(call...) // asking is not having
	bob.refused("access", "approve", first.ID)
	carol.must("whoami")
	contains(t, "the list", alice.must("access", "list", "--filter", `state = "pending"`), first.ID, "carol lost a laptop")
	contains(t, "the approval", alice.must("access", "approve", first.ID, "--note", "go"), "approved", "go")
	bob.must(call...)
	carol.refused("whoami") // it was done
	bob.refused("users", "delete", carolID, "--yes")
	contains(t, "the end", alice.must("access", "revoke", first.ID), "revoked")
	bob.refused(call...)

	own := ask(alice, "30m")
	contains(t, "the approval of an own request", alice.refused("access", "approve", own.ID), "own request")
	denied := ask(bob, "30m")
	contains(t, "the denial", alice.must("access", "deny", denied.ID), "denied")
	bob.refused(call...)

	short := ask(bob, "1m")
	alice.must("access", "approve", short.ID)
	granted := time.Now()
	bob.must(call...)
	time.Sleep(time.Until(granted.Add(time.Minute + time.Second)))
	bob.refused(call...)
	contains(t, "what is over", alice.must("access", "list"), "expired")
}
