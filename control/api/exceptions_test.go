package api_test

import (
	"testing"
	"time"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestExceptionsHaveAnEndAndAnOwner(t *testing.T) {
	_, c := owned(t)
	ctx := as(t, "bhs_owner")
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	for name, k := range map[string]struct {
		e    *bulkheadv1.Exception
		code string
	}{
		"a requirement":        {&bulkheadv1.Exception{Check: "8.1.c", Expires: day(1)}, ""},
		"a check":              {&bulkheadv1.Exception{Check: "8.1.c/socket-mode", Subject: "web-*", Node: "acme-node", Expires: day(30)}, ""},
		"today":                {&bulkheadv1.Exception{Check: "8.1.c", Expires: day(0)}, ""},
		"yesterday":            {&bulkheadv1.Exception{Check: "8.1.c", Expires: day(-1)}, "invalid"},
		"in a year":            {&bulkheadv1.Exception{Check: "8.1.c", Expires: day(366)}, ""},
		"for ever":             {&bulkheadv1.Exception{Check: "8.1.c", Expires: day(367)}, "invalid"},
		"a day that isn't":     {&bulkheadv1.Exception{Check: "8.1.c", Expires: "2027-02-30"}, "invalid"},
		"no day":               {&bulkheadv1.Exception{Check: "8.1.c", Expires: "soon"}, "invalid"},
		"a check that isn't":   {&bulkheadv1.Exception{Check: "8.1.c/nothing", Expires: day(1)}, "invalid"},
		"what nodes report":    {&bulkheadv1.Exception{Check: "node/clock-skew", Subject: "clock", Expires: day(1)}, ""},
		"all that they report": {&bulkheadv1.Exception{Check: "node", Expires: day(1)}, "invalid"},
		"no kind":              {&bulkheadv1.Exception{Check: "node/clock skew", Expires: day(1)}, "invalid"},
		"a whole clause":       {&bulkheadv1.Exception{Check: "8", Expires: day(1)}, "invalid"},
		"no glob":              {&bulkheadv1.Exception{Check: "8.1.c", Subject: "[", Expires: day(1)}, "invalid"},
		"a node that isn't":    {&bulkheadv1.Exception{Check: "8.1.c", Node: "none", Expires: day(1)}, "invalid"},
		"an owner of nothing":  {&bulkheadv1.Exception{Check: "8.1.c", Owner: "  ", Expires: day(1)}, "invalid"},
		"made by someone else": {&bulkheadv1.Exception{Check: "8.1.c", Creator: "somebody", Expires: day(2)}, ""},
	} {
		if k.e.Owner == "" {
			k.e.Owner = "alice"
		}
		k.e.Reason = "because"
		seen, err := c.findings.PreviewException(ctx, &bulkheadv1.CreateExceptionRequest{Exception: k.e})
		if codeOf(t, err) != k.code || err == nil && (seen.GetId() != "" || seen.GetCreator() != "id-owner" || seen.GetExpires() != k.e.GetExpires()) {
			t.Errorf("%s, looked at first: %v %v", name, seen, err)
		}
		got, err := c.findings.CreateException(ctx, &bulkheadv1.CreateExceptionRequest{Exception: k.e})
		if codeOf(t, err) != k.code {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (got.GetCreator() != "id-owner" || got.GetTenant() != "acme" || got.GetId() == "" || got.GetCreated() == nil) {
			t.Errorf("%s: %v", name, got)
		}
	}
	list, err := c.findings.ListExceptions(ctx, listing("", `owner = "alice" AND node = "acme-node"`, ""))
	if err != nil || len(list.GetExceptions()) != 1 || list.GetExceptions()[0].GetSubject() != "web-*" {
		t.Fatal(list, err)
	}
	if _, err := c.findings.DeleteException(ctx, &bulkheadv1.Id{Id: list.GetExceptions()[0].GetId()}); err != nil {
		t.Error(err)
	}
	if list, err = c.findings.ListExceptions(ctx, listing("", "", "")); err != nil || len(list.GetExceptions()) != 6 {
		t.Error(list, err)
	}
}

func TestFindingsAreListed(t *testing.T) {
	_, c := owned(t)
	for filter, want := range map[string]int{
		"":                                       1,
		`over = false AND excepted = false`:      1,
		`over = true`:                            0,
		`severity = high AND node = "acme-node"`: 1,
		`kind = "8.1.c/socket-mode"`:             1,
		`requirement = "8.1.c" AND kind = "x"`:   0,
		`severity = "low" AND excepted = false`:  0,
	} {
		list, err := c.findings.ListFindings(as(t, "bhs_owner"), listing("", filter, ""))
		if err != nil || len(list.GetFindings()) != want {
			t.Errorf("%s: %v %v", filter, list, err)
			continue
		}
		if f := list.GetFindings(); want == 1 && (f[0].GetSubject() != "acme-subject" || f[0].GetOver() != nil || f[0].GetNodeName() != "acme-nodename") {
			t.Errorf("%v", f)
		}
	}
}
