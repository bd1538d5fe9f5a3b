// Package objects turns the names in a call into identities, once: the container, the networks, volumes, images and secrets that a call
// names are looked up at the engine, which knows best what it would take a name for, and the call is written again with full ids. What a
// name means can't change then between judging and use.
//
// It only reads from the engine, and decides nothing.
package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Engine answers GET requests. Target is a path without a version, with its parameters; an answer that is larger than what the caller is
// ready to hold is an error.
type Engine interface {
	Get(ctx context.Context, target string) (status int, body []byte, err error)
}

// Resolver knows what names mean.
type Resolver struct {
	engine Engine
	word   *regexp.Regexp // names of most things
	wide   *regexp.Regexp // names of images and plugins
	hexID  *regexp.Regexp
	// What could be the short form of an id.
	hexShort, anyShort *regexp.Regexp
	images             recent
}

// New makes a resolver of the names of an engine.
func New(e Engine) *Resolver {
	return &Resolver{
		engine:   e,
		word:     regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`),
		wide:     regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:@-]*(/[a-zA-Z0-9][a-zA-Z0-9_.:@-]*)*$`),
		hexID:    regexp.MustCompile(`^[0-9a-f]{64}$`),
		hexShort: regexp.MustCompile(`^[0-9a-f]{12,64}$`),
		anyShort: regexp.MustCompile(`^[0-9a-z]{12,64}$`),
	}
}

// longestName is how many characters a name may have.
const longestName = 512

// What can be wrong with a name.
var (
	ErrNotFound  = errors.New("not found")
	ErrAmbiguous = errors.New("ambiguous")
	ErrInvalid   = errors.New("invalid")
	// ErrChanged is a name that means something else than it did when the call was judged.
	ErrChanged = errors.New("changed")
)

// Fault is why a name has no identity. Where the engine said so, Status and Message are its own.
type Fault struct {
	Status  int
	Kind    route.Object
	Message string
	// Field is where the name stands, where it is not what the call is about.
	Field string
	// Reason is ErrNotFound, ErrAmbiguous, ErrInvalid, or nil for what the engine can't say just now.
	Reason error
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Message + " (" + f.Field + ")"
}

// Unwrap gives the reason.
func (f *Fault) Unwrap() error { return f.Reason }

func invalid(kind route.Object, format string, args ...any) error {
	return &Fault{Status: http.StatusBadRequest, Kind: kind, Message: fmt.Sprintf(format, args...), Reason: ErrInvalid}
}

// Object looks up what the engine takes a name, an id or the beginning of an id for.
func (r *Resolver) Object(ctx context.Context, kind route.Object, name string) (*call.Object, error) {
	if len(name) > longestName {
		return nil, invalid(kind, "a name of %s has more than %d characters", kind, longestName)
	}
	switch kind {
	case route.Container:
		return r.container(ctx, name)
	case route.Exec:
		return r.exec(ctx, name)
	case route.Image:
		return r.image(ctx, name)
	case route.Network:
		return r.network(ctx, name, "")
	case route.Volume:
		return r.volume(ctx, name)
	case route.Plugin:
		return r.plugin(ctx, name)
	case route.Task:
		return r.task(ctx, name)
	case route.Service, route.Secret, route.Config, route.SwarmNode:
		return r.swarm(ctx, kind, name)
	}
	return nil, invalid(kind, "things of kind %s have no names", kind)
}

// get reads one object into a value, and makes the engine's refusals faults.
func (r *Resolver) get(ctx context.Context, kind route.Object, path string, into any) error {
	status, text, err := r.engine.Get(ctx, path)
	if err != nil {
		return fmt.Errorf("look up a %s: %w", strings.ToLower(string(kind)), err)
	}
	if status != http.StatusOK {
		return faultOf(kind, status, text)
	}
	if err := decode(text, into); err != nil {
		return fmt.Errorf("look up a %s: the engine's answer: %w", strings.ToLower(string(kind)), err)
	}
	return nil
}

func faultOf(kind route.Object, status int, text []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	if err := decode(text, &said); err != nil || said.Message == "" {
		said.Message = fmt.Sprintf("the engine answered %d to a question about a %s", status, strings.ToLower(string(kind)))
	}
	f := &Fault{Status: status, Kind: kind, Message: said.Message}
	lower := strings.ToLower(said.Message)
	switch {
	case strings.Contains(lower, "multiple ids") || strings.Contains(lower, "ambiguous"):
		f.Reason = ErrAmbiguous
	case status == http.StatusNotFound:
		f.Reason = ErrNotFound
	case status == http.StatusBadRequest:
		f.Reason = ErrInvalid
	}
	if status < http.StatusBadRequest {
		f.Status = http.StatusBadGateway // it is no answer to the question
	}
	return f
}

// path writes a path with names that were not checked.
func path(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/" + strings.Join(parts, "/")
}

// Find is Object, with nil where there is no such thing: no object, and no error.
func (r *Resolver) Find(ctx context.Context, kind route.Object, name string) (*call.Object, error) {
	o, err := r.Object(ctx, kind, name)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
		return nil, nil //nolint:nilnil // as said
	}
	return o, err
}
