//go:build e2e

package plane

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// hostsWithServer makes so many hosts of the lab, and one more with a server, where admin has signed in. All end with the test.
func hostsWithServer(t *testing.T, n int, env ...string) (hosts []*lab.Host, home *lab.Host, admin *person) {
	t.Helper()
	made, err := lab.NewHosts(t.Context(), n+1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	home = made.All()[n]
	s, err := lab.ServeOn(t.Context(), home, binary(t), filepath.Join(t.TempDir(), "data"), env, "--public-url", "https://"+home.Address+":8443")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(s.Log(), 4000))
		}
		s.Kill()
	})
	return made.All()[:n], home, fleetOn(t, s)
}
