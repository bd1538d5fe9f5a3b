package answers

import (
	"bytes"
	"context"
	"slices"

	"github.com/bulkhead-security/bulkhead/guard/route"
)

// part is what an answer says of the disk that things of a kind use.
type part struct {
	hidden        bool
	total, active int64 // how many
	size, free    int64
}

// usage takes out of the use of the disk what may not be seen, with its sizes. There are two forms: lists, and since 1.52 of the API one
// object for each kind.
func (k *work) usage(ctx context.Context, text value) (value, error) {
	images := part{}
	text, err := edit(text, func(name string, v value) (value, error) {
		var err error
		switch name {
		case "Images":
			v, images, err = k.used(ctx, route.Image, v)
		case "Containers":
			v, _, err = k.used(ctx, route.Container, v)
		case "Volumes":
			v, _, err = k.used(ctx, route.Volume, v)
		case "ImageUsage":
			v, err = k.usageOf(ctx, route.Image, v)
		case "ContainerUsage":
			v, err = k.usageOf(ctx, route.Container, v)
		case "VolumeUsage":
			v, err = k.usageOf(ctx, route.Volume, v)
		case "BuildCache", "BuildCacheUsage", "BuilderSize":
			v = k.builder(v)
		}
		return v, err
	})
	if err != nil || !images.hidden {
		return text, err
	}
	return edit(text, func(name string, v value) (value, error) {
		if name == "LayersSize" {
			return number(images.size), nil
		}
		return v, nil
	})
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

// used filters a list and counts what is left.
func (k *work) used(ctx context.Context, kind route.Object, text value) (value, part, error) {
	list, err := elements(text)
	if err != nil || len(list) == 0 {
		return text, part{}, err
	}
	all := make([]element, len(list))
	for i, v := range list {
		if all[i], err = elementOf(kind, v); err != nil {
			return nil, part{}, err
		}
	}
	kept, read, err := k.kept(ctx, kind, list, all)
	if err != nil {
		return nil, part{}, err
	}
	p := part{hidden: len(kept) < len(list), total: int64(len(kept))}
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
	if slices.EqualFunc(kept, list, func(a, b value) bool { return bytes.Equal(a, b) }) {
		return text, p, nil
	}
	return array(kept), p, nil
}

// usageOf is the newer form.
func (k *work) usageOf(ctx context.Context, kind route.Object, text value) (value, error) {
	var p part
	listed := false
	text, err := edit(text, func(name string, v value) (value, error) {
		if name != "Items" {
			return v, nil
		}
		listed = true
		var err error
		v, p, err = k.used(ctx, kind, v)
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
