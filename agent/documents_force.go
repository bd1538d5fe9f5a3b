package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// leftPool forgets the version of the settings of the pool that the node was in. They stay in force until the new ones come.
func (a *Agent) leftPool() bool {
	scope := a.scope(model.BundleSettings)
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.force[model.BundleSettings]; b == nil || b.Scope == scope {
		return false
	}
	delete(a.force, model.BundleSettings)
	return true
}

// have is the version that a document must be newer than: of what is in force, or else of what ever was, which may come again.
func (a *Agent) have(kind model.BundleKind, scope string) (int64, error) {
	floor, err := a.p.Dir.Floor(kind, scope)
	if err != nil {
		return 0, err
	}
	if b := a.inForce(kind); b != nil && b.Scope == scope && b.Version >= floor {
		return b.Version, nil
	}
	return max(floor-1, 0), nil
}

func (a *Agent) inForce(kind model.BundleKind) *model.Bundle {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.force[kind]
}

// version is the one in force, 0 for none.
func (a *Agent) version(kind model.BundleKind) int64 {
	if b := a.inForce(kind); b != nil {
		return b.Version
	}
	return 0
}

// apply reads a document that was accepted and puts it into force. Where one of several appliers refuses, all have again what they
// had before.
func (a *Agent) apply(ctx context.Context, b *model.Bundle) error {
	if err := a.readable(b); err != nil {
		return err
	}
	if err := a.putIntoForce(ctx, b.Kind, b.Document); err != nil {
		return errors.Join(err, a.restore(ctx, b.Kind, a.inForce(b.Kind)))
	}
	a.setInForce(b.Kind, b)
	return nil
}

func (a *Agent) setInForce(kind model.BundleKind, b *model.Bundle) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b == nil {
		delete(a.force, kind)
	} else {
		a.force[kind] = b
	}
}

func (a *Agent) putIntoForce(ctx context.Context, kind model.BundleKind, document []byte) error {
	if kind == model.BundleSettings {
		if err := a.follower.Apply(ctx, document); err != nil {
			return err
		}
	}
	for _, p := range a.p.Appliers[kind] {
		if err := p.Apply(ctx, document); err != nil {
			return err
		}
	}
	return nil
}

// restore goes back to what was in force, nil for nothing.
func (a *Agent) restore(ctx context.Context, kind model.BundleKind, before *model.Bundle) error {
	var document []byte
	if before != nil {
		document = before.Document
	}
	if err := a.putIntoForce(ctx, kind, document); err != nil {
		return fmt.Errorf("and what was in force before can't be put back: %w", err)
	}
	return nil
}
