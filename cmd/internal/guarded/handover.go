package guarded

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/handover"
)

// handoverSocket is where a guard offers itself to the next, in its directory.
const handoverSocket = "handover.sock"

// NewsReload tells an earlier guard to read its configuration again; other news are documents of the control plane, by kind.
const NewsReload = "reload"

// backTime is how long a guard whose successor does not stand tries to go on, and backPause how long it waits in between.
const (
	backTime  = 20 * time.Second
	backPause = 200 * time.Millisecond
)

// ErrNodeGiven is why an agent does not go on that gave its node to a successor which then did not stand.
var ErrNodeGiven = errors.New("another process was to take over and did not stand; this one has given the node away, and is to be started again")

// Handover is what whoever raised a guard does when it is handed over to a later process.
type Handover struct {
	Records *PassedOn // of this guard, and of an earlier one
	// Give closes what one process at a time can have open beside what the guard itself has, and Back is the way back; nil for none.
	Give, Back func(ctx context.Context) error
	Told       func(ctx context.Context, kind string, document []byte) error // of what changed, at a later guard
	Stood      func(ctx context.Context)                                     // tells an earlier guard what is in force; nil for nothing
	Stop       context.CancelFunc
	Log        *slog.Logger
}

// HandOver has the guard offer itself to a later one, below dir. It is to be called before Run.
func (g *Raised) HandOver(dir string, h Handover) {
	g.hand = &handing{
		g: g, path: filepath.Join(dir, handoverSocket), records: h.Records, put: h.Records.AppendEntry,
		give: h.Give, back: h.Back, told: h.Told, stood: h.Stood, stop: h.Stop, log: h.Log,
	}
}

// Tell brings news to an earlier guard that this one takes over from, where there is one.
func (g *Raised) Tell(ctx context.Context, kind string, document []byte) {
	g.hand.tell(ctx, kind, document)
}

// Given says whether a later guard has taken over.
func (g *Raised) Given() bool { return g.hand.isGiven() }

// handing hands a guard over to a later process, and goes on for an earlier one. It implements handover.Guard.
type handing struct {
	g       *Raised
	path    string
	records *PassedOn
	put     func(ctx context.Context, entry []byte, later bool) error // of an earlier guard's records
	// give closes what one process at a time can have open beside what the guard itself has, and back is the way back; nil for none.
	give, back func(ctx context.Context) error
	told       func(ctx context.Context, kind string, document []byte) error
	stood      func(ctx context.Context) // tells an earlier guard what is in force; nil for nothing
	stop       context.CancelFunc
	log        *slog.Logger

	mu     sync.Mutex
	before *handover.Predecessor // nil where there is none, or it has ended
	giving bool                  // and given, unless it comes back
	closed bool                  // what one process at a time can have open
	given  bool
}

// Sockets implements handover.Guard.
func (h *handing) Sockets() ([]handover.Socket, error) {
	list, err := h.g.doors.Sockets()
	if err != nil {
		return nil, err
	}
	out := make([]handover.Socket, 0, len(list))
	for _, s := range list {
		out = append(out, handover.Socket(s))
	}
	return out, nil
}

// Before implements handover.Guard.
func (h *handing) Before() []int { return h.pids() }

// Give implements handover.Guard.
func (h *handing) Give(ctx context.Context) error {
	h.log.Info("another guard takes over")
	h.mu.Lock()
	h.giving = true // before the file of images is shared: the end of an earlier guard must not take it back
	h.mu.Unlock()
	if err := h.g.doors.Pause(); err != nil {
		return err
	}
	h.g.engine.Leave(true)
	if err := h.g.engine.images.Share(); err != nil {
		return err
	}
	h.records.hold()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	return h.give(ctx)
}

// Back implements handover.Guard.
func (h *handing) Back(ctx context.Context, end func() error) error {
	h.log.Error("the guard that was to take over does not stand: this one goes on")
	h.mu.Lock()
	h.giving = false
	closed := h.closed
	h.closed = false
	h.mu.Unlock()
	err := h.regain(ctx, closed, end)
	if err == nil {
		h.g.engine.Leave(false)
		err = h.g.doors.Resume()
	}
	if err != nil {
		h.log.Error("this guard can't go on either", "error", err)
		h.Lost()
	}
	return err
}

// regain opens again what one process at a time can have open, as far as it was closed.
func (h *handing) regain(ctx context.Context, closed bool, end func() error) error {
	if closed && h.back == nil {
		return ErrNodeGiven // whoever has it may be right to go on
	}
	if err := end(); err != nil {
		h.log.Warn("the guard that was to take over", "error", err)
	}
	ctx, cancel := context.WithTimeout(ctx, backTime)
	defer cancel()
	if closed {
		if err := retried(ctx, func() error { return h.back(ctx) }); err != nil {
			return err
		}
	}
	return retried(ctx, h.keepImages)
}

// retried tries what the other process may still hold for a moment.
func retried(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(backPause):
		case <-ctx.Done():
			return err
		}
	}
}

// Given implements handover.Guard.
func (h *handing) Given(s *handover.Successor) {
	h.mu.Lock()
	h.given = true
	h.mu.Unlock()
	h.records.set(elsewhere{s})
	if err := h.g.doors.Given(); err != nil {
		h.log.Warn("a socket of the other guard stays open here", "error", err)
	}
	h.log.Info("another guard took over; what is open goes on here", "at most", h.g.doors.Outlasts())
}

func (h *handing) isGiven() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.given
}

// Told implements handover.Guard.
func (h *handing) Told(ctx context.Context, kind string, document []byte) error {
	if err := h.told(ctx, kind, document); err != nil {
		h.log.Error("what changed is not understood here, so what is open ends", "kind", kind, "error", err)
		h.Lost()
		return err
	}
	return nil
}

// Stop implements handover.Guard.
func (h *handing) Stop() { h.stop() }

// Lost implements handover.Guard.
func (h *handing) Lost() {
	h.g.doors.Lost()
	h.stop()
}

// keepImages has the file of images for this process alone, unless it is another's too.
func (h *handing) keepImages() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.giving || h.before != nil {
		return nil
	}
	return h.g.engine.images.Keep()
}
