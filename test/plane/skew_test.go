//go:build e2e

package plane

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// nextVersion builds the program of a made-up next version, whose schema has more than this one's.
func nextVersion(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bulkhead-next")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "nextschema", "-ldflags", "-s -w -X main.version=next", "-o", bin, "../../cmd/bulkhead")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v\n%s", err, out)
	}
	return bin
}

// TestRollingUpgrade brings one of two replicas to the next version while both are under load, restarts the old one on the newer
// schema, and goes back. In each state both work: sessions, watches and policies are those of one control plane, nodes move from one
// to the other, and nothing that was acknowledged is lost.
func TestRollingUpgrade(t *testing.T) {
	bin := nextVersion(t)
	_, url := database(t)
	old := newReplica(t, "old", "--database", url)
	owner, token := tenantOwner(t, old.Server)
	bob := newPerson(t, old.Server)
	bob.enrol(owner.invite("bob", "developer"), "bob")
	through := &balancer{to: []*lab.Server{old.Server}}
	moving := join(t, owner, through, url, 4)
	before := schema(t, url)

	l := &load{token: token, tenant: "acme", server: through.next}
	watched := func(name string) { l.changes = append(l.changes, change{name: name, acked: true}) }
	l.start(t.Context(), 4)
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "next")
	start := func() *lab.Server {
		s, err := lab.Serve(t.Context(), bin, dir, port, nil,
			"--database", url, "--name", "next", "--master-key-file", filepath.Join(old.dir, "master.key"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	next := start() // changes the schema while the old one serves
	defer func() { next.Kill() }()
	if now := schema(t, url); now != before+1 {
		t.Fatalf("the schema is %d, it was %d: the test shows nothing", now, before)
	}
	through.set(old.Server, next)
	time.Sleep(2 * time.Second)
	l.more(t)
	l.end()
	there := at(owner, next)
	checkLoad(t, there, l)

	t.Run("old before the schema changed", func(t *testing.T) {
		watchedThere(t, owner, there, "watched-1")
		watchedThere(t, there, owner, "watched-2")
		policyThere(t, owner, at(bob, next))
	})
	watched("watched-1")
	watched("watched-2")
	moving.report()

	// The old one starts on the newer schema, under load again.
	l.start(t.Context(), 4)
	through.set(next)
	old.stop()
	moving.policy(there) // all nodes are at the next version
	old.start()
	owner.server, bob.server = old.Server, old.Server
	through.set(old.Server, next)
	time.Sleep(2 * time.Second)
	l.more(t)
	l.end()
	checkLoad(t, owner, l)
	t.Run("old on the newer schema", func(t *testing.T) {
		there.must("tenants", "list")
		watchedThere(t, owner, there, "watched-3")
		watchedThere(t, there, owner, "watched-4")
	})
	moving.policy(owner)
	watched("watched-3")
	watched("watched-4")

	// Back: the next version goes, the old one is alone with the newer schema.
	l.start(t.Context(), 4)
	through.set(old.Server)
	if err := next.Stop(); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Second)
	l.more(t)
	l.end()
	checkLoad(t, owner, l)
	moving.report()
	moving.policy(owner)
	moving.kept(owner)
	if now := schema(t, url); now != before+1 {
		t.Errorf("the schema is %d", now)
	}
	next = start() // for the deferred end, and to see that it comes back
	checkLoad(t, at(owner, next), l)
}

// schema is the newest migration of the database.
func schema(t *testing.T, url string) int {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := c.QueryRow(t.Context(), "SELECT max(name)::int FROM bun_migrations").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
