package lock

import (
	"slices"
	"time"
)

// How long an engine takes to make its socket, and how long one may be away while an engine ends.
const (
	making = 5 * time.Second
	ending = 2 * time.Second
)

// repair gives what is wrong with the sockets, and puts their rights right. A socket that an engine has just made is put right without
// being a finding: it is no sign of anything, but it is recorded.
func (x *watch) repair() (found []Problem) {
	for _, k := range x.state.Sockets {
		now, err := lookAt(k.Engine, k.Path)
		young := x.young(k, now, err)
		wrong := x.l.open(k, x.table, x.state.Group)
		if !slices.ContainsFunc(wrong, func(p Problem) bool { return p.socket != "" }) {
			delete(x.mends, k.Path) // whoever did it
		}
		for _, p := range wrong {
			if p.socket == "" || !x.w.Keep || err != nil {
				if !x.passing(k.Path) {
					found = append(found, p)
				}
				continue
			}
			was, m := x.mend(k)
			switch {
			case m != nil && m.why != nil:
				found = append(found, m.problem(p))
			case was != nil && young:
				x.repaired(k.Path, "the engine made its socket anew as "+was.String()+"; it was closed", m)
			case was != nil:
				found = append(found, p)
				x.repaired(k.Path, p.Text.EN+"; it was closed again", m)
			}
		}
	}
	return found
}

// young says whether the socket was made a moment ago: an engine opens it, and then gives it its rights.
func (x *watch) young(k keptSocket, now socket, err error) bool {
	at := x.l.o.Now()
	if err != nil {
		if x.gone[k.Path].IsZero() {
			x.gone[k.Path] = at
		}
		if len(x.table.servers[k.Path]) > 0 { // it may have ended
			x.newcomer()
		}
		return false
	}
	delete(x.gone, k.Path)
	last, ok := x.seen[k.Path]
	if !ok {
		last = k.ID
	}
	x.seen[k.Path] = now.id
	if now.id != last && now.id != k.ID {
		if last != (identity{}) {
			x.fresh[k.Path] = at
		}
		delete(x.mends, k.Path) // this one was not tried yet
		x.unkept, x.keepAt = true, at
		x.newcomer()
	}
	return at.Sub(x.fresh[k.Path]) < making
}

// keepSeen has the sockets that were last there on disk, for a watch that begins later. Where that fails, this one knows them all the same.
func (x *watch) keepSeen() {
	at := x.l.o.Now()
	if !x.unkept || at.Before(x.keepAt) {
		return
	}
	x.keepAt = at.Add(x.w.Every)
	x.unkept = !x.remember(func(s *state) bool {
		for i := range s.Sockets {
			if id, ok := x.seen[s.Sockets[i].Path]; ok {
				s.Sockets[i].ID = id
			}
		}
		return true
	})
}

// passing says whether a socket is away only since a moment ago.
func (x *watch) passing(path string) bool {
	since, ok := x.gone[path]
	return ok && x.l.o.Now().Sub(since) < ending
}

// put makes a socket as it should be, unless somebody has unlocked meanwhile.
func (x *watch) put(k keptSocket) (*perm, error) {
	release, err := x.l.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	s, err := x.l.load()
	if err != nil || s == nil || s.Phase != phaseLocked {
		return nil, err
	}
	return shut(k.Path, s.Group)
}

// newcomer has the servers looked for again: the engine was started anew.
func (x *watch) newcomer() {
	if err := x.table.refresh(x.engines()); err != nil {
		x.complain(err)
	}
}
