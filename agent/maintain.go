package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// Maintainer makes an orchestrator keep workloads away from nodes. want is what is wanted of this node; d is what is wanted of the
// nodes of a swarm, nil for nothing. What it can't do is in its answer.
type Maintainer interface {
	Maintain(ctx context.Context, want string, d *bundle.Maintenance) *model.Maintenance
}

const (
	maintainEvery = 30 * time.Second
	maintainAgain = 5 * time.Second // where something is not as it should be yet
	maintainTime  = 5 * time.Minute // for all nodes together
)

// maintaining acts when documents change, and looks again from time to time: what somebody changes by hand is seen then.
func (a *Agent) maintaining(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := maintainEvery
		if !a.maintain(ctx) {
			wait = maintainAgain
		}
		if !sleep(ctx, jitter(wait), a.wishes) {
			break
		}
	}
	return ctx.Err()
}

// maintain acts once; false where something is left to do.
func (a *Agent) maintain(ctx context.Context) bool {
	want, d := a.wanted()
	a.mu.Lock()
	before := a.maintained
	a.mu.Unlock()
	var next *model.Maintenance
	if a.p.Maintainer == nil {
		if want != model.WantNothing {
			next = &model.Maintenance{Detail: "agent.maintenance is false on that host, so its agent leaves the orchestrator alone"}
		}
	} else {
		ctx, cancel := context.WithTimeout(ctx, maintainTime)
		next = a.p.Maintainer.Maintain(ctx, want, d)
		cancel()
	}
	if ctx.Err() != nil {
		return true
	}
	if next == nil && want == model.WantNothing && onlyFree(before) {
		next = before // what was given back is told until something is wanted again
	}
	done := a.compare(ctx, before, next, d)
	a.mu.Lock()
	a.maintained = next
	a.mu.Unlock()
	if !sameStates(before, next) {
		poke(a.follower.changed) // the facts say so at once
	}
	return done
}

// wanted is what the documents in force say.
func (a *Agent) wanted() (want string, d *bundle.Maintenance) {
	if b := a.inForce(model.BundleAssignment); b != nil {
		var own bundle.Assignment
		if bundle.Decode(b.Document, &own) == nil {
			want = (&model.Member{Cordoned: own.Cordoned, Drained: own.Drained}).Want()
		}
	}
	if b := a.inForce(model.BundleMaintenance); b != nil {
		d = &bundle.Maintenance{}
		if bundle.Decode(b.Document, d) != nil || !slices.Contains(d.Managers, a.node.ID) {
			d = nil // it was this node's, while its engine was a manager
		}
	}
	return want, d
}

// compare sets since when things are so, keeps what was told of nodes that are free again, and tells what is new.
func (a *Agent) compare(ctx context.Context, before, next *model.Maintenance, d *bundle.Maintenance) (done bool) {
	if next == nil {
		return true
	}
	had := map[string]model.MaintenanceOf{}
	if before != nil {
		for _, n := range before.Nodes {
			had[n.ID] = n
		}
	}
	done = true
	now := a.now().UTC().Truncate(time.Second)
	for i := range next.Nodes {
		n := &next.Nodes[i]
		was, known := had[n.ID]
		same := known && was.Want == n.Want && was.State == n.State && was.Is == n.Is
		switch {
		case !n.Since.IsZero():
		case same:
			n.Since = was.Since
		default:
			n.Since = now
		}
		done = done && n.State != model.MaintenanceFailed && n.State != model.MaintenancePending
		a.tellMaintenance(ctx, next, n, !same && (known || !n.Since.Before(a.started.Truncate(time.Second))))
		delete(had, n.ID)
	}
	if d != nil && next.Cluster == d.Cluster {
		next.Nodes = append(next.Nodes, freed(had, d)...)
	}
	return done
}

// freed are nodes that were given back, and of which nothing has been wanted since.
func freed(had map[string]model.MaintenanceOf, d *bundle.Maintenance) []model.MaintenanceOf {
	var out []model.MaintenanceOf
	for _, n := range d.Nodes {
		if was, ok := had[n.ID]; ok && n.Want == model.WantNothing && was.Want == model.WantNothing {
			out = append(out, was)
		}
	}
	return out
}

// tellMaintenance makes findings of what is not as it should be, and records of what is new.
func (a *Agent) tellMaintenance(ctx context.Context, in *model.Maintenance, n *model.MaintenanceOf, fresh bool) {
	const kind = "node/maintenance"
	subject := clip(in.Orchestrator+" "+n.Name, 400)
	wish := n.Want
	if wish == model.WantNothing {
		wish = "uncordon"
	}
	switch n.State {
	case model.MaintenanceFailed:
		a.raise(problem{
			kind: kind, severity: model.Medium, subject: subject,
			en: fmt.Sprintf("%s of %s can't be carried out on %s: %s. It is tried again.", wish, n.Name, in.Orchestrator, n.Detail),
			zh: fmt.Sprintf("无法在 %[3]s 上对 %[2]s 执行 %[1]s：%[4]s。将重试。", wish, n.Name, in.Orchestrator, n.Detail),
		})
	case model.MaintenanceByHand:
		a.raise(problem{
			kind: kind, severity: model.Low, subject: subject,
			en: fmt.Sprintf("%s of %s on %s: %s.", wish, n.Name, in.Orchestrator, n.Detail),
			zh: fmt.Sprintf("在 %[3]s 上对 %[2]s 执行 %[1]s：有人手动将其设为 %[4]s，现予保留。", wish, n.Name, in.Orchestrator, n.Is),
		})
	default:
		a.over(kind, subject)
	}
	if n.Want == model.WantNothing && n.State == model.MaintenanceByHand {
		a.over(kind, subject) // told, and nothing is left to do
	}
	if !fresh {
		return
	}
	r := model.Record{
		Action: "NodeMaintain", Outcome: model.OutcomeAllowed, Resource: model.Ref{Type: "Node", ID: n.ID}, Reason: n.Detail,
		Changes: map[string]string{"orchestrator": in.Orchestrator, "wanted": wish, "name": n.Name, "is": n.Is, "was": n.Was, "state": string(n.State)},
	}
	if n.State == model.MaintenanceFailed {
		r.Outcome = model.OutcomeRefused
	}
	a.record(ctx, r)
}

func onlyFree(m *model.Maintenance) bool {
	return m != nil && len(m.Nodes) > 0 && !slices.ContainsFunc(m.Nodes, func(n model.MaintenanceOf) bool { return n.Want != model.WantNothing })
}

// sameStates compares what matters at once; how far a drain is goes along with the next facts.
func sameStates(a, b *model.Maintenance) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Acts == b.Acts && a.Cluster == b.Cluster && slices.EqualFunc(a.Nodes, b.Nodes, func(x, y model.MaintenanceOf) bool {
		return x.ID == y.ID && x.Want == y.Want && x.State == y.State && x.Is == y.Is
	})
}

// maintenance is what was done last.
func (a *Agent) maintenance() *model.Maintenance {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.maintained // it is never changed
}
