package answers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// list is how the elements of an answer are read.
type list struct {
	// member is the one that has the list; empty where the answer is one.
	member string
	kind   route.Object
	// one is an answer about one thing, which was judged by itself.
	one bool
}

func lists() map[route.Action]list {
	return map[route.Action]list{
		"ContainerList": {"", route.Container, false}, "ImageList": {"", route.Image, false}, "NetworkList": {"", route.Network, false},
		"VolumeList": {"Volumes", route.Volume, false}, "PluginList": {"", route.Plugin, false}, "ServiceList": {"", route.Service, false},
		"TaskList": {"", route.Task, false}, "SecretList": {"", route.Secret, false}, "ConfigList": {"", route.Config, false}, "SwarmNodeList": {"", route.SwarmNode, false},
		"ImageInspect": {"", route.Image, true},
	}
}

// list passes on the elements that may be seen as they come.
func (k *work) list(ctx context.Context, l list, from io.Reader) error {
	if l.one {
		return k.all(from, func(text value) (value, error) { return k.inspected(ctx, text) })
	}
	s, err := begin(from)
	if err != nil {
		return err
	}
	if l.member == "" {
		err = k.array(ctx, l.kind, s)
	} else {
		err = k.member(ctx, l, s)
	}
	if err != nil {
		return err
	}
	return k.rest(s, from)
}

// rest passes on the white space that follows an answer.
func (k *work) rest(s *source, from io.Reader) error {
	rest, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(s.d.UnreadBuffer()), from), mostHeld))
	if err != nil {
		return ended(err)
	}
	if !blank(rest) {
		return errors.New("the engine's answer: something follows it")
	}
	_, err = k.out.Write(rest)
	return err
}

// readAtOnce is the size of answers that are read before they are looked into: most are smaller, and need not be moved from buffer to buffer.
const readAtOnce = 16 << 10

// source is an answer that is read.
type source struct {
	d    *jsontext.Decoder
	in   *limited // what bounds d
	text []byte   // the whole of it, where it was read at once
}

func begin(from io.Reader) (*source, error) {
	text, n := make([]byte, readAtOnce), 0
	for n < len(text) {
		m, err := from.Read(text[n:])
		n += m
		switch {
		case errors.Is(err, io.EOF):
			return &source{decoder(bytes.NewBuffer(text[:n])), &limited{}, text[:n]}, nil
		case err != nil: // also one that broke off where it could end
			return nil, fmt.Errorf("the engine's answer: %w", err)
		}
	}
	in := &limited{from: io.MultiReader(bytes.NewReader(text), from), left: mostElement}
	return &source{decoder(in), in, nil}, nil
}

// element reads one of a list, and gives its text.
func (s *source) element(kind route.Object) (value, element, error) {
	if s.text == nil {
		v, err := s.d.ReadValue()
		if err != nil {
			return nil, element{}, ended(err)
		}
		v = bytes.Clone(v)
		e, err := elementOf(kind, v)
		return v, e, err
	}
	at := s.d.InputOffset()
	e, err := readElement(kind, s.d.PeekKind(), func(into any) error {
		if err := jsonv2.UnmarshalDecode(s.d, into); err != nil {
			return ended(err)
		}
		return nil
	})
	return bytes.TrimLeft(s.text[at:s.d.InputOffset()], ", \t\r\n"), e, err
}

// member passes on an object of which one member is a list.
func (k *work) member(ctx context.Context, l list, s *source) error {
	d := s.d
	if d.PeekKind() != '{' {
		return k.array(ctx, l.kind, s) // null, or an error
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	sep := "{"
	for d.PeekKind() != '}' {
		s.in.left = mostElement
		name, err := d.ReadValue()
		if err != nil {
			return ended(err)
		}
		if _, err := k.out.Write(append(append([]byte(sep), name...), ':')); err != nil {
			return err
		}
		sep = ","
		if string(name) == `"`+l.member+`"` {
			err = k.array(ctx, l.kind, s)
		} else {
			err = k.as(d)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	if sep == "{" {
		sep = "{}"
	} else {
		sep = "}"
	}
	_, err := k.out.Write([]byte(sep))
	return err
}

// as passes on a value as it is.
func (k *work) as(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return ended(err)
	}
	_, err = k.out.Write(v)
	return err
}

// array passes on an array without what may not be seen, a batch at a time.
func (k *work) array(ctx context.Context, kind route.Object, s *source) error {
	d := s.d
	switch d.PeekKind() {
	case 'n':
		return k.as(d)
	case '[':
	default:
		if _, err := d.ReadToken(); err != nil {
			return ended(err)
		}
		return errors.New("the engine's answer is no list")
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	if _, err := k.out.Write([]byte{'['}); err != nil {
		return err
	}
	sep := []byte(nil)
	for {
		batch, read, err := s.batch(kind)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		kept, _, err := k.kept(ctx, kind, batch, read)
		if err != nil {
			return err
		}
		for _, v := range kept {
			if _, err := k.out.Write(sep); err != nil {
				return err
			}
			if _, err := k.out.Write(v); err != nil {
				return err
			}
			sep = []byte{','}
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return ended(err)
	}
	_, err := k.out.Write([]byte{']'})
	return err
}

func (s *source) batch(kind route.Object) (batch []value, read []element, err error) {
	size := 0
	for len(batch) < batchSize && size < mostBatch {
		s.in.left = mostElement
		if s.d.PeekKind() == ']' {
			break
		}
		v, e, err := s.element(kind)
		if err != nil {
			return nil, nil, err
		}
		batch, read = append(batch, v), append(read, e)
		size += len(v)
	}
	return batch, read, nil
}

// kept are the elements that may be seen, and the objects that they are.
func (k *work) kept(ctx context.Context, kind route.Object, batch []value, read []element) ([]value, []element, error) {
	objects := make([]call.Object, len(batch))
	for i := range read {
		objects[i] = read[i].object(kind)
	}
	if err := k.attribute(ctx, kind, read, objects); err != nil {
		return nil, nil, err
	}
	if kind == route.SwarmNode && !k.whole() {
		values, err := nodes(batch)
		return values, read, err
	}
	seen, err := k.sees(ctx, objects)
	if err != nil {
		return nil, nil, err
	}
	var values []value
	var elements []element
	for i, v := range batch {
		if !seen[i] {
			continue
		}
		if kind == route.Network { // before version 1.28 of the API they have their members
			if v, err = k.network(ctx, v); err != nil {
				return nil, nil, err
			}
		}
		values, elements = append(values, v), append(elements, read[i])
	}
	if kind == route.Image {
		err = k.names(ctx, values, elements)
	}
	return values, elements, err
}
