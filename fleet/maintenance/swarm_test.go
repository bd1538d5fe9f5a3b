package maintenance

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

const ours = "acme/0a1b2c3d"

var (
	then = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	now  = time.Date(2027, 3, 1, 12, 3, 0, 0, time.UTC)
)

func label(by, set, was string, at time.Time) string { return mark{by, set, was, at}.String() }

func TestNext(t *testing.T) {
	handed := label(ours, "", Active, then)
	for name, c := range map[string]struct {
		want   string
		now    SwarmNode
		to     SwarmNode // what comes out; the zero value for no change
		state  model.MaintenanceState
		was    string
		detail bool
	}{
		"nothing wanted, nothing done":    {now: SwarmNode{Active, ""}, state: model.MaintenanceApplied},
		"drained by hand is left":         {now: SwarmNode{Drain, ""}, state: model.MaintenanceApplied},
		"drain":                           {"drain", SwarmNode{Active, ""}, SwarmNode{Drain, label(ours, Drain, Active, now)}, model.MaintenanceApplied, Active, false},
		"cordon":                          {"cordon", SwarmNode{Active, ""}, SwarmNode{Pause, label(ours, Pause, Active, now)}, model.MaintenanceApplied, Active, false},
		"drain of a paused one":           {"drain", SwarmNode{Pause, ""}, SwarmNode{Drain, label(ours, Drain, Pause, now)}, model.MaintenanceApplied, Pause, false},
		"cordon of a drained one":         {"cordon", SwarmNode{Drain, ""}, SwarmNode{Drain, label(ours, Drain, Drain, now)}, model.MaintenanceApplied, Drain, false},
		"drained already":                 {"drain", SwarmNode{Drain, label(ours, Drain, Active, then)}, SwarmNode{}, model.MaintenanceApplied, Active, false},
		"from cordon to drain":            {"drain", SwarmNode{Pause, label(ours, Pause, Active, then)}, SwarmNode{Drain, label(ours, Drain, Active, now)}, model.MaintenanceApplied, Active, false},
		"from drain to cordon":            {"cordon", SwarmNode{Drain, label(ours, Drain, Active, then)}, SwarmNode{Pause, label(ours, Pause, Active, now)}, model.MaintenanceApplied, Active, false},
		"given back":                      {"", SwarmNode{Drain, label(ours, Drain, Active, then)}, SwarmNode{Active, ""}, model.MaintenanceApplied, Drain, false},
		"given back to pause":             {"", SwarmNode{Drain, label(ours, Drain, Pause, then)}, SwarmNode{Pause, ""}, model.MaintenanceApplied, Drain, false},
		"by hand while it is drained":     {"drain", SwarmNode{Active, label(ours, Drain, Active, then)}, SwarmNode{Active, label(ours, "", Active, now)}, model.MaintenanceByHand, Active, true},
		"by hand, seen before":            {"drain", SwarmNode{Active, handed}, SwarmNode{}, model.MaintenanceByHand, Active, true},
		"by hand, drained by hand again":  {"drain", SwarmNode{Drain, handed}, SwarmNode{}, model.MaintenanceByHand, Active, true},
		"by hand stays when it is over":   {"", SwarmNode{Drain, handed}, SwarmNode{Drain, ""}, model.MaintenanceByHand, "", true},
		"by hand just before it was over": {"", SwarmNode{Pause, label(ours, Drain, Active, then)}, SwarmNode{Pause, ""}, model.MaintenanceByHand, "", true},
		"another tenant's, drain":         {"drain", SwarmNode{Pause, label("globex/0a1b2c3d", Pause, Active, then)}, SwarmNode{}, model.MaintenanceFailed, "", true},
		"another tenant's, nothing":       {"", SwarmNode{Pause, label("globex/0a1b2c3d", Pause, Active, then)}, SwarmNode{}, model.MaintenanceApplied, "", false},
		"another control plane's":         {"cordon", SwarmNode{Pause, label("acme/ffffffff", Pause, Active, then)}, SwarmNode{}, model.MaintenanceFailed, "", true},
		"a label of no known form":        {"drain", SwarmNode{Active, "yes"}, SwarmNode{}, model.MaintenanceFailed, "", true},
		"a label with another state":      {"", SwarmNode{Active, "v1 " + ours + " drain gone " + then.Format(time.RFC3339)}, SwarmNode{}, model.MaintenanceApplied, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := Next(ours, c.want, c.now, now)
			if change := c.to != (SwarmNode{}); got.Change != change || change && got.To != c.to || !change && got.To != c.now {
				t.Errorf("change %t to %+v; want %+v", got.Change, got.To, c.to)
			}
			if got.State != c.state || got.Was != c.was || (got.Detail != "") != c.detail {
				t.Errorf("%s, was %q, %q; want %s, was %q", got.State, got.Was, got.Detail, c.state, c.was)
			}
			// What was done is not done again, and what was given back is left alone.
			if again := Next(ours, c.want, got.To, now.Add(time.Minute)); again.Change {
				t.Errorf("the second time it would change it to %+v", again.To)
			}
			if got.Change && !got.Since.Equal(now) {
				t.Errorf("since %s", got.Since)
			}
		})
	}
}

func FuzzNext(f *testing.F) {
	f.Add(ours, "drain", Active, label(ours, Drain, Pause, then))
	f.Add(ours, "", Drain, label(ours, "", Pause, then))
	f.Add("a", "cordon", "x", "v1 a hand active 2027-03-01T09:00:00Z")
	f.Fuzz(func(t *testing.T, by, want, availability, l string) {
		if by == "" || !known(availability) || want != "" && want != "drain" && want != "cordon" {
			t.Skip()
		}
		s := Next(by, want, SwarmNode{availability, l}, now)
		if !known(s.To.Availability) {
			t.Errorf("%q is no availability", s.To.Availability)
		}
		if m, ok := parseMark(l); l != "" && (!ok || m.by != by) && s.Change {
			t.Error("somebody else's node is changed")
		}
	})
}
