//go:build e2e

package plane

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// databases are the arguments of `serve` for each database.
func databases(t *testing.T) map[string][]string {
	t.Helper()
	_, url := postgres(t)
	return map[string][]string{"sqlite": nil, "postgres": {"--database", url}}
}

// postgres starts a PostgreSQL for the test and gives the URL of a database in it.
func postgres(t *testing.T) (*lab.Postgres, string) {
	t.Helper()
	pg, err := lab.StartPostgres(t.Context(), lab.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	url, err := pg.Create(t.Context(), "plane")
	if err != nil {
		t.Fatal(err)
	}
	return pg, url
}

// TestDatabaseRestartedUnderLoad takes the database away from under the server, as a power cut would, and brings it
// back: what was acknowledged is there once, and the server goes on by itself.
func TestDatabaseRestartedUnderLoad(t *testing.T) {
	pg, url := postgres(t)
	s := serve(t, "--database", url)
	owner, token := tenantOwner(t, s)
	l := &load{server: func() *lab.Server { return s }, token: token, tenant: "acme"}
	l.start(t.Context(), 8)
	for range 3 {
		time.Sleep(500 * time.Millisecond)
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := pg.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
	l.end()
	checkLoad(t, owner, l)
}

// TestReplicas runs two servers on one database: what one is told, the other knows, and one may go.
func TestReplicas(t *testing.T) {
	_, url := postgres(t)
	first := serve(t, "--database", url, "--name", "one")
	owner, token := tenantOwner(t, first)
	key := filepath.Join(first.Dir, "master.key")
	second := serve(t, "--database", url, "--name", "two", "--master-key-file", key)
	if second.Link != "" {
		t.Error("the second replica asks for a first administrator")
	}
	var turn atomic.Int64
	both := []*lab.Server{first, second}
	l := &load{server: func() *lab.Server { return both[turn.Add(1)%2] }, token: token, tenant: "acme"}
	l.start(t.Context(), 4)
	time.Sleep(2 * time.Second)
	l.end()
	checkLoad(t, owner, l)
	owner.server = second
	origins := map[string]bool{}
	var found struct{ Records []struct{ Origin string } }
	owner.ask(&found, "audit", "search", "--filter", fmt.Sprintf("action = %q", "GroupCreate"), "--limit", "1000000")
	for _, r := range found.Records {
		origins[r.Origin] = true
	}
	if len(origins) != 2 {
		t.Errorf("the records are in the logs %v, not in one of each replica", origins)
	}
}
