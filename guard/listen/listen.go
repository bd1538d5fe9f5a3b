// Package listen opens the guard's own doors: a Unix socket and a port with TLS. It bounds what connections cost, so that slow callers and
// those with many keep nobody else out, and lets open calls and terminals end before it stops.
//
// It knows nobody: who somebody is, and what a call is, is its handler's business.
package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Options say where to listen and how much to take.
type Options struct {
	Handler http.Handler
	// Welcome is called with every connection, before its first request; what it puts into the context is in those of its requests. An
	// error closes the connection.
	Welcome func(ctx context.Context, c net.Conn) (context.Context, error)
	// Source names whose connection it is, for the limit of each; nil takes the IP address.
	Source func(c net.Conn) string
	Unix   Unix
	TLS    TLS
	Limits Limits
	Log    *slog.Logger
	// Activated are listeners that a service manager, or a guard before this one, opened already: see Inherited and TakeOver.
	Activated Activated
}

// Limits bound what callers can take. None may be zero.
type Limits struct {
	Connections, Each int           // at once, in all and from one source
	Header            int           // bytes of a request's head
	HeaderTime        time.Duration // for a handshake, and for the head of a request
	Idle              time.Duration // between two requests on a connection
	Drain             time.Duration // how long a stop waits for calls and terminals
	Outlast           time.Duration // how long they may go on when another process has taken the doors over
}

// Server are open doors.
type Server struct {
	o     Options
	http  *http.Server
	doors []*opened
	held  *held
	keys  *keys // nil where there is no TLS

	runs   bool
	broken chan error
	away   away

	calls context.Context //nolint:containedctx // what requests live in; ended by the end of the drain
	end   context.CancelCauseFunc
}

// opened is a door.
type opened struct {
	raw   net.Listener                    // the socket itself
	serve func(net.Listener) net.Listener // what is served at, of the socket
	place string                          // as a docker context names it
	clear func() error                    // takes the socket away; nil where it is not the guard's to do so
	made  bool                            // by this very process
	gone  bool                            // it is given away
	kept  *os.File                        // until the other process stands
	was   fs.FileInfo                     // of the socket that the guard made, when it was kept; nil for another's
}

// ErrStopping is why a call or terminal ended that was longer than the drain.
var ErrStopping = errors.New("the guard stops, and waited long enough for this call")

// Open opens the doors; Run serves at them.
func Open(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, held: hold(o.Limits.Connections, o.Limits.Each, o.Source, o.Log), away: away{given: make(chan struct{})}}
	s.calls, s.end = context.WithCancelCause(context.Background())
	if err := s.openDoors(); err != nil {
		return nil, errors.Join(err, s.closeDoors())
	}
	s.broken = make(chan error, 2*len(s.doors))
	var one http.Protocols
	one.SetHTTP1(true)
	s.http = &http.Server{
		Handler: s.away.lastCalls(o.Handler), ReadHeaderTimeout: o.Limits.HeaderTime, IdleTimeout: o.Limits.Idle, MaxHeaderBytes: o.Limits.Header,
		Protocols: &one, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // anybody can cause what it says
		BaseContext: func(net.Listener) context.Context { return s.calls },
		ConnContext: s.welcome,
	}
	return s, nil
}

func (s *Server) openDoors() error {
	if err := s.openUnix(); err != nil {
		return err
	}
	if err := s.openTLS(); err != nil {
		return err
	}
	if len(s.doors) == 0 {
		return errors.New("the guard listens nowhere: set guard.socket or guard.tls.listen")
	}
	return nil
}

// welcome tells the handler whose connection it is. Nothing is served on one that this could not be found out of.
func (s *Server) welcome(ctx context.Context, c net.Conn) context.Context {
	if s.o.Welcome == nil {
		return ctx
	}
	with, err := s.o.Welcome(ctx, c)
	if err != nil {
		s.o.Log.Warn("a connection was closed before its first call", "error", err)
		_ = c.Close()
		return ctx
	}
	return with
}

// Places are where it listens, as a docker context names them: unix:///run/x.sock, tcp://127.0.0.1:2376.
func (s *Server) Places() []string {
	list := make([]string, 0, len(s.doors))
	for _, d := range s.doors {
		list = append(list, d.place)
	}
	return list
}

// Reload reads certificate, key and client CA again, for connections that come. Where they are not sound, the earlier ones stay.
func (s *Server) Reload() error {
	if s.keys == nil {
		return nil
	}
	return s.keys.load()
}

// Run serves until ctx ends or a door breaks, and then drains. Where another process has taken the doors over, it carries on what is open.
func (s *Server) Run(ctx context.Context) error {
	s.begin()
	var err error
	select {
	case <-ctx.Done():
	case err = <-s.broken:
	case <-s.away.given:
		s.outlast(ctx)
	}
	return errors.Join(err, s.drain(), s.closeDoors())
}

// begin serves at the doors, unless they are on their way to another process already.
func (s *Server) begin() {
	s.away.mu.Lock()
	defer s.away.mu.Unlock()
	s.runs = true
	for _, d := range s.doors {
		if !d.gone {
			s.serve(d)
		}
	}
}

func (s *Server) serve(d *opened) {
	raw := d.raw
	l := d.serve(raw)
	go func() {
		err := s.http.Serve(l)
		s.away.mu.Lock()
		defer s.away.mu.Unlock()
		if !errors.Is(err, http.ErrServerClosed) && d.raw == raw && !d.gone {
			s.broken <- fmt.Errorf("%s: %w", d.place, err)
		}
	}()
}

// cutTime is how long calls that were told to end may take for it.
const cutTime = 5 * time.Second

// lingerTime is how long it is still open when the last call that it waited for has ended: `docker exec` asks then how that ended, on a
// connection of its own.
const lingerTime = 500 * time.Millisecond

// drain lets what is open go on for a while and cuts the rest. Meanwhile others are served too, with one call to a connection, so that nobody
// is refused because somebody else has a terminal open. Sessions of exec and attach are connections that the server has given away: they
// are counted by what holds all.
func (s *Server) drain() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Limits.Drain)
	defer cancel()
	s.http.SetKeepAlivesEnabled(false) // ends those that are idle
	if s.held.waitForThese(ctx) {
		select {
		case <-time.After(lingerTime):
		case <-ctx.Done():
		}
	}
	err := s.http.Shutdown(ctx)
	s.held.wait(ctx)
	if n := s.held.count(); n > 0 {
		s.o.Log.Warn("calls were cut: the guard stops, and waited long enough", "connections", n, "waited", s.o.Limits.Drain)
	}
	s.end(ErrStopping)
	cut, cancelCut := context.WithTimeout(context.Background(), cutTime)
	defer cancelCut()
	s.held.wait(cut)
	s.held.cut()
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // told above
	}
	return errors.Join(unlessClosed(err), unlessClosed(s.http.Close()))
}

// unlessClosed leaves out that a door was closed already, as one is that was on its way to another process.
func unlessClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// closeDoors closes listeners and removes the socket that was made.
func (s *Server) closeDoors() error {
	s.away.mu.Lock()
	defer s.away.mu.Unlock()
	var err error
	for _, d := range s.doors {
		err = errors.Join(err, unlessClosed(d.raw.Close()))
		if d.kept != nil {
			err = errors.Join(err, d.kept.Close())
		}
		if d.clear != nil && (d.made || s.runs) { // another's is its own until this one stands
			err = errors.Join(err, d.clear())
		}
	}
	s.doors = nil
	return err
}
