package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// reload reads the state, and notes when somebody locked or unlocked.
func (x *watch) reload() bool {
	x.books.turns = nil
	s, err := x.l.load()
	if err != nil {
		x.complain(err)
		return false
	}
	was := x.state != nil && x.state.Phase == phaseLocked
	is := s != nil && s.Phase == phaseLocked
	x.state = s
	if !is {
		if was && x.unnamed == nil {
			x.unnamed = &owed{id: turn{Action: actionUnlock, Since: x.l.o.Now()}.id(x.host), action: actionUnlock}
		}
		x.unlocked()
		return false
	}
	x.unnamed = nil
	kept := func(c turn) func() bool {
		return func() bool { return x.remember(func(s *state) bool { return s.recorded(c) }) }
	}
	for _, c := range s.Unrecorded {
		o := x.oweLate(c, kept(c))
		if c.Action == actionUnlock {
			p := (&unlocked{Since: c.Since, By: c.By}).problem()
			o.passed = &p
		}
	}
	if !s.Recorded {
		x.owe(s.turn(), "the engines' sockets are the guard's alone", kept(s.turn()))
	}
	return true
}

// back is why an unlock is recorded, and backHalf why one that did not end is.
const (
	back     = "the engines' sockets are as they were before they were locked"
	backHalf = "it was begun and did not end: some of the engines' sockets may be as they were before they were locked"
)

// unlocked tells, while nothing is locked, that somebody unlocked.
func (x *watch) unlocked() {
	x.list, x.slow, x.passed = nil, nil, nil
	clear(x.seen) // what comes meanwhile is none of the watch's
	x.unkept = false
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
		x.oweUnnamed(why)
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
	x.unnamed = nil
	kept := func(c turn) func() bool {
		return func() bool {
			kept, err := x.l.recorded(c)
			x.complain(err)
			return kept
		}
	}
	for _, c := range u.Unrecorded {
		x.oweLate(c, kept(c))
	}
	if !u.Recorded {
		x.owe(u.turn(), why, kept(u.turn()))
	}
	problem := u.problem()
	if x.state != nil {
		problem = x.state.half(u)
	}
	x.settle([]Problem{problem})
}

// oweUnnamed notes that somebody unlocked, who left no word.
func (x *watch) oweUnnamed(why string) {
	if x.unnamed == nil {
		return
	}
	o := *x.unnamed
	o.why = why
	o.kept = func() bool {
		if x.unnamed != nil && x.unnamed.id == o.id {
			x.unnamed = nil
		}
		return true
	}
	x.books.turns = append(x.books.turns, o)
}

// remember changes what is kept, unless somebody has unlocked meanwhile. It says whether that is done; change says whether there is anything to keep.
func (x *watch) remember(change func(*state) bool) (kept bool) {
	release, err := x.l.hold()
	if err != nil {
		x.complain(err)
		return false
	}
	defer release()
	s, err := x.l.load()
	if err != nil || s == nil || s.Phase != phaseLocked || !change(s) {
		x.complain(err)
		return false
	}
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

// complain logs the same trouble once.
func (x *watch) complain(err error) {
	if err == nil || err.Error() == x.trouble || errors.Is(err, context.Canceled) {
		return
	}
	x.trouble = err.Error()
	x.l.o.Log.Error("the watch over the engines' sockets", "error", err)
}
