package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Guard is a guard that can be taken over.
type Guard interface {
	// Sockets are those that it listens at. The files are closed by whoever asked.
	Sockets() ([]Socket, error)
	// Before are processes of guards that it took over from, and that have not ended.
	Before() []int
	// Give stops taking connections, and closes what one process at a time can have open. What is under way waits with what it needs of that.
	Give(ctx context.Context) error
	// Back has it go on as before Give: its successor does not stand. One that is only slow still has what it was given; end has the successor
	// end, by itself or not, so that it lets go.
	Back(ctx context.Context, end func() error) error
	// Given is told when the successor stands. Records go to it from now on.
	Given(s *Successor)
	// Told takes what the successor says that changed.
	Told(ctx context.Context, kind string, document []byte) error
	// Stop lets what is open go on for no longer than a stop does; Lost ends it, since the successor is gone.
	Stop()
	Lost()
}

// About is what a guard says of itself to a successor.
type About struct {
	Version string
	// Config is the file that it reads again when it is told to; empty for none.
	Config string
}

// Offer is an open door for a successor.
type Offer struct {
	guard  Guard
	about  About
	log    *slog.Logger
	path   string
	l      *net.UnixListener
	made   fs.FileInfo
	closed sync.Once
	stand  time.Duration // standTime, but in tests
	leave  time.Duration // leaveTime, but in tests
}

// Open offers a guard at a path, in a directory that only its own user reaches. What lies there already is replaced: it is of a guard that
// is gone, or that was taken over.
func Open(path string, g Guard, about About, log *slog.Logger) (*Offer, error) {
	o := &Offer{guard: g, about: about, log: log, path: path, stand: standTime, leave: leaveTime}
	if err := o.open(); err != nil {
		return nil, fmt.Errorf("offer the guard to a successor at %s: %w", path, err)
	}
	go o.accept(o.l)
	return o, nil
}

func (o *Offer) open() error {
	is, err := os.Stat(filepath.Dir(o.path))
	if err != nil {
		return err
	}
	if is.Mode().Perm()&0o077 != 0 {
		return errors.New("others may reach the directory: chmod 700 it")
	}
	next := o.path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: next})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	made, err := os.Lstat(next)
	if err = errors.Join(err, os.Chmod(next, 0o600), os.Rename(next, o.path)); err != nil {
		return errors.Join(err, l.Close())
	}
	o.l, o.made = l, made
	return nil
}

// Close takes the offer back. A handover that was made goes on.
func (o *Offer) Close() error {
	var err error
	o.closed.Do(func() {
		err = o.l.Close()
		if is, serr := os.Lstat(o.path); serr == nil && os.SameFile(is, o.made) {
			err = errors.Join(err, os.Remove(o.path))
		}
	})
	return err
}

// acceptor is a listener at which successors come.
type acceptor interface {
	AcceptUnix() (*net.UnixConn, error)
}

// accept serves one after the other, until one stands.
func (o *Offer) accept(l acceptor) {
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // e.g. no more files for a while
			o.log.Warn("a successor can't be answered for now", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		if err := o.serve(c); err != nil {
			o.log.Warn("a successor did not take over", "error", err)
		}
	}
}

func (o *Offer) serve(c *net.UnixConn) error {
	defer c.Close() //nolint:errcheck // what is over is told by what it gave
	pid, err := own(c)
	if err != nil {
		return err
	}
	who := processOf(pid)
	defer who.close()
	here, err := o.greet(c)
	if err != nil {
		return err
	}
	s := &Successor{rpc: jsonrpc.NewClient(here)}
	defer s.rpc.Close() //nolint:errcheck // the same
	h := &hand{o: o, s: s, who: who, late: time.AfterFunc(takeTime, func() { _ = c.Close() })}
	defer h.late.Stop()
	server := rpc.NewServer()
	if err := server.RegisterName("Guard", h); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(c)) // until one of both ends it
	return h.over()
}

// greet says what there is, and gives the own end of what records go over.
func (o *Offer) greet(c *net.UnixConn) (here net.Conn, err error) {
	sockets, err := o.guard.Sockets()
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range sockets {
			err = errors.Join(err, s.File.Close())
		}
	}()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("greet the successor: %w", err)
	}
	mine, its := os.NewFile(uintptr(pair[0]), "records"), os.NewFile(uintptr(pair[1]), "records")
	defer its.Close()
	defer mine.Close()
	if here, err = net.FileConn(mine); err != nil {
		return nil, fmt.Errorf("greet the successor: %w", err)
	}
	if err := c.SetWriteDeadline(time.Now().Add(greetingTime)); err != nil {
		return nil, errors.Join(err, here.Close())
	}
	if err := greet(c, greeting{Protocol: protocol, PID: os.Getpid(), Version: o.about.Version, Config: o.about.Config, Before: o.guard.Before(), Sockets: sockets}, its); err != nil {
		return nil, errors.Join(err, here.Close())
	}
	return here, c.SetWriteDeadline(time.Time{})
}

// hand is one handover, as the successor calls it.
type hand struct {
	o    *Offer
	s    *Successor
	who  *process
	late *time.Timer

	mu           sync.Mutex
	taken, given bool
}

// Take gives everything.
func (h *hand) Take(Nothing, *Nothing) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taken {
		return errors.New("it was taken already")
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.o.stand)
	defer cancel()
	h.taken = true
	h.late.Reset(h.o.stand)
	return h.o.guard.Give(ctx)
}

// Stands says that the successor takes connections and records.
func (h *hand) Stands(Nothing, *Nothing) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.taken || h.given || !h.late.Stop() {
		return errors.New("it is too late: the guard that was to be taken over goes on")
	}
	h.given = true
	h.o.guard.Given(h.s)
	return h.o.Close()
}

// Tell brings news.
func (h *hand) Tell(n News, _ *Nothing) error {
	h.mu.Lock()
	given := h.given
	h.mu.Unlock()
	if !given {
		return errors.New("nobody stands yet")
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	return h.o.guard.Told(ctx, n.Kind, n.Document)
}

// Stop ends what is open as a stop does.
func (h *hand) Stop(Nothing, *Nothing) error {
	h.o.guard.Stop()
	return nil
}

// over is called when the successor has gone, or was never one.
func (h *hand) over() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.given:
		h.o.guard.Lost()
		return nil
	case h.taken:
		ctx, cancel := context.WithTimeout(context.Background(), standTime)
		defer cancel()
		return errors.Join(errors.New("it went before it stood"), h.o.guard.Back(ctx, func() error { return h.who.end(h.o.leave) }))
	}
	return nil
}

// Successor is the later guard, as the earlier one has it.
type Successor struct{ rpc *rpc.Client }

// Append has it write a record, and returns when that is safe; later only queues it.
func (s *Successor) Append(ctx context.Context, entry []byte, later bool) error {
	return ask(ctx, s.rpc, "Records.Append", Record{entry, later})
}

// ask calls the other side.
func ask(ctx context.Context, c *rpc.Client, method string, in any) error {
	call := c.Go(method, in, &Nothing{}, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("the other guard: %w", call.Error)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the other guard does not answer: %w", ctx.Err())
	}
}
