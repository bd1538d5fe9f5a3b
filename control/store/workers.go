package store

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	jobLimit    = 15 * time.Minute // of a run
	jobRescue   = 20 * time.Minute // after which a job of a server that is gone is run again by others
	jobAttempts = 3
	busyAgain   = 2 * time.Second // when the same work runs elsewhere

	// Jobs with arguments wait for others, e.g. a receiver, so they have a queue of their own.
	argsQueue    = "events"
	argsParallel = 100
	argsLimit    = 2 * time.Minute // of a run
	argsGone     = 3 * time.Minute // after which the server of a run is gone for sure
	argsAttempts = 14              // by River's backoff, the 4th power of the attempt in seconds, about 25 hours
	mostArgs     = 64 << 10
	mostUnique   = 256
)

// StartJobs begins to work: what is due by the workers' intervals once in the cluster, and what EnqueueJob asks for.
func (s *Store) StartJobs(ctx context.Context, list []model.Worker) error {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	if s.jobs.started {
		return errors.New("the jobs were started already")
	}
	known := map[string]model.Worker{}
	workers := river.NewWorkers()
	var periodic []*river.PeriodicJob
	locks := &locks{store: s}
	for _, w := range list {
		if _, twice := known[w.Kind]; twice || w.Kind == "" || (w.Run == nil) == (w.RunWith == nil) || w.Every > 0 && w.Run == nil {
			return errors.New("the worker " + w.Kind + " needs a kind of its own and something to run")
		}
		known[w.Kind] = w
		river.AddWorkerArgs(workers, jobArgs{kind: w.Kind}, &worker{Worker: w, locks: locks})
		if w.Every > 0 {
			periodic = append(periodic, every(w))
		}
	}
	if err := s.releaseJobs(ctx, known); err != nil {
		return err
	}
	q, err := s.openQueue(ctx, &river.Config{
		Logger: s.log, Workers: workers, PeriodicJobs: periodic, MaxAttempts: jobAttempts,
		Queues:     map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}, argsQueue: {MaxWorkers: argsParallel}},
		JobTimeout: jobLimit, RescueStuckJobsAfter: jobRescue,
		// Prune removes what has ended, by the configured retention.
		CancelledJobRetentionPeriod: -1, CompletedJobRetentionPeriod: -1, DiscardedJobRetentionPeriod: -1,
	}, false)
	if err != nil {
		return s.fail("prepare the jobs", err)
	}
	// The work ends with StopJobs, not with the context of its start.
	if err := q.Start(context.WithoutCancel(ctx)); err != nil {
		return s.fail("start the jobs", err)
	}
	s.jobs.queue, s.jobs.workers, s.jobs.started = q, known, true
	looking, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.jobs.stopped = stop
	if s.kind == KindPostgres {
		go s.releaseGone(looking, known)
	}
	return nil
}

// StopJobs waits for what runs until ctx ends, and then cancels it.
func (s *Store) StopJobs(ctx context.Context) error {
	s.jobs.mu.Lock()
	q, started, stopped := s.jobs.queue, s.jobs.started, s.jobs.stopped
	s.jobs.started = false
	s.jobs.mu.Unlock()
	if !started {
		return nil
	}
	stopped()
	if err := q.Stop(ctx); err == nil {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.fail("stop the jobs", q.StopAndCancel(last))
}

// every makes a job per interval: whichever replica leads adds it, and it counts as done when it ended, so that a restart
// does not do it again.
func every(w model.Worker) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(w.Every), func() (river.JobArgs, *river.InsertOpts) {
		return jobArgs{kind: w.Kind}, &river.InsertOpts{
			UniqueOpts: river.UniqueOpts{ByPeriod: w.Every, ByState: append(unfinished(), finished()...)},
		}
	}, &river.PeriodicJobOpts{ID: w.Kind, RunOnStart: true})
}

// worker runs one kind of work for River.
type worker struct {
	river.WorkerDefaults[jobArgs]
	model.Worker
	locks *locks
}

