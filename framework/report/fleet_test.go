package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func sampleFleet(t testing.TB) *Fleet {
	t.Helper()
	b := NewFleet(testCatalogue(t), nil)
	f := b.Fleet()
	at := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	f.ID, f.Title, f.Created, f.AsOf, f.Since, f.Scope.Words = "r1", hostileName, at, at, at.Add(-time.Hour), model.Text{EN: "tenant acme", ZH: "租户 acme"}
	f.Scope.Tenant = "acme"
	b.Before(map[string]model.Status{"8.1.c": model.Met})
	a := sampleAssessment(t)
	a.Requirements[0].Checks = append(a.Requirements[0].Checks, model.CheckResult{ // about nothing in particular
		ID: a.Requirements[0].ID + "/bare", Status: model.CheckFail, Evidence: []model.Evidence{{Status: model.CheckFail, Text: "it fails"}},
	})
	b.Add(FleetNode{ID: "n1", Tenant: "acme", Name: hostileName, Assessment: "a1", Health: model.HealthUp, Facts: at}, a)
	b.Add(FleetNode{ID: "n2", Tenant: "acme", Name: cjkName, Assessment: "a2", Facts: at}, a)
	b.Add(FleetNode{ID: "n3", Tenant: "acme", Name: longName, Health: model.HealthSilent}, nil)
	return b.Close()
}

func TestFleetCountsTheWorst(t *testing.T) {
	f := sampleFleet(t)
	if f.NodesAssessed != 2 || len(f.Nodes) != 3 || len(f.Requirements) != len(testCatalogue(t).Requirements) {
		t.Fatalf("%d of %d nodes, %d requirements", f.NodesAssessed, len(f.Nodes), len(f.Requirements))
	}
	all := 0
	for _, n := range f.Summary {
		all += n
	}
	if all != len(f.Requirements) {
		t.Errorf("%d requirements have a status, of %d", all, len(f.Requirements))
	}
	for _, r := range f.Requirements {
		count := 0
		for s, n := range r.Nodes {
			count += n
			if Worse(r.Status, s) {
				t.Errorf("%s is %s, but %s on %d nodes", r.ID, r.Status, s, n)
			}
		}
		if count != 2 {
			t.Errorf("%s counts %d nodes", r.ID, count)
		}
		for _, c := range r.Checks {
			if len(c.Evidence) > evidencePerCheck || !strings.HasPrefix(c.ID, r.ID+"/") {
				t.Errorf("%s: %d pieces of evidence of %s", r.ID, len(c.Evidence), c.ID)
			}
		}
	}
}

func TestFleetScope(t *testing.T) {
	for within, want := range map[string]int{"8.1": 3, "8.1.c": 1, "8.6.2": 4, "9": 0, "8.1.": 0} {
		if got := len(NewFleet(testCatalogue(t), []string{within}).Fleet().Requirements); got != want {
			t.Errorf("%s: %d requirements, want %d", within, got, want)
		}
	}
}

func TestFleetEvidenceIsBounded(t *testing.T) {
	b := NewFleet(testCatalogue(t), []string{"8.1.c"})
	var ev []model.Evidence
	for range 10 {
		ev = append(ev, model.Evidence{Subject: strings.Repeat("长", 5000), Status: model.CheckFail, Text: strings.Repeat("x", 5000)})
	}
	a := &model.Assessment{Requirements: []model.RequirementResult{{
		ID: "8.1.c", Status: model.NotMet, Checks: []model.CheckResult{{ID: "8.1.c/socket-mode", Status: model.CheckFail, Evidence: ev}},
	}}}
	for range 100 {
		b.Add(FleetNode{Name: "n"}, a)
	}
	c := b.Close().Requirements[0].Checks[0]
	if len(c.Evidence) != evidencePerCheck || c.LeftOut != 1000-evidencePerCheck || c.Nodes[model.CheckFail] != 100 {
		t.Errorf("%d pieces, %d left out, %v", len(c.Evidence), c.LeftOut, c.Nodes)
	}
	if e := c.Evidence[0]; len([]rune(e.Subject)) > longestText || len([]rune(e.Text.EN)) > longestText {
		t.Error("a text is not bounded")
	}
}

func TestFleetHTML(t *testing.T) {
	f := sampleFleet(t)
	for _, lang := range []string{"en", "zh", "xx"} {
		var b bytes.Buffer
		if err := FleetHTML(&b, f, testCatalogue(t), lang, "sha256:00"); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		for _, bad := range []string{"<script", "\x1b", "\u202e", "<no value>", "ZgotmplZ", "%!", "http://", " src=", "f_"} {
			if strings.Contains(page, bad) {
				at := strings.Index(page, bad)
				t.Errorf("%s has %q: %s", lang, bad, page[max(0, at-80):min(len(page), at+80)])
			}
		}
		if !strings.Contains(page, "sha256:00") || !strings.Contains(page, cjkName) {
			t.Errorf("%s lacks the digest or a node", lang)
		}
		if zh := strings.Contains(page, "审计报告"); zh != (lang == "zh") {
			t.Errorf("%s: Chinese is %v", lang, zh)
		}
	}
}

func TestFleetWordsAreWhole(t *testing.T) {
	for key, w := range fleetWords {
		if w.EN == "" || w.ZH == "" || strings.Count(w.EN, "%") != strings.Count(w.ZH, "%") {
			t.Errorf("%s: %+v", key, w)
		}
		if key != "" && strings.HasPrefix(key, "f_") && !strings.Contains(fleetHTML, `"`+key+`"`) {
			t.Errorf("nothing asks for %s", key)
		}
	}
}

func TestManifest(t *testing.T) {
	text := Manifest("r1", map[string]model.ReportFile{"json": {Size: 1, SHA256: "aa"}, "html": {Size: 2, SHA256: "bb"}})
	for digest, want := range map[string]string{"aa": "json", "bb": "html", "cc": "", "": ""} {
		if got, ok := InManifest(text, "r1", digest); got != want || ok != (want != "") {
			t.Errorf("%q is %q", digest, got)
		}
	}
	if _, ok := InManifest(text, "r2", "aa"); ok {
		t.Error("it counts for another report")
	}
	if _, ok := InManifest("", "", ""); ok {
		t.Error("nothing is signed, and counts")
	}
}
