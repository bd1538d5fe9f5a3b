package lock

import "time"

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
