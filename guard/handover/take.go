package handover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"sync"
	"syscall"
	"time"
)

// ErrNobody says that there is no guard to take over.
var ErrNobody = errors.New("no guard runs here that could be taken over")

// Predecessor is the earlier guard, as the later one has it.
type Predecessor struct {
	PID     int
	Version string
	Config  string // the file that it reads again; empty for none
	// Before are those that it took over from itself.
	Before []*Earlier
	// Sockets are those that it listens at. Whoever does not take one closes its file.
	Sockets []Socket

	rpc     *rpc.Client
	conn    *net.UnixConn
	records net.Conn
	gone    chan struct{}
}

// Reach finds the guard that offers itself at a path.
func Reach(path string) (*Predecessor, error) {
	d := net.Dialer{Timeout: greetingTime}
	any, err := d.Dial("unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("reach the guard that runs: %w", err)
	}
	c := any.(*net.UnixConn) //nolint:forcetypeassert // of "unix"
	p, err := reached(c)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return p, nil
}

func reached(c *net.UnixConn) (*Predecessor, error) {
	if _, err := own(c); err != nil {
		return nil, err
	}
	if err := c.SetReadDeadline(time.Now().Add(greetingTime)); err != nil {
		return nil, err
	}
	g, file, err := greeted(c)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	before := make([]*Earlier, 0, len(g.Before))
	for _, pid := range g.Before {
		before = append(before, &Earlier{who: processOf(pid)})
	}
	p := &Predecessor{Before: before, PID: g.PID, Version: g.Version, Config: g.Config, Sockets: g.Sockets, conn: c, gone: make(chan struct{})}
	if p.records, err = net.FileConn(file); err == nil {
		err = c.SetReadDeadline(time.Time{})
	}
	if err != nil {
		for _, e := range before {
			e.close()
		}
		return nil, errors.Join(err, closeAll(p.Sockets))
	}
	p.rpc = jsonrpc.NewClient(c)
	return p, nil
}

func closeAll(list []Socket) error {
	var err error
	for _, s := range list {
		if cerr := s.File.Close(); cerr != nil && !errors.Is(cerr, os.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	return err
}

// Take has it give everything. From here on it goes on in vain where Stands is not called: it comes back when this process ends, or lets go.
func (p *Predecessor) Take(ctx context.Context) error {
	return ask(ctx, p.rpc, "Guard.Take", Nothing{})
}

// Stands says that this process takes connections, and puts records of the earlier one into the log by put.
func (p *Predecessor) Stands(ctx context.Context, put func(ctx context.Context, entry []byte, later bool) error) error {
	server := rpc.NewServer()
	if err := server.RegisterName("Records", &records{put}); err != nil {
		return err
	}
	go func() {
		server.ServeCodec(jsonrpc.NewServerCodec(p.records)) // until the earlier one has ended
		close(p.gone)
	}()
	return ask(ctx, p.rpc, "Guard.Stands", Nothing{})
}

// Tell brings it news.
func (p *Predecessor) Tell(ctx context.Context, kind string, document []byte) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return ask(ctx, p.rpc, "Guard.Tell", News{kind, document})
}

// Stop lets what it has open go on for no longer than a stop does.
func (p *Predecessor) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return ask(ctx, p.rpc, "Guard.Stop", Nothing{})
}

// Gone is closed when it has ended, after Stands.
func (p *Predecessor) Gone() <-chan struct{} { return p.gone }

// Close lets go of it: where this process does not stand, it goes on.
func (p *Predecessor) Close() error {
	var err error
	for _, cerr := range []error{p.rpc.Close(), p.records.Close()} {
		if !errors.Is(cerr, net.ErrClosed) && !errors.Is(cerr, rpc.ErrShutdown) { // the other side may have ended it
			err = errors.Join(err, cerr)
		}
	}
	for _, e := range p.Before {
		e.close()
	}
	return errors.Join(err, closeAll(p.Sockets))
}

// Earlier is a guard before the one that is taken over, which may still carry what it had open.
type Earlier struct {
	mu  sync.Mutex
	who *process
}

// PID is its process; 0 when that has ended, or it can't be told whether it has.
func (e *Earlier) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.who.fd < 0 || e.who.ended(0) {
		return 0
	}
	return e.who.pid
}

func (e *Earlier) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.who.close()
}

// records is what the earlier one calls.
type records struct {
	put func(ctx context.Context, entry []byte, later bool) error
}

// Append writes one.
func (r *records) Append(in Record, _ *Nothing) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	return r.put(ctx, in.Entry, in.Later)
}
