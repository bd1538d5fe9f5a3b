//go:build e2e

package plane

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
	"github.com/bulkhead-security/bulkhead/test/sim"
)

// BenchmarkConsole is what somebody waits for in the console of 1,000 nodes with 50 containers each: the first page and the list of
// containers from a cold cache, and what is done on that.
func BenchmarkConsole(b *testing.B) {
	port, err := lab.FreePort()
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(b.TempDir(), "data")
	s, err := lab.Serve(b.Context(), binary(b), dir, port, consoleSettings())
	if err != nil {
		b.Fatal(err)
	}
	admin := newPerson(b, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	link := admin.inviteTo("ann", "administrator", "system")
	if err := s.Stop(); err != nil {
		b.Fatal(err)
	}
	fillMany(b, dir)
	if s, err = lab.Serve(b.Context(), binary(b), dir, port, consoleSettings()); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			b.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	for b.Loop() {
		cmd := exec.CommandContext(ctx, "node", "../browser/many.mjs", s.URL, link, spki(b, s))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		var figures map[string]float64
		if err := json.Unmarshal(out, &figures); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		for name, ms := range figures {
			b.ReportMetric(ms, name)
		}
	}
}

// fillMany writes the fleet into the database of a server that does not run.
func fillMany(b *testing.B, dir string) {
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
		Tenant: "acme", Nodes: 1000, Containers: 50, Host: host, Now: time.Now(),
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
