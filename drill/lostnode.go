package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	// noticedWithin is how soon the loss of a node must be seen.
	noticedWithin = 30 * time.Second
	// The plane's clock goes on by clockStep for each of clockTick, so that half a minute takes some seconds.
	clockStep = time.Second
	clockTick = 200 * time.Millisecond
)

// lostNode kills one of two agents. What is wanted is that nobody notices, so that what happens on the node is not seen.
func lostNode(ctx context.Context, l Launcher, off Control) (h Half, err error) {
	s, err := newStage(l)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, s.clear(ctx)) }()
	plane, err := l.Launch(ctx, off)
	if err != nil {
		return h, fmt.Errorf("start a throw-away control plane: %w", err)
	}
	s.later(plane.Stop)
	c, err := people(ctx, plane)
	if err != nil {
		return h, err
	}
	w := c.worlds[0]
	var two []*node
	for _, name := range []string{"lost", "other"} {
		n, err := w.join(ctx, name, plane)
		if err != nil {
			return h, err
		}
		n.start(ctx)
		s.later(func(context.Context) error { n.die(); return nil })
		if err := w.settle(ctx, n); err != nil {
			return h, err
		}
		two = append(two, n)
	}
	two[0].die()
	died := plane.Now()
	is, err := w.notice(ctx, two[0], died)
	if err != nil {
		return h, err
	}
	silent := is.GetHealth() == string(model.HealthSilent)
	events, err := w.events(ctx, two[0], model.EventSilent)
	if err != nil {
		return h, err
	}
	if !silent {
		h.Lost = true
		h.Seen = fmt.Sprintf("%s after its agent died the node is %s, and %d events tell of it", noticedWithin, is.GetHealth(), len(events))
		return h, nil
	}
	return w.noticed(ctx, two, is, events, died)
}

// notice lets half a minute pass by the plane's clock, or less where the node was found silent and it was said why.
func (w *World) notice(ctx context.Context, n *node, died time.Time) (*bulkheadv1.Node, error) {
	for {
		is, err := w.node(ctx, n)
		if err != nil {
			return nil, err
		}
		found := is.GetHealth() == string(model.HealthSilent) && is.GetHealthReason() != model.ReasonAsking
		// What is asked of other nodes after the loss was seen has some seconds more.
		if limit := noticedWithin; found || w.plane.Now().Sub(died) > limit && is.GetHealth() != string(model.HealthSilent) ||
			w.plane.Now().Sub(died) > 2*limit {
			return is, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(clockTick):
			w.plane.Advance(clockStep)
		}
	}
}

// noticed says whether the loss was told in time, and what is left of the node.
func (w *World) noticed(ctx context.Context, two []*node, is *bulkheadv1.Node, events []*bulkheadv1.Event, died time.Time) (h Half, err error) {
	after := is.GetHealthSince().AsTime().Sub(died)
	other, err := w.node(ctx, two[1])
	if err != nil {
		return h, err
	}
	age := w.plane.Now().Sub(is.GetFactsReceived().AsTime()).Round(time.Second)
	kept := len(is.GetWorkloads()) > 0 && len(is.GetStatuses()) > 0 && len(is.GetLosses()) > 0 && is.GetFactsReceived() != nil
	at, opened := two[1].stream()
	goesOn := other.GetHealth() == string(model.HealthUp) && at != nil && opened == 1 && two[1].report(ctx) == nil
	h.Lost = after > noticedWithin || !kept || !goesOn
	// The loss is told by an event of its own, as serious as it is; why it is so is told by another.
	for _, e := range events {
		h.Recorded = h.Recorded || e.GetAfter() == string(model.HealthSilent) && e.GetSeverity() == string(model.High)
	}
	h.Seen = fmt.Sprintf("seen as silent (%s) after %s by its clock, with %d events; its last state, %d containers and %d statuses, is kept (%t) with its age (%s); the other node goes on (%t)",
		is.GetHealthReason(), took(after), len(events), len(is.GetWorkloads()), len(is.GetStatuses()), kept, age, goesOn)
	return h, nil
}
