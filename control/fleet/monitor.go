package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

// watch says whether this replica may judge: what it did not hear says something only if it was able to hear and to write.
type watch struct {
	mu    sync.Mutex
	after time.Time // judges then
	last  time.Time // looked

	flapping map[string]bool // nodes that are, as far as is known here
}

func (w *watch) notBefore(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.After(w.after) {
		w.after = t
	}
}

func (w *watch) flaps(node string, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.flapping == nil {
		w.flapping = map[string]bool{}
	}
	if is {
		w.flapping[node] = true
	} else {
		delete(w.flapping, node)
	}
}

// flappingNodes are some of them, in no order: of many, all have their turn in the end.
func (w *watch) flappingNodes(most int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for id := range w.flapping {
		if len(out) >= most {
			break
		}
		out = append(out, id)
	}
	return out
}

// judgeLater begins the grace again.
func (f *Fleet) judgeLater() { f.watch.notBefore(f.now().Add(f.o.Times.Grace)) }

// mayJudge also begins the grace when it was not asked for long: the process stood still, or the clock was set.
func (f *Fleet) mayJudge(now time.Time) bool {
	w := &f.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if gap := now.Sub(w.last); !w.last.IsZero() && (gap > health.SilentAfter/2 || gap < 0) {
		w.after = now.Add(f.o.Times.Grace)
	}
	w.last = now
	return !now.Before(w.after)
}

// Bounds of one look.
const (
	mostQuiet    = 1000
	mostFlapping = 200
	mostAnswered = 500
	inOneTx      = 100
	// ownFirst lets the replica that saw a stream end judge before those that did not: it knows more.
	ownFirst = 2 * time.Second
	// endsKept is how long it is of use how a stream ended.
	endsKept = 10 * time.Minute
)

// look finds who is silent.
func (f *Fleet) look(ctx context.Context) error {
	now := f.now()
	f.sayAlive(now)
	errs := []error{f.probed(ctx, now), f.steady(ctx, now)}
	f.hub.forget(now.Add(-endsKept))
	if f.mayJudge(now) {
		errs = append(errs, f.silences(ctx, now))
	}
	return errors.Join(errs...)
}

func (f *Fleet) silences(ctx context.Context, now time.Time) error {
	before := now.Add(-health.SilentAfter)
	quiet, err := f.store.QuietNodes(ctx, before, mostQuiet)
	if took := f.now().Sub(now); err != nil || took > f.o.Times.Flush {
		// Where the store was slow, others could not write down whom they heard either.
		f.judgeLater()
		return err
	}
	var found []*silence
	for i := range quiet {
		m := &quiet[i]
		if f.hub.isPresent(m.ID) || f.contacts.since(m.ID, before) {
			continue
		}
		e, own := f.hub.ended(m.ID)
		if !own && m.LastSeen.After(before.Add(-ownFirst)) {
			continue
		}
		found = append(found, &silence{m: m, end: e.how, unseen: before})
	}
	more, err := f.unanswered(ctx, now)
	if err != nil {
		return err
	}
	found = append(found, more...)
	slices.SortFunc(found, func(a, b *silence) int { return cmp.Compare(a.m.ID, b.m.ID) })
	found = slices.CompactFunc(found, func(a, b *silence) bool { return a.m.ID == b.m.ID })
	for part := range slices.Chunk(found, inOneTx) {
		if err := f.silent(ctx, part, now); err != nil {
			return err
		}
	}
	return nil
}

// unanswered are nodes whose stream ended here because they did not answer pings: they were unheard of for a while when it ended, and
// were counted as seen until then.
func (f *Fleet) unanswered(ctx context.Context, now time.Time) ([]*silence, error) {
	var out []*silence
	wait := health.SilentAfter - f.o.Times.PingLag
	for id, ended := range f.hub.timedOut(now.Add(-health.SilentAfter-f.o.Times.Grace), now.Add(-wait)) {
		if f.hub.isPresent(id) || f.contacts.since(id, ended) {
			continue
		}
		m, err := f.store.Node(ctx, id)
		if model.CodeOf(err) == model.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if m.Health == model.HealthUp && !m.LastSeen.After(ended) {
			out = append(out, &silence{m: m, end: health.EndTimeout, unseen: ended})
		}
	}
	return out, nil
}

// silence is a node that was found silent.
type silence struct {
	m      *model.Member
	end    health.End
	unseen time.Time // nothing was heard after it
	peers  []*stream
	won    bool // this replica found it
}

// silent tells of nodes that are silent, those that no other replica told of, and asks their peers.
func (f *Fleet) silent(ctx context.Context, part []*silence, now time.Time) error {
	for _, s := range part {
		s.peers = f.peersOf(s.m)
	}
	err := f.store.InTx(ctx, func(ctx context.Context) error {
		for _, s := range part {
			reason := health.Why(s.end, health.Peers{})
			if len(s.peers) > 0 {
				reason = model.ReasonAsking
			}
			won, err := f.change(ctx, s.m, model.HealthChange{
				Was: model.HealthUp, Is: model.HealthSilent, Reason: reason, When: now, UnseenSince: s.unseen,
			}, f.silentEvent(ctx, s.m, reason, now))
			if err != nil {
				return err
			}
			s.won = won
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range part {
		if s.won {
			f.counts.silenced.Add(1)
			f.ask(s, now)
		}
	}
	return nil
}

func (f *Fleet) silentEvent(ctx context.Context, m *model.Member, reason string, now time.Time) model.Event {
	severity := string(model.High)
	if f.inWindow(ctx, m, now) {
		severity = info
	}
	ago := now.Sub(m.LastSeen).Round(time.Second)
	return of(m, model.EventSilent, severity, say(
		"%s was not heard of for %s (%s); what is known of it is from then",
		"节点 %s 已有 %s 没有消息（%s）；现有信息截至当时", m.Name, ago, reason))
}

// inWindow says whether work may be done on the node now, so that its silence is no surprise. A pool that can't be read has no window.
func (f *Fleet) inWindow(ctx context.Context, m *model.Member, now time.Time) bool {
	p, err := f.store.Pool(ctx, m.Tenant+"/"+m.Pool)
	if err != nil {
		if model.CodeOf(err) != model.CodeNotFound {
			f.log.Warn("the windows of a pool can't be read; it counts as without", "pool", m.Tenant+"/"+m.Pool, "error", err)
		}
		return false
	}
	return isOpen(p, now)
}
