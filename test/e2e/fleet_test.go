//go:build e2e

package e2e

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

var update = flag.Bool("update", false, "write the expected results of the fleet again")

// expectation is what a fleet's assessment says of the fleet's own objects, and nothing of the host.
type expectation struct {
	// Subjects maps a container, image or network to its failures and warnings: "fail 8.4.e/privileged".
	Subjects map[string][]string `yaml:"subjects"`
	// Requirements that containers decide, with their status while the sins are there.
	Requirements map[string]model.Status `yaml:"requirements"`
}

// decided are the requirements that are not met because of the fleet, whatever the host below is like.
var decided = []string{"8.1.a", "8.1.c", "8.3.a", "8.3.d", "8.4.e", "8.6.1.a"}

// TestFleet: every sin appears and fails, exactly; hardened containers carry none; removed sins pass.
func TestFleet(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) { fleet(t, kind) })
	}
}

func fleet(t *testing.T, kind lab.Kind) {
	e, inNet := engine(t, kind)
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if err := lab.StartFleet(t.Context(), cli, e.Socket); err != nil {
		t.Fatal(err)
	}
	endpoint := "unix://" + e.Socket

	with := assess(t, inNet, "--engine", endpoint)
	got := expectation{Subjects: subjects(with, e.Socket), Requirements: map[string]model.Status{}}
	for _, r := range with.Requirements {
		if slices.Contains(decided, r.ID) {
			got.Requirements[r.ID] = r.Status
		}
	}
	compare(t, "testdata/fleet.yaml", got)

	var sins []string
	for _, m := range lab.Members(e.Socket) {
		bad := len(got.Subjects[m.Name]) > 0 || len(got.Subjects[m.Subject]) > 0
		if bad != (m.Sin != "") {
			t.Errorf("%s (sin: %q) has %v", m.Name, m.Sin, got.Subjects[m.Name])
		}
		if m.Sin != "" {
			sins = append(sins, m.Name)
		}
	}
	if len(sins) < 12 {
		t.Errorf("only %d sinners", len(sins))
	}

	if err := lab.Remove(t.Context(), cli, sins...); err != nil {
		t.Fatal(err)
	}
	without := assess(t, inNet, "--engine", endpoint)
	for subject, list := range subjects(without, e.Socket) {
		if !strings.HasPrefix(subject, "lab/") { // images stay, and keep what is wrong with them
			t.Errorf("after the sins were removed %s still has %v", subject, list)
		}
	}
	for _, id := range onlyBecauseOf(with, append(sins, "lab-chatty")) {
		if s := check(t, without, id).Status; s != model.CheckPass && s != model.CheckNotApplicable {
			t.Errorf("%s is still %s after the sins were removed", id, s)
		}
	}
}

// subjects lists failures and warnings by the fleet's objects.
func subjects(a model.Assessment, socket string) map[string][]string {
	ours := map[string]bool{}
	for _, m := range lab.Members(socket) {
		ours[m.Name] = true
	}
	out := map[string][]string{}
	for _, r := range a.Requirements {
		for _, c := range r.Checks {
			for _, ev := range c.Evidence {
				name := ev.Subject
				if !ours[name] && !strings.HasPrefix(name, "lab") || ev.Status != model.CheckFail && ev.Status != model.CheckWarn {
					continue
				}
				if line := string(ev.Status) + " " + c.ID; !slices.Contains(out[name], line) {
					out[name] = append(out[name], line)
				}
			}
		}
	}
	return out
}

// onlyBecauseOf lists checks that fail and have no failing evidence but of these subjects.
func onlyBecauseOf(a model.Assessment, names []string) []string {
	var ids []string
	for _, r := range a.Requirements {
		for _, c := range r.Checks {
			if c.Status != model.CheckFail {
				continue
			}
			others := slices.ContainsFunc(c.Evidence, func(ev model.Evidence) bool {
				bad := ev.Status == model.CheckFail || ev.Status == model.CheckWarn || ev.Status == model.CheckUnknown
				return bad && !slices.Contains(names, ev.Subject)
			})
			if !others {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

func compare(t *testing.T, file string, got expectation) {
	t.Helper()
	if *update {
		body, err := yaml.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want expectation
	if err := yaml.UnmarshalWithOptions(body, &want, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}
