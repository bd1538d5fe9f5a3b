package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/whole"
)

const (
	stateSchema = "bulkhead.lock/v1"
	mostState   = 8 << 20
)

// Phases of the lock. What was there before is on disk before anything changes, so that each can be gone on with, or back from.
const (
	phaseLocking   = "locking"
	phaseLocked    = "locked"
	phaseUnlocking = "unlocking"
)

// state is what is kept: what was there, so that it can be put back.
type state struct {
	Schema string    `json:"schema"`
	Phase  string    `json:"phase"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"` // who locked
	// Recorded says that the lock is in the audit log.
	Recorded bool `json:"recorded,omitempty"`
	// Unrecorded is what was before, and is not in the audit log.
	Unrecorded []turn `json:"unrecorded,omitempty"`
	Group      int    `json:"group,omitempty"`
	// Sockets and Files as they were before.
	Sockets []keptSocket `json:"sockets"`
	Files   []keptFile   `json:"files,omitempty"`
}

type keptSocket struct {
	Engine string `json:"engine"`
	Path   string `json:"path"`
	Was    perm   `json:"was"`
	// ID is the socket that was last there.
	ID identity `json:"id,omitzero"`
}

// keptFile is a file of settings, as it was before and as it was left.
type keptFile struct {
	Path    string    `json:"path"`
	Existed bool      `json:"existed"`
	Before  []byte    `json:"before,omitempty"`
	Was     perm      `json:"was"`
	Changed time.Time `json:"changed,omitzero"`
	After   []byte    `json:"after"`
	// Unit says that systemd has to read it.
	Unit bool `json:"unit,omitempty"`
	// Dirs are directories that were made for it, the outermost first.
	Dirs []string `json:"dirs,omitempty"`
}

func (l *Lock) statePath() string { return filepath.Join(l.o.StateDir, stateFile) }

// load reads the state; nil where nothing is locked. Only root's word counts.
func (l *Lock) load() (*state, error) {
	path := l.statePath()
	b, err := readOwn(path, mostState)
	if err != nil {
		return nil, fmt.Errorf("what the lock keeps: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	s := &state{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("%s is not understood: %w; the sockets can be opened by hand: docs/guard-lock.md#by-hand", path, err)
	}
	if s.Schema != stateSchema {
		return nil, fmt.Errorf("%s was written by another version (%q)", path, s.Schema)
	}
	return s, nil
}

func (l *Lock) save(s *state) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("what the lock keeps: %w", err)
	}
	if len(b) > mostState {
		return fmt.Errorf("what the lock would keep is larger than %d MiB", mostState>>20)
	}
	return whole.Write(l.statePath(), b, 0o600)
}

// hold keeps others of this package from the sockets until it is released.
func (l *Lock) hold() (release func(), err error) {
	if err := os.MkdirAll(l.o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the lock: %w", err)
	}
	path := filepath.Join(l.o.StateDir, "lock.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, unix.EROFS) { // sockets are elsewhere, and can be closed all the same
		f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("directory of the lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for whoever else works on the lock: %w", err), f.Close())
	}
	return func() { f.Close() }, nil
}

// stopped says whether what a state is in the middle of was given up: nobody holds the lock, and the state is as it was.
func (l *Lock) stopped(s *state) bool {
	f, err := os.OpenFile(filepath.Join(l.o.StateDir, "lock.lock"), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return true // then nobody can be at it, and that it is half done is to be told
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return false
	}
	now, err := l.load()
	return err != nil || now != nil && now.Phase == s.Phase
}
