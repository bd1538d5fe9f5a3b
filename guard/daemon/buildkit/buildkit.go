// Package buildkit is the door to the builder's own protocol, which the engine serves after POST /grpc and POST /session: it ends HTTP/2 on
// the caller's side, takes calls that are in the table and no others, reads what they ask for strictly, has that judged, and makes each call
// anew on the guard's own connection. Sessions and builds belong to who opened them. In a session the engine asks the caller: HTTP/2 ends at the
// guard there, too, and Dockerfiles are held on their way until they were judged. What else goes over a session it passes on and does not look at.
//
// It judges nothing itself.
package buildkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Judge decides on calls, and has them recorded.
type Judge interface {
	Judge(ctx context.Context, a *call.Ask) error
	Whole(ctx context.Context, a *call.Ask) bool
	NotUnderstood(ctx context.Context, s *call.Subject, method, target string, why error) (string, error)
	Failed(ctx context.Context, a *call.Ask, why string) error
}

// Objects finds the images that a build names.
type Objects interface {
	Complete(ctx context.Context, a *call.Ask) error
	Forget()
}

// Images is told of builds that bring images.
type Images interface {
	Watch(ctx context.Context, a *call.Ask) (said io.Writer, end func(context.Context) error, err error)
}

// Parts are what a room is made of. Objects and Images may be nil: then names are not looked at, and images not remembered.
type Parts struct {
	Judge   Judge
	Objects Objects
	Images  Images
	// OwnFrontend says whether Dockerfiles are read by the builder's own program, whatever their first line says; nil is no.
	OwnFrontend func() bool
	// Strict says whether images that the guard can't look at may not be built upon; nil is no.
	Strict func() bool
	// Opened is the file in which ids of sessions are remembered when the guard ends; empty is none.
	Opened string
	Log    *slog.Logger
}

// Room is the door for all who use the builder's protocol.
type Room struct {
	p       Parts
	methods map[string]*route.Route
	book    *book
	files   *files
	every   time.Duration // how often the right to a connection is asked about
	left    atomic.Bool
	reads   *budget
	answers *budget // in sessions
	tunnels *budget // of sessions that are opened by a call
	decodes *places
	// readTime is how long a request may take to come, and to be taken apart.
	readTime time.Duration
}

// Bounds.
const (
	holdsEvery = 2 * time.Second
	lastWord   = time.Second // for calls to be told why they end
)

// New makes a room.
func New(p Parts) *Room {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	r := &Room{p: p, methods: map[string]*route.Route{}, book: newBook(p.Opened), files: newFiles(), every: holdsEvery, reads: newBudget(mostRead, mostReadEach, errBusy), answers: newBudget(mostAnswers, mostAnswersEach, errAnswers), tunnels: newBudget(mostTunnels, mostTunnelsEach, errTunnels), decodes: newPlaces(), readTime: readTime}
	for _, m := range route.Services() {
		r.methods[m.Path] = &m
	}
	return r
}

// Leave says whether another guard has taken over. Connections that are open here serve the builds that run on them, and begin no others:
// what holds for those is said by the other guard.
func (r *Room) Leave(left bool) { r.left.Store(left) }

// errLeft is what callers are told then.
var errLeft = status.Error(codes.Unavailable, "bulkhead: another guard took over, and this connection is for builds that run on it: try again on a new one")

// begins says whether a call is more than a part of what runs already.
func begins(method string) bool {
	switch method {
	case control.Control_Solve_FullMethodName, control.Control_Prune_FullMethodName, control.Control_UpdateBuildHistory_FullMethodName:
		return true
	}
	return false
}

// Caller is whoever is at the other end of a connection.
type Caller struct {
	// Ask is what opened the connection, as it was judged.
	Ask *call.Ask
	// Who says whose connection it is now, Holds whether that one may still have it.
	Who   func() (*call.Subject, error)
	Holds func(ctx context.Context) error
}

// whose is the account that sessions and builds belong to.
func whose(s *call.Subject) string { return s.Principal.Ref.String() }

// while runs something for as long as the right to it holds. An end before is recorded.
func (r *Room) while(ctx context.Context, c *Caller, run func(ctx context.Context) error) error {
	err := lasting.While(ctx, r.p.Log, "the connection to the builder", r.every, c.Holds, run)
	var ended *lasting.EndedError
	if !errors.As(err, &ended) {
		return err
	}
	rctx, done := context.WithTimeout(context.WithoutCancel(ctx), lasting.AskTime)
	defer done()
	if rerr := r.p.Judge.Failed(rctx, c.Ask, ended.Error()); rerr != nil {
		r.p.Log.ErrorContext(rctx, "the end of a connection could not be recorded", "error", rerr, "ended", ended)
	}
	return ended
}

// once is a listener that has one connection.
type once struct {
	conn net.Conn
	got  bool
	over chan struct{}
	end  func()
	mu   sync.Mutex
}

func listenOnce(c net.Conn) *once {
	over := make(chan struct{})
	o := &once{over: over, end: sync.OnceFunc(func() { close(over) })}
	o.conn = &told{Conn: c, end: o.end}
	return o
}

// Accept implements net.Listener.
func (o *once) Accept() (net.Conn, error) {
	o.mu.Lock()
	first := !o.got
	o.got = true
	o.mu.Unlock()
	if first {
		return o.conn, nil
	}
	<-o.over
	return nil, fmt.Errorf("the connection is over: %w", net.ErrClosed)
}

// Close implements net.Listener.
func (o *once) Close() error { o.end(); return nil }

// Addr implements net.Listener.
func (o *once) Addr() net.Addr { return o.conn.LocalAddr() }

// told is a connection whose end somebody is told of.
type told struct {
	net.Conn
	end func()
}

// Close implements net.Conn.
func (t *told) Close() error {
	defer t.end()
	return t.Conn.Close()
}
