package host

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"
)

const (
	// failedAgain is after how long a database is read again that could not be read, though nothing of it changed: it may have been for
	// want of time.
	failedAgain = time.Hour
	// settled is how old a change has to be to tell it from the next one: file systems keep times by their ticks.
	settled = 2 * time.Second
)

// RPMMemory remembers what was read of a database of rpm, or that it could not be read, for as long as its files stay as they are.
// Whoever collects again and again shares one among the readers; a damaged database costs half a minute of a processor each time.
type RPMMemory struct {
	mu      sync.Mutex
	entries map[string]remembered // by what was asked
	now     func() time.Time
}

// NewRPMMemory has nothing in it.
func NewRPMMemory() *RPMMemory {
	return &RPMMemory{entries: map[string]remembered{}, now: time.Now}
}

type remembered struct {
	files fingerprint
	at    time.Time
	value any
	err   error
}

// fingerprint tells one state of a database's files from another. It is comparable.
type fingerprint [3]struct {
	device, inode    uint64
	size             int64
	modified, status syscall.Timespec
}

// newest is when the files changed last.
func (f *fingerprint) newest() (at time.Time) {
	for _, x := range f {
		for _, t := range []syscall.Timespec{x.modified, x.status} {
			if when := time.Unix(t.Unix()); when.After(at) {
				at = when
			}
		}
	}
	return at
}

// fingerprint is of a database: of its file, and of those that SQLite keeps beside it.
func (h *Host) fingerprint(name string) (fingerprint, error) {
	var out fingerprint
	for i, suffix := range []string{"", "-wal", "-journal"} {
		info, err := h.stat(name + suffix)
		if suffix != "" && missing(err) {
			continue
		}
		if err != nil {
			return out, err
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return out, errors.New("the file system does not say how a file is")
		}
		x := &out[i]
		x.device, x.inode, x.size, x.modified, x.status = uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim //nolint:unconvert // narrower elsewhere
	}
	return out, nil
}

// recall gives what read gave for a database when it was as it is now, and else what it gives now. What is asked for tells readings of
// one database apart. The value is shared: nobody changes it.
func recall[T any](ctx context.Context, h *Host, name, asked string, read func() (T, error)) (T, error) {
	m := h.remembers
	if m == nil {
		return read()
	}
	files, err := h.fingerprint(name)
	if err != nil {
		return read() // which says what is wrong
	}
	key, begun := name+" "+asked, m.now()
	m.mu.Lock()
	have, ok := m.entries[key]
	m.mu.Unlock()
	if ok && have.files == files && (have.err == nil || begun.Sub(have.at) < failedAgain) {
		if value, same := have.value.(T); same {
			return value, have.err
		}
	}
	value, err := read()
	after, changed := h.fingerprint(name)
	keep := changed == nil && after == files && begun.Sub(files.newest()) > settled
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, errNotRead) {
		keep = false // that says nothing of the database
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if keep {
		m.entries[key] = remembered{files: files, at: begun, value: value, err: err}
	} else {
		delete(m.entries, key)
	}
	return value, err
}
