package lock

import (
	"context"
	"fmt"
	"time"
)

// actionRepair is what the audit log calls that a socket was closed again.
const actionRepair = "EngineSocketRepair"

// mending is a socket that could not be put right.
type mending struct {
	tries int
	why   error // nil when it was put right at last
	pause time.Duration
	next  time.Time
}

// mend puts a socket right. What fails is tried again, after a pause that grows to Every: what was tried is itself a change of the socket,
// of which the kernel tells, so that without one it would be tried all the time. What it gives is nil where it did not fail before, either.
func (x *watch) mend(k keptSocket) (was *perm, m *mending) {
	m, at := x.mends[k.Path], x.l.o.Now()
	if m != nil && at.Before(m.next) {
		return nil, m
	}
	was, err := x.put(k)
	if err == nil {
		delete(x.mends, k.Path)
		if m != nil {
			m.why = nil
		}
		return was, m
	}
	x.complain(err)
	if m == nil {
		m = &mending{pause: max(x.w.Every/20, time.Millisecond)}
		x.mends[k.Path] = m
	}
	m.tries++
	m.why, m.pause = err, min(2*m.pause, x.w.Every)
	m.next = at.Add(m.pause)
	return nil, m
}

// problem is what there is to say of a socket that is open and can't be closed.
func (m *mending) problem(p Problem) Problem {
	more := say("; to close it failed (%v), and is tried again within %s", "；关闭失败（%v），将在 %s 内重试", m.why, m.pause)
	p.Text.EN += more.EN
	p.Text.ZH += more.ZH
	return p
}

// unpaid is a record that is not in the audit log yet.
type unpaid struct {
	at           time.Time
	subject, why string
}

// mostUnpaid are kept, the last of them.
const mostUnpaid = 64

// repaired records that a socket was closed. A record that fails is tried again with each look.
func (x *watch) repaired(ctx context.Context, path, why string, m *mending) {
	if m != nil {
		why += fmt.Sprintf(", after %d times in vain", m.tries)
	}
	x.unpaid = append(x.unpaid, unpaid{x.l.o.Now(), path, why})
	x.unpaid = x.unpaid[max(0, len(x.unpaid)-mostUnpaid):]
	x.pay(ctx)
}

// pay makes the records of repairs that are not made yet, in their order.
func (x *watch) pay(ctx context.Context) {
	for len(x.unpaid) > 0 {
		u := x.unpaid[0]
		since := u.at
		if x.l.o.Now().Sub(since) < time.Second {
			since = time.Time{} // it was now
		}
		if err := x.record(ctx, actionRepair, u.subject, u.why, since); err != nil {
			x.complain(err)
			return
		}
		x.unpaid = x.unpaid[1:]
	}
}
