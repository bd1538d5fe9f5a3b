package guarded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/model"
)

// NewLock gives the lock by the configuration.
func NewLock(c config.Config, log *slog.Logger) (*lock.Lock, error) {
	o := lock.Options{Root: "/", Direct: c.Guard.Direct, Programs: []string{Whole, Small}, Reload: reloadUnits, Log: log, Now: clock.Now}
	switch {
	case c.Engine.Endpoint != "":
		o.Sockets = []string{c.Engine.Endpoint}
	case c.Guard.Engine != config.DefaultGuardEngine: // which is found by itself, with others beside
		o.Sockets = []string{"unix://" + c.Guard.Engine}
	}
	if c.Guard.Group != "" {
		g, err := user.LookupGroup(c.Guard.Group)
		if err != nil {
			return nil, fmt.Errorf("guard.group: %w", err)
		}
		if o.Group, err = strconv.Atoi(g.Gid); err != nil {
			return nil, fmt.Errorf("guard.group: %w", err)
		}
	}
	return lock.New(o)
}

// reloadUnits has systemd read its units anew. It restarts nothing.
func reloadUnits(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "daemon-reload").CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl daemon-reload: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// WatchLock looks after the lock until ctx ends. Only root can, and what runs as somebody else leaves it alone.
func WatchLock(ctx context.Context, c config.Config, found func(model.Finding) error, record func(context.Context, model.Record) error, log *slog.Logger) error {
	if os.Geteuid() != 0 {
		return nil
	}
	l, err := NewLock(c, log)
	if err != nil {
		return err
	}
	if err := l.Watch(ctx, lock.Watcher{Keep: c.Guard.Lock == "keep", Found: found, Record: record}); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the watch over the engine's sockets: %w", err)
	}
	return nil
}

// watchAlone looks after the engine's sockets for a guard that has no agent: what it finds is told and recorded. What it gives waits for
// its end.
func watchAlone(ctx context.Context, c config.Config, l *Log, log *slog.Logger) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := WatchLock(ctx, c, func(f model.Finding) error {
			log.Warn("the engine can be reached past the guard", "kind", f.Kind, "subject", f.Subject, "text", f.Text.EN, "over", !f.Over.IsZero())
			return nil
		}, func(ctx context.Context, r model.Record) error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			return l.Append(ctx, r)
		}, log)
		if err != nil {
			log.Error("nobody watches whether the engine can be reached past the guard", "error", err)
		}
	}()
	return func() { <-done }
}
