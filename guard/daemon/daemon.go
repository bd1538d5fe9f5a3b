// Package daemon is the door to the container engine: every call is understood by its route, read strictly, judged for whoever is at the
// other end, recorded, and only then made anew for the engine (X.1643 8.1.c). What it does not understand it refuses.
//
// It judges nothing itself, and knows of identities only what it is given with a connection.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/answers"
	"github.com/bulkhead-security/bulkhead/guard/daemon/buildkit"
	"github.com/bulkhead-security/bulkhead/guard/daemon/builds"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Identifier says who is at the other end of a connection. An error means that nobody is known there.
type Identifier interface {
	Identify(r *http.Request) (*call.Subject, error)
}

// Objects finds what a call names, by its identity, and puts that in place of the names. Verify makes sure, after a call, that names
// which stayed meant the same when it was made. NoSuch is how the engine says that something is not there.
type Objects interface {
	Complete(ctx context.Context, a *call.Ask) error
	Object(ctx context.Context, kind route.Object, name string) (*call.Object, error)
	// Tags notes names that images of an archive get.
	Tags(ctx context.Context, a *call.Ask, names []string, field string) error
	Verify(ctx context.Context, a *call.Ask, made string) error
	NoSuch(ctx context.Context, kind route.Object, name string) error
	// Forget is called around calls after which names of images may stand for others.
	Forget()
}

// Answers takes out of answers what the caller may not see. Of an error that is answers.ErrBroken part of the answer went out already.
type Answers interface {
	Write(ctx context.Context, w http.ResponseWriter, a *call.Ask, res *http.Response, sees answers.Sees, whole func() bool) error
}

// Images is told of calls that bring images. What the engine answers is shown to said, where that is not nil, and end is called after it.
type Images interface {
	Watch(ctx context.Context, a *call.Ask) (said io.Writer, end func(context.Context) error, err error)
}

// Sessions looks after terminals: it may record them, asks whether the right to one holds, and ends what run carries when it does not.
type Sessions interface {
	Run(ctx context.Context, w http.ResponseWriter, a *call.Ask, holds func(context.Context) error,
		run func(context.Context, http.ResponseWriter, forward.Tap) error) error
	// Resized is told that the terminal of what a call names has another size now.
	Resized(a *call.Ask, width, height int)
}

// Parts are what a door is made of. Objects, Answers, Images and Sessions may be nil: then names go on as they are, answers are not
// looked at, images are not remembered and terminals not looked after.
type Parts struct {
	Engine   *forward.Engine
	Judge    call.Judge
	Who      Identifier
	Objects  Objects
	Answers  Answers
	Images   Images
	Sessions Sessions
	// OwnFrontend says whether Dockerfiles of builds by BuildKit are read by the builder's own program, whatever their first line says; nil is no.
	OwnFrontend func() bool
	// Strict says whether builds by BuildKit may not begin with images that the guard can't look at; nil is no.
	Strict func() bool
	// Dir is where contexts of builds are kept while they are looked into; empty is the machine's place for such files.
	Dir string
	// Opened is the file in which ids of builds' sessions are remembered when the guard ends; empty is none.
	Opened string
	Log    *slog.Logger
}

// Door is an http.Handler in front of an engine.
type Door struct {
	p         Parts
	router    *route.Router
	strangers *rate.Limiter // of their records
	unwritten atomic.Int64  // calls of strangers that had none
	kept      kept          // archives
	prunes    kept          // of images, one by one
	builder   *buildkit.Room
	held      held
	// holdsEvery is how often the right to what lasts is asked about.
	holdsEvery time.Duration
	// awayPause is the first pause between tries to take away what may not stay.
	awayPause time.Duration
}

// Strangers have this many records a second, and at once: who can't come in must not be able to fill the log.
const (
	strangersEach   = 2
	strangersAtOnce = 100
)

// New makes a door.
func New(p Parts) *Door {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if err := builds.Sweep(p.Dir); err != nil {
		p.Log.Warn("archives that an earlier run kept stay behind", "error", err)
	}
	return &Door{
		p: p, router: route.New(), strangers: rate.NewLimiter(strangersEach, strangersAtOnce),
		holdsEvery: holdsEvery, awayPause: awayPause, builder: buildkit.New(buildkit.Parts{Judge: p.Judge, Objects: p.Objects, Images: p.Images, OwnFrontend: p.OwnFrontend, Strict: p.Strict, Opened: p.Opened, Log: p.Log}),
	}
}

// Leave says whether another guard has taken over: what is open goes on here, and builds by BuildKit are begun there.
func (d *Door) Leave(left bool) { d.builder.Leave(left) }

