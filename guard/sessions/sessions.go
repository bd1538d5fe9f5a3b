// Package sessions records what goes over terminals and pipes of exec and attach, and ends those whose right ended (X.1643 8.1.c, 8.5.c).
// A recording is asciicast v2, encrypted for the age recipients of the installation: the host that makes it can't read it. Beside each
// stands a small file in plain text with who, what, when, how it ended and the digest, which goes to the audit log.
//
// It decides nothing: whether a session is recorded, whose it is and whether its right still holds is told by whoever uses it. It holds
// no private keys, except those that somebody who reads a recording hands in.
package sessions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"filippo.io/age"
)

// Bounds of what a recorder holds in memory and how often it writes.
const (
	mostPending    = 1 << 20  // bytes of one recording that wait for the disk
	mostPendingAll = 16 << 20 // of all
	mostAtOnce     = 1000     // recordings
	segmentBytes   = 128 << 10
	flushEvery     = 2 * time.Second
	syncEvery      = 5 * time.Second
	keepEvery      = time.Minute
	patience       = 15 * time.Second // how long a session whose recording is required waits for the disk
	sealTime       = 10 * time.Second
)

// Options say how recordings are made and kept.
type Options struct {
	// Dir holds the recordings, for the guard's user alone.
	Dir string
	// Recipients are the age public keys that can read them.
	Recipients []string
	// Input records what is typed, too. Passwords are typed.
	Input bool
	// MostBytes bounds one recording, MostTotal all of them, Keep their age; zero Keep keeps them for as long as there is room.
	MostBytes, MostTotal int64
	Keep                 time.Duration
	// Seal puts a finished recording's digest on the audit log and gives the id of the record. Nil where there is none.
	Seal func(ctx context.Context, e Entry) (string, error)
	Log  *slog.Logger
}

// Info says whose session it is.
type Info struct {
	// Kind is "exec" or "attach".
	Kind                  string
	Account, Name, Tenant string
	Address               string
	Container, Image      string
	ContainerName, Exec   string
	Command               []string
	Host                  string
	Record                string // of the decision, in the audit log
	Framing               Framing
	Width, Height         int
	Term                  string
	// Required says that there is no session without its recording.
	Required bool
}

// Recorder makes recordings in a directory.
type Recorder struct {
	o       Options
	to      []age.Recipient
	pending atomic.Int64
	// times are fields so that tests need not wait.
	flush, patience time.Duration

	mu     sync.Mutex
	active map[*Recording]bool
	closed bool

	looking sync.Mutex // one at a time ends what others left
	keeping sync.Mutex // one at a time removes and counts
	total   atomic.Int64
	stop    context.CancelFunc
	ended   chan struct{}
}

// New opens a directory for recordings, and ends those that a guard left which was killed.
func New(o Options) (*Recorder, error) {
	to, err := ParseRecipients(o.Recipients)
	if err != nil {
		return nil, err
	}
	if o.MostBytes < 64<<10 || o.MostTotal < o.MostBytes {
		return nil, fmt.Errorf("a recording may have %d bytes and all together %d: at least 65536 for one, and not less for all than for one", o.MostBytes, o.MostTotal)
	}
	if err := private(o.Dir); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Recorder{o: o, to: to, active: map[*Recording]bool{}, flush: flushEvery, patience: patience, stop: stop, ended: make(chan struct{})}
	if _, err := r.prune(0); err != nil {
		stop()
		return nil, err
	}
	go r.look(ctx)
	return r, nil
}

// private makes the directory, or makes sure that nobody else can write to it or read it.
func private(dir string) error {
	if dir == "" {
		return errors.New("recordings of sessions have no directory: set guard.sessions.dir")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the directory of recordings: %w", err)
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("the directory of recordings: %w", err)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may use the directory of recordings %s (mode %04o): chmod 0700 it", dir, fi.Mode().Perm())
	}
	return nil
}

// look after the directory until ctx is over.
func (r *Recorder) look(ctx context.Context) {
	defer close(r.ended)
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		if err := r.keep(ctx); err != nil {
			r.o.Log.WarnContext(ctx, "recordings of sessions were not looked after", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Close ends the recordings that are under way and gives the directory back.
func (r *Recorder) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	var all []*Recording
	for c := range r.active {
		all = append(all, c)
	}
	r.mu.Unlock()
	r.stop()
	<-r.ended
	var errs []error
	for _, c := range all {
		errs = append(errs, c.End(ctx, Interrupted, "the guard stopped"))
	}
	return errors.Join(errs...)
}

// Begin begins a recording. Where it can't and the recording is not required, it says so in the log and gives nil, which records
// nothing.
func (r *Recorder) Begin(ctx context.Context, i Info) (*Recording, error) {
	c, err := r.begin(ctx, i)
	switch {
	case err == nil:
		return c, nil
	case i.Required:
		return nil, fmt.Errorf("the session must be recorded and can't be: %w", err)
	}
	r.o.Log.WarnContext(ctx, "a session is not recorded", "account", i.Account, "container", i.Container, "error", err)
	return nil, nil
}

func (r *Recorder) begin(ctx context.Context, i Info) (*Recording, error) {
	c, err := r.place(i)
	if err != nil {
		return nil, err
	}
	if err := c.create(ctx); err != nil {
		r.forget(c)
		return nil, err
	}
	go c.run()
	return c, nil
}

// place takes a place among the recordings that are under way.
func (r *Recorder) place(i Info) (*Recording, error) {
	c, err := newRecording(r, i)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the guard is stopping")
	}
	if len(r.active) >= mostAtOnce {
		return nil, fmt.Errorf("%d sessions are being recorded already, which is the most", mostAtOnce)
	}
	r.active[c] = true
	return c, nil
}

func (r *Recorder) forget(c *Recording) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.active, c)
}
