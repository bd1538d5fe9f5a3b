package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/bulkhead-security/bulkhead/agent"
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
	before, err := reach(c, filepath.Join(dir, "guard"), log)
	if before == nil || err != nil {
		return nil, err
	}
	// What can be found out to be unsound is, before the other one ends.
	if _, err := definitions(c.Guard.Accounts); err != nil {
		return nil, errors.Join(err, before.Close())
	}
	if err := before.Take(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("take over: %w", err), before.Close())
	}
	return before, nil
}

// handing hands the agent's guard over, and with it all that the agent has.
func (g *agentGuard) handing(r *raised, stop context.CancelFunc, again func() (config.Config, error)) *handing {
	return &handing{
		g: r, path: filepath.Join(g.parts.dir, handoverSocket), records: g.records, put: g.records.AppendEntry, stop: stop, log: g.parts.slog,
		stood: g.news.tellAll,
		give: func(ctx context.Context) error {
			g.work()
			select {
			case <-g.left:
				return nil
			case <-ctx.Done():
				return fmt.Errorf("the agent does not end: %w", ctx.Err())
			}
		},
		told: func(ctx context.Context, kind string, document []byte) error {
			if kind == newsReload {
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

// errNodeGiven is why an agent does not go on that gave its node to a successor which then did not stand.
var errNodeGiven = errors.New("another process was to take over and did not stand; this one has given the node away, and is to be started again")

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
	if r == nil || !r.hand.isGiven() {
		return errNodeGiven
	}
	return nil
}

// bulletin tells an earlier guard of documents of the control plane.
type bulletin struct {
	mu   sync.Mutex
	last map[model.BundleKind][]byte
	now  *raised
}

// kindOf is an applier of one kind of documents.
type kindOf struct {
	b    *bulletin
	kind model.BundleKind
}

func (b *bulletin) of(kind model.BundleKind) agent.Applier { return kindOf{b, kind} }

func (b *bulletin) follow(r *raised) {
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
		k.b.now.hand.tell(ctx, string(k.kind), document)
	}
	return nil
}

// tellAll tells an earlier guard of all that is in force.
func (b *bulletin) tellAll(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind, document := range b.last {
		b.now.hand.tell(ctx, string(kind), document)
	}
}
