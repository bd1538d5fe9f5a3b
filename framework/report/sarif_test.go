package report

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestSARIFIsValid(t *testing.T) {
	for name, a := range map[string]*model.Assessment{"sample": sampleAssessment(t), "empty": {}} {
		var b bytes.Buffer
		if err := SARIF(&b, a, testCatalogue(t)); err != nil {
			t.Fatal(err)
		}
		// Strict: the reader would otherwise mend what is missing before it validates.
		rep, err := sarif.FromBytes(b.Bytes(), sarif.WithStrictValidation())
		if err != nil {
			t.Fatal(err)
		}
		if err := rep.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func sarifRun(t *testing.T, a *model.Assessment) *sarif.Run {
	t.Helper()
	var b bytes.Buffer
	if err := SARIF(&b, a, testCatalogue(t)); err != nil {
		t.Fatal(err)
	}
	var rep sarif.Report
	if err := json.Unmarshal(b.Bytes(), &rep); err != nil {
		t.Fatal(err)
	}
	return rep.Runs[0]
}

func TestSARIFResults(t *testing.T) {
	a := sampleAssessment(t)
	run := sarifRun(t, a)
	checks, want := 0, 0
	for _, r := range a.Requirements {
		checks += len(r.Checks)
		for _, c := range r.Checks {
			for _, e := range c.Evidence {
				if bad(e.Status) {
					want++
				}
			}
		}
	}
	if len(run.Tool.Driver.Rules) != checks || len(run.Results) != want {
		t.Errorf("%d rules and %d results, want %d and %d", len(run.Tool.Driver.Rules), len(run.Results), checks, want)
	}
	for _, res := range run.Results {
		if got := *run.Tool.Driver.Rules[res.RuleIndex].ID; got != *res.RuleID {
			t.Fatalf("result of %s points at rule %s", *res.RuleID, got)
		}
	}
	first := run.Results[0]
	if first.Kind != "fail" || first.Level != "error" || len(first.Suppressions) != 0 {
		t.Errorf("a critical failure is %s/%s with %d suppressions", first.Kind, first.Level, len(first.Suppressions))
	}
	if s := run.Results[2].Suppressions; len(s) != 1 || *s[0].Status != "accepted" {
		t.Errorf("the result under an exception in force has suppressions %v", s)
	}
	if s := run.Results[3].Suppressions; len(s) != 0 {
		t.Error("an expired exception suppresses a result")
	}
	i := slices.IndexFunc(run.Results, func(r *sarif.Result) bool { return r.Kind != "fail" })
	if i < 0 || run.Results[i].Kind != "open" || run.Results[i].Level != "none" {
		t.Error("unknown evidence is not an open result")
	}
}

// TestSARIFFingerprints: a result keeps its identity when other things come and go before it.
func TestSARIFFingerprints(t *testing.T) {
	a, b := sampleAssessment(t), sampleAssessment(t)
	c := &b.Requirements[0].Checks[0]
	c.Evidence = append([]model.Evidence{{Pointer: "/containers/0", Subject: "newcomer", Status: model.CheckFail, Text: "x"}}, c.Evidence...)
	for i := range c.Evidence {
		c.Evidence[i].Pointer += "9"
	}
	prints := func(a *model.Assessment) map[string]bool {
		out := map[string]bool{}
		run := sarifRun(t, a)
		for _, r := range run.Results {
			out[r.PartialFingerprints["bulkhead/v1"]] = true
		}
		if len(out) != len(run.Results) {
			t.Errorf("%d fingerprints for %d results", len(out), len(run.Results))
		}
		return out
	}
	before, after := prints(a), prints(b)
	for p := range before {
		if !after[p] {
			t.Error("a result lost its fingerprint")
		}
	}
	if len(after) != len(before)+1 {
		t.Errorf("%d fingerprints became %d", len(before), len(after))
	}
}
