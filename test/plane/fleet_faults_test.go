//go:build e2e

package plane

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// faultNumber is a number from the environment.
func faultNumber(t *testing.T, name string, otherwise uint64) uint64 {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 32)
	if err != nil {
		n = otherwise
	}
	t.Logf("%s=%d", name, n)
	return n
}

// atOnce is how many faults there are at the same time.
const atOnce = 3

// TestFleetFaults breaks every part in turn, and then parts at random, while people change things and containers come and go: three
// nodes with an engine each, two replicas, a database with a synchronous standby. The order comes from a seed; each fault is healed
// after a while. Afterwards everything that was acknowledged is there once, and all agree.
//
// Nodes and replicas are hosts of the lab, that is network namespaces: they have one kernel, one clock and one list of processes. A
// clock is therefore stepped in an agent that was built for it; a full disk is a small file system of the agent's own. The database
// is reached over Unix sockets, which cross namespaces, so a replica that is unplugged still has its database, but no node.
func TestFleetFaults(t *testing.T) {
	number, seed := int(faultNumber(t, "BULKHEAD_FAULTS", 20)), faultNumber(t, "BULKHEAD_SEED", 4)
	begin := time.Now()
	w := newFaultWorld(t)
	t.Logf("ready after %s", time.Since(begin).Round(time.Second))
	plan := w.plan(number, rand.New(rand.NewPCG(seed, 7)))
	l := startFaultLoad(w)
	seen := w.watchFindings()
	w.run(plan)
	t.Logf("%d faults done after %s", len(plan), time.Since(begin).Round(time.Second))
	l.end()
	w.converged(l)
	w.checkAll(l, seen())
	t.Logf("all after %s", time.Since(begin).Round(time.Second))
}

// plan is every part in turn, and then chance: what breaks, how, and for how long.
func (w *faultWorld) plan(number int, r *rand.Rand) []fault {
	var lanes [][]fault
	for _, n := range w.nodes {
		lanes = append(lanes, n.faults(len(lanes), r))
	}
	for i, s := range w.replicas {
		lanes = append(lanes, s.faults(w, "replica "+[]string{"one", "two"}[i], len(lanes), r))
	}
	lanes = append(lanes, w.db.faults(len(lanes)))
	// By their order in faults: of nodes, of replicas, of the database.
	const cut, loses, killed, engine, frozen, ahead, year, full = 0, 1, 2, 3, 4, 5, 6, 7
	const stopped = 3
	const failover, restarted, alone = 0, 1, 2
	turn := [][2]int{
		{0, killed},
		{3, killed},
		{5, failover},
		{1, killed},
		{0, cut},
		{4, killed},
		{2, engine},
		{5, restarted},
		{1, ahead},
		{3, stopped},
		{2, full},
		{0, engine},
		{4, cut},
		{1, loses},
		{5, alone},
		{2, killed},
		{0, year},
		{1, engine},
		{2, frozen},
		{3, loses},
	}
	var plan []fault
	for i := range number {
		hold := time.Duration(2000+r.IntN(4000)) * time.Millisecond
		if i < len(turn) {
			f := lanes[turn[i][0]][turn[i][1]]
			if turn[i] == [2]int{0, cut} {
				hold = 30 * time.Second // long enough to be silent
			}
			f.hold = hold
			plan = append(plan, f)
			continue
		}
		if r.IntN(10) == 0 {
			hold *= 6
		}
		of := lanes[r.IntN(len(lanes))]
		f := of[r.IntN(len(of))]
		f.hold = hold
		plan = append(plan, f)
	}
	return plan
}

// run does the faults in their order, some at once, but on different parts.
func (w *faultWorld) run(plan []fault) {
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, atOnce)
		lanes [6]sync.Mutex
		begin = time.Now()
	)
	for i, f := range plan {
		lanes[f.lane].Lock()
		slots <- struct{}{}
		if w.t.Failed() {
			<-slots
			lanes[f.lane].Unlock()
			break
		}
		w.t.Logf("%6.1fs fault %d: %s, for %.1fs", time.Since(begin).Seconds(), i+1, f.what, f.hold.Seconds())
		wg.Go(func() {
			defer lanes[f.lane].Unlock()
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
			defer cancel()
			if err := f.do(ctx, f.hold); err != nil {
				w.t.Errorf("fault %d (%s) was not healed: %v", i+1, f.what, err)
			}
		})
	}
	wg.Wait()
}