// Timeout implements river.Worker; 0 takes the client's.
func (w *worker) Timeout(*river.Job[jobArgs]) time.Duration {
	if w.RunWith != nil {
		return argsLimit
	}
	return 0
}

// Work implements river.Worker. Of one kind, one runs at a time in the cluster, but for those with arguments.
func (w *worker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	if w.RunWith != nil {
		did, err := w.RunWith(ctx, job.Args.Args)
		return recorded(ctx, did, err)
	}
	unlock, err := w.locks.try(ctx, w.Kind)
	if err != nil {
		return err
	}
	if unlock == nil {
		return river.JobSnooze(busyAgain)
	}
	defer unlock()
	did, err := w.Run(ctx)
	return recorded(ctx, did, err)
}

// recorded keeps what a run did, also where it failed.
func recorded(ctx context.Context, did model.Text, err error) error {
	if did == (model.Text{}) {
		return err
	}
	return errors.Join(err, river.RecordOutput(ctx, did))
}

// locks are of kinds of work: on PostgreSQL for the cluster, and they end with the connection of whoever holds them; on
// SQLite there is one server.
type locks struct {
	store *Store
	held  sync.Map
}

// try gives what unlocks, or nil where another holds the lock.
func (l *locks) try(ctx context.Context, kind string) (func(), error) {
	if l.store.kind != KindPostgres {
		if _, there := l.held.LoadOrStore(kind, true); there {
			return nil, nil
		}
		return func() { l.held.Delete(kind) }, nil
	}
	return l.store.tryLock(ctx, kind)
}

// tryLock holds a connection of bun's pool, not of River's, which needs its few.
func (s *Store) tryLock(ctx context.Context, kind string) (func(), error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte("bulkhead job " + kind)) // never fails
	key := int64(h.Sum64())
	c, err := s.write.Conn(ctx)
	if err != nil {
		return nil, s.fail("lock a job", err)
	}
	var got bool
	if err := c.NewRaw("SELECT pg_try_advisory_lock(?)", key).Scan(ctx, &got); err != nil || !got {
		_ = c.Close()
		return nil, s.fail("lock a job", err)
	}
	return func() {
		free, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// Where this fails the connection is broken, and the lock went with it.
		_, _ = c.NewRaw("SELECT pg_advisory_unlock(?)", key).Exec(free)
		_ = c.Close()
	}, nil
}

// releaseJobs gives back what a server was working on when it ended without a word: nobody holds its lock.
func (s *Store) releaseJobs(ctx context.Context, kinds map[string]model.Worker) error {
	for kind, w := range kinds {
		if w.RunWith != nil && s.kind == KindPostgres {
			if err := s.releaseOld(ctx, kind); err != nil {
				return err
			}
			continue
		}
		unlock := func() {}
		if s.kind == KindPostgres {
			var err error
			if unlock, err = s.tryLock(ctx, kind); err != nil {
				return err
			}
			if unlock == nil {
				continue
			}
		}
		err := s.change(ctx, "job", func(db bun.IDB) error {
			_, err := db.NewRaw("UPDATE river_job SET state = 'available' WHERE state = 'running' AND kind = ?", kind).Exec(ctx)
			return err
		})
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// releaseGone looks for jobs with arguments of servers that ended without a word. They have no lock that would show it.
func (s *Store) releaseGone(ctx context.Context, kinds map[string]model.Worker) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for kind, w := range kinds {
			if w.RunWith == nil {
				continue
			}
			if err := s.releaseOld(ctx, kind); err != nil && ctx.Err() == nil {
				s.log.Warn("jobs of servers that are gone wait longer", "kind", kind, "error", err)
			}
		}
	}
}

// releaseOld gives back, on PostgreSQL, what began longer ago than a run can last.
func (s *Store) releaseOld(ctx context.Context, kind string) error {
	return s.change(ctx, "job", func(db bun.IDB) error {
		_, err := db.NewRaw(`UPDATE river_job SET state = 'available' WHERE state = 'running' AND kind = ?
			AND attempted_at < now() - make_interval(secs => ?)`, kind, argsGone.Seconds()).Exec(ctx)
		return err
	})
}
