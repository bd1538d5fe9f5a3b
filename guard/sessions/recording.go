package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Recording is of one session. A nil one records nothing.
type Recording struct {
	r        *Recorder
	id       string
	required bool
	framing  Framing
	begun    time.Time // with the monotonic clock
	file     *castFile // of run alone
	broke    error     // of run alone: why nothing more is written
	header   []byte

	wake, ending, done chan struct{}
	endOnce            sync.Once

	mu      sync.Mutex
	entry   Entry
	pending []byte
	waiting int64         // bytes of the session that are in pending
	freed   chan struct{} // closed when pending was taken
	gap     int64         // bytes that were not recorded since the last event
	over    bool          // nothing more is taken
	err     error         // why
	broken  func(error)   // ends the session; set while it goes on

	frames  splitter // of the engine's side
	keys    splitter // of the caller's
	streams [system + 1]whole
	typed   whole
	stream  byte // that the last output was of
}

func newRecording(r *Recorder, i Info) (*Recording, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name a recording: %w", err)
	}
	now := time.Now()
	c := &Recording{
		r: r, id: id.String(), frames: newSplitter(i.Framing), keys: raw{}, required: i.Required, framing: i.Framing, begun: now, stream: stdout,
		wake: make(chan struct{}, 1), ending: make(chan struct{}), done: make(chan struct{}), freed: make(chan struct{}),
		entry: Entry{
			ID: id.String(), Kind: clip(i.Kind, 16), Start: now.UTC(), Account: clip(i.Account, 128), AccountName: clip(i.Name, 128),
			Tenant: clip(i.Tenant, 64), Address: clip(i.Address, 128), Host: clip(i.Host, 128), Container: clip(i.Container, 64),
			Name: clip(i.ContainerName, 128), Image: clip(i.Image, 256), Exec: clip(i.Exec, 64), Command: clip(strings.Join(i.Command, " "), 1024),
			Terminal: i.Framing != Multiplexed, Input: r.o.Input, Decision: clip(i.Record, 128), Outcome: Running,
		},
	}
	if i.Framing == WebSocket {
		c.keys = &sockets{}
	}
	c.header = c.firstLine(i)
	return c, nil
}

// End ends the recording and waits until its digest is where it belongs, as long as ctx lasts.
func (c *Recording) End(ctx context.Context, how Outcome, why string) error {
	if c == nil {
		return nil
	}
	c.endOnce.Do(func() {
		c.mu.Lock()
		c.rest()
		if c.entry.Outcome == Running {
			c.entry.Outcome, c.entry.Why = how, clip(why, 512)
		}
		c.over, c.broken = true, nil
		c.mu.Unlock()
		close(c.ending)
	})
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a recording is not on the disk yet: %w", context.Cause(ctx))
	}
}

// ID names the recording; empty where nothing is recorded.
func (c *Recording) ID() string {
	if c == nil {
		return ""
	}
	return c.id
}

// Entry is what is known of it now.
func (c *Recording) Entry() Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entry
}

// Out takes what the engine sends, in its framing. It never waits, unless the recording is required; then it fails where the disk does.
func (c *Recording) Out() io.Writer {
	if c == nil {
		return nil
	}
	return tap{c, c.frames, c.output}
}

// In takes what is typed; nil where that is not recorded.
func (c *Recording) In() io.Writer {
	if c == nil || !c.r.o.Input {
		return nil
	}
	return tap{c, c.keys, func(p []byte) {
		c.keys.take(p, func(_ byte, piece []byte) { c.put(Input, c.typed.take(piece)) })
	}}
}

// Resize notes a new size of the terminal.
func (c *Recording) Resize(width, height int) {
	if c == nil || width < 1 || height < 1 || width > 10_000 || height > 10_000 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.put(Resize, fmt.Sprintf("%dx%d", width, height))
	}
}

// Note puts a marker with text into the recording, and the text on its screen where screen is given.
func (c *Recording) Note(marker, screen string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.put(Marker, marker)
	if screen != "" {
		c.put(Output, lines(screen))
	}
}

// onBroken says how to end the session when a recording that is required can't go on.
func (c *Recording) onBroken(end func(error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = end
}

// tap is one direction.
type tap struct {
	c      *Recording
	frames splitter
	take   func(p []byte) // with the lock held
}

// Write implements io.Writer.
func (t tap) Write(p []byte) (int, error) {
	const piece = 16 << 10
	for rest := p; len(rest) > 0; {
		n := min(len(rest), piece)
		if err := t.c.write(rest[:n], t); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (c *Recording) write(p []byte, t tap) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.room(len(p)); err != nil {
		return err
	}
	if c.over || !c.fits(len(p)) {
		c.entry.Lost += int64(len(p))
		c.gap += int64(len(p))
		t.frames.take(p, func(byte, []byte) {}) // it must be known where frames begin
		return nil
	}
	if c.gap > 0 {
		c.put(Marker, fmt.Sprintf("%d bytes were not recorded: the disk is too slow", c.gap))
		c.gap = 0
	}
	t.take(p)
	c.waiting += int64(len(p))
	if len(c.pending) >= segmentBytes {
		c.nudge()
	}
	return nil
}

func (c *Recording) fits(n int) bool {
	return len(c.pending)+n <= mostPending && c.r.pending.Load()+int64(n) <= mostPendingAll
}

// room waits for room where the recording is required.
func (c *Recording) room(n int) error {
	if !c.required {
		return nil
	}
	deadline := time.NewTimer(c.r.patience)
	defer deadline.Stop()
	for !c.over && !c.fits(n) {
		freed := c.freed
		c.nudge()
		c.mu.Unlock()
		late := false
		select {
		case <-freed:
		case <-deadline.C:
			late = true
		case <-time.After(100 * time.Millisecond): // others' recordings have made room
		}
		c.mu.Lock()
		if late {
			c.mu.Unlock()
			c.fail(Failed, fmt.Errorf("the disk did not take the recording within %s", c.r.patience))
			c.mu.Lock()
		}
	}
	if c.over && c.err == nil {
		return errors.New("the recording of the session has ended")
	}
	return c.err
}

func (c *Recording) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// output takes the engine's side.
func (c *Recording) output(p []byte) {
	c.frames.take(p, func(stream byte, piece []byte) {
		if stream == stdin {
			stream = stdout
		}
		s := c.streams[stream].take(piece)
		if s == "" {
			return
		}
		if stream != c.stream {
			c.put(Marker, map[byte]string{stdout: "stdout", stderr: "stderr", system: "error of the engine"}[stream])
			c.stream = stream
		}
		if c.framing == Multiplexed {
			s = lines(s)
		}
		c.put(Output, s)
	})
}

// rest takes what never became a character.
func (c *Recording) rest() {
	if c.over {
		return
	}
	for i := range c.streams {
		c.put(Output, c.streams[i].end())
	}
	c.put(Input, c.typed.end())
	if c.gap > 0 {
		c.put(Marker, fmt.Sprintf("%d bytes were not recorded: the disk is too slow", c.gap))
	}
}

// put adds an event to what waits for the disk.
func (c *Recording) put(code, data string) {
	if data == "" {
		return
	}
	l := Event{At: time.Since(c.begun), Code: code, Data: data}.line()
	c.pending = append(c.pending, l...)
	c.r.pending.Add(int64(len(l)))
}
