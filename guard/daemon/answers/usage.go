package answers

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/route"
)

// part is what an answer says of the disk that things of a kind use.
type part struct {
	hidden        bool
	total, active int64 // how many
	size, free    int64
}

// usage takes out of the use of the disk what may not be seen, with its sizes, as it comes: it has every label on the host. There are two
// forms: lists, and since 1.52 of the API one object for each kind.
func (k *work) usage(ctx context.Context, from io.Reader) error {
	text, s, err := k.usageLeft(ctx, from)
	if err != nil {
		return err
	}
	if _, err := k.out.Write(text); err != nil {
		return err
	}
	return k.rest(s, from)
}

func (k *work) usageLeft(ctx context.Context, from io.Reader) (value, *source, error) {
	release, err := k.turns.take(ctx, k.account)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	s, err := begin(from)
	if err != nil {
		return nil, nil, err
	}
	images := part{}
	text, err := k.edit(s, func(name string) (value, error) {
		var v value
		var err error
		switch name {
		case "Images":
			v, images, err = k.used(ctx, route.Image, s)
		case "Containers":
			v, _, err = k.used(ctx, route.Container, s)
		case "Volumes":
			v, _, err = k.used(ctx, route.Volume, s)
		case "ImageUsage":
			v, err = k.usageOf(ctx, route.Image, s)
		case "ContainerUsage":
			v, err = k.usageOf(ctx, route.Container, s)
		case "VolumeUsage":
			v, err = k.usageOf(ctx, route.Volume, s)
		case "BuildCache", "BuildCacheUsage", "BuilderSize":
			if v, err = k.value(s); err == nil {
				v = k.builder(v)
			}
		default:
			v, err = k.value(s)
		}
		return v, err
	})
	if err != nil || !images.hidden {
		return text, s, err
	}
	text, err = edit(text, func(name string, v value) (value, error) {
		if name == "LayersSize" {
			return number(images.size), nil
		}
		return v, nil
	})
	return text, s, err
}

// most is how much of an answer may be left for the caller.
func (k *work) most() int {
	if k.whole() {
		return mostOfHost
	}
	return mostWhole
}

// value reads one as it is.
func (k *work) value(s *source) (value, error) {
	s.in.left = k.most()
	v, err := s.d.ReadValue()
	if err != nil {
		return nil, ended(err)
	}
	return bytes.Clone(v), nil
}

// edit reads an object with the members that change reads. Something else than an object stays as it is.
func (k *work) edit(s *source, change func(name string) (value, error)) (value, error) {
	s.in.left = mostElement
	if s.d.PeekKind() != '{' {
		return k.value(s)
	}
	if _, err := s.d.ReadToken(); err != nil {
		return nil, ended(err)
	}
	out := value{'{'}
	for s.d.PeekKind() != '}' {
		s.in.left = mostElement
		text, err := s.d.ReadValue()
		if err != nil {
			return nil, ended(err)
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, text...), ':')
		name, err := jsontext.AppendUnquote(nil, text)
		if err != nil && len(name) == 0 {
			return nil, ended(err)
		}
		v, err := change(string(name))
		if err != nil {
			return nil, err
		}
		if out = append(out, v...); len(out) > k.most() {
			return nil, errLeft
		}
		s.in.left = mostElement
	}
	_, err := s.d.ReadToken()
	if err != nil {
		return nil, ended(err)
	}
	return append(out, '}'), nil
}

// builder is the builder's cache, which is everybody's: whoever does not see the host sees none.
func (k *work) builder(v value) value {
	if k.whole() {
		return v
	}
	switch v.Kind() {
	case '[':
		return value("[]")
	case '{':
		return value("{}")
	case '0':
		return value("0")
	}
	return v
}

var errLeft = errors.New("more is left of the engine's answer than the guard holds")

// used filters a list and counts what is left.
func (k *work) used(ctx context.Context, kind route.Object, s *source) (value, part, error) {
	p := part{}
	if s.in.left = mostElement; s.d.PeekKind() != '[' {
		v, err := k.value(s)
		return v, p, err
	}
	if _, err := s.d.ReadToken(); err != nil {
		return nil, p, ended(err)
	}
	out := value{'['}
	for {
		batch, all, err := s.batch(kind)
		if err != nil {
			return nil, p, err
		}
		if len(batch) == 0 {
			break
		}
		kept, read, err := k.kept(ctx, kind, batch, all)
		if err != nil {
			return nil, p, err
		}
		p.hidden = p.hidden || len(kept) < len(batch)
		p.add(kind, read)
		for _, v := range kept {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, v...)
		}
		if len(out) > k.most() {
			return nil, p, errLeft
		}
	}
	if _, err := s.d.ReadToken(); err != nil {
		return nil, p, ended(err)
	}
	return append(out, ']'), p, nil
}

func (p *part) add(kind route.Object, read []element) {
	p.total += int64(len(read))
	for _, e := range read {
		size, active := e.Size, e.Containers > 0
		switch kind {
		case route.Container:
			size, active = e.SizeRw, e.State == "running" || e.State == "paused" || e.State == "restarting"
		case route.Volume:
			size, active = max(e.UsageData.Size, 0), e.UsageData.RefCount > 0
		}
		p.size += size
		if active {
			p.active++
		} else {
			p.free += size
		}
	}
}

// usageOf is the newer form.
func (k *work) usageOf(ctx context.Context, kind route.Object, s *source) (value, error) {
	var p part
	listed := false
	text, err := k.edit(s, func(name string) (value, error) {
		if name != "Items" {
			return k.value(s)
		}
		listed = true
		var v value
		var err error
		v, p, err = k.used(ctx, kind, s)
		return v, err
	})
	if err != nil {
		return nil, err
	}
	if !listed && !k.whole() {
		return value("{}"), nil // figures of things that are not named
	}
	if !p.hidden {
		return text, nil
	}
	return edit(text, func(name string, v value) (value, error) {
		switch name {
		case "ActiveCount":
			return number(p.active), nil
		case "TotalCount":
			return number(p.total), nil
		case "TotalSize":
			return number(p.size), nil
		case "Reclaimable":
			return number(p.free), nil
		}
		return v, nil
	})
}
