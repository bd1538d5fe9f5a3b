package fleet

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/fleet/rollout"
	"github.com/bulkhead-security/bulkhead/model"
)

func isOpen(p *model.Pool, now time.Time) bool { return rollout.Open(p.Windows, now) }

// change changes a node's health where it is still as it was, and tells of it unless the node is flapping.
func (f *Fleet) change(ctx context.Context, m *model.Member, h model.HealthChange, e model.Event) (bool, error) {
	won := false
	err := f.store.InTx(ctx, func(ctx context.Context) error {
		told, err := f.toldOf(ctx, m, h.When)
		if err != nil {
			return err
		}
		flapping, tell := health.Damp(m.Flapping, told, h.When)
		h.Node, h.Flapping = m.ID, flapping
		if won, err = f.store.SetHealth(ctx, h); err != nil || !won {
			return err
		}
		e.Time, e.Before, e.After = h.When, string(h.Was), string(h.Is)
		switch tell {
		case health.TellNothing:
			return nil
		case health.TellFlapping:
			e = of(m, model.EventFlapping, string(model.Medium), say(
				"%s changed more than %d times in %s; its changes are not told until it is quiet for %s",
				"节点 %s 在 %[3]s 内变化超过 %[2]d 次；在其平稳 %[4]s 之前不再逐一告知", m.Name, health.MostChanges, health.Window, health.Quiet))
			e.Time, e.Before, e.After = h.When, string(h.Was), string(h.Is)
		case health.TellChange:
		}
		return f.tell(ctx, e)
	})
	if err != nil || !won {
		return false, err
	}
	f.watch.flaps(m.ID, h.Flapping || m.Flapping)
	return true, nil
}

// mostLooked bounds the events of a node that are looked at, of all kinds.
const mostLooked = 500

// toldOf are the events of a node that Damp looks at.
func (f *Fleet) toldOf(ctx context.Context, m *model.Member, now time.Time) ([]model.Event, error) {
	all, _, err := f.store.Events(ctx, model.Query{
		Tenant: m.Tenant, Since: now.Add(-health.Window), Size: mostLooked, Where: []model.Condition{{Field: "node", Op: "=", Value: m.ID}},
	})
	return all, err
}

// heard makes of a node that was silent or stopped one that is up again; true where this call did.
func (f *Fleet) heard(ctx context.Context, m *model.Member, stopping bool) (bool, error) {
	if m.Flapping {
		f.watch.flaps(m.ID, true)
	}
	if stopping || m.Health != model.HealthSilent && m.Health != model.HealthStopped {
		return false, nil
	}
	now := f.now()
	gone := now.Sub(m.HealthSince).Round(time.Second)
	e := of(m, model.EventBack, info, say("%s is back after %s (it was %s: %s); it sends all facts again",
		"节点 %s 在 %s 后恢复（此前状态 %s：%s）；它将重新发送全部数据", m.Name, gone, m.Health, m.HealthReason))
	won, err := f.change(ctx, m, model.HealthChange{Was: m.Health, Is: model.HealthUp, When: now}, e)
	if won {
		f.away.back(m.ID, m.HealthSince, now)
		if s := f.hub.get(m.ID); s != nil {
			s.stop(false) // it said that it stops, and did not
		}
	}
	return won, err
}

// stopped takes a node at its word that it stops: at once, and its stream is no sign of life any more.
func (f *Fleet) stopped(ctx context.Context, m *model.Member) error {
	if s := f.hub.get(m.ID); s != nil {
		s.stop(true)
	}
	if c, ok := f.contacts.take(m.ID); ok {
		if err := f.store.TouchNodes(ctx, []model.Contact{c}); err != nil {
			return err
		}
	}
	if m.Health == model.HealthStopped || m.Health == model.HealthRevoked {
		return nil
	}
	now := f.now()
	severity := string(model.Medium)
	if f.inWindow(ctx, m, now) {
		severity = info
	}
	_, err := f.change(ctx, m, model.HealthChange{Was: m.Health, Is: model.HealthStopped, Reason: model.ReasonSaidSo, When: now},
		of(m, model.EventStopped, severity, say("the agent of %s stops, as it was told to", "节点 %s 的代理按指令停止", m.Name)))
	return err
}

// steady ends the flapping of nodes that did not change for a while.
func (f *Fleet) steady(ctx context.Context, now time.Time) error {
	for _, id := range f.watch.flappingNodes(mostFlapping) {
		m, err := f.store.Node(ctx, id)
		if model.CodeOf(err) == model.CodeNotFound || err == nil && !m.Flapping {
			f.watch.flaps(id, false)
			continue
		}
		if err != nil {
			return err
		}
		if !health.Steady(m.Flapping, m.HealthSince, now) {
			continue
		}
		err = f.store.InTx(ctx, func(ctx context.Context) error {
			won, err := f.store.SetHealth(ctx, model.HealthChange{Node: id, Was: m.Health, Is: m.Health, Reason: m.HealthReason, When: m.HealthSince})
			if err != nil || !won {
				return err
			}
			e := of(m, model.EventSteady, info, say("%s is steady again, and is %s", "节点 %s 恢复平稳，当前状态 %s", m.Name, m.Health))
			e.Time = now
			// Every replica that knows of it gets here; it is told once.
			e.ID = eventID(m.HealthSince.Add(health.Quiet), m.ID, model.EventSteady, m.HealthSince.UTC().Format(time.RFC3339Nano))
			return f.tell(ctx, e)
		})
		if err != nil {
			return err
		}
		f.watch.flaps(id, false)
	}
	return nil
}
