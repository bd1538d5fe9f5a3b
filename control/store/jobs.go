package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bulkhead-security/bulkhead/model"
)

// jobs is the work in the background. Its state is in the database: a job survives the server.
type jobs struct {
	pool *pgxpool.Pool // River's, on PostgreSQL

	mu      sync.Mutex
	queue   queue // that works, once started; else one that only adds and looks
	workers map[string]model.Worker
	started bool
	stopped context.CancelFunc // ends what looks for jobs of servers that are gone
}

func (j *jobs) open(ctx context.Context, s *Store) error {
	unlock, err := s.lockSchema(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	q, err := s.openQueue(ctx, &river.Config{Logger: s.log}, !s.options.Present && !s.behind)
	if err != nil {
		return err
	}
	j.queue = q
	return nil
}

func (j *jobs) now() queue {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.queue
}

// jobArgs names the work. Mostly that is all: what there is to do is in the database.
type jobArgs struct {
	kind   string
	Unique string          `json:"unique,omitempty" river:"unique"`
	Args   json.RawMessage `json:"args,omitempty"`
}

// Kind implements river.JobArgs.
func (a jobArgs) Kind() string { return a.kind }

func unfinished() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning,
		rivertype.JobStateScheduled,
	}
}

func finished() []rivertype.JobState {
	return []rivertype.JobState{rivertype.JobStateCancelled, rivertype.JobStateCompleted, rivertype.JobStateDiscarded}
}

// onDemand: as long as one waits or runs, there is no second of its kind in the cluster.
func onDemand() *river.InsertOpts {
	return &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByState: unfinished()}}
}

// EnqueueJob asks for a kind of work now. Where one of that kind waits or runs already, that one is given.
func (s *Store) EnqueueJob(ctx context.Context, kind string) (*model.Job, error) {
	s.jobs.mu.Lock()
	w, known := s.jobs.workers[kind]
	q := s.jobs.queue
	s.jobs.mu.Unlock()
	if !known || w.RunWith != nil {
		return nil, invalid("kind", "there is no work of the kind %q that can be asked for", kind)
	}
	r, err := q.insert(ctx, s.transaction(ctx), jobArgs{kind: kind}, onDemand())
	if err != nil {
		return nil, s.fail("add a job", err)
	}
	return jobOf(r.Job), nil
}

// Enqueue adds a job with arguments, JSON of at most 64 KiB, for a worker with RunWith. In a transaction it is there when that
// commits. Where a job of the same kind and unique waits, runs or has been done, nothing is added; an empty unique is never the same.
func (s *Store) Enqueue(ctx context.Context, kind string, args []byte, unique string) error {
	if len(args) > mostArgs || len(unique) > mostUnique || !json.Valid(args) {
		return invalid("args", "a job's arguments must be JSON of at most %d bytes, and what makes it unique has at most %d", mostArgs, mostUnique)
	}
	s.jobs.mu.Lock()
	w, known := s.jobs.workers[kind]
	started, q := s.jobs.workers != nil, s.jobs.queue
	s.jobs.mu.Unlock()
	// Before the start nobody knows the kinds, and what happens then must not be lost.
	if started && (!known || w.RunWith == nil) {
		return invalid("kind", "there is no work of the kind %q that takes arguments", kind)
	}
	opts := &river.InsertOpts{Queue: argsQueue, MaxAttempts: argsAttempts}
	if unique != "" {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: append(unfinished(), rivertype.JobStateCompleted)}
	}
	_, err := q.insert(ctx, s.transaction(ctx), jobArgs{kind: kind, Unique: unique, Args: args}, opts)
	return s.fail("add a job", err)
}

// CancelJob ends a job that waits, and asks one that runs to stop. One that has ended stays as it is.
func (s *Store) CancelJob(ctx context.Context, id string) (*model.Job, error) {
	return s.job(id, func(n int64) (*rivertype.JobRow, error) {
		return s.jobs.now().cancel(ctx, s.transaction(ctx), n)
	})
}

