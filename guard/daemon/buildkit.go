package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/buildkit"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// h2c is HTTP/2 without TLS, in which the builder's protocol is spoken after an upgrade.
const h2c = "h2c"

// builderBuildKit is the version of the builder that POST /build asks for BuildKit by.
const builderBuildKit = "2"

// buildKit goes on in the builder's own protocol.
func (d *Door) buildKit(w http.ResponseWriter, r *http.Request, a *call.Ask, c *forward.Call) error {
	by := d.builderCaller(r, a)
	if a.Call.Route.Action == "BuildSession" {
		err := d.builder.Session(r.Context(), r.Header, by, func(ctx context.Context, h http.Header, carry buildkit.Carry) error {
			for name, values := range h {
				c.Header[name] = values
			}
			there, err := d.p.Engine.Upgrade(ctx, c, h2c)
			if err != nil {
				return d.failed(ctx, a, err)
			}
			here, err := forward.TakeOver(w, h2c)
			if err != nil {
				return errors.Join(fmt.Errorf("%w: %w", forward.ErrBegun, err), there.Close())
			}
			return over(carry(ctx, here, there))
		})
		var none *buildkit.NoSessionError
		if errors.As(err, &none) {
			return d.unresolved(r, a, &route.Refusal{Status: http.StatusConflict, Field: "session", Why: none.Error()})
		}
		return err
	}
	there, err := d.p.Engine.Upgrade(r.Context(), c, h2c)
	if err != nil {
		return d.failed(r.Context(), a, err)
	}
	here, err := forward.TakeOver(w, h2c)
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %w", forward.ErrBegun, err), there.Close())
	}
	return over(d.builder.GRPC(r.Context(), here, there, by))
}

// over is the end of a connection that the caller has had already.
func over(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", forward.ErrBegun, err)
}

func (d *Door) builderCaller(r *http.Request, a *call.Ask) buildkit.Caller {
	return buildkit.Caller{
		Ask: a,
		Who: func() (*call.Subject, error) {
			who, err := d.p.Who.Identify(r)
			if err == nil && who.Principal.Ref != a.Subject.Principal.Ref {
				err = fmt.Errorf("the connection is %s's now", who.Principal.Name)
			}
			return who, err
		},
		Holds: func(ctx context.Context) error { return d.holds(ctx, r, a) },
	}
}

// tell says in the builder's own protocol why it is not spoken: clients show nothing of an answer that comes before. On a session the
// engine would ask, so that nothing is said there: clients are told by the build that names it.
func (d *Door) tell(w http.ResponseWriter, r *http.Request, a *call.Ask, why error) {
	var no *call.Refusal
	if !errors.As(why, &no) {
		d.refuse(w, r, why)
		return
	}
	here, err := forward.TakeOver(w, h2c)
	switch {
	case err != nil:
	case a.Call.Route.Action == "BuildSession":
		err = buildkit.Silent(r.Context(), here)
	default:
		err = d.builder.Refuse(r.Context(), here, why)
	}
	if err != nil {
		d.p.Log.DebugContext(r.Context(), "a refusal was not taken", "error", err, "refused", why)
	}
}

// outputs refuses all that would name or send an image by what is not asked about: names that images get here are the call's tags.
func outputs(text string) error {
	if text == "" {
		return nil
	}
	var list []struct{ Type string }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return unjudged("outputs that are no list")
	}
	for _, o := range list {
		switch o.Type {
		case "", "cacheonly", "local", "tar": // nowhere, or to the caller
		default:
			return unjudged(fmt.Sprintf("an output of the type %.100q: leave outputs out and name the image by its tags (t), or have it sent to you (local, tar)", o.Type))
		}
	}
	return nil
}

func notOwn(err error) error {
	return &route.Refusal{Status: http.StatusForbidden, Field: "query", Why: err.Error()}
}
