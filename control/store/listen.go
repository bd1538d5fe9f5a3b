package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// changesChannel is PostgreSQL's, on which every transaction with changes tells the number of its last one.
const changesChannel = "bulkhead_changes"

const (
	listenAgain    = 100 * time.Millisecond // after a connection was lost, doubled each time
	listenAgainMax = 5 * time.Second
	listenQuiet    = 30 * time.Second // then it is asked whether the connection still lives
	listenAnswer   = 10 * time.Second
)

// Listen calls wake soon after each commit that has changes, and at the beginning: of all replicas on PostgreSQL, of this Store
// only on SQLite, where other processes are not heard. Several commits may wake once. While the connection is lost nothing is
// heard; it is made again, and wake called then. So callers still poll, only less often. It ends with the context, or with an
// error when the store is closed before.
func (s *Store) Listen(ctx context.Context, wake func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-s.closed:
			cancel()
		case <-ended:
		}
	}()
	if s.kind == KindPostgres {
		s.listenPostgres(ctx, wake)
	} else {
		s.listeners.listen(ctx, wake)
	}
	select {
	case <-s.closed:
		return unavailable("the store is closed", "", nil)
	default:
		return nil
	}
}

// listeners are told of this Store's own commits.
type listeners struct {
	mu  sync.Mutex
	all map[chan struct{}]bool
}

func (l *listeners) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.all {
		select {
		case c <- struct{}{}:
		default: // it will look anyway
		}
	}
}

func (l *listeners) listen(ctx context.Context, wake func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	if l.all == nil {
		l.all = map[chan struct{}]bool{}
	}
	l.all[c] = true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, c)
	}()
	wake()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c:
			wake()
		}
	}
}

// listenPostgres listens until the context ends, on one connection after the other.
func (s *Store) listenPostgres(ctx context.Context, wake func()) {
	for pause := listenAgain; ; pause = min(2*pause, listenAgainMax) {
		heard := false
		err := s.listenOnce(ctx, func() {
			heard = true
			wake()
		})
		if ctx.Err() != nil {
			return
		}
		s.log.WarnContext(ctx, "changes are not heard of until PostgreSQL answers; they are still found by looking", "error", err)
		if heard {
			pause = listenAgain
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// listenOnce holds a connection of its own: it is in use all the time, so it takes none of the pool's.
func (s *Store) listenOnce(ctx context.Context, wake func()) error {
	config := s.jobs.pool.Config().ConnConfig
	config.RuntimeParams["application_name"] = "bulkhead listener"
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(end) // it may be broken, which is why it is closed
	}()
	if _, err := c.Exec(ctx, "LISTEN "+changesChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	wake()
	for {
		if err := s.hear(ctx, c); err != nil {
			return err
		}
		wake()
	}
}

// hear waits for a notification. A connection that is silent for long is asked whether it lives.
func (s *Store) hear(ctx context.Context, c *pgx.Conn) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, listenQuiet)
		_, err := c.WaitForNotification(quiet)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || quiet.Err() == nil {
			return fmt.Errorf("wait: %w", err)
		}
		answer, cancel := context.WithTimeout(ctx, listenAnswer)
		err = c.Ping(answer)
		cancel()
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
	}
}
