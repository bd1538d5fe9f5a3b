package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func small(status model.Status, check model.CheckStatus, gaps []model.Gap, subjects ...string) *model.Assessment {
	c := model.CheckResult{ID: "8.1.c/socket-mounts", Status: check, Title: "No container holds the engine's socket", TitleZH: "没有容器持有引擎套接字"}
	for _, s := range subjects {
		c.Evidence = append(c.Evidence, model.Evidence{Subject: s, Status: check, Text: "mounts the socket"})
	}
	return &model.Assessment{
		Schema: model.AssessmentSchema, Node: model.Node{Name: "n1"}, Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		Requirements: []model.RequirementResult{{
			ID: "8.1.c", Keyword: model.ShallNot, Status: status, Title: "No unauthorised access", TitleZH: "未经授权者不得访问",
			Checks: []model.CheckResult{c},
		}},
		Gaps: gaps,
	}
}

func TestDiff(t *testing.T) {
	a := small(model.NotMet, model.CheckFail, []model.Gap{{Path: "/host", Reason: model.GapTimeout, Detail: "after 10 s"}}, "old\x1b[1m", "both")
	b := small(model.NotMet, model.CheckFail, []model.Gap{{Path: "/host", Reason: model.GapPermission}}, "both", "new", "new")
	b.Requirements = append(b.Requirements, model.RequirementResult{ID: "8.1.d", Status: model.NotMet})
	got := Diff(a, b)
	want := Changes{
		Schema: DiffSchema, Before: Side{a.Node, a.Time}, After: Side{b.Node, b.Time},
		Requirements: []RequirementChange{{ID: "8.1.d", After: model.NotMet}},
		Checks: []CheckChange{{
			ID: "8.1.c/socket-mounts", Title: a.Requirements[0].Checks[0].Title, TitleZH: a.Requirements[0].Checks[0].TitleZH,
			Before: model.CheckFail, After: model.CheckFail, Appeared: []string{"new"}, Gone: []string{"old\x1b[1m"},
		}},
		GapsOpened: b.Gaps, GapsClosed: a.Gaps,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got.Worse() {
		t.Error("a requirement that is new in the catalogue counts as worse")
	}
	for _, lang := range []string{"en", "zh"} {
		var out bytes.Buffer
		if err := DiffText(&out, got, TextOptions{Width: 60, Lang: lang}); err != nil {
			t.Fatal(err)
		}
		golden(t, "diff_"+lang+".txt", out.Bytes())
	}
}

func TestDiffOfTheSame(t *testing.T) {
	a := sampleAssessment(t)
	b := sampleAssessment(t)
	b.Gaps[0].Detail = "another time"
	c := Diff(a, b)
	var out bytes.Buffer
	if err := DiffText(&out, c, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if c.Worse() || !strings.Contains(out.String(), "Nothing changed.") {
		t.Errorf("worse %v, text %s", c.Worse(), out.String())
	}
	out.Reset()
	if err := WriteJSON(&out, c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "null") {
		t.Errorf("null in %s", out.String())
	}
}

func TestWorse(t *testing.T) {
	goodToBad := []model.Status{model.Met, model.PartlyMet, model.Unknown, model.NotMet}
	for i, from := range goodToBad {
		for j, to := range goodToBad {
			c := Diff(small(from, model.CheckPass, nil), small(to, model.CheckPass, nil))
			if c.Worse() != (j > i) {
				t.Errorf("%s to %s: worse is %v", from, to, c.Worse())
			}
		}
	}
	if Diff(small(model.Met, model.CheckPass, nil), small(model.NotApplicable, model.CheckPass, nil)).Worse() {
		t.Error("met to not_applicable counts as worse")
	}
}

func TestFailOn(t *testing.T) {
	a := &model.Assessment{Requirements: []model.RequirementResult{
		{ID: "met", Keyword: model.Shall, Status: model.Met},
		{ID: "na", Keyword: model.ShallNot, Status: model.NotApplicable},
		{ID: "partly", Keyword: model.Shall, Status: model.PartlyMet},
		{ID: "not", Keyword: model.ShallNot, Status: model.NotMet},
		{ID: "unknown", Keyword: model.Shall, Status: model.Unknown},
		{ID: "excepted", Keyword: model.Shall, Status: model.NotMet, Excepted: true},
		{ID: "excepted-unknown", Keyword: model.Shall, Status: model.Unknown, Excepted: true},
		{ID: "should", Keyword: model.Should, Status: model.NotMet},
		{ID: "should-met", Keyword: model.Should, Status: model.Met},
	}}
	binding := []string{"partly", "not", "unknown", "excepted-unknown"}
	for level, want := range map[string][]string{"shall": binding, "should": append(slices.Clone(binding), "should")} {
		fails, ids := FailOn(a, level)
		if !fails || !slices.Equal(ids, want) {
			t.Errorf("%s: %v %v, want %v", level, fails, ids, want)
		}
	}
	if fails, ids := FailOn(&model.Assessment{}, "should"); fails || len(ids) > 0 {
		t.Error("nothing fails, yet it fails")
	}
}
