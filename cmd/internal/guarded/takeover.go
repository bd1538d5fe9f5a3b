package guarded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/guard/listen"
)

// beforeTime is how often it is looked whether guards before the earlier one have ended.
const beforeTime = 5 * time.Second

// lastTime is how long a guard that ends waits for earlier ones beyond their own drain.
const lastTime = 10 * time.Second

// Reach finds the guard that is to be taken over; nil where there is none, or where that is not wanted.
func Reach(c config.Config, dir string, log *slog.Logger) (*handover.Predecessor, error) {
	if !c.Guard.TakeOver {
		return nil, nil //nolint:nilnil // nobody
	}
	p, err := handover.Reach(filepath.Join(dir, handoverSocket))
	if errors.Is(err, handover.ErrNobody) {
		return nil, nil //nolint:nilnil // nobody
	}
	if err != nil {
		return nil, fmt.Errorf("take over (guard.take_over): %w", err)
	}
	if p.Config != c.File { // whom it is told to keep out it reads there
		err := fmt.Errorf("take over (guard.take_over): the guard that runs (process %d) has the configuration of %s, and this one that of %s: "+
			"start this one with the same file (--config), or stop that one first", p.PID, fileOf(p.Config), fileOf(c.File))
		return nil, errors.Join(err, p.Close())
	}
	log.Info("a guard runs already and is taken over", "pid", p.PID, "version", p.Version)
	return p, nil
}

// fileOf names a file of a configuration.
func fileOf(path string) string {
	if path == "" {
		return "no file"
	}
	return fmt.Sprintf("%.200q", path)
}

// tell brings news to the earlier guard, where there is one.
func (h *handing) tell(ctx context.Context, kind string, document []byte) {
	h.mu.Lock()
	p := h.before
	h.mu.Unlock()
	if p == nil {
		return
	}
	if err := p.Tell(ctx, kind, document); err != nil {
		h.log.Warn("the earlier guard did not take what changed", "kind", kind, "error", err)
	}
}

// stands takes the place of an earlier guard, and looks after that until it has ended.
func (h *handing) stands(ctx context.Context, p *handover.Predecessor, ended func()) error {
	if err := p.Stands(ctx, h.put); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	h.mu.Lock()
	h.before = p
	h.mu.Unlock()
	go func() {
		h.until(p, ended)
		h.mu.Lock()
		h.before = nil
		h.mu.Unlock()
		if err := errors.Join(h.keepImages(), p.Close()); err != nil {
			h.log.Warn("after the end of the earlier guard", "error", err)
		}
		h.log.Info("the earlier guard has ended", "pid", p.PID)
		ended()
	}()
	h.tell(ctx, NewsReload, nil)
	if h.stood != nil {
		h.stood(ctx)
	}
	return nil
}

// until waits for the end of an earlier guard; changed is called when one before that has ended: another process may get its number.
func (h *handing) until(p *handover.Predecessor, changed func()) {
	look := time.NewTicker(beforeTime)
	defer look.Stop()
	for known := len(h.pids()); ; {
		select {
		case <-p.Gone():
			return
		case <-look.C:
			if now := len(h.pids()); now != known {
				known = now
				changed()
			}
		}
	}
}

// pids are the earlier guards that run, the last one first.
func (h *handing) pids() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.before == nil {
		return nil
	}
	list := []int{h.before.PID}
	for _, e := range h.before.Before {
		if pid := e.PID(); pid != 0 {
			list = append(list, pid)
		}
	}
	return list
}

// last waits for the end of an earlier guard, whose records come here. It is told to end when ctx does.
func (h *handing) last(ctx context.Context, drain time.Duration) {
	h.mu.Lock()
	p := h.before
	h.mu.Unlock()
	if p == nil {
		return
	}
	select {
	case <-p.Gone():
		return
	case <-ctx.Done():
	}
	select {
	case <-p.Gone():
	case <-time.After(drain + lastTime):
		h.log.Warn("the earlier guard did not end in time", "pid", p.PID)
	}
}

// stopBefore tells an earlier guard to end as this one does.
func (h *handing) stopBefore() {
	h.mu.Lock()
	p := h.before
	h.mu.Unlock()
	if p == nil {
		return
	}
	if err := p.Stop(context.Background()); err != nil {
		h.log.Warn("the earlier guard was not told to stop", "error", err)
	}
}

// taken are the sockets of an earlier guard as listeners.
func taken(p *handover.Predecessor, u listen.Unix, t listen.TLS) (listen.Activated, error) {
	list := make([]listen.Socket, 0, len(p.Sockets))
	for _, s := range p.Sockets {
		list = append(list, listen.Socket(s))
	}
	return listen.TakeOver(list, u, t)
}
