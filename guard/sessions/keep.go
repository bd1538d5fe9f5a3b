package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// keep ends what a killed guard left, seals what is not yet, and removes what is too old or too much.
func (r *Recorder) keep(ctx context.Context) error {
	r.looking.Lock()
	defer r.looking.Unlock()
	all, err := List(r.o.Dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		if ctx.Err() != nil || (e.Outcome != Running && (e.Sealed != "" || r.o.Seal == nil)) || r.isActive(e.ID) {
			continue
		}
		if err = r.adopt(ctx, e); err != nil {
			break // the audit log is away, most often, and each would wait for it
		}
	}
	_, perr := r.prune(0)
	return errors.Join(err, perr)
}

func (r *Recorder) isActive(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.active {
		if c.id == id {
			return true
		}
	}
	return false
}

// adopt ends a recording that nobody writes to any more.
func (r *Recorder) adopt(ctx context.Context, e Entry) error {
	f, free, err := idle(filepath.Join(r.o.Dir, e.File()))
	if err != nil || !free {
		return err
	}
	defer f.Close()
	if e.Outcome == Running {
		fi, err := f.Stat()
		if err != nil {
			return fmt.Errorf("a recording: %w", err)
		}
		if e.Digest, e.Bytes, err = sum(f); err != nil {
			return err
		}
		at := fi.ModTime().UTC()
		e.End, e.Outcome = &at, Interrupted
		e.Why = strings.TrimPrefix(e.Why+"; the guard was killed", "; ")
	}
	if _, err = r.seal(ctx, e); err != nil {
		return fmt.Errorf("recording %s: %w", e.ID, err)
	}
	return nil
}

// idle opens a recording that nobody writes to.
func idle(path string) (f *os.File, free bool, err error) {
	f, err = os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("a recording: %w", err)
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, false, f.Close()
	case err != nil:
		return nil, false, errors.Join(fmt.Errorf("a recording: %w", err), f.Close())
	}
	return f, true, nil
}

// sum is the digest of a file, and how many bytes it has.
func sum(f io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("read a recording: %w", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), n, nil
}

// room makes sure that n more bytes fit into what all recordings may have, and removes the oldest for it.
func (r *Recorder) room(n int64) error {
	if r.total.Load()+n <= r.o.MostTotal {
		return nil
	}
	total, err := r.prune(n)
	if err != nil {
		return err
	}
	if total+n > r.o.MostTotal {
		return fmt.Errorf("recordings have %d of %d bytes and none is left to remove: raise guard.sessions.most_total", total, r.o.MostTotal)
	}
	return nil
}

// prune removes by age and for room, and counts anew.
func (r *Recorder) prune(room int64) (int64, error) {
	r.keeping.Lock()
	defer r.keeping.Unlock()
	var since time.Time
	if r.o.Keep > 0 {
		since = time.Now().Add(-r.o.Keep)
	}
	removed, total, err := Prune(r.o.Dir, since, max(r.o.MostTotal-room, 1), false)
	r.total.Store(total)
	for _, e := range removed {
		r.o.Log.Info("a recording was removed", "recording", e.ID, "of", e.Start, "digest", e.Digest)
	}
	return total, err
}

// Prune removes recordings that ended before a time, and then the oldest until all have no more bytes than most; zero for no bound. What
// is being recorded stays. It gives those that were removed, or would be, and how many bytes are left.
func Prune(dir string, before time.Time, most int64, dry bool) (removed []Entry, total int64, err error) {
	all, err := List(dir)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range all {
		total += e.Bytes + entrySize
	}
	var errs []error
	for _, e := range all {
		old := e.End != nil && e.End.Before(before)
		if e.Outcome == Running || !old && (most <= 0 || total <= most) {
			continue
		}
		if !dry {
			if err := remove(dir, &e); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		removed = append(removed, e)
		total -= e.Bytes + entrySize
	}
	return removed, total, errors.Join(errs...)
}

// remove takes both files away.
func remove(dir string, e *Entry) error {
	for _, suffix := range []string{castSuffix, entrySuffix} {
		if err := os.Remove(filepath.Join(dir, e.stem()+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove a recording: %w", err)
		}
	}
	return nil
}
