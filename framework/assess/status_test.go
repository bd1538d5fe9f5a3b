package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestRequirementStatus(t *testing.T) {
	const (
		e = true
		n = false
	)
	type c struct {
		essential bool
		status    model.CheckStatus
	}
	for name, tc := range map[string]struct {
		checks []c
		want   model.Status
	}{
		"no checks":                         {nil, model.NotApplicable},
		"none applies":                      {[]c{{e, model.CheckNotApplicable}, {n, model.CheckNotApplicable}}, model.NotApplicable},
		"all pass":                          {[]c{{e, model.CheckPass}, {n, model.CheckPass}, {n, model.CheckNotApplicable}}, model.Met},
		"essential fails, rest unknown":     {[]c{{e, model.CheckUnknown}, {e, model.CheckFail}, {n, model.CheckPass}}, model.NotMet},
		"essential unknown, other fails":    {[]c{{e, model.CheckUnknown}, {n, model.CheckFail}}, model.Unknown},
		"other fails, other unknown":        {[]c{{e, model.CheckPass}, {n, model.CheckFail}, {n, model.CheckUnknown}}, model.PartlyMet},
		"essential warns":                   {[]c{{e, model.CheckWarn}, {n, model.CheckPass}}, model.PartlyMet},
		"other warns":                       {[]c{{e, model.CheckPass}, {n, model.CheckWarn}}, model.PartlyMet},
		"other unknown":                     {[]c{{e, model.CheckPass}, {n, model.CheckUnknown}}, model.Unknown},
		"only others, one fails":            {[]c{{n, model.CheckFail}, {n, model.CheckPass}}, model.PartlyMet},
		"essential does not apply, one bad": {[]c{{e, model.CheckNotApplicable}, {n, model.CheckFail}}, model.PartlyMet},
	} {
		t.Run(name, func(t *testing.T) {
			var res []model.CheckResult
			for _, x := range tc.checks {
				res = append(res, model.CheckResult{Essential: x.essential, Status: x.status})
			}
			if got := requirementStatus(res); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestStatusIsWhatAllCompletionsAgreeOn replaces each unknown by every possible result and compares with the rule.
func TestStatusIsWhatAllCompletionsAgreeOn(t *testing.T) {
	results := []model.CheckStatus{
		model.CheckPass, model.CheckFail, model.CheckWarn, model.CheckUnknown,
	}
	known := results[:3]
	for _, a := range results {
		for _, b := range results {
			for _, c := range results {
				checks := []model.CheckResult{{Essential: true, Status: a}, {Status: b}, {Status: c}}
				possible := map[model.Status]bool{}
				complete(checks, 0, known, possible)
				got := requirementStatus(checks)
				if len(possible) == 1 && !possible[got] || len(possible) > 1 && got != model.Unknown {
					t.Errorf("%s %s %s: got %s, possible %v", a, b, c, got, possible)
				}
			}
		}
	}
}

func complete(checks []model.CheckResult, i int, known []model.CheckStatus, possible map[model.Status]bool) {
	if i == len(checks) {
		possible[requirementStatus(checks)] = true
		return
	}
	if checks[i].Status != model.CheckUnknown {
		complete(checks, i+1, known, possible)
		return
	}
	for _, k := range known {
		next := append([]model.CheckResult{}, checks...)
		next[i].Status = k
		complete(next, i+1, known, possible)
	}
}
