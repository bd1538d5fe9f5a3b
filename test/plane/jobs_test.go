//go:build e2e

package plane

import (
	"strings"
	"testing"
)

type job struct{ ID, Kind, State, Result, Error string }

// TestJobs runs work in the background on each database, from the command line.
func TestJobs(t *testing.T) {
	for name, args := range databases(t) {
		t.Run(name, func(t *testing.T) {
			s := serve(t, args...)
			admin := newPerson(t, s)
			admin.enrol(s.Link, "admin")
			admin.must("tenants", "create", "acme")
			var ran job
			admin.ask(&ran, "jobs", "run", "report")
			if ran.ID == "" || ran.Kind != "report" {
				t.Fatalf("%+v", ran)
			}
			var done job
			eventually(t, "the report is made", func() bool {
				var list struct{ Jobs []job }
				admin.ask(&list, "jobs", "list", "--filter", `kind = "report"`)
				for _, j := range list.Jobs {
					if j.ID == ran.ID {
						done = j
					}
				}
				return done.State == "completed"
			})
			if done.Result != "no assessments yet" || done.Error != "" {
				t.Errorf("%+v", done)
			}
			if r := admin.run("jobs", "cancel", "999999"); r.code == 0 || !strings.Contains(r.stderr, "no such job") && !strings.Contains(r.stderr, "no job") {
				t.Errorf("a job that is not was cancelled: %d %s", r.code, r.stderr)
			}
			if found := admin.records("JobRun"); len(found) != 1 || found[0].Outcome != "allowed" {
				t.Errorf("the log says %+v", found)
			}
		})
	}
}
