//go:build e2e

package plane

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/drill/postgres"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// databases are the arguments of `serve` for each database.
func databases(t *testing.T) map[string][]string {
	t.Helper()
	_, url := database(t)
	return map[string][]string{"sqlite": nil, "postgres": {"--database", url}}
}

// postgres starts a PostgreSQL for the test and gives the URL of a database in it.
func database(t *testing.T) (*postgres.Server, string) {
	t.Helper()
	pg, err := postgres.Start(t.Context(), postgres.Options{})
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
	pg, url := database(t)
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
	l.more(t)
	l.end()
	checkLoad(t, owner, l)
}
