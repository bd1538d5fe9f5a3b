package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/model"
)

// takeOverAgent has an agent that runs on this machine give its node, its log and its guard's doors to this process; nil where there is none,
// or where that is not wanted.
func takeOverAgent(ctx context.Context, c config.Config, dir string, log *slog.Logger) (*handover.Predecessor, error) {
	if !c.Guard.Enabled {
		return nil, nil //nolint:nilnil // nobody
	}
	before, err := guarded.Reach(c, filepath.Join(dir, "guard"), log)
	if before == nil || err != nil {
		return nil, err
	}
	// What can be found out to be unsound is, before the other one ends.
	if _, err := guarded.Definitions(c.Guard.Accounts); err != nil {
		return nil, errors.Join(err, before.Close())
	}
	if err := before.Take(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("take over: %w", err), before.Close())
	}
	return before, nil
}

// handing hands the agent's guard over, and with it all that the agent has.
func (g *agentGuard) handing(stop context.CancelFunc, again func() (config.Config, error)) guarded.Handover {
	return guarded.Handover{
		Records: g.records, Stop: stop, Log: g.parts.Slog,
		Stood: g.news.tellAll,
		Give: func(ctx context.Context) error {
			g.work()
			select {
			case <-g.left:
				return nil
			case <-ctx.Done():
				return fmt.Errorf("the agent does not end: %w", ctx.Err())
			}
		},
		Told: func(ctx context.Context, kind string, document []byte) error {
			if kind == guarded.NewsReload {
				return g.told(again)
			}
			for _, a := range g.appliers[model.BundleKind(kind)] {
				if err := a.Apply(ctx, document); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// handedOver says whether another process has the guard.
func (g *agentGuard) handedOver() bool {
	select {
	case <-g.left:
		return true
	default:
		return false
	}
}

// leave is called when the agent ended its work for another process and closed what is its own. It waits until what the guard has open has
// ended.
func (g *agentGuard) leave(ctx context.Context) error {
	g.mu.Lock()
	r := g.now
	g.mu.Unlock()
	close(g.left)
	select {
	case <-g.done:
	case <-ctx.Done():
	}
	if r == nil || !r.Given() {
		return guarded.ErrNodeGiven
	}
	return nil
}

// bulletin tells an earlier guard of documents of the control plane.
type bulletin struct {
	mu   sync.Mutex
	last map[model.BundleKind][]byte
	now  *guarded.Raised
}

// kindOf is an applier of one kind of documents.
type kindOf struct {
	b    *bulletin
	kind model.BundleKind
}

func (b *bulletin) of(kind model.BundleKind) agent.Applier { return kindOf{b, kind} }

func (b *bulletin) follow(r *guarded.Raised) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = r
}

// Apply implements agent.Applier. An earlier guard that does not take it ends what it has open by itself.
func (k kindOf) Apply(ctx context.Context, document []byte) error {
	k.b.mu.Lock()
	defer k.b.mu.Unlock()
	if k.b.last == nil {
		k.b.last = map[model.BundleKind][]byte{}
	}
	k.b.last[k.kind] = document
	if k.b.now != nil {
		k.b.now.Tell(ctx, string(k.kind), document)
	}
	return nil
}

// tellAll tells an earlier guard of all that is in force.
func (b *bulletin) tellAll(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind, document := range b.last {
		b.now.Tell(ctx, string(kind), document)
	}
}
