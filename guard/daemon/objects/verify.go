package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Verify makes sure, after the engine answered, that the names that Complete left in a body still meant what was judged. Made is the id of
// the container that the call made; empty for other calls. On an error what the call made must be removed: it was not judged. A container
// that is gone is ErrGone.
func (r *Resolver) Verify(ctx context.Context, a *call.Ask, made string) error {
	if _, ok := a.Body.(*container.CreateRequest); ok {
		if err := r.ran(ctx, a, made); err != nil {
			return err
		}
	}
	again := *a
	again.Uses = nil
	v := r.visit(&again)
	if b, ok := a.Body.(*container.CreateRequest); ok && b.Config != nil {
		for i := range a.Uses {
			if a.Uses[i].Field == imageField {
				v.took(b.Image, &a.Uses[i].Object) // it was compared
			}
		}
	}
	if err := v.body(ctx); err != nil {
		return fmt.Errorf("look up again what the call named: %w", err)
	}
	now := map[string]string{}
	for _, u := range again.Uses {
		now[u.Field] = u.Object.ID
	}
	for _, u := range a.Uses {
		if id, ok := now[u.Field]; ok && u.Field != imageField && !u.Object.New && id != u.Object.ID {
			return changed(u)
		}
	}
	return nil
}

const imageField = "/Image"

// ErrGone is what was made and is not there any more.
var ErrGone = errors.New("what was made is gone")

// ran holds the image that the engine took to the one that was judged: a tag can move.
func (r *Resolver) ran(ctx context.Context, a *call.Ask, made string) error {
	if !r.hexID.MatchString(made) {
		return fmt.Errorf("look up again what the call named: %.80q is no id of a container", made)
	}
	var c struct {
		ID    string `json:"Id"`
		Image string
	}
	if err := r.get(ctx, route.Container, path("containers", made, "json"), &c); errors.Is(err, ErrNotFound) {
		return ErrGone
	} else if err != nil {
		return fmt.Errorf("look up again what the call named: %w", err)
	}
	for _, u := range a.Uses {
		if u.Field == imageField && (c.ID != made || c.Image != u.Object.ID) {
			if b, ok := a.Body.(*container.CreateRequest); ok && b.Config != nil {
				r.images.drop(b.Image)
			}
			return changed(u)
		}
	}
	return nil
}

func changed(u call.Use) error {
	return &Fault{
		Status: http.StatusConflict, Kind: u.Object.Kind, Field: u.Field, Reason: ErrChanged,
		Message: fmt.Sprintf("%.80q meant another %s while the call was made than when it was judged: try again", u.Object.Name, u.Object.Kind),
	}
}
