package api

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// PolicySource has the newest policies of all tenants, and says when some changed.
type PolicySource interface {
	AllPolicies(ctx context.Context) ([]model.Policies, error)
	ChangesAfter(ctx context.Context, tenant string, seq int64, limit int) ([]model.Change, error)
	LastChange(ctx context.Context) (int64, error)
	Tenant(ctx context.Context, id string) (*model.Tenant, error)
}

// PolicyLoader puts policies into force.
type PolicyLoader interface {
	Load(sets []model.Policies) error
}

// PolicyRefresher keeps this replica's policies those of the store, whichever replica changed them.
type PolicyRefresher struct {
	Store  PolicySource
	Engine PolicyLoader
	Log    *slog.Logger
	// Every is how often the store is asked whether something changed, and All how often everything is read again even so;
	// 500 ms and a minute where unset.
	Every, All time.Duration

	one    sync.Mutex                // one Refresh at a time
	had    map[string]model.Policies // what is in force, by tenant
	at     atomic.Int64              // the last change that was looked at
	wanted chan struct{}
	woken  chan struct{}
}

// NewPolicyRefresher makes one. Refresh must succeed once before the server serves.
func NewPolicyRefresher(store PolicySource, engine PolicyLoader, log *slog.Logger) *PolicyRefresher {
	return &PolicyRefresher{Store: store, Engine: engine, Log: log, Every: 500 * time.Millisecond, All: time.Minute, wanted: make(chan struct{}, 1), woken: make(chan struct{}, 1)}
}

// Refresh loads what is in the store, except for what is older than what is in force.
func (p *PolicyRefresher) Refresh(ctx context.Context) error {
	p.one.Lock()
	defer p.one.Unlock()
	// The position is taken first: what changes meanwhile is found again and loaded twice, not missed.
	at, err := p.Store.LastChange(ctx)
	if err != nil {
		return fmt.Errorf("position of changes: %w", err)
	}
	sets, err := p.Store.AllPolicies(ctx)
	if err != nil {
		return fmt.Errorf("policies of all tenants: %w", err)
	}
	if sets, err = p.keepNewer(ctx, sets); err != nil {
		return err
	}
	if err := p.Engine.Load(sets); err != nil {
		return fmt.Errorf("loading the policies: %w", err)
	}
	p.remember(sets)
	p.at.Store(at)
	return nil
}

// Soon asks for a refresh within milliseconds; the change may still be uncommitted.
func (p *PolicyRefresher) Soon() {
	select {
	case p.wanted <- struct{}{}:
	default:
	}
}

// Wake has the store asked now: somebody said that something changed.
func (p *PolicyRefresher) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// hurry is how often the store is asked after a change that is about to be committed, and how many times.
const (
	hurry      = 5 * time.Millisecond
	hurryTimes = 400
)

// Run follows the store until the context ends. Where the store does not answer, what is in force stays in force.
func (p *PolicyRefresher) Run(ctx context.Context) {
	tick, all := time.NewTicker(p.Every), time.NewTicker(p.All)
	defer tick.Stop()
	defer all.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-p.wanted:
			err = p.soon(ctx)
		case <-all.C:
			err = p.Refresh(ctx)
		case <-p.woken:
			_, err = p.look(ctx)
		case <-tick.C:
			_, err = p.look(ctx)
		}
		if err != nil && ctx.Err() == nil && !failing {
			p.Log.Error("policies can't be read again; those in force stay in force", "error", err)
		}
		failing = err != nil
	}
}

// soon looks often until the change is there. One that is rolled back never is, and is given up.
func (p *PolicyRefresher) soon(ctx context.Context) error {
	tick := time.NewTicker(hurry)
	defer tick.Stop()
	for range hurryTimes {
		if loaded, err := p.look(ctx); loaded || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// look refreshes when a policy changed, or a tenant with policies ended.
func (p *PolicyRefresher) look(ctx context.Context) (bool, error) {
	const most = 500
	for {
		at := p.at.Load()
		changes, err := p.Store.ChangesAfter(ctx, "", at, most)
		if model.CodeOf(err) == model.CodeExpired { // so far behind that changes were pruned
			return true, p.Refresh(ctx)
		}
		if err != nil {
			return false, fmt.Errorf("changes of policies: %w", err)
		}
		for _, c := range changes {
			if c.Object.Type == "Policy" || c.Object.Type == "Tenant" && c.Operation == "deleted" {
				return true, p.Refresh(ctx)
			}
			at = max(at, c.Seq)
		}
		p.at.Store(at)
		if len(changes) < most {
			return false, nil
		}
	}
}
