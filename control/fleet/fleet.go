// Package fleet is what the control plane makes of what nodes report: it keeps their facts and findings, judges them, tells what
// changed, notices who is silent, and brings nodes what they have to take. It asks nobody who may do that: the door did, before a
// call came here, and the node that is given to it is the one that the door has seen. All state is in the store; what is in memory
// can be lost, and another replica goes on with it.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// Options are what a Fleet is made of.
type Options struct {
	Store Store
	// Policies are the newest of all tenants, as they go to nodes.
	Policies PolicySource
	// People are those who may come to engines; nil sends nodes no accounts.
	People PeopleSource
	// Signer signs what nodes take.
	Signer    note.Signer
	Catalogue *catalogue.Catalogue
	// Settings are the server's, for pools that don't say otherwise.
	Settings assess.Settings
	Log      *slog.Logger
	Now      func() time.Time
	// Replica names this one in the log.
	Replica string
	// Alarm raises the alarms of an event; it is called in the transaction that writes the event. Nil raises none.
	Alarm func(ctx context.Context, e model.Event) error
	// Assess judges a snapshot; nil does it with Catalogue.
	Assess func(s *model.Snapshot, set assess.Settings) model.Assessment
	// HowEnded says from the cause of a stream's context how it ended; nil is health.EndOf.
	HowEnded func(cause error) health.End
	Times    Times
}

// Times are how often things are done; what is zero is as DefaultTimes says.
type Times struct {
	Gather      time.Duration // how long a report waits for others
	Flush       time.Duration // writes down who was heard of
	Watch       time.Duration // looks for silent nodes
	Poll        time.Duration // asks what changed
	Alive       time.Duration // says so on a quiet stream
	Advance     time.Duration // moves roll-outs
	AssessEvery time.Duration // a node, at most
	// AssessWithin is how long a node waits for its turn so that others have the processor.
	AssessWithin time.Duration
	Sweep        time.Duration // looks for what another replica left
	AssessAgain  time.Duration // a node whose facts did not change: time passes, too
	Policies     time.Duration // makes sure of bundles even if no change was seen
	Grace        time.Duration // in which nobody is judged, after the start and after a failure
	PingLag      time.Duration // between a node's last sign and the end of its stream by a ping
	ProbeFor     time.Duration // waits for answers of peers
}

// DefaultTimes are those of docs/decisions/0008.
func DefaultTimes() Times {
	return Times{
		Gather: 20 * time.Millisecond, Flush: 5 * time.Second, Watch: 2 * time.Second, Poll: 250 * time.Millisecond, Alive: time.Minute,
		Advance: 5 * time.Second, AssessEvery: 10 * time.Second, AssessWithin: 3 * time.Minute, Sweep: 30 * time.Second, AssessAgain: 6 * time.Hour,
		Policies: time.Minute, Grace: 25 * time.Second, PingLag: 15 * time.Second, ProbeFor: 8 * time.Second,
	}
}

func (t *Times) fill() {
	d := DefaultTimes()
	for _, x := range []struct{ have, otherwise *time.Duration }{
		{&t.Gather, &d.Gather},
		{&t.Flush, &d.Flush},
		{&t.Watch, &d.Watch},
		{&t.Poll, &d.Poll},
		{&t.Alive, &d.Alive},
		{&t.Advance, &d.Advance},
		{&t.AssessEvery, &d.AssessEvery},
		{&t.AssessWithin, &d.AssessWithin},
		{&t.Sweep, &d.Sweep},
		{&t.AssessAgain, &d.AssessAgain},
		{&t.Policies, &d.Policies},
		{&t.Grace, &d.Grace},
		{&t.PingLag, &d.PingLag},
		{&t.ProbeFor, &d.ProbeFor},
	} {
		if *x.have <= 0 {
			*x.have = *x.otherwise
		}
	}
}

// Fleet is the control plane's side of all nodes, on one replica. It is safe for concurrent use.
type Fleet struct {
	o     Options
	store Store
	log   *slog.Logger
	now   func() time.Time

	queue     chan *waiting
	ended     chan struct{} // no report is taken any more
	digests   *digestCache
	contacts  contacts
	restocked restocked
	hub       hub
	docs      *documents
	watch     watch
	probes    probes
	away      away
	work      *work
	kept      *keptCache
	upkeep    *upkeep
	wake      chan struct{}
	policies  chan struct{} // policies changed
	accounts  chan struct{} // accounts or approvals changed
	counts    counts
}

type counts struct {
	reports, assessed, silenced atomic.Int64
	silent                      atomic.Int64
}

