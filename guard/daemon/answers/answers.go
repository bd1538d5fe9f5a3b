// Package answers gives the container engine's answers to callers without what these may not see: lists, events, figures of the disk and of
// the host, and the members of a network. What is left is the engine's own text, byte for byte; an answer of which nothing is left out is
// the engine's. It holds a bounded part of an answer at a time.
//
// It does not know what a caller may see: it is told. What it can't attribute it asks for as an object without tenant and owner.
package answers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Finder looks things up. It gives nil where there is no such thing.
type Finder interface {
	Find(ctx context.Context, kind route.Object, name string) (*call.Object, error)
}

// Engine has each read every element of a list as it comes. Target is a path without a version.
type Engine interface {
	List(ctx context.Context, target string, each func(*jsontext.Decoder) error) (status int, err error)
}

// Sees says of each object whether it may be shown.
type Sees func(ctx context.Context, objects []call.Object) ([]bool, error)

// Filter leaves things out of answers.
type Filter struct {
	find   Finder
	engine Engine
	known  *lru.Cache[string, call.Object] // things that events may tell of after their end
	turns  *turns
}

// Bounds of what is held of an answer at a time.
const (
	mostWhole   = 32 << 20  // an answer that is read as a whole, or what is left of it
	mostOfHost  = 256 << 20 // for whoever sees the whole host
	mostElement = 8 << 20
	mostBatch   = 1 << 20
	batchSize   = 100
	mostKnown   = 4096
	mostLabels  = 2 << 10
)

// New makes a filter.
func New(find Finder, engine Engine) (*Filter, error) {
	known, err := lru.New[string, call.Object](mostKnown)
	if err != nil {
		return nil, fmt.Errorf("remember objects: %w", err)
	}
	return &Filter{find: find, engine: engine, known: known, turns: newTurns()}, nil
}

// ErrBroken is an error after part of an answer went out: the connection must be broken, or the caller would take the part for the whole.
var ErrBroken = errors.New("an answer broke off")

// Filters says whether answers of a route are filtered.
func Filters(r *route.Route) bool {
	switch r.Action {
	case "ContainerInspect", "NetworkInspect", "EngineEvents", "EngineDiskUsage", "EngineInfo":
		return true
	}
	_, ok := lists()[r.Action]
	return ok
}

// work is one answer.
type work struct {
	*Filter
	sees  Sees
	whole func() bool
	out   *output
	// account is whose answer it is.
	account string
}

// Write gives an answer to the caller without what he may not see, and closes it. Whole says whether he may see the host itself, where that matters. An error that
// is ErrBroken means that part of it went out already.
func (f *Filter) Write(ctx context.Context, w http.ResponseWriter, a *call.Ask, res *http.Response, sees Sees, whole func() bool) error {
	defer res.Body.Close()
	k := &work{Filter: f, whole: sync.OnceValue(whole), out: &output{w: w, res: res}}
	if a.Subject != nil {
		k.account = a.Subject.Principal.Tenant + "\x00" + a.Subject.Principal.ID
	}
	k.sees = func(ctx context.Context, objects []call.Object) ([]bool, error) {
		if len(objects) == 0 {
			return nil, nil
		}
		seen, err := sees(ctx, objects)
		if err != nil {
			return nil, fmt.Errorf("what may be shown: %w", err)
		}
		if len(seen) != len(objects) {
			return nil, errors.New("what may be shown: not every object was answered for")
		}
		return seen, nil
	}
	err := k.write(ctx, a.Call.Route.Action, res)
	if err == nil {
		err = k.out.flush()
	}
	if err != nil && k.out.begun {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return err
}

func (k *work) write(ctx context.Context, action route.Action, res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		return k.pass(res.Body)
	}
	switch action {
	case "EngineEvents":
		return k.events(ctx, res.Body)
	case "EngineDiskUsage":
		return k.usage(ctx, res.Body)
	case "EngineInfo":
		return k.all(res.Body, func(text value) (value, error) { return k.info(ctx, text) })
	case "NetworkInspect":
		return k.all(res.Body, func(text value) (value, error) { return k.network(ctx, text) })
	case "ContainerInspect":
		return k.all(res.Body, func(text value) (value, error) { return k.container(ctx, text) })
	}
	l, ok := lists()[action]
	if !ok {
		return fmt.Errorf("answers of %s are not filtered", action)
	}
	return k.list(ctx, l, res.Body)
}

// pass gives an answer as it is: errors, which are short.
func (k *work) pass(from io.Reader) error {
	if _, err := io.Copy(k.out, io.LimitReader(from, mostWhole)); err != nil {
		return fmt.Errorf("the engine's answer: %w", err)
	}
	return nil
}

// all reads an answer as a whole.
func (k *work) all(from io.Reader, change func(value) (value, error)) error {
	text, err := io.ReadAll(io.LimitReader(from, mostWhole+1))
	if err != nil {
		return fmt.Errorf("the engine's answer: %w", err)
	}
	if len(text) > mostWhole {
		return fmt.Errorf("the engine's answer has more than %d bytes", mostWhole)
	}
	one, rest, err := first(text)
	if err != nil {
		return err
	}
	if one, err = change(one); err != nil {
		return err
	}
	if _, err := k.out.Write(one); err != nil {
		return err
	}
	_, err = k.out.Write(rest)
	return err
}

// output holds back the head of the answer until there is something to say.
type output struct {
	w     http.ResponseWriter
	res   *http.Response
	held  []byte
	begun bool
}

const (
	mostHeld  = 32 << 10
	firstHeld = 16 << 10 // many answers have no more
)

// Write implements io.Writer.
func (o *output) Write(text []byte) (int, error) {
	if o.held == nil {
		o.held = make([]byte, 0, firstHeld)
	}
	o.held = append(o.held, text...)
	if len(o.held) >= mostHeld {
		return len(text), o.flush()
	}
	return len(text), nil
}

func (o *output) flush() error {
	if !o.begun {
		o.begun = true
		for name, values := range o.res.Header {
			if !connection(name) {
				o.w.Header()[name] = values
			}
		}
		o.w.WriteHeader(o.res.StatusCode)
	}
	_, err := o.w.Write(o.held)
	o.held = o.held[:0]
	if err != nil {
		return fmt.Errorf("answer the caller: %w", err)
	}
	return nil
}

// connection are headers of one connection (RFC 9110 7.6.1), and the length, which may be another.
func connection(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
