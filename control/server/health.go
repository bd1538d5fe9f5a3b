package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// remembered is how long an answer of the checks is given again: strangers ask as often as they like.
	remembered = time.Second
	askTimeout = 3 * time.Second
)

// health says whether the server lives and whether it can work.
type health struct {
	checks   []Check
	draining *atomic.Bool

	mu    sync.Mutex
	asked time.Time
	last  map[string]error
}

func newHealth(checks []Check, draining *atomic.Bool) *health {
	return &health{checks: checks, draining: draining}
}

func (h *health) alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// ready tells strangers yes or no.
func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, err := range h.ask(r.Context()) {
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not ready")
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// ask gives the answer of every check, by name; nil is good.
func (h *health) ask(ctx context.Context) map[string]error {
	if h.draining.Load() {
		return map[string]error{"draining": errors.New("the server stops")}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) < remembered {
		return h.last
	}
	// The answer is for all who ask, also when the one who asked first goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	last := make(map[string]error, len(h.checks))
	for _, c := range h.checks {
		last[c.Name] = c.Ask(ctx)
	}
	h.last, h.asked = last, time.Now()
	return last
}
