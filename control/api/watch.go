package api

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// ChangeStore knows what changed.
type ChangeStore interface {
	ChangesAfter(ctx context.Context, tenant string, seq int64, limit int) ([]model.Change, error)
	LastChange(ctx context.Context) (int64, error)
	OldestChange(ctx context.Context) (int64, error)
}

// Watch implements WatchService. That a stream ends with the right to it is the gate's doing.
type Watch struct {
	Store ChangeStore
	// Poll is how often the store is asked, Alive how often a quiet stream says so; 250 ms and 15 s where unset.
	Poll, Alive time.Duration
	Now         func() time.Time

	pulse pulse
}

// Wake has all streams look now: somebody said that something changed. It never waits.
func (s *Watch) Wake() { s.pulse.wake() }

const changesAtOnce = 500

// Watch implements WatchService.
func (s *Watch) Watch(ctx context.Context, r *bulkheadv1.WatchRequest, out *connect.ServerStream[bulkheadv1.Change]) error {
	w := &watcher{Watch: s, request: r, tenant: gate.Scope(ctx, r.GetTenant()), send: out.Send}
	if err := w.start(ctx); err != nil {
		return err
	}
	return w.run(ctx)
}

// watcher is one open stream. at is the number of the last change that was looked at.
type watcher struct {
	*Watch
	request *bulkheadv1.WatchRequest
	tenant  string
	send    func(*bulkheadv1.Change) error
	at      int64
}

func (w *watcher) start(ctx context.Context) error {
	last, err := w.Store.LastChange(ctx)
	if err != nil {
		return err
	}
	if w.at = last; w.request.GetCursor() == "" {
		return w.alive() // says where the stream begins, so that a list may follow
	}
	w.at, err = strconv.ParseInt(w.request.GetCursor(), 10, 64)
	if err != nil || w.at < 0 {
		return invalid("cursor", "this is no cursor of a change")
	}
	oldest, err := w.Store.OldestChange(ctx)
	if err != nil {
		return err
	}
	if w.at > last || oldest > 0 && w.at < oldest-1 || oldest == 0 && w.at < last {
		return &model.Error{
			Code: model.CodeExpired, Message: "the changes after this cursor are no longer kept", Field: "cursor",
			Remedy: "List what you watch again, then watch without a cursor.",
		}
	}
	return nil
}

func (w *watcher) run(ctx context.Context) error {
	poll := time.NewTicker(orDefault(w.Poll, defaultPoll))
	defer poll.Stop()
	alive := time.NewTicker(orDefault(w.Alive, 15*time.Second))
	defer alive.Stop()
	for {
		woken := w.pulse.next() // before looking, so that nothing falls in between
		if err := w.catchUp(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-woken:
		case <-poll.C:
		case <-alive.C:
			if err := w.alive(); err != nil {
				return err
			}
		}
	}
}

// catchUp sends what changed since. It looks at the newest number first, which costs least when nothing did.
func (w *watcher) catchUp(ctx context.Context) error {
	last, err := w.pulse.last(ctx, w.Store, orDefault(w.Poll, defaultPoll))
	if err != nil {
		return err
	}
	for w.at < last {
		changes, err := w.Store.ChangesAfter(ctx, w.tenant, w.at, changesAtOnce)
		if err != nil {
			return err
		}
		for i := range changes {
			c := &changes[i]
			w.at = c.Seq
			if kinds := w.request.GetKinds(); len(kinds) > 0 && !slices.Contains(kinds, c.Object.Type) {
				continue
			}
			if err := w.send(changeOut(c)); err != nil {
				return err
			}
		}
		if len(changes) < changesAtOnce {
			w.at = max(w.at, last)
		}
	}
	return nil
}

const defaultPoll = 250 * time.Millisecond

// pulse is the number of the last change, which all watchers share: however many there are, the store is asked once in a time.
type pulse struct {
	mu    sync.Mutex
	seq   int64
	asked time.Time

	// beat guards the rest, so that a wake waits for no question to the store.
	beat    sync.Mutex
	woken   chan struct{} // closed by the next beat
	pending bool          // a beat is on its way
	beaten  time.Time     // when the last one was
}

// mostWoken is how far apart beats are: under load there are hundreds of wakes in a second, and one look finds what all tell of.
const mostWoken = 50 * time.Millisecond

// wake has the store asked anew, and all watchers look, soon.
func (p *pulse) wake() {
	p.beat.Lock()
	defer p.beat.Unlock()
	if !p.pending {
		p.pending = true
		time.AfterFunc(mostWoken-time.Since(p.beaten), p.wakeAll)
	}
}

func (p *pulse) wakeAll() {
	p.beat.Lock()
	p.pending, p.beaten = false, time.Now() // a wake from now on has a beat of its own
	p.beat.Unlock()
	p.mu.Lock()
	p.asked = time.Time{}
	p.mu.Unlock()
	p.beat.Lock()
	defer p.beat.Unlock()
	if p.woken != nil {
		close(p.woken)
		p.woken = nil
	}
}

// next is closed by the wake that comes next.
func (p *pulse) next() <-chan struct{} {
	p.beat.Lock()
	defer p.beat.Unlock()
	if p.woken == nil {
		p.woken = make(chan struct{})
	}
	return p.woken
}

// last is at most as old as every; what is newer is there when it is asked for next.
func (p *pulse) last(ctx context.Context, store ChangeStore, every time.Duration) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) < every*9/10 { // a ticker may come a little early
		return p.seq, nil
	}
	seq, err := store.LastChange(ctx)
	if err != nil {
		return 0, err
	}
	p.seq, p.asked = seq, time.Now()
	return seq, nil
}

func (w *watcher) alive() error {
	return w.send(&bulkheadv1.Change{Cursor: strconv.FormatInt(w.at, 10), Time: stamp(w.Now()), Operation: "alive"})
}

func changeOut(c *model.Change) *bulkheadv1.Change {
	return &bulkheadv1.Change{
		Cursor: strconv.FormatInt(c.Seq, 10), Time: stamp(c.Time), Operation: c.Operation, Tenant: c.Tenant,
		Object: &bulkheadv1.ObjectRef{Type: c.Object.Type, Id: c.Object.ID},
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
