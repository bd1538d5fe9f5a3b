package fleet

import (
	"context"

	"github.com/bulkhead-security/bulkhead/model"
)

const mostWantedWaiting = 16

// want asks a node for a recording, where its stream is open here. Where it is open elsewhere, that replica does; where nowhere, the one that
// it opens at, if it does soon.
func (f *Fleet) want(ctx context.Context, id string) error {
	x, err := f.store.Transfer(ctx, id)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil // it is over
	}
	if err != nil {
		return err
	}
	s := f.hub.get(x.Node)
	if s == nil || s.tenant != x.Tenant || !x.Expires.After(f.now()) {
		return nil
	}
	why := ""
	switch {
	case !s.recordings:
		why = "the node's agent sends no recordings: it has no guard, or is older than this server"
	case !s.want(x):
		why = "the node is asked for too many recordings at once, or is stopping"
	default:
		return nil
	}
	return f.store.FailTransfer(ctx, id, why)
}

// wantAll asks a node whose stream opened for what was asked of it while it was open nowhere, or at a replica that died.
func (f *Fleet) wantAll(ctx context.Context, s *stream) error {
	if !s.recordings {
		return nil
	}
	all, err := f.store.Awaited(ctx, s.node)
	if err != nil {
		return err
	}
	for i := range all {
		if err := f.want(ctx, all[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// want lets a question wait; false where enough wait already.
func (s *stream) want(x *model.Transfer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wanted) >= mostWantedWaiting || s.stopping {
		return false
	}
	s.wanted = append(s.wanted, x)
	poke(s.wake)
	return true
}
