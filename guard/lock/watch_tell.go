package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// reload reads the state, and tells when somebody locked or unlocked.
func (x *watch) reload(ctx context.Context) bool {
	x.pay(ctx)
	s, err := x.l.load()
	if err != nil {
		x.complain(err)
		return false
	}
	was := x.state != nil && x.state.Phase == phaseLocked
	is := s != nil && s.Phase == phaseLocked
	x.state = s
	if !is {
		x.owes = x.owes || was
		x.unlocked(ctx)
		return false
	}
	x.owes = false
	x.catchUp(ctx, s.Unrecorded, func(c turn) {
		x.remember(func(s *state) { s.Unrecorded = without(s.Unrecorded, c) })
		if c.Action == actionUnlock {
			x.passed = append(x.passed, (&unlocked{Since: c.Since, By: c.By}).problem())
		}
	})
	if s.Recorded {
		return true
	}
	if err := x.record(ctx, actionLock, s.By, "the engines' sockets are the guard's alone", time.Time{}); err != nil {
		x.complain(err) // and tried again
		return true
	}
	x.remember(func(s *state) { s.Recorded = true })
	return true
}

// back is why an unlock is recorded, and backHalf why one that did not end is.
const (
	back     = "the engines' sockets are as they were before they were locked"
	backHalf = "it was begun and did not end: some of the engines' sockets may be as they were before they were locked"
)

// unlocked tells, while nothing is locked, that somebody unlocked.
func (x *watch) unlocked(ctx context.Context) {
	x.list, x.slow = nil, nil
	clear(x.seen) // what comes meanwhile is none of the watch's
	if x.state != nil && !x.l.stopped(x.state) {
		return // somebody is at it, and it is looked again
	}
	if x.state != nil && x.state.Phase == phaseLocking { // what was unlocked before it has in its own list
		x.settle([]Problem{x.state.half(nil)})
		return
	}
	u, err := x.l.loadUnlocked()
	x.complain(err)
	why := back
	if x.state != nil {
		why = backHalf
	}
	if u == nil {
		if x.owes {
			err := x.record(ctx, actionUnlock, "", why, time.Time{})
			x.owes = err != nil
			x.complain(err)
		}
		switch {
		case err != nil: // it is open all the same
			x.settle([]Problem{untrusted(err)})
		case x.state != nil:
			x.settle([]Problem{x.state.half(nil)})
		default:
			x.settle(nil)
		}
		return
	}
	x.owes = false
	x.catchUp(ctx, u.Unrecorded, func(c turn) {
		x.complain(x.l.noted(func(u *unlocked) { u.Unrecorded = without(u.Unrecorded, c) }))
	})
	problem := u.problem()
	if x.state != nil {
		problem = x.state.half(u)
	}
	if !u.Recorded {
		if err := x.record(ctx, actionUnlock, u.By, why, time.Time{}); err != nil {
			x.complain(err) // and tried again
		} else {
			x.complain(x.l.noted(func(u *unlocked) { u.Recorded = true }))
		}
	}
	x.settle([]Problem{problem})
}

// catchUp records what came and went without being seen; done is told of each that is in the log.
func (x *watch) catchUp(ctx context.Context, list []turn, done func(turn)) {
	for _, c := range list {
		if err := x.record(ctx, c.Action, c.By, "it was done and undone before the watch looked", c.Since); err != nil {
			x.complain(err) // and tried again, in this order
			return
		}
		done(c)
	}
}

// remember changes what is kept, unless somebody has unlocked meanwhile: then there is nothing to keep it in. It says whether it is done with.
func (x *watch) remember(change func(*state)) (done bool) {
	release, err := x.l.hold()
	if err != nil {
		x.complain(err)
		return false
	}
	defer release()
	s, err := x.l.load()
	if err != nil || s == nil || s.Phase != phaseLocked {
		x.complain(err)
		return err == nil
	}
	change(s)
	if err := x.l.save(s); err != nil {
		x.complain(err)
		return false
	}
	x.state = s
	return true
}

// settle tells of problems that came and went.
func (x *watch) settle(now []Problem) {
	at := x.l.o.Now()
	there := map[string]bool{}
	for _, p := range now {
		id := findingID(p.Kind, p.Subject)
		if there[id] {
			continue
		}
		there[id] = true
		f := x.open[id]
		if f == nil {
			f = &model.Finding{ID: id, Kind: p.Kind, Requirement: "8.1.c", Severity: p.Severity, Subject: p.Subject, Text: p.Text, First: at, Source: model.SourceNode}
			x.open[id] = f
		}
		again := f.Text == p.Text && at.Sub(f.Last) < lingers
		f.Text, f.Severity = p.Text, p.Severity
		if again {
			continue
		}
		f.Last = at
		f.Count++
		x.tell(*f)
	}
	for id, f := range x.open {
		if there[id] {
			continue
		}
		if at.Sub(f.Last) < lingers && x.state != nil {
			continue
		}
		f.Over = at
		x.tell(*f)
		delete(x.open, id)
	}
}

func (x *watch) tell(f model.Finding) {
	x.l.o.Log.Warn("found", "kind", f.Kind, "subject", f.Subject, "text", f.Text.EN, "over", !f.Over.IsZero())
	if x.w.Found == nil {
		return
	}
	if err := x.w.Found(f); err != nil {
		x.complain(fmt.Errorf("a finding was not taken: %w", err))
	}
}

// findingID is the same for the same problem, so that it is one finding however often it is seen.
func findingID(kind, subject string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + subject))
	return hex.EncodeToString(sum[:16])
}

// record puts something into the audit log. since is when it was done, where that was a while ago.
func (x *watch) record(ctx context.Context, action, subject, why string, since time.Time) error {
	r := model.Record{Time: x.l.o.Now(), Action: action, Outcome: model.OutcomeAllowed, Reason: why, Changes: map[string]string{}}
	if subject != "" {
		r.Changes["subject"] = subject
	}
	if !since.IsZero() {
		r.Changes["since"] = since.UTC().Format(time.RFC3339)
	}
	if x.w.Record != nil {
		if err := x.w.Record(ctx, r); err != nil {
			return fmt.Errorf("the audit log lacks a record (%s): %w", action, err)
		}
	}
	x.l.o.Log.Info("the engines' sockets", "action", action, "subject", subject, "why", why)
	return nil
}

// complain logs the same trouble once.
func (x *watch) complain(err error) {
	if err == nil || err.Error() == x.trouble || errors.Is(err, context.Canceled) {
		return
	}
	x.trouble = err.Error()
	x.l.o.Log.Error("the watch over the engines' sockets", "error", err)
}
