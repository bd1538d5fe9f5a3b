package audit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Actions of the break-glass in the log. ActionBreakGlass is the API's.
const (
	ActionBreakGlass       = "AuditBreakGlass"
	ActionBreakGlassOpened = "BreakGlassOpened"
	ActionBreakGlassClosed = "BreakGlassClosed"
)

const maxGlass = time.Hour

// glass is the state of the break-glass. It does not outlive the process: a restart closes it.
type glass struct {
	mu    sync.Mutex
	until time.Time
	timer *time.Timer
}

func (g *glass) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
}

func (g *glass) open(now time.Time) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until, now.Before(g.until)
}

func (g *glass) set(until time.Time, d time.Duration, over func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	g.until = until
	if d > 0 {
		g.timer = time.AfterFunc(d, over)
	}
}

// State is how the log is.
type State struct {
	Size      uint64
	Writable  bool
	Failure   string    // why the last write failed
	GlassOpen time.Time // until when changes pass although the log can't be written; zero when closed
	Spooled   int64     // records that wait in the spool
}

// State says how the log is.
func (l *Log) State() State {
	s := State{Size: l.Size(), Writable: true}
	if err := l.lastError(); err != nil {
		s.Writable, s.Failure = false, err.Error()
	}
	if until, open := l.glass.open(l.now()); open {
		s.GlassOpen = until
	}
	if l.spool != nil {
		s.Spooled = l.spool.count()
	}
	return s
}

// BreakGlass lets changes through for a time, at most an hour, while the log can't be written: their records go to the
// spool and from there to the log as soon as that can be written. A duration of 0 closes it. Opening and closing are
// recorded the same way; where that fails as well, nothing is opened.
func (l *Log) BreakGlass(ctx context.Context, by model.Principal, reason string, d time.Duration) (time.Time, error) {
	if d < 0 || d > maxGlass {
		return time.Time{}, &model.Error{
			Code: model.CodeInvalid, Message: "the break-glass opens for 1 to 60 minutes", Remedy: "give minutes between 1 and 60, or 0 to close it", Field: "minutes",
		}
	}
	now := l.now()
	record := model.Record{
		Time: now, Actor: by.ID, ActorName: by.Name, Tenant: model.SystemTenant, Action: ActionBreakGlassOpened,
		Resource: model.Ref{Type: model.TypeSystem, ID: model.SystemID}, Outcome: model.OutcomeAllowed, Reason: reason,
		Credential: by.Credential.ID, AMR: by.Auth.AMR,
	}
	if d == 0 {
		record.Action = ActionBreakGlassClosed
		if _, open := l.glass.open(now); !open {
			return time.Time{}, nil
		}
		if _, err := l.Append(ctx, record); err != nil {
			return time.Time{}, err
		}
		l.glass.set(time.Time{}, 0, nil)
		return time.Time{}, nil
	}
	until := now.Add(d)
	record.Changes = map[string]string{"until": until.UTC().Format(time.RFC3339)}
	if _, err := l.Append(ctx, record); err != nil {
		return time.Time{}, err
	}
	l.glass.set(until, d, func() { l.glassOver(record, until) })
	l.log.Warn("the break-glass of the audit log is open", "by", by.ID, "until", until)
	return until, nil
}

// glassOver records that the time is over.
func (l *Log) glassOver(opened model.Record, until time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), appendLimit)
	defer cancel()
	opened.ID, opened.Time, opened.Action, opened.Changes = "", until, ActionBreakGlassClosed, nil
	opened.Actor, opened.ActorName, opened.Credential, opened.AMR = "", "", "", nil
	opened.Reason = "its time is over"
	if _, err := l.Append(ctx, opened); err != nil {
		l.log.Error("the end of the break-glass could not be recorded", "err", err)
	}
}

// spoolAllowed says whether a record that could not be written to the log may go to the spool.
func (w *writer) spoolAllowed(p *pending) bool {
	if w.spool == nil {
		return false
	}
	if _, open := w.glass.open(w.now()); open {
		return true
	}
	switch p.record.Action {
	case ActionBreakGlass, ActionBreakGlassOpened, ActionBreakGlassClosed:
		return true
	}
	// Refusals would let strangers fill the spool, and then nobody could sign in to open the break-glass.
	return slices.Contains(w.o.Always, p.record.Action) && p.record.Outcome != model.OutcomeRefused
}

func (w *writer) soon() time.Time { return time.Now().Add(retryEvery) }
