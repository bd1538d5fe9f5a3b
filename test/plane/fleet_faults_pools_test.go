//go:build e2e

package plane

import (
	"fmt"
	"time"
)

// settings changes those of the tenant's pool, which reach its nodes by a staged roll-out. Each differs from all before by a
// millisecond, so that one that came twice, or not at all, shows.
func (l *faultLoad) settings(tenant string, i int) {
	every := 10*time.Second + time.Duration(i)*time.Millisecond
	if l.ask(tenant, "PoolUpdate", every.String(), "PoolService/UpdatePool", map[string]any{
		"pool": map[string]any{"id": tenant + "/default", "settings": map[string]any{"collectEvery": fmt.Sprintf("%.3fs", every.Seconds())}}, "updateMask": "settings",
	}) {
		l.mu.Lock()
		l.every[tenant] = every.String()
		l.mu.Unlock()
	}
}

// faultRollout is a roll-out of a pool's settings.
type faultRollout struct{ ID, Pool, From, To, State, Reason, Author string }

func rolloutsOf(owner *person) []faultRollout {
	var list struct{ Rollouts []faultRollout }
	owner.ask(&list, "rollouts", "list", "--limit", "100000")
	return list.Rollouts
}

// finished waits until the newest roll-out of a tenant's pool is done. Nodes that went silent under it may have halted it, as the plan
// says: then somebody has to say that it goes on.
func (w *faultWorld) finished(tenant string, owner *person) {
	w.within("the settings of "+tenant+" are rolled out", 3*time.Minute, func() error {
		all := rolloutsOf(owner)
		if len(all) == 0 {
			return fmt.Errorf("there is no roll-out")
		}
		newest := all[0]
		if newest.State == "halted" {
			w.t.Logf("the roll-out of settings %s was halted: %s", newest.To, newest.Reason)
			owner.must("rollouts", "resume", newest.ID)
		}
		if newest.State != "done" {
			return fmt.Errorf("that of version %s is %s: %s", newest.To, newest.State, newest.Reason)
		}
		return nil
	})
}

// checkRollouts looks whether each change that was acknowledged was rolled out once, in their order, and the newest is what all nodes have.
func (w *faultWorld) checkRollouts(l *faultLoad) {
	for tenant, owner := range w.owners {
		asked := 0
		for _, c := range l.acked {
			if c.tenant == tenant && c.action == "PoolUpdate" {
				asked++
			}
		}
		all := rolloutsOf(owner)
		states, versions := map[string]int{}, map[string]bool{}
		for i, r := range all {
			states[r.State]++
			if versions[r.To] || r.Pool != tenant+"/default" {
				w.t.Errorf("the roll-out %+v is there twice, or is of another", r)
			}
			versions[r.To] = true
			if i > 0 && r.State != "done" && r.State != "superseded" {
				w.t.Errorf("an older roll-out is still %s: %+v", r.State, r)
			}
		}
		// The first one is from before, when the pool got its plan.
		if len(all) != asked+1 || asked < 5 {
			w.t.Errorf("%d changes of the settings of %s were acknowledged, and there are %d roll-outs", asked, tenant, len(all))
		}
		var pool struct {
			Settings struct {
				CollectEvery string `json:"collect_every"`
			}
		}
		owner.ask(&pool, "pools", "get", "default")
		if every, err := time.ParseDuration(pool.Settings.CollectEvery); err != nil || every.String() != l.every[tenant] {
			w.t.Errorf("the pool of %s has %s, and %s was acknowledged", tenant, pool.Settings.CollectEvery, l.every[tenant])
		}
		for _, n := range w.nodes {
			if n.tenant != tenant || len(all) == 0 {
				continue
			}
			var have listedNode
			owner.ask(&have, "nodes", "get", n.name)
			s, err := n.status(w)
			if err != nil || have.SettingsVersion != all[0].To || fmt.Sprint(s.Settings) != all[0].To {
				w.t.Errorf("%s has settings %s, and enforces %+v (%v), and the newest roll-out is of %s", n.name, have.SettingsVersion, s, err, all[0].To)
			}
		}
		w.t.Logf("roll-outs of %s: %v", tenant, states)
	}
}
