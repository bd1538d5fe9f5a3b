package lock

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// StatusSchema names the version of the status's JSON form.
const StatusSchema = "bulkhead.lock-status/v1"

// Status is how it stands with the lock.
type Status struct {
	Schema string `json:"schema"`
	Locked bool   `json:"locked"`
	// Phase is "locked", or what was begun and not ended: "locking", "unlocking". Empty where nothing is locked.
	Phase string             `json:"phase,omitempty"`
	Since time.Time          `json:"since,omitzero"`
	By    string             `json:"by,omitempty"`
	Guard *model.GuardStatus `json:"guard"` // nil where none runs
	// NoGuard is why the guard does not count as running.
	NoGuard  string         `json:"no_guard,omitempty"`
	Sockets  []SocketStatus `json:"sockets"`
	Files    []string       `json:"files"`
	Problems []Problem      `json:"problems"`
	// Blind is what could not be looked at.
	Blind []string `json:"blind"`
}

// SocketStatus is a socket now, and as it was before the lock; Was is empty for one that is not locked.
type SocketStatus struct {
	Engine string `json:"engine"`
	Path   string `json:"path"`
	Now    string `json:"now"` // empty where there is none
	Was    string `json:"was,omitempty"`
}

// OK says whether everything that could be looked at is as it should be.
func (s *Status) OK() bool {
	return s.Locked && len(s.Problems) == 0 && s.NoGuard == ""
}

// Status looks, and changes nothing.
func (l *Lock) Status(context.Context) (*Status, error) {
	s, err := l.load()
	if err != nil {
		return nil, err
	}
	out := &Status{Schema: StatusSchema, Sockets: []SocketStatus{}, Files: []string{}, Problems: []Problem{}, Blind: []string{}}
	if g, err := ReadStatus(l.o.GuardFile); err == nil {
		out.Guard = &g
	} else {
		out.NoGuard = err.Error()
	}
	list, t, err := l.everything(s)
	if err != nil {
		return nil, err
	}
	found, blind := l.problems(list, t, s)
	out.Problems, out.Blind = append(out.Problems, found...), append(out.Blind, blind...)
	for _, sock := range list {
		out.Sockets = append(out.Sockets, SocketStatus{Engine: sock.engine, Path: sock.path, Now: sock.perm.String()})
	}
	if s == nil {
		return out, nil
	}
	out.Phase, out.Since, out.By, out.Locked = s.Phase, s.Since, s.By, s.Phase == phaseLocked
	for _, k := range s.Sockets {
		i := slices.IndexFunc(out.Sockets, func(o SocketStatus) bool { return o.Path == k.Path })
		if i < 0 {
			out.Sockets = append(out.Sockets, SocketStatus{Engine: k.Engine, Path: k.Path})
			i = len(out.Sockets) - 1
		}
		out.Sockets[i].Was = k.Was.String()
	}
	for _, k := range s.Files {
		out.Files = append(out.Files, k.Path)
	}
	slices.SortFunc(out.Sockets, func(a, b SocketStatus) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// everything is what find gives, with the sockets that were locked when the engine ran.
func (l *Lock) everything(s *state) ([]socket, *table, error) {
	if s == nil {
		return l.find()
	}
	with := *l
	if len(with.o.Sockets) > 0 {
		with.o.Sockets = slices.Clone(with.o.Sockets)
		for _, k := range s.Sockets {
			if !slices.Contains(with.o.Sockets, k.Path) {
				with.o.Sockets = append(with.o.Sockets, k.Path)
			}
		}
	}
	list, _, err := with.find()
	if err != nil {
		return nil, nil, err
	}
	engines := map[string]string{}
	for _, sock := range list {
		engines[sock.path] = sock.engine
	}
	for i := range s.Sockets {
		k := &s.Sockets[i]
		if j := slices.IndexFunc(list, func(o socket) bool { return o.path == k.Path }); j >= 0 {
			list[j].engine = k.Engine
		}
		engines[k.Path] = k.Engine
	}
	t, err := readTable(engines)
	return list, t, err
}
