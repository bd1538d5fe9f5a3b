package lock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// actionRepair is what the audit log calls that a socket was closed again.
const actionRepair = "EngineSocketRepair"

// owed is a record that the audit log lacks. It has its id once, however often it is tried.
type owed struct {
	id, action, subject, why string
	since                    time.Time   // when it was done, where that was a while ago
	at                       time.Time   // when it was done, where it may become a while ago
	kept                     func() bool // keeps that it is in the log, and says whether that could be done
	passed                   *Problem    // what is told once it is
}

// books are the records of a watch. One is written at a time, and the watch goes on meanwhile: a log that is slow keeps no socket open.
type books struct {
	repairs []owed          // in their order
	count   int             // of repairs
	turns   []owed          // locks and unlocks, by the last look
	made    map[string]bool // those in the log of which that could not be kept
	inHand  *owed
	back    chan error // what came of the one in hand
}

const (
	mostRepairs = 64 // wait for the log, the last of them
	mostMade    = 4 * mostTurns
	lastLimit   = 5 * time.Second // after which no more records of repairs are begun when the watch ends
)

func newBooks() books { return books{made: map[string]bool{}, back: make(chan error, 1)} }

// repaired notes that a socket was closed.
func (x *watch) repaired(path, why string, m *mending) {
	if m != nil {
		why += fmt.Sprintf(", after %d times in vain", m.tries)
	}
	at := x.l.o.Now()
	x.books.count++
	id := turn{Action: actionRepair, Since: at, By: path + " " + strconv.Itoa(x.books.count)}.id(x.host)
	o := owed{id: id, action: actionRepair, subject: path, why: why, at: at}
	o.kept = func() bool {
		x.books.repairs = slices.DeleteFunc(x.books.repairs, func(p owed) bool { return p.id == o.id })
		return true
	}
	x.books.repairs = append(x.books.repairs, o)
	x.books.repairs = x.books.repairs[max(0, len(x.books.repairs)-mostRepairs):]
}

// owe notes a lock or its end that is not in the log.
func (x *watch) owe(c turn, why string, kept func() bool) *owed {
	x.books.turns = append(x.books.turns, owed{id: c.id(x.host), action: c.Action, subject: c.By, why: why, kept: kept})
	return &x.books.turns[len(x.books.turns)-1]
}

// oweLate notes one that came and went without being seen.
func (x *watch) oweLate(c turn, kept func() bool) *owed {
	o := x.owe(c, "it was done and undone before the watch looked", kept)
	o.since = c.Since
	return o
}

// pay has the next record written, unless one is being. What fails is tried again with the next look, in this order.
func (x *watch) pay(ctx context.Context) {
	b := &x.books
	for b.inHand == nil {
		var o owed
		switch {
		case len(b.repairs) > 0:
			o = b.repairs[0]
		case len(b.turns) > 0:
			o = b.turns[0]
		default:
			return
		}
		if b.made[o.id] {
			x.keep(&o)
			continue
		}
		b.inHand = &o
		if x.w.Record == nil {
			x.wrote(nil)
			continue
		}
		r := x.recordOf(&o)
		go func() { b.back <- x.w.Record(ctx, r) }()
	}
}

func (x *watch) recordOf(o *owed) model.Record {
	now, since := x.l.o.Now(), o.since
	if !o.at.IsZero() && now.Sub(o.at) >= time.Second {
		since = o.at
	}
	r := model.Record{ID: o.id, Time: now, Action: o.action, Outcome: model.OutcomeAllowed, Reason: o.why, Changes: map[string]string{}}
	if o.subject != "" {
		r.Changes["subject"] = o.subject
	}
	if !since.IsZero() {
		r.Changes["since"] = since.UTC().Format(time.RFC3339)
	}
	return r
}

// wrote takes what came of the record in hand.
func (x *watch) wrote(err error) (ok bool) {
	o := x.books.inHand
	x.books.inHand = nil
	if err != nil {
		x.complain(fmt.Errorf("the audit log lacks a record (%s): %w", o.action, err))
		if !errors.Is(err, context.DeadlineExceeded) {
			x.keepSeen()
		}
		return false
	}
	x.l.o.Log.Info("the engines' sockets", "action", o.action, "subject", o.subject, "why", o.why)
	if o.passed != nil {
		x.passed = append(x.passed, *o.passed)
	}
	x.keep(o)
	return true
}

// keep has it kept that a record is in the log. Where that fails, this watch knows it all the same, and tries again with the next look.
func (x *watch) keep(o *owed) {
	b := &x.books
	b.turns = slices.DeleteFunc(b.turns, func(p owed) bool { return p.id == o.id })
	if o.kept() {
		delete(b.made, o.id)
		return
	}
	if len(b.made) >= mostMade {
		clear(b.made) // they are written once more then, under the same ids
	}
	b.made[o.id] = true
}

// last waits for the record in hand, and has those of repairs written: nobody else knows of them.
func (x *watch) last(ctx context.Context) {
	x.books.turns = nil
	end := time.Now().Add(lastLimit)
	for x.pay(ctx); x.books.inHand != nil; x.pay(ctx) {
		if !x.wrote(<-x.books.back) || time.Now().After(end) {
			return
		}
	}
}
