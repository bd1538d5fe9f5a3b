package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

// mostStreams bounds the streams of a replica.
const mostStreams = 50_000

// hub has the open streams, one for each node, and how those ended that are not open any more.
type hub struct {
	mu      sync.Mutex
	streams map[string]*stream
	ends    map[string]ending
}

// ending is how and when a node's last stream ended here.
type ending struct {
	how  health.End
	when time.Time
}

// open adds a stream; the older one of the same node ends.
func (h *hub) open(s *stream) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams == nil {
		h.streams, h.ends = map[string]*stream{}, map[string]ending{}
	}
	old := h.streams[s.node]
	if old == nil && len(h.streams) >= mostStreams {
		return unavailable("this replica has as many streams as it can")
	}
	if old != nil {
		old.end(&model.Error{Code: model.CodeConflict, Message: "a newer stream of the node took over"})
	}
	h.streams[s.node] = s
	delete(h.ends, s.node)
	return nil
}

// close removes a stream, unless a newer one has its place; only then how it ended says something.
func (h *hub) close(s *stream, how health.End, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[s.node] != s {
		return false
	}
	delete(h.streams, s.node)
	h.ends[s.node] = ending{how, now}
	return true
}

func (h *hub) get(node string) *stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams[node]
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.streams)
}

// all are the streams that a condition holds for.
func (h *hub) all(want func(*stream) bool) []*stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*stream, 0, len(h.streams))
	for _, s := range h.streams {
		if want == nil || want(s) {
			out = append(out, s)
		}
	}
	return out
}

// present are the nodes whose stream is open and that did not say that they stop.
func (h *hub) present() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]string, 0, len(h.streams))
	for id, s := range h.streams {
		if !s.isStopping() {
			out = append(out, id)
		}
	}
	return out
}

// isPresent says so of one.
func (h *hub) isPresent(node string) bool {
	s := h.get(node)
	return s != nil && !s.isStopping()
}

// ended is how a node's last stream ended here.
func (h *hub) ended(node string) (ending, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, ok := h.ends[node]
	return e, ok
}

// timedOut are the nodes whose stream ended without an answer, between two times.
func (h *hub) timedOut(from, to time.Time) map[string]time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]time.Time{}
	for id, e := range h.ends {
		if e.how == health.EndTimeout && !e.when.Before(from) && !e.when.After(to) {
			out[id] = e.when
		}
	}
	return out
}

// forget drops endings that are of no use any more.
func (h *hub) forget(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, e := range h.ends {
		if e.when.Before(before) {
			delete(h.ends, id)
		}
	}
}

// stream is the open stream of a node. What it has to send waits in it: of each kind of document the newest only, so that a node that
// does not read costs no more than that.
type stream struct {
	node, tenant string
	maintains    bool
	guards       bool
	recordings   bool
	ctx          context.Context //nolint:containedctx // lives as long as the stream
	cancel       context.CancelCauseFunc
	unhook       func() bool
	broken       error // of a send
	wake         chan struct{}

	mu       sync.Mutex
	pool     string
	swarm    string                     // scope of what was offered last
	have     map[model.BundleKind]int64 // what the node has, or is about to have
	offered  map[model.BundleKind]int64 // what it was offered by this stream
	docs     map[model.BundleKind]*model.Bundle
	probes   []Probe
	wanted   []*model.Transfer
	resync   bool
	alive    bool
	aliveAt  time.Time
	stopping bool
	assessed time.Time
}

const mostProbesWaiting = 16

func newStream(m *model.Member, have Have) *stream {
	return &stream{
		node: m.ID, tenant: m.Tenant, pool: m.Pool, maintains: have.Maintains, guards: have.Guards, recordings: have.Recordings, wake: make(chan struct{}, 1), assessed: m.AssessedAt,
		offered: map[model.BundleKind]int64{}, docs: map[model.BundleKind]*model.Bundle{},
		have: map[model.BundleKind]int64{
			model.BundlePolicies: have.Policies, model.BundleSettings: have.Settings, model.BundleAssignment: have.Assignment,
			model.BundleMaintenance: have.Maintenance, model.BundleAccounts: have.Accounts,
		},
	}
}

func (s *stream) end(cause error) { s.cancel(cause) }

func (s *stream) poolID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenant + "/" + s.pool
}

// setPool moves the stream to a pool, whose settings may have a smaller version than those of the one before.
func (s *stream) setPool(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pool != name {
		s.pool = name
		delete(s.offered, model.BundleSettings)
	}
}

// setSwarm moves the stream to a swarm, whose document may have a smaller version than that of the one before.
func (s *stream) setSwarm(scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swarm != scope {
		s.swarm = scope
		delete(s.offered, model.BundleMaintenance)
	}
}

func (s *stream) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// stop says whether the node said that it stops: then its stream is no sign of life.
func (s *stream) stop(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = is
}

// offer lets a document wait, unless the node has that version. back allows an older one than the node came with, though never than
// what it was offered since: that is only a slow reader's.
func (s *stream) offer(b *model.Bundle, back bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.have[b.Kind]
	if b.Version == have || b.Version < s.offered[b.Kind] || b.Version < have && !back {
		return false
	}
	s.have[b.Kind], s.offered[b.Kind], s.docs[b.Kind] = b.Version, b.Version, b
	poke(s.wake)
	return true
}

func (s *stream) has(kind model.BundleKind) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.have[kind]
}

// ask lets a question wait; false where enough wait already.
func (s *stream) ask(p Probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.probes) >= mostProbesWaiting || s.stopping {
		return false
	}
	s.probes = append(s.probes, p)
	poke(s.wake)
	return true
}

func (s *stream) askAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resync = true
	poke(s.wake)
}

// sayAlive lets the stream say that it stands, where it is time.
func (s *stream) sayAlive(now time.Time, every time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.aliveAt) {
		return
	}
	s.alive, s.aliveAt = true, now.Add(every)
	poke(s.wake)
}

// take gives and forgets what waits.
func (s *stream) take() []Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Item
	if s.alive {
		out = append(out, Item{Alive: true})
	}
	for _, kind := range []model.BundleKind{model.BundleAssignment, model.BundlePolicies, model.BundleAccounts, model.BundleSettings, model.BundleMaintenance} {
		if b := s.docs[kind]; b != nil {
			out = append(out, Item{Document: b})
		}
	}
	if s.resync {
		out = append(out, Item{Resync: true})
	}
	for i := range s.probes {
		out = append(out, Item{Probe: &s.probes[i]})
	}
	for _, x := range s.wanted {
		out = append(out, Item{Wanted: x})
	}
	s.alive, s.resync, s.probes, s.wanted = false, false, nil, nil
	clear(s.docs)
	return out
}
