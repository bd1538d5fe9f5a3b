package assess

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

var monday = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func failing(subjects ...string) model.RequirementResult {
	c := model.CheckResult{ID: "8.1.c/socket-mounted", Status: model.CheckFail}
	for _, s := range subjects {
		c.Evidence = append(c.Evidence, model.Evidence{Subject: s, Status: model.CheckFail})
	}
	return model.RequirementResult{ID: "8.1.c", Status: model.NotMet, Checks: []model.CheckResult{c}}
}

func TestExceptions(t *testing.T) {
	valid := model.Exception{Check: "8.1.c", Owner: "ana", Reason: "r", Expires: "2026-03-02"}
	with := func(change func(*model.Exception)) []model.Exception {
		e := valid
		change(&e)
		return []model.Exception{e}
	}
	for name, c := range map[string]struct {
		list    []model.Exception
		covered bool
	}{
		"requirement, last day":   {with(func(*model.Exception) {}), true},
		"check":                   {with(func(e *model.Exception) { e.Check = "8.1.c/socket-mounted" }), true},
		"another check":           {with(func(e *model.Exception) { e.Check = "8.1.c/socket-mode" }), false},
		"another requirement":     {with(func(e *model.Exception) { e.Check = "8.1" }), false},
		"expired yesterday":       {with(func(e *model.Exception) { e.Expires = "2026-03-01" }), false},
		"no date":                 {with(func(e *model.Exception) { e.Expires = "soon" }), false},
		"glob":                    {with(func(e *model.Exception) { e.Subject = "ci-*" }), true},
		"glob that fits one":      {with(func(e *model.Exception) { e.Subject = "ci-1" }), false},
		"expired and a new one":   {append(with(func(e *model.Exception) { e.Expires = "2026-01-01" }), valid), true},
		"a new one and expired":   {append([]model.Exception{valid}, with(func(e *model.Exception) { e.Expires = "2026-01-01" })...), true},
		"two that cover one each": {append(with(func(e *model.Exception) { e.Subject = "ci-1" }), with(func(e *model.Exception) { e.Subject = "ci-2" })...), true},
	} {
		t.Run(name, func(t *testing.T) {
			res := failing("ci-1", "ci-2")
			newExceptions(c.list, monday).mark(&res.Checks[0])
			if got := excepted(res); got != c.covered {
				t.Errorf("covered: %v, want %v: %+v", got, c.covered, res.Checks[0].Evidence)
			}
			if res.Checks[0].Status != model.CheckFail || res.Status != model.NotMet {
				t.Error("an exception changed a status")
			}
		})
	}
}

func TestExpiredExceptionIsShown(t *testing.T) {
	res := failing("x")
	newExceptions([]model.Exception{{Check: "8.1.c", Owner: "ana", Reason: "r", Expires: "2026-01-01"}}, monday).mark(&res.Checks[0])
	if e := res.Checks[0].Evidence[0].Exception; e == nil || !e.Expired {
		t.Errorf("not shown as expired: %+v", e)
	}
}
