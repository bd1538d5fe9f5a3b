package objects

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/route"
)

// NoSuch is what the engine says of something that is not there: of a name that nothing has it is asked, and the answer told with the given
// one. Whoever may not know that a thing exists so gets the very words, and waits as long.
func (r *Resolver) NoSuch(ctx context.Context, kind route.Object, name string) error {
	nothing := "x" + strings.ToLower(rand.Text())
	ask, shown := nothing, name
	if kind == route.Image {
		// Of "app" the engine says "app:latest", of an id the id.
		if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') && !strings.Contains(name, "@") {
			ask, shown = nothing+name[at:], name[:at]
		}
	}
	_, err := r.Object(ctx, kind, ask)
	var f *Fault
	if errors.As(err, &f) && errors.Is(f.Reason, ErrNotFound) && strings.Contains(f.Message, nothing) {
		said := *f
		said.Message = strings.ReplaceAll(f.Message, nothing, shown)
		return &said
	}
	return &Fault{Status: http.StatusNotFound, Kind: kind, Message: "No such " + strings.ToLower(string(kind)) + ": " + name, Reason: ErrNotFound}
}

// Beside is a fault of something that a call names in a field of its body, as it is when there is no such thing.
func Beside(field string, err error) error { return beside(at(field, err)) }
