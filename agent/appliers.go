package agent

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// PolicyEngine holds policies in force; *authz.Engine is one. On an error, what was in force stays.
type PolicyEngine interface {
	Load(sets []model.Policies) error
}

// Policies puts policies into an engine.
type Policies struct{ Engine PolicyEngine }

// Apply implements Applier.
func (p *Policies) Apply(_ context.Context, document []byte) error {
	var d bundle.Policies
	if document != nil {
		if err := bundle.Decode(document, &d); err != nil {
			return err
		}
	}
	if err := p.Engine.Load(d.Sets); err != nil {
		return fmt.Errorf("the policies can't be loaded: %w", err)
	}
	return nil
}

// SettingsFunc takes the settings of checks, as under "assess" in the configuration file; nil for none. What it refuses is not in
// force.
type SettingsFunc func(assess map[string]any) error

// Apply implements Applier.
func (f SettingsFunc) Apply(_ context.Context, document []byte) error {
	if document == nil {
		return f(nil)
	}
	var d bundle.Settings
	if err := bundle.Decode(document, &d); err != nil {
		return err
	}
	return f(d.Assess)
}

// Bounds of the interval of collections.
const (
	leastEvery = 10 * time.Second
	mostEvery  = time.Hour
)

// Settings say how often facts are collected.
type Settings struct {
	otherwise time.Duration
	changed   chan struct{}

	mu    sync.Mutex
	every time.Duration
}

func newSettings(every time.Duration) *Settings {
	return &Settings{otherwise: every, every: every, changed: make(chan struct{}, 1)}
}

// Every is the interval in force.
func (s *Settings) Every() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.every
}

// Apply implements Applier.
func (s *Settings) Apply(_ context.Context, document []byte) error {
	var d bundle.Settings
	if document != nil {
		if err := bundle.Decode(document, &d); err != nil {
			return err
		}
	}
	every := d.CollectEvery
	if every == 0 {
		every = s.otherwise
	} else if every < leastEvery || every > mostEvery {
		return fmt.Errorf("%w: facts every %s; it must be between %s and %s", bundle.ErrForm, every, leastEvery, mostEvery)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.every != every {
		s.every = every
		poke(s.changed)
	}
	return nil
}
