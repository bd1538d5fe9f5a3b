package sessions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// firstLine is the asciicast's header.
func (c *Recording) firstLine(i Info) []byte {
	whose := c.entry
	whose.Outcome = ""
	h := Header{
		Version: 2, Width: i.Width, Height: i.Height, Timestamp: c.begun.Unix(), Command: clip(strings.Join(i.Command, " "), 16<<10),
		Title: clip(fmt.Sprintf("%s of %s in %s on %s", i.Kind, i.Name, i.ContainerName, i.Host), 512), Bulkhead: &whose,
	}
	if h.Width < 1 || h.Width > 10_000 || h.Height < 1 || h.Height > 10_000 {
		h.Width, h.Height = 80, 24 // what terminals are unless they say otherwise
	}
	if i.Term != "" {
		h.Env = map[string]string{"TERM": clip(i.Term, 64)}
	}
	b, err := json.Marshal(h)
	if err != nil {
		b = []byte(`{"version":2,"width":80,"height":24}`) // strings and numbers can always be written
	}
	return append(b, '\n')
}

// create makes the files.
func (c *Recording) create(_ context.Context) error {
	if err := c.r.room(int64(len(c.header)) + 2*entrySize); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(c.r.o.Dir, c.entry.File()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("begin a recording: %w", err)
	}
	c.file = newCastFile(f, c.id, c.r.to)
	// Held as long as the recording goes on: whoever can take it knows that nobody writes here any more.
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = c.entry.write(c.r.o.Dir)
	}
	if err == nil {
		err = c.file.write(c.header)
	}
	if err != nil {
		err = fmt.Errorf("begin a recording: %w", err)
		return errors.Join(err, f.Close(), remove(c.r.o.Dir, &c.entry))
	}
	c.r.total.Add(c.file.size + entrySize)
	return nil
}

// run writes what is pending until the recording ends.
func (c *Recording) run() {
	defer close(c.done)
	t := time.NewTicker(c.r.flush)
	defer t.Stop()
	for {
		select {
		case <-c.wake:
			c.flush()
		case <-t.C:
			c.flush()
		case <-c.ending:
			c.flush()
			c.finish()
			return
		}
	}
}

// flush writes what is pending.
func (c *Recording) flush() {
	c.mu.Lock()
	b, waiting := c.pending, c.waiting
	c.pending, c.waiting = nil, 0
	close(c.freed)
	c.freed = make(chan struct{})
	c.mu.Unlock()
	c.r.pending.Add(-int64(len(b)))
	if err := c.segments(b); err != nil {
		c.mu.Lock()
		c.entry.Lost += waiting // some of it may have been written
		c.mu.Unlock()
	}
}

// segments writes b. A recording that could not be written once is over.
func (c *Recording) segments(b []byte) error {
	for len(b) > 0 && c.broke == nil {
		n := segment(b)
		how, err := c.append(b[:n])
		if err != nil {
			c.broke = err
			c.fail(how, err)
		}
		b = b[n:]
	}
	if c.broke == nil {
		if c.broke = c.file.sync(); c.broke != nil {
			c.fail(Failed, c.broke)
		}
	}
	return c.broke
}

// segment is how much of b goes into one segment: whole lines, so that what is damaged takes no others with it.
func segment(b []byte) int {
	if len(b) <= segmentBytes {
		return len(b)
	}
	if n := bytes.LastIndexByte(b[:segmentBytes], '\n'); n >= 0 {
		return n + 1
	}
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return n + 1
	}
	return len(b)
}

// append writes one segment, within the bounds.
func (c *Recording) append(b []byte) (Outcome, error) {
	const last = 8 << 10 // stays free for the last word
	need := c.file.need(len(b))
	if c.file.size+need > c.r.o.MostBytes-last {
		err := fmt.Errorf("the recording has come to its bound of %d bytes", c.r.o.MostBytes)
		end := Event{At: time.Since(c.begun), Code: Marker, Data: err.Error()}
		return Full, errors.Join(err, c.file.write(end.line()))
	}
	if err := c.r.room(need); err != nil {
		return Failed, err
	}
	before := c.file.size
	err := c.file.write(b)
	c.r.total.Add(c.file.size - before)
	return Failed, err
}

// fail ends the recording, and the session where it is required.
func (c *Recording) fail(how Outcome, err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.over, c.err = true, err
	c.entry.Outcome, c.entry.Why = how, clip(err.Error(), 512)
	end := c.broken
	c.mu.Unlock()
	c.r.o.Log.Warn("a session is not recorded on", "recording", c.id, "error", err)
	if c.required && end != nil {
		end(fmt.Errorf("the session must be recorded and no longer is: %w", err))
	}
}

// finish closes the files and seals the recording.
func (c *Recording) finish() {
	defer c.r.forget(c)
	digest, size, err := c.file.end()
	if err != nil {
		c.fail(Failed, err)
	}
	c.mu.Lock()
	now := time.Now().UTC()
	c.entry.End, c.entry.Digest, c.entry.Bytes = &now, digest, size
	e := c.entry
	c.mu.Unlock()
	// Before the file is given up: who finds a recording that nobody writes to and that runs takes it for one of a killed guard.
	err = errors.Join(e.write(c.r.o.Dir), c.file.f.Close())
	if err == nil {
		e, err = c.r.seal(context.Background(), e)
	}
	if err != nil {
		c.r.o.Log.Error("a recording is not sealed yet", "recording", e.ID, "error", err)
	}
	c.mu.Lock()
	c.entry = e
	c.mu.Unlock()
}

// seal writes the entry of a recording that ended, and puts its digest on the audit log.
func (r *Recorder) seal(ctx context.Context, e Entry) (Entry, error) {
	if err := e.write(r.o.Dir); err != nil {
		return e, err
	}
	if r.o.Seal == nil {
		return e, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sealTime)
	defer cancel()
	id, err := r.o.Seal(ctx, e)
	if err != nil {
		return e, fmt.Errorf("put the digest of a recording on the audit log: %w", err)
	}
	e.Sealed = clip(id, 128)
	return e, e.write(r.o.Dir)
}
