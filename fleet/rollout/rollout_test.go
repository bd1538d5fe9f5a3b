package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestTarget(t *testing.T) {
	r := model.Rollout{ID: "r1", From: 3, To: 7, State: model.RolloutRunning}
	const nodes = 4000
	had := 0
	for _, share := range []int{0, 5, 25, 60, 100} {
		r.Share = share
		have := 0
		for i := range nodes {
			node := fmt.Sprintf("n%d", i)
			got := rollout.Target(r, node)
			if got == 7 {
				have++
			} else if got != 3 {
				t.Fatalf("target %d", got)
			}
			r.Share = max(share-10, 0)
			if rollout.Target(r, node) == 7 && got != 7 {
				t.Fatal("a node has it at a smaller share and not at a larger one")
			}
			r.Share = share
		}
		if percent := have * 100 / nodes; percent < share-3 || percent > share+3 || have < had {
			t.Errorf("a share of %d %% is %d %% of the nodes", share, percent)
		}
		had = have
	}
	for state, want := range map[model.RolloutState]int64{model.RolloutDone: 7, model.RolloutRolledBack: 3, model.RolloutSuperseded: 3} {
		r.State, r.Share = state, 100
		if got := rollout.Target(r, "n"); got != want {
			t.Errorf("%s: %d, want %d", state, got, want)
		}
	}
	differ := 0
	for i := range 100 {
		node := fmt.Sprintf("n%d", i)
		if rollout.Place("r1", node) != rollout.Place("r2", node) {
			differ++
		}
	}
	if differ < 80 {
		t.Error("it is always the same nodes that go first")
	}
}

func TestSteps(t *testing.T) {
	for _, k := range []struct{ have, want []int }{
		{nil, []int{100}},
		{[]int{25, 5}, []int{5, 25, 100}},
		{[]int{0, 100, 100, 400}, []int{1, 100}},
	} {
		if got := rollout.Steps(model.RolloutPlan{Steps: k.have}); !slices.Equal(got, k.want) {
			t.Errorf("%v: %v, want %v", k.have, got, k.want)
		}
	}
}

func TestNext(t *testing.T) {
	now := start()
	plan := model.RolloutPlan{Steps: []int{5, 25}, Soak: time.Minute, MostFindings: 50, MostFailures: 10}
	back := plan
	back.RollBack = true
	base := model.Rollout{ID: "r", From: 1, To: 2, State: model.RolloutRunning, Share: 5, StepSince: now.Add(-time.Hour)}
	with := func(f func(*model.Rollout)) model.Rollout { r := base; f(&r); return r }
	fresh := with(func(r *model.Rollout) { r.Share = 0 })
	good := rollout.Seen{Nodes: 100, First: 1, Applied: 5}
	but := func(f func(*rollout.Seen)) rollout.Seen { s := good; f(&s); return s }
	for name, k := range map[string]struct {
		r     model.Rollout
		plan  model.RolloutPlan
		seen  rollout.Seen
		open  bool
		state model.RolloutState
		share int
		step  int
	}{
		"begins":                      {fresh, plan, rollout.Seen{Nodes: 100, First: 1}, true, model.RolloutRunning, 5, 0},
		"begins with at least one":    {fresh, plan, rollout.Seen{Nodes: 2, First: 41}, true, model.RolloutRunning, 41, 0},
		"begins with all":             {fresh, model.RolloutPlan{}, rollout.Seen{Nodes: 2, First: 41}, true, model.RolloutRunning, 100, 0},
		"waits for the window":        {fresh, plan, rollout.Seen{Nodes: 2, First: 41}, false, model.RolloutWaiting, 0, 0},
		"no nodes":                    {fresh, plan, rollout.Seen{}, true, model.RolloutDone, 100, 0},
		"no nodes, outside":           {fresh, plan, rollout.Seen{}, false, model.RolloutDone, 100, 0},
		"goes on":                     {base, plan, good, true, model.RolloutRunning, 25, 1},
		"passes over a smaller step":  {with(func(r *model.Rollout) { r.Share = 41 }), plan, good, true, model.RolloutRunning, 100, 2},
		"one has it not yet":          {base, plan, but(func(s *rollout.Seen) { s.Missing = 1 }), true, model.RolloutRunning, 5, 0},
		"none has it":                 {base, plan, but(func(s *rollout.Seen) { s.Applied = 0 }), true, model.RolloutRunning, 5, 0},
		"soaks":                       {with(func(r *model.Rollout) { r.StepSince = now.Add(-59 * time.Second) }), plan, good, true, model.RolloutRunning, 5, 0},
		"soaked":                      {with(func(r *model.Rollout) { r.StepSince = now.Add(-time.Minute) }), plan, good, true, model.RolloutRunning, 25, 1},
		"window closes":               {base, plan, good, false, model.RolloutWaiting, 5, 0},
		"window opens":                {with(func(r *model.Rollout) { r.State = model.RolloutWaiting }), plan, good, true, model.RolloutRunning, 5, 0},
		"findings at the limit":       {base, plan, but(func(s *rollout.Seen) { s.Findings = 2 }), true, model.RolloutRunning, 25, 1},
		"findings over it":            {base, plan, but(func(s *rollout.Seen) { s.Findings = 3 }), true, model.RolloutHalted, 5, 0},
		"failures over it":            {base, plan, but(func(s *rollout.Seen) { s.Failed = 1 }), true, model.RolloutHalted, 5, 0},
		"all refuse it":               {base, plan, but(func(s *rollout.Seen) { s.Applied, s.Failed = 0, 1 }), true, model.RolloutHalted, 5, 0},
		"rolls back":                  {base, back, but(func(s *rollout.Seen) { s.Failed = 1 }), true, model.RolloutRolledBack, 5, 0},
		"halts outside, too":          {base, plan, but(func(s *rollout.Seen) { s.Failed = 1 }), false, model.RolloutHalted, 5, 0},
		"halted stays":                {with(func(r *model.Rollout) { r.State = model.RolloutHalted }), plan, good, true, model.RolloutHalted, 5, 0},
		"superseded stays":            {with(func(r *model.Rollout) { r.State = model.RolloutSuperseded }), plan, good, true, model.RolloutSuperseded, 5, 0},
		"done":                        {with(func(r *model.Rollout) { r.Share, r.Step = 100, 2 }), plan, but(func(s *rollout.Seen) { s.Applied = 100 }), true, model.RolloutDone, 100, 2},
		"not done, one is up without": {with(func(r *model.Rollout) { r.Share, r.Step = 100, 2 }), plan, but(func(s *rollout.Seen) { s.Missing = 1 }), true, model.RolloutRunning, 100, 2},
	} {
		got, changed := rollout.Next(k.r, k.plan, k.seen, now, k.open)
		if got.State != k.state || got.Share != k.share || got.Step != k.step {
			t.Errorf("%s: %s %d %% step %d, want %s %d %% step %d", name, got.State, got.Share, got.Step, k.state, k.share, k.step)
		}
		if changed != (got != k.r) {
			t.Errorf("%s: changed is %v", name, changed)
		}
		if got.State == model.RolloutHalted && k.r.State != model.RolloutHalted && got.Reason == "" {
			t.Errorf("%s: nothing says why", name)
		}
		if ended := got.State == model.RolloutDone || got.State == model.RolloutRolledBack; ended == got.Ended.IsZero() {
			t.Errorf("%s: ended %v in state %s", name, got.Ended, got.State)
		}
		if again, _ := rollout.Next(got, k.plan, k.seen, now, k.open); got.State != model.RolloutRunning && again != got {
			t.Errorf("%s: asked twice it goes on: %+v", name, again)
		}
	}
}

