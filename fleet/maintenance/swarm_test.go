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
		now    Placement
		to     Placement // what comes out; the zero value for no change
		state  model.MaintenanceState
		was    string
		detail bool
	}{
		"nothing wanted, nothing done":    {now: Placement{Active, ""}, state: model.MaintenanceApplied},
		"drained by hand is left":         {now: Placement{Drain, ""}, state: model.MaintenanceApplied},
		"drain":                           {"drain", Placement{Active, ""}, Placement{Drain, label(ours, Drain, Active, now)}, model.MaintenanceApplied, Active, false},
		"cordon":                          {"cordon", Placement{Active, ""}, Placement{Pause, label(ours, Pause, Active, now)}, model.MaintenanceApplied, Active, false},
		"drain of a paused one":           {"drain", Placement{Pause, ""}, Placement{Drain, label(ours, Drain, Pause, now)}, model.MaintenanceApplied, Pause, false},
		"cordon of a drained one":         {"cordon", Placement{Drain, ""}, Placement{Drain, label(ours, Drain, Drain, now)}, model.MaintenanceApplied, Drain, false},
		"drained already":                 {"drain", Placement{Drain, label(ours, Drain, Active, then)}, Placement{}, model.MaintenanceApplied, Active, false},
		"from cordon to drain":            {"drain", Placement{Pause, label(ours, Pause, Active, then)}, Placement{Drain, label(ours, Drain, Active, now)}, model.MaintenanceApplied, Active, false},
		"from drain to cordon":            {"cordon", Placement{Drain, label(ours, Drain, Active, then)}, Placement{Pause, label(ours, Pause, Active, now)}, model.MaintenanceApplied, Active, false},
		"given back":                      {"", Placement{Drain, label(ours, Drain, Active, then)}, Placement{Active, ""}, model.MaintenanceApplied, Drain, false},
		"given back to pause":             {"", Placement{Drain, label(ours, Drain, Pause, then)}, Placement{Pause, ""}, model.MaintenanceApplied, Drain, false},
		"by hand while it is drained":     {"drain", Placement{Active, label(ours, Drain, Active, then)}, Placement{Active, label(ours, "", Active, now)}, model.MaintenanceByHand, Active, true},
		"by hand, seen before":            {"drain", Placement{Active, handed}, Placement{}, model.MaintenanceByHand, Active, true},
		"by hand, drained by hand again":  {"drain", Placement{Drain, handed}, Placement{}, model.MaintenanceByHand, Active, true},
		"by hand stays when it is over":   {"", Placement{Drain, handed}, Placement{Drain, ""}, model.MaintenanceByHand, "", true},
		"by hand just before it was over": {"", Placement{Pause, label(ours, Drain, Active, then)}, Placement{Pause, ""}, model.MaintenanceByHand, "", true},
		"another tenant's, drain":         {"drain", Placement{Pause, label("globex/0a1b2c3d", Pause, Active, then)}, Placement{}, model.MaintenanceFailed, "", true},
		"another tenant's, nothing":       {"", Placement{Pause, label("globex/0a1b2c3d", Pause, Active, then)}, Placement{}, model.MaintenanceApplied, "", false},
		"another control plane's":         {"cordon", Placement{Pause, label("acme/ffffffff", Pause, Active, then)}, Placement{}, model.MaintenanceFailed, "", true},
		"a label of no known form":        {"drain", Placement{Active, "yes"}, Placement{}, model.MaintenanceFailed, "", true},
		"a label with another state":      {"", Placement{Active, "v1 " + ours + " drain gone " + then.Format(time.RFC3339)}, Placement{}, model.MaintenanceApplied, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := Next(ours, c.want, c.now, now)
			if change := c.to != (Placement{}); got.Change != change || change && got.To != c.to || !change && got.To != c.now {
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
		s := Next(by, want, Placement{availability, l}, now)
		if !known(s.To.Availability) {
			t.Errorf("%q is no availability", s.To.Availability)
		}
		if m, ok := parseMark(l); l != "" && (!ok || m.by != by) && s.Change {
			t.Error("somebody else's node is changed")
		}
	})
}
