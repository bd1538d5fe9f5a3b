//go:build e2e

package plane

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// BenchmarkConsole is how the console feels in Chromium: the first page of a server that has nothing, and then of the same server with
// 1,000 nodes of 50 containers each, with its largest tables.
func BenchmarkConsole(b *testing.B) {
	const nodes, containers = 1000, 50
	port, err := lab.FreePort()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(b.TempDir(), "data")
	start := func() *lab.Server {
		s, err := lab.Serve(b.Context(), binary(b), dir, port, consoleSettings())
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	stop := func(s *lab.Server) {
		if err := s.Stop(); err != nil {
			b.Error(err)
		}
	}
	s := start()
	defer func() {
		if b.Failed() {
			b.Logf("the server said:\n%s", tail(s.Log(), 4000))
		}
		stop(s)
	}()
	admin := newPerson(b, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	for b.Loop() {
		inBrowser(b, 10*time.Minute, func(what, with string) (string, bool) {
			switch what {
			case "fleet":
				stop(s)
				fillMany(b, dir, nodes, containers)
				s = start()
				return fmt.Sprintf(`{"nodes": %d, "containers": %d}`, nodes, nodes*containers), true
			case "figure":
				name, value, _ := strings.Cut(with, " ")
				v, err := strconv.ParseFloat(value, 64)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(v, name)
			}
			return "", false
		}, "console-speed.mjs", s.URL, admin.inviteTo("ann", "administrator", "system"), spki(b, s))
	}
}

// fillMany writes the fleet into the database of a server that does not run.
func fillMany(b *testing.B, dir string, nodes, containers int) {
	b.Helper()
	db, err := store.Open(b.Context(), store.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	host, err := sim.ReadHost("../../framework/assess/testdata/cases/swarm.txtar", 4)
	if err != nil {
		b.Fatal(err)
	}
	cat, err := catalogue.Load()
	if err != nil {
		b.Fatal(err)
	}
	judge := assess.New(cat)
	began := time.Now()
	many := sim.Many{
		Tenant: "acme", Nodes: nodes, Containers: containers, Host: host, Now: time.Now(),
		Assess: func(s *model.Snapshot) model.Assessment { return judge.Run(s, assess.Settings{}) },
	}
	if err := many.Fill(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	b.Logf("filled in %s", time.Since(began).Round(time.Second))
}