// errUnknown refuses whoever is nobody here.
var errUnknown = errors.New("nobody that this host knows is at the other end of the connection")

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, err := d.p.Who.Identify(r)
	if err != nil {
		d.notUnderstood(w, r, nil, fmt.Errorf("%w: %w", errUnknown, err))
		return
	}
	a, err := d.understood(r, who)
	if err != nil {
		d.notUnderstood(w, r, who, err)
		return
	}
	switch err := d.serve(w, r, a); {
	case errors.Is(err, forward.ErrBegun):
		d.p.Log.DebugContext(r.Context(), "an answer or a session was not taken to its end", "path", a.Call.Route.Path, "error", err)
		panic(http.ErrAbortHandler) // the caller must not take it for whole
	case err != nil && goneAnyway(a, err):
		w.WriteHeader(http.StatusNoContent)
	case err != nil && a.Call.Route.Body == route.HTTP2:
		d.tell(w, r, a, err)
	case err != nil:
		d.refuse(w, r, err)
	}
}

// goneAnyway says whether the engine calls it a success that there was nothing: it does where a volume is removed by force.
func goneAnyway(a *call.Ask, err error) bool {
	return a.Call.Route.Action == "VolumeRemove" && a.Call.Query.Bools["force"] && errors.Is(err, objects.ErrNotFound)
}

// understood reads a call without asking anybody about it.
func (d *Door) understood(r *http.Request, who *call.Subject) (*call.Ask, error) {
	c, err := d.understand(r)
	if err != nil {
		return nil, err
	}
	a := &call.Ask{Subject: who, Call: c, Named: c.Name}
	if a.Body, err = d.read(r, c); err != nil {
		return nil, err
	}
	apart(a)
	return a, nil
}

// serve gives an error that is forward.ErrBegun where the caller was answered in part.
func (d *Door) serve(w http.ResponseWriter, r *http.Request, a *call.Ask) error {
	ctx := r.Context()
	if err := d.complete(ctx, a); err != nil {
		return d.unresolved(r, a, err)
	}
	d.cancels(r, a)
	end, err := d.archive(w, r, a)
	defer end()
	if err == nil {
		err = d.marks(ctx, a)
	}
	if err != nil {
		return d.unresolved(r, a, err)
	}
	if err := d.p.Judge.Judge(ctx, a); err != nil {
		return d.hidden(ctx, a, err)
	}
	if err := d.held.wait(ctx, named(a)...); err != nil {
		return d.failed(ctx, a, err)
	}
	var p passing
	after := func(context.Context) error { return nil }
	if d.p.Images != nil {
		if p.said, after, err = d.p.Images.Watch(ctx, a); err != nil {
			return d.failed(ctx, a, err)
		}
	}
	if p.made, err = d.volumes(ctx, a); err != nil {
		return d.failed(ctx, a, err)
	}
	if d.p.Objects != nil && moves(a.Call.Route) {
		d.p.Objects.Forget()
		defer d.p.Objects.Forget()
	}
	err = d.pass(w, r, a, p)
	// What a call brought is the caller's also when the caller did not wait for the answer's end.
	if aerr := after(context.WithoutCancel(ctx)); aerr != nil {
		d.p.Log.ErrorContext(ctx, "whom new images belong to could not be kept", "error", aerr)
	}
	return err
}

// complete finds what a call names, which may have been made a moment ago.
func (d *Door) complete(ctx context.Context, a *call.Ask) error {
	if d.p.Objects == nil {
		return nil
	}
	if err := d.held.wait(ctx, a.Call.Name); err != nil {
		return err
	}
	return d.p.Objects.Complete(ctx, a)
}

// moves says whether names of images may stand for others after a call.
func moves(r *route.Route) bool {
	return r.On == route.Image && r.Effect == route.Changes || r.Action == "ContainerCommit"
}

// unresolved records a call that names what is not there, or not clear: somebody may be trying names.
func (d *Door) unresolved(r *http.Request, a *call.Ask, why error) error {
	var no *call.Refusal
	if errors.As(why, &no) { // it has a record: the judge refused what a build's file says
		return why
	}
	if _, err := d.p.Judge.NotUnderstood(r.Context(), a.Subject, r.Method, r.RequestURI, why); err != nil {
		return errors.Join(why, err)
	}
	return why
}

func (d *Door) failed(ctx context.Context, a *call.Ask, err error) error {
	if rerr := d.p.Judge.Failed(ctx, a, err.Error()); rerr != nil {
		return errors.Join(err, rerr)
	}
	return err
}

// hidden answers as if the object did not exist where the caller may not know that it does.
func (d *Door) hidden(ctx context.Context, a *call.Ask, err error) error {
	var no *call.Refusal
	if !errors.As(err, &no) || !no.Hidden || d.p.Objects == nil {
		return err
	}
	kind, name := no.Kind, no.Name
	if gives(a, no) {
		return taken(kind, name)
	}
	if a.Object != nil && !a.Object.New && a.Object.Kind == kind && a.Named != "" {
		name = a.Named
	}
	nothing := d.p.Objects.NoSuch(ctx, kind, name)
	if besides(a, no) {
		return objects.Beside(no.Field, nothing)
	}
	return nothing
}
