// Package rollout says who gets which version of a pool's settings, when a roll-out goes on, and when work may be done at all. It is
// pure: it has no clock, reads nothing and sends nothing. What the nodes make of the settings is counted elsewhere and given to it.
package rollout

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Place is where a node stands in a roll-out's order: it gets the change from this share (1 to 100 percent) on. It is the same on
// every replica and after every restart, and another one in every roll-out, so that it is not always the same nodes that go first.
func Place(rollout, node string) int {
	h := sha256.Sum256([]byte(rollout + "\n" + node))
	return 1 + int(binary.BigEndian.Uint64(h[:8])%100)
}

// Target is the version that a node should have by a roll-out.
func Target(r model.Rollout, node string) int64 {
	switch r.State {
	case model.RolloutDone:
		return r.To
	case model.RolloutRolledBack, model.RolloutSuperseded:
		return r.From
	}
	if Place(r.ID, node) <= r.Share {
		return r.To
	}
	return r.From
}

// Active says whether a roll-out is on its way, halted ones included.
func Active(s model.RolloutState) bool {
	return s == model.RolloutRunning || s == model.RolloutWaiting || s == model.RolloutHalted
}

// Seen is what became of a roll-out.
type Seen struct {
	Nodes   int // of the pool
	First   int // the smallest share in which a node is; 0 without nodes
	Applied int // have it
	Missing int // are up, should have it, and have it not
	// Failed refused it, or went silent with it, since the step began; Findings are new on those that have it.
	Failed, Findings int
}

// Steps are the shares of a plan in their order; the last is 100.
func Steps(p model.RolloutPlan) []int {
	steps := make([]int, 0, len(p.Steps)+1)
	for _, s := range p.Steps {
		steps = append(steps, min(max(s, 1), 100))
	}
	steps = append(steps, 100)
	slices.Sort(steps)
	return slices.Compact(steps)
}

// Next is what a roll-out is now. open says whether work may be done. The caller carries out what it says: where the state is
// "rolled back", the settings from before become a new version.
func Next(r model.Rollout, plan model.RolloutPlan, seen Seen, now time.Time, open bool) (model.Rollout, bool) {
	was := r
	r.Nodes, r.Applied, r.Failed, r.Findings = seen.Nodes, seen.Applied, seen.Failed, seen.Findings
	if r.State == model.RolloutRunning || r.State == model.RolloutWaiting {
		r = step(r, plan, seen, now, open)
	}
	return r, r != was
}

func step(r model.Rollout, plan model.RolloutPlan, seen Seen, now time.Time, open bool) model.Rollout {
	if why := tooMuch(plan, seen); why != "" {
		r.State, r.Reason = model.RolloutHalted, why
		if plan.RollBack {
			r.State, r.Ended = model.RolloutRolledBack, now
		}
		return r
	}
	if seen.Nodes == 0 {
		return done(r, now, "the pool has no nodes")
	}
	if !open {
		r.State, r.Reason = model.RolloutWaiting, "outside of the pool's windows"
		return r
	}
	if r.State == model.RolloutWaiting {
		// What was quiet while nothing was done says little: the step begins again.
		r.State, r.Reason, r.StepSince = model.RolloutRunning, "", now
	}
	steps := Steps(plan)
	if r.Share == 0 {
		r.Step, r.Share, r.StepSince = 0, max(steps[0], seen.First), now
		return r
	}
	if seen.Missing > 0 || seen.Applied == 0 || now.Sub(r.StepSince) < plan.Soak {
		return r
	}
	if r.Share >= 100 {
		return done(r, now, "")
	}
	for i, share := range steps {
		if share > r.Share { // the first step may have been made larger than the second
			r.Step, r.Share, r.StepSince = i, share, now
			break
		}
	}
	return r
}

func done(r model.Rollout, now time.Time, why string) model.Rollout {
	r.State, r.Share, r.Ended, r.Reason = model.RolloutDone, 100, now, why
	return r
}

// tooMuch says why a roll-out must not go on; "" where it may.
func tooMuch(plan model.RolloutPlan, seen Seen) string {
	of := max(seen.Applied, 1)
	if over(seen.Failed, of, plan.MostFailures) {
		return fmt.Sprintf("%d nodes refused it or went silent with it, more than %d %% of the %d that have it", seen.Failed, plan.MostFailures, seen.Applied)
	}
	if over(seen.Findings, of, plan.MostFindings) {
		return fmt.Sprintf("%d new findings, more than %d %% of the %d nodes that have it", seen.Findings, plan.MostFindings, seen.Applied)
	}
	return ""
}

func over(n, of, most int) bool { return int64(n)*100 > int64(of)*int64(most) }
