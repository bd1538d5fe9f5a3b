package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// holdsEvery is how often the right to a call that lasts is asked about.
const holdsEvery = 2 * time.Second

// lasts are calls that go on for as long as the caller or the engine likes, or as there is data. They end with the right to them.
func lasts(a route.Action) bool {
	switch a {
	case "EngineEvents", "ContainerLogs", "ContainerStats", "ContainerWait", "ServiceLogs", "TaskLogs", "ContainerExport", "ContainerCopyIn", "ContainerCopyOut",
		"ImageBuild", "ImageLoad", "ImagePull", "ImagePush", "ImageSave":
		return true
	}
	return false
}

// sendWhile has the engine do it for as long as the right to it lasts. Who is in the middle of an answer then sees it break off.
func (d *Door) sendWhile(w http.ResponseWriter, r *http.Request, a *call.Ask, p passing, c *forward.Call) error {
	err := lasting.While(r.Context(), d.p.Log, "the call", d.holdsEvery, func(ctx context.Context) error { return d.holds(ctx, r, a) },
		func(ctx context.Context) error { return d.send(ctx, w, r, a, p, c) })
	var ended *lasting.EndedError
	if !errors.As(err, &ended) {
		return err
	}
	switch {
	case ended.Came == nil: // it had ended by itself
		return nil
	case !errors.Is(ended.Came, forward.ErrBegun): // it is recorded
		return ended
	}
	return fmt.Errorf("%w: %w", forward.ErrBegun, d.failed(context.WithoutCancel(r.Context()), a, ended))
}

// session carries a terminal, for as long as the right to it lasts.
func (d *Door) session(w http.ResponseWriter, r *http.Request, a *call.Ask, c *forward.Call) error {
	run := func(ctx context.Context, w http.ResponseWriter, tap forward.Tap) error {
		return d.p.Engine.Session(ctx, w, c, r.Header.Get("Upgrade"), tap)
	}
	if d.p.Sessions == nil {
		return run(r.Context(), w, forward.Tap{})
	}
	return d.p.Sessions.Run(r.Context(), w, a, lasting.Careful(d.p.Log, func(ctx context.Context) error { return d.holds(ctx, r, a) }), run)
}

// holds asks again whose connection it is, as accounts are now, and whether that one may still do it.
func (d *Door) holds(ctx context.Context, r *http.Request, a *call.Ask) error {
	who, err := d.p.Who.Identify(r)
	if err != nil {
		return err
	}
	if who.Principal.Ref != a.Subject.Principal.Ref {
		return fmt.Errorf("%s is not who that was when it began: the account was disabled or removed, or the connection is another's now", who.Principal.Name)
	}
	again, now := *a, *who
	if a.Object != nil { // asking says anew whose things are, while the call reads them
		object := *a.Object
		again.Object = &object
	}
	again.Uses = slices.Clone(a.Uses)
	// A factor that was shown when the terminal was opened stays shown for it.
	now.Principal.Auth, now.FreshFactor = a.Subject.Principal.Auth, a.Subject.FreshFactor
	again.Subject = &now
	return d.p.Judge.Holds(ctx, &again)
}
