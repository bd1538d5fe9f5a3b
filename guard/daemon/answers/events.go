package answers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Remember keeps whose a thing is, for events that tell of it after its end.
func (f *Filter) Remember(o *call.Object) {
	if o == nil || o.ID == "" {
		return
	}
	size := 0
	for name, v := range o.Labels {
		size += len(name) + len(v)
	}
	if size > mostLabels || len(o.ID)+len(o.Name)+len(o.Image) > mostLabels {
		return
	}
	f.known.Add(string(o.Kind)+" "+o.ID, *o)
}

// lookup finds a thing by its id, also after its end where it was seen before. Nil is what nobody knows any more.
func (f *Filter) lookup(ctx context.Context, kind route.Object, id string) (*call.Object, error) {
	key := string(kind) + " " + id
	known, ok := f.known.Get(key)
	if ok && kind != route.Volume { // which is its name, and may be another by now
		return &known, nil
	}
	o, err := f.find.Find(ctx, kind, id)
	if err != nil {
		return nil, fmt.Errorf("look up a thing of an answer: %w", err)
	}
	if o != nil && o.ID == id {
		f.Remember(o)
		return o, nil
	}
	if o == nil && ok {
		return &known, nil
	}
	return nil, nil //nolint:nilnil // nobody knows it
}

// happening is what is read of an event.
type happening struct {
	Type, Action string
	Actor        struct {
		ID         string
		Attributes map[string]string
	}
}

const mostEvent = 1 << 20

// events passes on the events of what may be seen as they come.
func (k *work) events(ctx context.Context, from io.Reader) error {
	if err := k.now(); err != nil { // the caller waits for the head
		return err
	}
	in := bufio.NewReaderSize(from, 4<<10)
	for {
		line, err := lineOf(in)
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return ended(err)
		}
		if err := k.event(ctx, line); err != nil || last {
			return err
		}
	}
}

// event passes on one event, if it may be seen.
func (k *work) event(ctx context.Context, line []byte) error {
	show, err := k.shows(ctx, line)
	if err != nil || !show {
		return err
	}
	if _, err := k.out.Write(line); err != nil {
		return err
	}
	return k.now()
}

func (k *work) now() error {
	if err := k.out.flush(); err != nil {
		return err
	}
	if err := http.NewResponseController(k.out.w).Flush(); err != nil {
		return fmt.Errorf("answer the caller: %w", err)
	}
	return nil
}

var errLong = fmt.Errorf("an event has more than %d bytes", mostEvent)

// lineOf reads a line with its end.
func lineOf(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > mostEvent {
			return nil, errLong
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err //nolint:wrapcheck // the caller looks at it
		}
	}
}

// shows says whether everything that an event names may be seen.
func (k *work) shows(ctx context.Context, line []byte) (bool, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(line, []byte{0x1e})) // RFC 7464
	if len(text) == 0 {
		return true, nil
	}
	var e happening
	if err := read(text, &e); err != nil {
		return false, err
	}
	objects, err := k.named(ctx, &e)
	if err != nil {
		return false, err
	}
	if len(objects) == 0 {
		return k.whole(), nil // nobody knows whose it was: it is told to those who see the host
	}
	seen, err := k.sees(ctx, objects)
	if err != nil {
		return false, err
	}
	for _, ok := range seen {
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// named are the things that an event names; none where one of them can't be attributed.
func (k *work) named(ctx context.Context, e *happening) ([]call.Object, error) {
	kind, ok := map[string]route.Object{
		"container": route.Container, "image": route.Image, "network": route.Network, "volume": route.Volume, "plugin": route.Plugin,
		"service": route.Service, "secret": route.Secret, "config": route.Config, "node": route.SwarmNode,
	}[e.Type]
	attributes := e.Actor.Attributes
	switch {
	case !ok:
		if k.whole() {
			return []call.Object{{Kind: route.Engine, ID: e.Type}}, nil // of the daemon and of the builder
		}
		return nil, nil
	case kind == route.Container: // it has its labels
		o := owned(call.Object{Kind: kind, ID: e.Actor.ID, Name: attributes["name"], Image: attributes["image"]}, attributes)
		k.Remember(&o)
		return []call.Object{o}, nil
	case kind == route.Image:
		return k.image(ctx, e)
	}
	if kind == route.Volume && e.Action == "create" {
		k.known.Remove(string(kind) + " " + e.Actor.ID)
	}
	o, err := k.attributed(ctx, kind, e.Actor.ID)
	if err != nil || o == nil {
		return nil, err
	}
	objects := []call.Object{*o}
	if other := attributes["container"]; other != "" && (kind == route.Network || kind == route.Volume) {
		c, err := k.attributed(ctx, route.Container, other)
		if err != nil || c == nil {
			return nil, err
		}
		objects = append(objects, *c)
	}
	return objects, nil
}

// attributed is lookup, but whoever sees the host may also see what nobody knows any more.
func (k *work) attributed(ctx context.Context, kind route.Object, id string) (*call.Object, error) {
	o, err := k.lookup(ctx, kind, id)
	if o == nil && err == nil && k.whole() {
		o = &call.Object{Kind: kind, ID: id}
	}
	return o, err
}

// image is one by its id, and by the name that the event tells of; events of pulls have a name in place of the id.
func (k *work) image(ctx context.Context, e *happening) ([]call.Object, error) {
	o, err := k.find.Find(ctx, route.Image, e.Actor.ID)
	if err != nil {
		return nil, fmt.Errorf("look up a thing of an answer: %w", err)
	}
	if o == nil {
		o = &call.Object{Kind: route.Image, ID: e.Actor.ID, Name: e.Actor.Attributes["name"]}
	}
	if name := e.Actor.Attributes["name"]; o.ByID && name != "" && name != o.ID {
		return []call.Object{*o, {Kind: route.Image, ID: o.ID, Name: name, Labels: o.Labels}}, nil
	}
	return []call.Object{*o}, nil
}
