package drill

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestHasSysAdmin(t *testing.T) {
	for text, want := range map[string]bool{
		"CapEff:\t00000000a80425fb\n": false, "CapEff:\t00000000a82425fb\n": true, "CapEff:\t000001ffffffffff": true, "CapEff:\t0000000000000000": false,
		"": false, "grep: no such file": false, "CapEff:\t2": false,
	} {
		if got := hasSysAdmin(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestCatalogue holds the drills of the engine to what the requirement asks for: each is one, says what it needs, and has an attack.
func TestCatalogue(t *testing.T) {
	seen := map[string]bool{}
	list := guards()
	for _, d := range list {
		if seen[d.ID] || d.Requirement != "8.1.c" || !strings.HasPrefix(d.ID, "8.1.c/") || d.Title == "" || !strings.HasPrefix(d.Technique, "T1") {
			t.Errorf("%+v", d.Drill)
		}
		seen[d.ID] = true
		if d.Door == nil || d.Attack != nil || d.Outage != nil || d.Control != ControlGuard || !slices.Equal(d.Needs, []string{"root", "engine"}) {
			t.Errorf("%s is no attack on an engine", d.ID)
		}
	}
	if len(list) < 45 {
		t.Errorf("%d drills", len(list))
	}
}

func TestJudgeDoor(t *testing.T) {
	without, seen, unseen := outcome{model.AttackSucceeded, false, ""}, outcome{model.AttackFailed, true, ""}, outcome{model.AttackFailed, false, ""}
	door := guardDrill("x", "T1", "x", privilegedExec)
	shut := door
	shut.Seen = isLocked
	for _, c := range []struct {
		name    string
		d       Drill
		with    outcome
		verdict model.Verdict
		why     string
	}{
		{"refused and recorded", door, seen, model.VerdictProved, "refusal was recorded"},
		{"refused and not recorded", door, unseen, model.VerdictNotProved, "no refusal of the attacker"},
		{"left out", quiet(door), seen, model.VerdictProved, "the call was recorded"},
		{"left out and not recorded", quiet(door), unseen, model.VerdictNotProved, "no call of the attacker"},
		{"shut", shut, seen, model.VerdictProved, "can be seen"},
		{"shut by what nobody knows", shut, unseen, model.VerdictNotProved, "can't be seen"},
		{"came through", door, without, model.VerdictNotProved, "although the control was on"},
	} {
		if v, why := judge(c.d, without, c.with); v != c.verdict || !strings.Contains(why, c.why) {
			t.Errorf("%s: %s, %s", c.name, v, why)
		}
	}
}