// fleet plays nodes that take what they should have after a while.
type fleet struct {
	nodes    []string
	have     map[string]bool
	r        model.Rollout
	failed   int
	findings int
}

func (f *fleet) seen() rollout.Seen {
	s := rollout.Seen{Nodes: len(f.nodes), First: 101, Failed: f.failed, Findings: f.findings}
	for _, n := range f.nodes {
		s.First = min(s.First, rollout.Place(f.r.ID, n))
		switch {
		case f.have[n]:
			s.Applied++
		case rollout.Target(f.r, n) == f.r.To:
			s.Missing++
		}
	}
	return s
}

// However many nodes there are and whatever the plan: shares never shrink, the first step has a node, nobody gets it beyond the
// share, and a quiet roll-out is done in the end while one with too many failures never goes on.
func TestRollouts(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		f := &fleet{have: map[string]bool{}, r: model.Rollout{ID: fmt.Sprint(seed), From: 1, To: 2, State: model.RolloutRunning}}
		for i := range 1 + rnd.IntN(60) {
			f.nodes = append(f.nodes, fmt.Sprintf("n%d-%d", seed, i))
		}
		plan := model.RolloutPlan{Soak: time.Duration(rnd.IntN(5)) * time.Minute, MostFailures: 20, MostFindings: 20}
		for range rnd.IntN(5) {
			plan.Steps = append(plan.Steps, 1+rnd.IntN(100))
		}
		breaks := rnd.IntN(3) == 0
		now, share := start(), 0
		for turn := 0; turn < 3000 && rollout.Active(f.r.State); turn++ {
			now = now.Add(30 * time.Second)
			f.r, _ = rollout.Next(f.r, plan, f.seen(), now, rnd.IntN(10) > 0)
			if f.r.Share < share {
				t.Fatalf("seed %d: the share shrinks from %d to %d", seed, share, f.r.Share)
			}
			if share == 0 && f.r.Share > 0 && f.seen().Missing == 0 {
				t.Fatalf("seed %d: the first step has no node", seed)
			}
			if f.r.State == model.RolloutHalted {
				break
			}
			share = f.r.Share
			for _, n := range f.nodes {
				if rollout.Target(f.r, n) == 2 && rnd.IntN(3) == 0 {
					f.have[n] = true
				}
			}
			if breaks && len(f.have) > 0 {
				f.failed = len(f.have)
			}
		}
		want := model.RolloutDone
		if breaks {
			want = model.RolloutHalted
		}
		if f.r.State != want {
			t.Errorf("seed %d: ends as %s at %d %%, want %s", seed, f.r.State, f.r.Share, want)
		}
		if !breaks && len(f.have) != len(f.nodes) {
			t.Errorf("seed %d: done, and %d of %d have it", seed, len(f.have), len(f.nodes))
		}
	}
}
