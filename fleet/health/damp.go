package health

import (
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// A node that changes more often than MostChanges in Window is flapping: that is told once, and its changes are not, until it did
// not change for Quiet.
const (
	MostChanges = 4
	Window      = 10 * time.Minute
	Quiet       = 5 * time.Minute
)

// MostTold is how many events Damp and Steady let through in any Window, whatever the node does: it can become steady twice in it,
// and after each time the changes and the flapping are told again.
const MostTold = 2 * (MostChanges + 2)

// Tell is what to tell of a change.
type Tell int

// What to tell.
const (
	TellNothing  Tell = iota // it is flapping, and that was told
	TellChange               // the change
	TellFlapping             // that it is flapping, instead of the change
)

// Damp says what to tell of a change at a time, and whether the node is flapping from now on. told are the node's earlier events, in
// any order; only changes of its health, and that it was steady, count.
func Damp(flapping bool, told []model.Event, now time.Time) (bool, Tell) {
	if flapping {
		return true, TellNothing
	}
	var steady time.Time
	for i := range told {
		if told[i].Kind == model.EventSteady && told[i].Time.After(steady) {
			steady = told[i].Time
		}
	}
	changes := 0
	for i := range told {
		e := &told[i]
		if IsChange(e) && !e.Time.Before(steady) && e.Time.After(now.Add(-Window)) {
			changes++
		}
	}
	if changes >= MostChanges {
		return true, TellFlapping
	}
	return false, TellChange
}

// IsChange says whether an event tells of a change of a node's health. That the reason of a silence was found is none.
func IsChange(e *model.Event) bool {
	switch e.Kind {
	case model.EventSilent, model.EventStopped, model.EventBack:
		return e.Before != e.After && e.Before != model.ReasonAsking
	}
	return false
}

// Steady says whether a node that was flapping no longer is; since is when its health changed last.
func Steady(flapping bool, since, now time.Time) bool {
	return flapping && now.Sub(since) >= Quiet
}
