package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

// Follow is a node's stream: it sends what the node lacks, and then what comes. It returns when the context ends, when a newer one of
// the node came, or when the node was revoked. Nothing but Follow calls send, and one call at a time.
func (f *Fleet) Follow(ctx context.Context, node *model.Member, have Have, send func(Item) error) error {
	s, err := f.openStream(ctx, node, have)
	if s == nil {
		return err
	}
	defer f.finish(s)
	if err != nil {
		return err
	}
	// There are as many of these as nodes, so that each waits with as little as it can: one channel, and little on the stack.
	for range s.wake {
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		if s.broken = s.send(send); s.broken != nil {
			return s.broken
		}
	}
	return nil
}

// send sends what waits.
func (s *stream) send(to func(Item) error) error {
	for _, item := range s.take() {
		if err := to(item); err != nil {
			return err
		}
	}
	return nil
}

// openStream opens a stream; it gives none where that can't be.
func (f *Fleet) openStream(ctx context.Context, node *model.Member, have Have) (*stream, error) {
	s := newStream(node, have)
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	if err := f.hub.open(s); err != nil {
		s.cancel(nil)
		return nil, err
	}
	s.unhook = context.AfterFunc(s.ctx, func() { poke(s.wake) })
	f.contacts.note(model.Contact{Node: node.ID, Seen: f.now(), Run: have.Run})
	s.sayAlive(f.now(), f.o.Times.Alive)
	poke(s.wake)
	// The node is read again: what changed since the door saw it, and before the stream was there to be told, would be missed.
	m, err := f.store.Node(s.ctx, node.ID)
	if err != nil {
		return s, err
	}
	if s.guards {
		poke(f.accounts) // accounts that changed while no guard was connected have no bundle yet
	}
	if err := f.meet(s.ctx, s, m); err != nil {
		return s, err
	}
	return s, f.wantAll(s.ctx, s)
}

func (f *Fleet) finish(s *stream) {
	f.closed(s.ctx, s, s.broken)
	s.unhook()
	s.cancel(nil)
}

// closed remembers how a stream ended.
func (f *Fleet) closed(ctx context.Context, s *stream, broken error) {
	how, now := health.EndUnknown, f.now()
	var ours *model.Error
	switch cause := context.Cause(ctx); {
	case errors.As(cause, &ours):
		how = health.EndOurs
	case cause != nil:
		how = f.o.HowEnded(cause)
	}
	if how == health.EndUnknown && broken != nil {
		how = f.o.HowEnded(broken)
	}
	if f.hub.close(s, how, now) && how == health.EndClosed && !s.isStopping() {
		f.contacts.note(model.Contact{Node: s.node, Seen: now}) // it was there to close it
	}
}

// meet brings a stream up to what is known of its node now.
func (f *Fleet) meet(ctx context.Context, s *stream, m *model.Member) error {
	if !m.Revoked.IsZero() {
		return revoked()
	}
	s.setPool(m.Pool)
	if !s.isStopping() {
		back, err := f.heard(ctx, m, false)
		if err != nil {
			return err
		}
		if back {
			s.askAll()
		}
	}
	if m.Version != s.has(model.BundleAssignment) {
		b, err := f.assignment(m)
		if err != nil {
			return err
		}
		s.offer(b, true)
	}
	policies, err := f.policiesOf(ctx, m.Tenant)
	if err != nil {
		return err
	}
	if policies != nil {
		// An older one than the node has is sent, too: the node refuses it and says so, and somebody learns that this database is
		// older than its nodes.
		s.offer(policies, true)
	}
	if err := f.meetAccounts(ctx, s); err != nil {
		return err
	}
	f.offerMaintenance(s)
	return f.offerSettings(ctx, s)
}

// offerSettings offers what the node should have, by which it is judged from then on. While a roll-out is on its way, a node that has something newer keeps it.
func (f *Fleet) offerSettings(ctx context.Context, s *stream) error {
	b, staged, err := f.docs.settings(ctx, s.poolID(), s.node)
	if err != nil || b == nil {
		return err
	}
	if s.offer(b, !staged) {
		f.work.add(s.node)
	}
	return nil
}

// assignment is the document of one node, signed here and kept nowhere.
func (f *Fleet) assignment(m *model.Member) (*model.Bundle, error) {
	data, _, err := bundle.Encode(bundle.Assignment{
		Schema: bundle.Schema, Node: m.ID, Tenant: m.Tenant, Pool: m.Pool, Labels: m.Labels, Sensitivity: m.Sensitivity,
		Cordoned: m.Cordoned, Drained: m.Drained,
	})
	if err != nil {
		return nil, err
	}
	b := &model.Bundle{Kind: model.BundleAssignment, Scope: m.ID, Version: m.Version, Document: data, Created: f.now()}
	return b, bundle.Sign(b, f.o.Signer)
}

// met reads a node whose stream is open again, and ends the stream where the node may have none.
func (f *Fleet) met(ctx context.Context, s *stream) error {
	m, err := f.store.Node(ctx, s.node)
	if model.CodeOf(err) == model.CodeNotFound {
		s.end(revoked())
		return nil
	}
	if err != nil {
		return err
	}
	err = f.meet(ctx, s, m)
	if model.CodeOf(err) == model.CodeUnauthenticated {
		s.end(err)
		return nil
	}
	return err
}

// sayAlive lets quiet streams say that they stand.
func (f *Fleet) sayAlive(now time.Time) {
	for _, s := range f.hub.all(nil) {
		s.sayAlive(now, f.o.Times.Alive)
	}
}
