// Package maintenance decides what an orchestrator's node should have, given what is wanted of it, what it had, and who changed it
// last; and it says for people how that stands. It is pure: it speaks to no orchestrator and keeps nothing.
package maintenance

import (
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Availabilities of a Swarm node.
const (
	Active = "active"
	Pause  = "pause"
	Drain  = "drain"
)

// Label is where a Swarm node carries what Bulkhead did to it. Every manager sees it, and it changes together with the availability,
// so that what the node had before is lost neither with an agent nor with a manager.
const Label = "io.bulkhead.maintenance"

// mark is what the label says.
type mark struct {
	by  string // whose it is; nobody else touches it
	set string // what Bulkhead set; "" once somebody changed that by hand
	was string // what the node had before
	at  time.Time
}

// The label's value: "v1 BY SET WAS WHEN"; SET is "hand" once it was changed by hand.
const (
	markVersion = "v1"
	byHand      = "hand"
)

func (m mark) String() string {
	set := m.set
	if set == "" {
		set = byHand
	}
	return strings.Join([]string{markVersion, m.by, set, m.was, m.at.UTC().Format(time.RFC3339)}, " ")
}

// parseMark reads a label. One that is not understood is somebody else's.
func parseMark(s string) (m mark, ours bool) {
	p := strings.Split(s, " ")
	if len(p) != 5 || p[0] != markVersion || p[1] == "" || !known(p[3]) {
		return mark{}, false
	}
	at, err := time.Parse(time.RFC3339, p[4])
	if err != nil {
		return mark{}, false
	}
	m = mark{by: p[1], set: p[2], was: p[3], at: at}
	if m.set == byHand {
		m.set = ""
	} else if !known(m.set) {
		return mark{}, false
	}
	return m, true
}

func known(availability string) bool {
	return availability == Active || availability == Pause || availability == Drain
}

// Placement is how a node of an orchestrator is now.
type Placement struct {
	Availability string
	Label        string // value of Label, "" for none
}

// Step is what is to be done to a Swarm node. Where Change is false, nothing is.
type Step struct {
	Change bool
	To     Placement
	State  model.MaintenanceState // once it is done
	Was    string
	Detail string
	Since  time.Time // zero where it is not known
}

// Next says what a Swarm node should have. by names whose wish it is; at is now.
func Next(by, want string, now Placement, at time.Time) Step {
	m, readable := parseMark(now.Label)
	marked := now.Label != ""
	switch {
	case marked && (!readable || m.by != by):
		return others(want, now)
	case want == model.WantNothing:
		return release(m, marked, now, at)
	case !marked:
		return set(mark{by: by, was: now.Availability, at: at}, want)
	case m.set == "":
		return Step{State: model.MaintenanceByHand, To: now, Was: m.was, Detail: changedByHand(now.Availability), Since: m.at}
	case m.set != now.Availability:
		m.set, m.at = "", at
		return Step{
			Change: true, To: Placement{now.Availability, m.String()}, State: model.MaintenanceByHand, Was: m.was, Since: at,
			Detail: changedByHand(now.Availability),
		}
	case m.set != atLeast(want, m.was): // from drain to cordon or the other way
		m.at = at
		return set(m, want)
	}
	return Step{State: model.MaintenanceApplied, To: now, Was: m.was, Since: m.at}
}

func set(m mark, want string) Step {
	m.set = atLeast(want, m.was)
	return Step{Change: true, To: Placement{m.set, m.String()}, State: model.MaintenanceApplied, Was: m.was, Since: m.at}
}

// others is a node that somebody else's Bulkhead has changed: who did it looks after it.
func others(want string, now Placement) Step {
	if want == model.WantNothing {
		return Step{State: model.MaintenanceApplied, To: now}
	}
	return Step{
		State: model.MaintenanceFailed, To: now, Detail: "its label " + Label + " is another control plane's or tenant's, which looks after it: " + now.Label,
	}
}

// release gives a node back what it had, if nobody changed it meanwhile.
func release(m mark, marked bool, now Placement, at time.Time) Step {
	switch {
	case !marked:
		return Step{State: model.MaintenanceApplied, To: now}
	case m.set != now.Availability:
		return Step{
			Change: true, To: Placement{Availability: now.Availability}, State: model.MaintenanceByHand, Since: at, Detail: changedByHand(now.Availability),
		}
	}
	return Step{Change: true, To: Placement{Availability: m.was}, State: model.MaintenanceApplied, Was: m.set, Since: at}
}

func changedByHand(now string) string {
	return "somebody set it to " + now + " by hand meanwhile, and that stays"
}

// atLeast is the availability for a wish. One that keeps more away already stays.
func atLeast(want, was string) string {
	if want == model.WantDrain || was == Drain {
		return Drain
	}
	return Pause
}
