package lock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/bulkhead-security/bulkhead/whole"
)

// Lock makes the sockets reachable for the guard alone. What was there is kept first, so that Unlock puts it back also after a crash in
// the middle; to lock what is locked changes nothing but what was opened since. It gives what it did, or why it refused.
func (l *Lock) Lock(ctx context.Context, by string) (*Plan, error) {
	if err := needRoot(); err != nil {
		return nil, err
	}
	release, err := l.hold()
	if err != nil {
		return nil, err
	}
	defer release()
	p, err := l.Plan(ctx)
	if err != nil {
		return nil, err
	}
	if len(p.Refused) > 0 {
		return p, &Refusal{Why: p.Refused}
	}
	s, err := l.load()
	if err != nil {
		return p, err
	}
	if s, err = l.begin(s, p, by); err != nil {
		return p, err
	}
	if err := l.close(ctx, s); err != nil {
		return p, fmt.Errorf("%w; what was done stays, `bulkhead docker unlock` takes it back, and `bulkhead docker lock` goes on", err)
	}
	s.Phase = phaseLocked
	if err := l.save(s); err != nil {
		return p, err
	}
	return p, l.forgetUnlocked(s)
}

// begin keeps what is there. What an earlier lock kept stays: what is there now is that lock's own.
func (l *Lock) begin(s *state, p *Plan, by string) (*state, error) {
	if s == nil {
		s = &state{Schema: stateSchema, Since: l.o.Now().UTC(), By: by}
	} else if err := l.forgetUnlocked(s); err != nil {
		return s, err
	}
	before, err := l.unlockedBefore()
	if err == nil && s.Phase == phaseUnlocking { // what was opened since is locked anew, by somebody else maybe
		before, err = l.leftBehind(s)
		s.Since, s.By, s.Recorded, s.Unrecorded = l.o.Now().UTC(), by, false, nil
	}
	if err != nil {
		return s, fmt.Errorf("who unlocked: %w", err)
	}
	s.Unrecorded = with(s.Unrecorded, before...)
	s.Phase, s.Group = phaseLocking, l.o.Group
	for _, sock := range p.sockets {
		if !slices.ContainsFunc(s.Sockets, func(k keptSocket) bool { return k.Path == sock.path }) {
			s.Sockets = append(s.Sockets, keptSocket{Engine: sock.engine, Path: sock.path, Was: sock.perm, ID: sock.id})
		}
	}
	for _, c := range p.changes {
		i := slices.IndexFunc(s.Files, func(k keptFile) bool { return k.Path == c.path })
		if i >= 0 { // locked once more, e.g. for another group
			s.Files[i].After = c.after
			continue
		}
		k, err := c.keep()
		if err != nil {
			return s, err
		}
		s.Files = append(s.Files, k)
	}
	return s, l.save(s)
}

// close makes everything as the state says. It can be done again and again.
func (l *Lock) close(ctx context.Context, s *state) error {
	for _, k := range s.Sockets {
		if _, err := shut(k.Path, s.Group); err != nil {
			return err
		}
	}
	units := false
	for i := range s.Files {
		k := &s.Files[i]
		now, exists, err := readSetting(k.Path)
		if err != nil {
			return err
		}
		units = units || k.Unit // also where it is written already: systemd may not have read it
		if exists && string(now) == string(k.After) {
			continue
		}
		if err := k.apply(); err != nil {
			return err
		}
	}
	return l.reload(ctx, units)
}

func (l *Lock) reload(ctx context.Context, units bool) error {
	if !units || l.o.Reload == nil {
		return nil
	}
	if err := l.o.Reload(ctx); err != nil {
		return fmt.Errorf("have systemd read its units again: %w", err)
	}
	return nil
}

// shut makes a socket the guard's alone, and says what it was where it was not. No socket is fine: there is none to connect to.
func shut(path string, group int) (was *perm, err error) {
	g, err := seize(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer g.close()
	s, err := g.look()
	if err != nil {
		return nil, err
	}
	want := perm{Mode: mode(group), GID: group}
	if s.equal(want) {
		return nil, nil
	}
	return &s.perm, g.set(want)
}

// Unlock puts back what was there, and keeps who wanted it. notes say what could not be, because somebody has changed it since. Nothing locked is fine.
func (l *Lock) Unlock(ctx context.Context, by string) (done bool, notes []string, err error) {
	if err := needRoot(); err != nil {
		return false, nil, err
	}
	release, err := l.hold()
	if err != nil {
		return false, nil, err
	}
	defer release()
	s, err := l.load()
	if err != nil || s == nil {
		return false, nil, err
	}
	if err := l.forgetUnlocked(s); err != nil {
		return false, nil, err
	}
	before, err := l.leftBehind(s)
	if err != nil {
		return false, nil, fmt.Errorf("who unlocked: %w", err)
	}
	s.Phase = phaseUnlocking // so that nobody locks again what was opened
	if err := l.save(s); err != nil {
		return false, nil, err
	}
	// Before anything is opened: where this does not come to its end, it is known who began it.
	if err := l.saveUnlocked(&unlocked{Schema: unlockedSchema, Since: l.o.Now().UTC(), By: by, Unrecorded: before}); err != nil {
		return false, nil, err
	}
	units := false
	for i := range s.Files {
		note, err := s.Files[i].restore()
		if err != nil {
			return false, notes, err
		}
		if note != "" {
			notes = append(notes, note)
		}
		units = units || s.Files[i].Unit
	}
	if err := l.reload(ctx, units); err != nil {
		return false, notes, err
	}
	for _, k := range s.Sockets {
		if err := reopen(k); err != nil {
			return false, notes, err
		}
	}
	if err := os.Remove(l.statePath()); err != nil {
		return false, notes, fmt.Errorf("what the lock keeps: %w", err)
	}
	return true, notes, whole.Last(l.o.StateDir)
}

func reopen(k keptSocket) error {
	g, err := seize(k.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the engine makes it as it always did
	}
	if err != nil {
		return err
	}
	defer g.close()
	return g.set(k.Was)
}