// Stats are how a Fleet does. Reports, Assessed and Silenced count since the start.
type Stats struct {
	Streams  int           // open here
	Queue    int           // reports that wait to be written
	Dirty    int           // nodes that wait to be assessed
	Late     time.Duration // for how long the first of them could have been
	Silent   int64         // of the whole fleet, when it was looked at last
	Reports  int64
	Assessed int64
	Silenced int64 // nodes that this replica found silent
}

// New makes a Fleet. It does nothing before Run.
func New(o Options) (*Fleet, error) {
	if o.Store == nil || o.Policies == nil || o.Signer == nil || o.Catalogue == nil && o.Assess == nil {
		return nil, errors.New("the fleet needs a store, policies, a signer and a catalogue")
	}
	o.Times.fill()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.HowEnded == nil {
		o.HowEnded = health.EndOf
	}
	if o.Assess == nil {
		o.Assess = assess.New(o.Catalogue).Run
	}
	f := &Fleet{
		o: o, store: o.Store, log: o.Log.With("replica", o.Replica), now: o.Now,
		queue: make(chan *waiting, mostQueued), ended: make(chan struct{}),
		wake: make(chan struct{}, 1), policies: make(chan struct{}, 1), accounts: make(chan struct{}, 1), work: newWork(o.Now, o.Times.AssessEvery),
	}
	var err error
	if f.digests, err = newDigestCache(); err != nil {
		return nil, err
	}
	if f.kept, err = newKeptCache(); err != nil {
		return nil, err
	}
	if f.docs, err = newDocuments(f); err != nil {
		return nil, err
	}
	f.upkeep = newUpkeep()
	f.watch.notBefore(o.Now().Add(o.Times.Grace))
	return f, nil
}

// Stats says how it does.
func (f *Fleet) Stats() Stats {
	return Stats{
		Streams: f.hub.count(), Queue: len(f.queue), Dirty: f.work.waiting(), Late: f.work.late(), Silent: f.counts.silent.Load(),
		Reports: f.counts.reports.Load(), Assessed: f.counts.assessed.Load(), Silenced: f.counts.silenced.Load(),
	}
}

// Wake says that something changed in the store, which is then looked at at once. It never waits.
func (f *Fleet) Wake() { poke(f.wake) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run does all that is done in the background until the context ends. A Fleet runs once.
func (f *Fleet) Run(ctx context.Context) {
	var all sync.WaitGroup
	t := f.o.Times
	all.Go(func() { f.gather(ctx) })
	all.Go(func() { f.every(ctx, t.Flush, "who was heard of can't be written down", f.flush) })
	all.Go(func() { f.every(ctx, t.Flush, "that objects changed can't be told", f.tellInventory) })
	all.Go(func() { f.every(ctx, t.Sweep, "objects can't be made of facts", f.fillObjects) })
	all.Go(func() { f.every(ctx, t.Watch, "silent nodes can't be looked for", f.look) })
	all.Go(func() { f.every(ctx, t.Advance, "roll-outs can't go on", f.advance) })
	all.Go(func() { f.every(ctx, t.Sweep, "what was left can't be looked for", f.sweep) })
	all.Go(func() { f.follow(ctx) })
	all.Go(func() { f.keepPolicies(ctx) })
	all.Go(func() { f.keepAccounts(ctx) })
	all.Go(func() { f.keepMaintenance(ctx) })
	all.Go(func() { f.assessAll(ctx) })
	all.Wait()
	// What was heard in the last seconds is worth a moment at the end.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := f.flush(last); err != nil {
		f.log.Warn("who was heard of last can't be written down", "error", err)
	}
}

// callTimeout bounds whatever is done in the background at a time.
const callTimeout = 10 * time.Second

// task is something that is done again and again.
type task struct {
	do      func(context.Context) error
	failing string // what is logged of the first failure of a row
	every   time.Duration
	limit   time.Duration   // of each time; 0 for callTimeout
	wake    <-chan struct{} // also when this says so; nil for never
	now     bool            // also at once
	again   chan struct{}   // is poked a moment after a failure; nil for not
}

// repeat does a task until ctx ends.
func (f *Fleet) repeat(ctx context.Context, t task) {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	failed := false
	for first := t.now; ; first = false {
		if !first {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-t.wake:
			}
		}
		one, cancel := context.WithTimeout(ctx, cmp.Or(t.limit, callTimeout))
		err := t.do(one)
		cancel()
		if err != nil && ctx.Err() == nil {
			if !failed {
				f.log.Error(t.failing, "error", err)
			}
			if t.again != nil {
				f.again(ctx, t.again)
			}
		}
		failed = err != nil
	}
}

// every does something again and again.
func (f *Fleet) every(ctx context.Context, d time.Duration, failing string, do func(context.Context) error) {
	f.repeat(ctx, task{do: do, failing: failing, every: d})
}
