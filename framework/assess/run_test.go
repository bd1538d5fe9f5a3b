package assess

import (
	"strings"
	"testing"
	"unicode"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

func load(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// TestChecksAreWellFormed holds what every check must carry.
func TestChecksAreWellFormed(t *testing.T) {
	cat := load(t)
	ids, answered := map[string]bool{}, map[string]bool{}
	for _, c := range Checks() {
		req, name, ok := strings.Cut(c.ID, "/")
		if !ok || name == "" {
			t.Errorf("%s is not REQUIREMENT/name", c.ID)
		}
		if _, known := cat.Requirement(req); !known {
			t.Errorf("%s answers for no requirement", c.ID)
		}
		if ids[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		ids[c.ID], answered[req] = true, true
		for what, text := range map[string]model.Text{"title": c.Title, "remediation": c.Remediation} {
			if text.EN == "" || !hasHan(text.ZH) {
				t.Errorf("%s: %s is missing in a language: %+v", c.ID, what, text)
			}
			if hasHan(text.EN) {
				t.Errorf("%s: %s has Chinese in the English text", c.ID, what)
			}
		}
		switch c.Severity {
		case model.Critical, model.High, model.Medium, model.Low:
		default:
			t.Errorf("%s has severity %q", c.ID, c.Severity)
		}
		if c.Eval == nil {
			t.Errorf("%s asks nothing", c.ID)
		}
	}
	for _, r := range cat.Requirements {
		if !answered[r.ID] {
			t.Errorf("no check answers for %s", r.ID)
		}
	}
}

// TestEmptyAndGappedSnapshots: with no facts nothing is met, and every check says why.
func TestNothingKnownIsNothingMet(t *testing.T) {
	snap := &model.Snapshot{Schema: model.SnapshotSchema, Gaps: []model.Gap{{Path: "", Reason: model.GapPermission, Detail: "all of it"}}}
	a := Run(load(t), snap, DefaultSettings())
	for _, r := range a.Requirements {
		if r.Status == model.Met || r.Status == model.PartlyMet || r.Status == model.NotMet {
			t.Errorf("%s is %s without any fact: %s", r.ID, r.Status, r.Reason)
		}
		for _, c := range r.Checks {
			if c.Status == model.CheckPass || c.Status == model.CheckFail || c.Status == model.CheckWarn {
				t.Errorf("%s is %s without any fact: %+v", c.ID, c.Status, c.Evidence)
			}
		}
	}
}

// TestChecksSurviveAnything: no facts and no gaps, and parts that are there but empty.
func TestChecksSurviveAnything(t *testing.T) {
	for name, snap := range map[string]*model.Snapshot{
		"nothing": {},
		"empty parts": {
			Host: &model.Host{}, Engine: &model.Engine{}, Firewall: &model.Firewall{}, Swarm: &model.Swarm{},
			Kubernetes: &model.Kubernetes{}, Containers: make([]model.Container, 2), Images: make([]model.Image, 2),
			Networks: make([]model.Network, 2), Registries: make([]model.Registry, 1), Controls: make([]model.Control, 1),
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range Run(load(t), snap, DefaultSettings()).Requirements {
				for _, c := range r.Checks {
					if len(c.Evidence) == 0 {
						t.Errorf("%s has no evidence", c.ID)
					}
					for _, e := range c.Evidence {
						if e.Text == "" || e.TextZH == "" || strings.Contains(e.Text, "%!") || strings.Contains(e.TextZH, "%!") {
							t.Errorf("%s: sentence %q / %q", c.ID, e.Text, e.TextZH)
						}
						if strings.Contains(e.Text, "the check stopped") || strings.Contains(e.Text, "nothing to look at") {
							t.Errorf("%s: %s", c.ID, e.Text)
						}
					}
				}
			}
		})
	}
}

func TestManyFailuresAreCounted(t *testing.T) {
	r := &Recorder{}
	for range maxEvidence + 5 {
		r.Warn("/x", "", say("w", "w"))
	}
	r.Fail("/x", "", say("f", "f"))
	var res model.CheckResult
	finish(&res, r, nil)
	last := res.Evidence[len(res.Evidence)-1]
	if res.Status != model.CheckFail || len(res.Evidence) != maxEvidence+1 || last.Text != "and 6 more" {
		t.Errorf("%s, %d pieces, last %q", res.Status, len(res.Evidence), last.Text)
	}
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
