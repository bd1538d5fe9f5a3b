//go:build e2e

package plane

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestReplicas runs two servers on one database: what one is told, the other knows, and one may go.
func TestReplicas(t *testing.T) {
	_, url := database(t)
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	first, err := lab.Serve(t.Context(), binary(t), filepath.Join(t.TempDir(), "data"), port, nil, "--database", url, "--name", "one")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Kill()
	owner, token := tenantOwner(t, first)
	bob := newPerson(t, first)
	bob.enrol(owner.invite("bob", "developer"), "bob")
	second := serve(t, "--database", url, "--name", "two", "--master-key-file", filepath.Join(first.Dir, "master.key"))
	if second.Link != "" {
		t.Error("the second replica asks for a first administrator")
	}
	there := at(owner, second)
	t.Run("revoked token", func(t *testing.T) { revokedThere(t, owner, there) })
	t.Run("policy", func(t *testing.T) { policyThere(t, owner, at(bob, second)) })
	t.Run("watch", func(t *testing.T) { watchedThere(t, owner, there, "watched") })

	through := &balancer{to: []*lab.Server{first, second}}
	moving := join(t, owner, through, url, 4)
	moving.policy(owner)
	l := &load{token: token, tenant: "acme", server: through.next}
	l.changes = []change{{name: "watched", acked: true}} // by what was watched
	l.start(t.Context(), 4)
	time.Sleep(2 * time.Second)
	l.more(t)
	if err := first.Stop(); err != nil {
		t.Errorf("the first replica: %v", err)
	}
	through.set(second)
	l.mu.Lock()
	until := len(l.changes)
	l.mu.Unlock()
	time.Sleep(time.Second)
	l.more(t)
	l.end()
	if len(l.changes) < until+10 {
		t.Errorf("%d changes were acknowledged before one replica went, and %d after", until, len(l.changes)-until)
	}
	checkLoad(t, there, l)
	// The nodes went over to the other one, their streams are open there, and nobody took them for dead.
	moving.report()
	moving.policy(there)
	moving.kept(there)
	origins := map[string]bool{}
	var found struct{ Records []struct{ Origin string } }
	there.ask(&found, "audit", "search", "--filter", fmt.Sprintf("action = %q", "GroupCreate"), "--limit", "1000000")
	for _, r := range found.Records {
		origins[r.Origin] = true
	}
	if len(origins) != 2 {
		t.Errorf("the records are in the logs %v, not in one of each replica", origins)
	}
}

// at is the same person at another replica. The command line keeps sessions by address, so it is given this one.
func at(p *person, s *lab.Server) *person {
	p.t.Helper()
	other := *p
	other.server = s
	file := filepath.Join(p.t.TempDir(), "session")
	p.noError(os.WriteFile(file, []byte(p.secret()+"\n"), 0o600))
	other.env = append([]string{
		"BULKHEAD_CLIENT_SERVER=" + s.URL, "BULKHEAD_CLIENT_CA_FILE=" + filepath.Join(s.Dir, "ca.pem"), "BULKHEAD_CLIENT_TOKEN_FILE=" + file,
	}, p.env...)
	return &other
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if is() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("a minute later, still not: %s", what)
}

// revokedThere revokes a token at one replica that was good at the other.
func revokedThere(t *testing.T, here, there *person) {
	var made struct {
		Token  struct{ ID string }
		Secret string
	}
	here.ask(&made, "tokens", "create", "short", "--scope", "UserList", "--days", "1")
	list := func() int {
		status, _ := there.post(made.Secret, "UserService/ListUsers", struct{}{}, nil)
		return status
	}
	if got := list(); got != http.StatusOK {
		t.Fatalf("the other replica answers the token with %d", got)
	}
	here.must("tokens", "revoke", made.Token.ID)
	eventually(t, "the revoked token is refused at the other replica", func() bool { return list() == http.StatusUnauthorized })
}

// policyThere applies a policy at one replica which gives somebody a right that they then have at the other.
func policyThere(t *testing.T, here, bob *person) {
	secret := bob.secret()
	if status, body := bob.post(secret, "UserService/ListUsers", struct{}{}, nil); status != http.StatusForbidden {
		t.Fatalf("a developer lists users: %d %s", status, body)
	}
	var me struct{ ID string }
	if status, body := bob.post(secret, "AuthService/GetCaller", struct{}{}, &me); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	// From the answer on, a second: LISTEN and NOTIFY tell the other replica, it need not come round to looking. A machine that is busy may
	// take longer once, and then again is looked.
	quickest := time.Hour
	for _, x := range []struct {
		effect string
		status int
	}{{"permit", http.StatusOK}, {"forbid", http.StatusForbidden}, {"permit", http.StatusOK}} {
		policy := fmt.Sprintf("@id(\"bob-lists\")\n@reason(\"may bob list users\")\n%s (principal == Bulkhead::User::%q, action == Bulkhead::Action::\"UserList\", resource);\n", x.effect, me.ID)
		status, body := here.post(here.secret(), "PolicyService/ApplyPolicies", map[string]any{
			"tenant": "acme", "baseVersion": -1, "files": []map[string]string{{"name": "bob.cedar", "text": policy}},
		}, nil)
		if status != http.StatusOK {
			t.Fatalf("apply: %d %s", status, body)
		}
		applied := time.Now()
		eventually(t, "the policy is in force at the other replica", func() bool {
			status, _ := bob.post(secret, "UserService/ListUsers", struct{}{}, nil)
			return status == x.status
		})
		if quickest = min(quickest, time.Since(applied)); quickest <= time.Second {
			return
		}
	}
	t.Errorf("the policy was in force at the other replica after %s at best", quickest)
}

// watchedThere watches at one replica what is changed at the other.
func watchedThere(t *testing.T, here, there *person, name string) {
	client := there.server.Client()
	defer client.CloseIdleConnections()
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer "+there.secret())
	s, err := bulkheadv1connect.NewWatchServiceClient(client, there.server.URL).Watch(ctx, &bulkheadv1.WatchRequest{Kinds: []string{"Group"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.Receive() {
		t.Fatal(s.Err())
	}
	var group struct{ ID string }
	here.ask(&group, "groups", "create", name, "--tenant", "acme")
	made := time.Now()
	for s.Receive() {
		if took := time.Since(made); took > time.Second {
			t.Errorf("the watch told of it after %s", took)
		}
		if m := s.Msg(); m.GetOperation() == "created" && m.GetObject().GetId() == group.ID && group.ID != "" {
			return
		}
	}
	t.Errorf("the watch ended without the group %q: %v", group.ID, s.Err())
}