// Job finds a job.
func (s *Store) Job(ctx context.Context, id string) (*model.Job, error) {
	return s.job(id, func(n int64) (*rivertype.JobRow, error) {
		return s.jobs.now().get(ctx, s.transaction(ctx), n)
	})
}

func (s *Store) job(id string, f func(int64) (*rivertype.JobRow, error)) (*model.Job, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != id {
		return nil, notFound("job", id)
	}
	r, err := f(n)
	if errors.Is(err, rivertype.ErrNotFound) {
		return nil, notFound("job", id)
	}
	if err != nil {
		return nil, s.fail("reach a job", err)
	}
	return jobOf(r), nil
}

func jobListing() listing {
	return listing{
		name: "jobs", newest: true, keys: []field{{"id", isInt}},
		fields: map[string]field{"kind": {"kind", isText}, "state": {"state", isText}},
	}
}

// Jobs lists jobs, newest first. They belong to the installation, that is to the tenant "system".
func (s *Store) Jobs(ctx context.Context, q model.Query) ([]model.Job, string, error) {
	if q.Tenant != "" && q.Tenant != model.SystemTenant {
		return nil, "", nil
	}
	size, err := sizeOf(q, largestPage)
	if err != nil {
		return nil, "", err
	}
	p, err := jobParams(q)
	if err != nil {
		return nil, "", err
	}
	found, err := s.jobs.now().list(ctx, s.transaction(ctx), p.First(size+1))
	if err != nil {
		return nil, "", s.fail("list jobs", err)
	}
	rows, next := found.Jobs, ""
	if len(rows) > size {
		rows = rows[:size]
		next = jobListing().token(q, []any{rows[size-1].ID})
	}
	out := make([]model.Job, len(rows))
	for i, r := range rows {
		out[i] = *jobOf(r)
	}
	return out, next, nil
}

// jobParams asks River in its own terms; values are always arguments.
func jobParams(q model.Query) (*river.JobListParams, error) {
	l := jobListing()
	direction, after := river.SortOrderDesc, "id < @after_id"
	if q.Oldest {
		direction, after = river.SortOrderAsc, "id > @after_id"
	}
	p := river.NewJobListParams().OrderBy(river.JobListOrderByID, direction)
	if q.Token != "" {
		keys, err := l.parse(q)
		if err != nil {
			return nil, err
		}
		p = p.Where(after, river.NamedArgs{"after_id": keys[0]})
	}
	for i, c := range q.Where {
		f, ok := l.fields[c.Field]
		if !ok {
			return nil, invalid("filter", "jobs can't be filtered by %q; fields are: %s", c.Field, l.names())
		}
		if c.Op != "=" && c.Op != "!=" {
			return nil, invalid("filter", "%q can't be compared with %q", c.Field, c.Op)
		}
		if c.Field == "state" && !slices.Contains(append(unfinished(), finished()...), rivertype.JobState(c.Value)) {
			return nil, invalid("filter", "%q is no state of a job", c.Value)
		}
		name := fmt.Sprintf("value_%d", i)
		p = p.Where(f.column+" "+c.Op+" @"+name, river.NamedArgs{name: c.Value})
	}
	return p, nil
}

func jobOf(r *rivertype.JobRow) *model.Job {
	j := &model.Job{
		ID: strconv.FormatInt(r.ID, 10), Kind: r.Kind, State: string(r.State), Attempt: r.Attempt, Created: r.CreatedAt.UTC(),
	}
	if r.AttemptedAt != nil {
		j.Attempted = r.AttemptedAt.UTC()
	}
	if r.FinalizedAt != nil {
		j.Finished = r.FinalizedAt.UTC()
	}
	if n := len(r.Errors); n > 0 && r.State != rivertype.JobStateCompleted {
		j.Error = r.Errors[n-1].Error
	}
	j.Result = resultOf(r.Output())
	return j
}

// resultOf reads what a worker wrote: a text in both languages, or, of earlier versions, one in English. What is neither was not
// written by a worker.
func resultOf(output []byte) model.Text {
	var t model.Text
	if json.Unmarshal(output, &t) == nil {
		return t
	}
	if json.Unmarshal(output, &t.EN) != nil {
		return model.Text{}
	}
	return t
}
