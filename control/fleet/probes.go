package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

// probes are the questions whose answers are waited for.
type probes struct {
	mu   sync.Mutex
	open map[string]*asked
}

// asked is a question to the peers of a silent node.
type asked struct {
	node   string
	end    health.End
	peers  map[string]bool // that have not answered yet
	seen   health.Peers
	before time.Time // answers come
}

// Bounds of questions.
const (
	mostPeers  = 3
	mostProbes = 5000
)

// answer counts what a node saw. Only whom was asked counts, and once.
func (p *probes) answer(from string, all []ProbeAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range all {
		q := p.open[a.ID]
		if q == nil || !q.peers[from] {
			continue
		}
		delete(q.peers, from)
		if a.Reachable {
			q.seen.Reached++
		} else {
			q.seen.Unreached++
		}
	}
}

func (p *probes) add(id string, q *asked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[string]*asked{}
	}
	if len(p.open) >= mostProbes {
		return false
	}
	p.open[id] = q
	return true
}

// due gives and forgets what is answered or waited for long enough.
func (p *probes) due(now time.Time, most int) []*asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*asked
	for id, q := range p.open {
		if len(out) >= most {
			break
		}
		if q.seen.Answered() || !now.Before(q.before) {
			out = append(out, q)
			delete(p.open, id)
		}
	}
	return out
}

// peersOf are nodes of the same tenant that can be asked about one, those of its pool first.
func (f *Fleet) peersOf(m *model.Member) []*stream {
	if len(m.Addresses) == 0 {
		return nil
	}
	near, far := f.hub.peers(m, mostPeers)
	return append(near, far...)[:min(len(near)+len(far), mostPeers)]
}

// peers are some other streams of a node's tenant, in no order: of its pool, and of others.
func (h *hub) peers(m *model.Member, most int) (near, far []*stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	pool := m.Tenant + "/" + m.Pool
	for _, s := range h.streams {
		switch {
		case s.tenant != m.Tenant || s.node == m.ID || s.isStopping():
		case s.poolID() == pool:
			if near = append(near, s); len(near) >= most {
				return near, nil
			}
		case len(far) < most:
			far = append(far, s)
		}
	}
	return near, far
}

// ask asks the peers of a silent node. Where none can be asked, the next look says so.
func (f *Fleet) ask(s *silence, now time.Time) {
	if len(s.peers) == 0 {
		return
	}
	id := uuid.NewString()
	q := &asked{node: s.m.ID, end: s.end, peers: map[string]bool{}, before: now.Add(f.o.Times.ProbeFor)}
	for _, p := range s.peers {
		q.peers[p.node] = true
	}
	q.seen.Asked = len(q.peers)
	if !f.probes.add(id, q) {
		return // the sweep sets the reason right
	}
	for _, p := range s.peers {
		if !p.ask(Probe{ID: id, Addresses: s.m.Addresses}) {
			f.probes.drop(id, p.node)
		}
	}
}

// drop counts a peer out that can't be asked.
func (p *probes) drop(id, peer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.open[id]; q != nil && q.peers[peer] {
		delete(q.peers, peer)
		q.seen.Asked--
	}
}

// probed says why nodes are silent, by what their peers answered.
func (f *Fleet) probed(ctx context.Context, now time.Time) error {
	for _, q := range f.probes.due(now, mostAnswered) {
		if err := f.because(ctx, q.node, health.Why(q.end, q.seen), q.seen, now); err != nil {
			return fmt.Errorf("reason of a silence: %w", err)
		}
	}
	return nil
}

// because sets the reason of a silence that was asked about.
func (f *Fleet) because(ctx context.Context, node, reason string, seen health.Peers, now time.Time) error {
	m, err := f.store.Node(ctx, node)
	if model.CodeOf(err) == model.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if m.Health != model.HealthSilent || m.HealthReason != model.ReasonAsking {
		return nil
	}
	return f.store.InTx(ctx, func(ctx context.Context) error {
		won, err := f.store.SetHealth(ctx, model.HealthChange{
			Node: node, Was: model.HealthSilent, Is: model.HealthSilent, Reason: reason, When: m.HealthSince, Flapping: m.Flapping,
		})
		if err != nil || !won || m.Flapping {
			return err
		}
		e := of(m, model.EventSilent, info, say("why %s is silent: %s (%d of %d peers that answered reach its host)",
			"节点 %s 无消息的原因：%s（%[4]d 个应答的节点中有 %[3]d 个能连通其主机）", m.Name, reason, seen.Reached, seen.Reached+seen.Unreached))
		e.Before, e.After, e.Time = model.ReasonAsking, reason, now
		return f.tell(ctx, e)
	})
}
