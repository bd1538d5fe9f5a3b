// Package daemon is the door to the container engine: every call is understood by its route, read strictly, judged for whoever is at the
// other end, recorded, and only then made anew for the engine (X.1643 8.1.c). What it does not understand it refuses.
//
// It judges nothing itself, and knows of identities only what it is given with a connection.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Door is an http.Handler in front of an engine.
type Door struct {
	router *route.Router
	engine *forward.Engine
	judge  call.Judge
	who    Identifier
	log    *slog.Logger
}

// Identifier says who is at the other end of a connection. An error means that nobody is known there.
type Identifier interface {
	Identify(r *http.Request) (*call.Subject, error)
}

// Parts are what a door is made of.
type Parts struct {
	Engine *forward.Engine
	Judge  call.Judge
	Who    Identifier
	Log    *slog.Logger
}

// New makes a door.
func New(p Parts) *Door {
	return &Door{router: route.New(), engine: p.Engine, judge: p.Judge, who: p.Who, log: p.Log}
}

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := d.serve(w, r); err != nil {
		d.refuse(w, r, err)
	}
}

// serve gives an error where the caller was not answered yet.
func (d *Door) serve(w http.ResponseWriter, r *http.Request) error {
	who, err := d.identify(r)
	if err != nil {
		return err
	}
	c, err := d.understand(r)
	if err != nil {
		return err
	}
	ask := &call.Ask{Subject: who, Call: c}
	if ask.Body, err = d.read(r, c); err != nil {
		return err
	}
	if err := d.judge.Judge(r.Context(), ask); err != nil {
		return err
	}
	return d.pass(w, r, ask)
}

// errUnknown refuses whoever is nobody here.
var errUnknown = errors.New("nobody that this host knows is at the other end of the connection")

func (d *Door) identify(r *http.Request) (*call.Subject, error) {
	who, err := d.who.Identify(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnknown, err)
	}
	return who, nil
}

// understand reads what can be seen without the body.
func (d *Door) understand(r *http.Request) (*route.Call, error) {
	if r.ProtoMajor != 1 {
		return nil, &route.Refusal{Status: http.StatusHTTPVersionNotSupported, Field: "protocol", Why: "the engine's API is spoken over HTTP/1.1"}
	}
	c, err := d.router.Match(r.Method, r.RequestURI)
	if err != nil {
		return nil, err
	}
	return c, checkUpgrade(c, r.Header)
}

// checkUpgrade refuses to change to a protocol that the route does not go on with.
func checkUpgrade(c *route.Call, h http.Header) error {
	asked := h.Values("Upgrade")
	if len(asked) == 0 {
		return nil
	}
	fits := map[route.Body]string{route.Stream: "tcp", route.Socket: "websocket"}[c.Route.Body]
	if len(asked) == 1 && fits != "" && strings.EqualFold(asked[0], fits) {
		return nil
	}
	return &route.Refusal{Status: http.StatusBadRequest, Field: "Upgrade", Why: "the call does not go on in another protocol than the engine's own"}
}

// read takes the body of calls that have a JSON one, and makes sure that others have none.
func (d *Door) read(r *http.Request, c *route.Call) (any, error) {
	into := call.BodyOf(c.Route)
	if into == nil {
		if c.Route.Body == route.Tar || r.ContentLength == 0 {
			return nil, nil
		}
		return nil, &body.Fault{Status: http.StatusBadRequest, Why: "the call has none"}
	}
	present, err := body.Check(r.Header, r.ContentLength)
	if err != nil || !present {
		return nil, err
	}
	text, err := body.Read(r.Body)
	if err != nil {
		return nil, err
	}
	if err := body.Decode(text, into); err != nil {
		return nil, err
	}
	return into, nil
}

// pass makes the call that was judged.
func (d *Door) pass(w http.ResponseWriter, r *http.Request, a *call.Ask) error {
	version := a.Call.Version
	if version == "" {
		version = route.NewestVersion // of which the engine says itself when it is older
	}
	target, err := a.Call.Target(version, a.Call.Name)
	if err != nil {
		return err
	}
	c := &forward.Call{Method: r.Method, Target: target, Header: headers(a.Call.Route, r.Header)}
	switch {
	case a.Body != nil:
		text, err := body.Encode(a.Body)
		if err != nil {
			return err
		}
		c.Body, c.Length = strings.NewReader(string(text)), int64(len(text))
		c.Header.Set("Content-Type", "application/json")
	case a.Call.Route.Body == route.Tar:
		c.Body, c.Length = r.Body, r.ContentLength
		c.Header.Set("Content-Type", "application/x-tar")
	}
	switch a.Call.Route.Body {
	case route.Stream, route.Socket:
		return d.engine.Session(r.Context(), w, c, r.Header.Get("Upgrade"), forward.Tap{})
	}
	res, err := d.engine.Send(r.Context(), c) //nolint:bodyclose // Answer closes it
	if err != nil {
		return err
	}
	if err := forward.Answer(w, res); err != nil {
		d.log.DebugContext(r.Context(), "an answer was not taken to its end", "path", a.Call.Route.Path, "error", err)
		panic(http.ErrAbortHandler) // the caller must not take it for whole
	}
	return nil
}

// headers are those that reach the engine.
func headers(r *route.Route, from http.Header) http.Header {
	to := http.Header{}
	for _, name := range append([]string{"Accept", "User-Agent"}, r.Headers...) {
		if v := from.Values(name); len(v) > 0 {
			to.Set(name, v[0])
		}
	}
	if r.Body == route.Socket {
		for _, name := range []string{"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Origin"} {
			if v := from.Get(name); v != "" {
				to.Set(name, v)
			}
		}
	}
	return to
}

// refuse answers as the engine does.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusBadGateway
	var path *route.Refusal
	var fault *body.Fault
	var no *call.Refusal
	switch {
	case errors.Is(err, errUnknown):
		status = http.StatusUnauthorized
	case errors.As(err, &path):
		status = path.Status
	case errors.As(err, &fault):
		status = fault.Status
	case errors.As(err, &no):
		status = http.StatusForbidden
	case errors.Is(err, context.Canceled):
		return // the caller is gone
	default:
		d.log.WarnContext(r.Context(), "a call was not made", "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text, jerr := body.Encode(struct {
		Message string `json:"message"`
	}{"bulkhead: " + err.Error()})
	if jerr == nil {
		_, jerr = w.Write(text)
	}
	if jerr != nil {
		d.log.DebugContext(r.Context(), "a refusal was not taken", "error", fmt.Errorf("%w; refused for: %w", jerr, err))
	}
}
