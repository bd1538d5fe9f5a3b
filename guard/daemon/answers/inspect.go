package answers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// network takes members out of a network that may not be seen.
func (k *work) network(ctx context.Context, text value) (value, error) {
	return edit(text, func(name string, v value) (value, error) {
		switch name {
		case "Containers":
			return k.members(ctx, v, k.containersOf)
		case "Services":
			return k.members(ctx, v, k.servicesOf)
		}
		return v, nil
	})
}

// members leaves out members of an object that stand for things.
func (k *work) members(ctx context.Context, text value, of func(context.Context, []string, []value) ([]bool, error)) (value, error) {
	var keys []string
	var values []value
	if _, err := edit(text, func(name string, v value) (value, error) {
		keys, values = append(keys, name), append(values, v)
		return v, nil
	}); err != nil || len(keys) == 0 {
		return text, err
	}
	shown, err := of(ctx, keys, values)
	if err != nil {
		return nil, err
	}
	at := -1
	return edit(text, func(_ string, v value) (value, error) {
		if at++; !shown[at] {
			return nil, nil
		}
		return v, nil
	})
}

// shown says which members may be seen. One without an object is known already.
func (k *work) shown(ctx context.Context, objects []call.Object, known []bool) ([]bool, error) {
	seen, err := k.sees(ctx, slices.DeleteFunc(slices.Clone(objects), noOwn))
	if err != nil {
		return nil, err
	}
	for i := range objects {
		if !noOwn(objects[i]) {
			known[i], seen = seen[0], seen[1:]
		}
	}
	return known, nil
}

// noOwn is a member that stands for nothing of somebody's.
func noOwn(o call.Object) bool { return o.ID == "" }

// fewMembers are looked up one by one.
const fewMembers = 4

// containersOf are the containers of a network by their ids. Others have only the id of an end point, on another host; the end point of the
// network's own balancer belongs to nobody else.
func (k *work) containersOf(ctx context.Context, keys []string, values []value) ([]bool, error) {
	all, err := k.seenOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	objects, known := make([]call.Object, len(keys)), make([]bool, len(keys))
	for i, id := range keys {
		var e struct{ Name string }
		if err := read(values[i], &e); err != nil {
			return nil, err
		}
		if strings.HasPrefix(id, "lb-") {
			known[i] = true
			continue
		}
		if seen, ok := all[id]; ok {
			known[i] = seen
			continue
		}
		objects[i] = call.Object{Kind: route.Container, ID: id, Name: e.Name}
		if len(id) != 64 {
			continue
		}
		o, err := k.lookup(ctx, route.Container, id)
		if err != nil {
			return nil, err
		}
		if o != nil {
			objects[i] = *o
		}
	}
	return k.shown(ctx, objects, known)
}

// seenOf says of containers, where they are many, which may be seen.
func (k *work) seenOf(ctx context.Context, ids []string) (map[string]bool, error) {
	all := map[string]bool{}
	if len(ids) <= fewMembers {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	return all, k.listed(ctx, "/containers/json?all=1", route.Container, func(objects []call.Object, _ []element) error {
		objects = slices.DeleteFunc(objects, func(o call.Object) bool { return !wanted[o.ID] })
		seen, err := k.sees(ctx, objects)
		if err != nil {
			return err
		}
		for i := range objects {
			all[objects[i].ID] = seen[i]
		}
		return nil
	})
}

func (k *work) servicesOf(ctx context.Context, keys []string, _ []value) ([]bool, error) {
	objects, known := make([]call.Object, len(keys)), make([]bool, len(keys))
	for i, name := range keys {
		if name == "" {
			known[i] = true // containers that are in no service: they are among the containers
			continue
		}
		objects[i] = call.Object{Kind: route.Service, ID: name, Name: name}
		o, err := k.find.Find(ctx, route.Service, name)
		if err != nil {
			return nil, fmt.Errorf("look up a thing of an answer: %w", err)
		}
		if o != nil {
			objects[i] = *o
		}
	}
	return k.shown(ctx, objects, known)
}

// container takes the names of linked containers out of another that may not be seen.
func (k *work) container(ctx context.Context, text value) (value, error) {
	return edit(text, func(name string, v value) (value, error) {
		if name != "HostConfig" {
			return v, nil
		}
		return edit(v, func(name string, v value) (value, error) {
			if name != "Links" {
				return v, nil
			}
			return k.links(ctx, v)
		})
	})
}

func (k *work) links(ctx context.Context, text value) (value, error) {
	list, err := elements(text)
	if err != nil || len(list) == 0 {
		return text, err
	}
	objects := make([]call.Object, len(list))
	for i, v := range list {
		var link string
		if err := read(v, &link); err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(link, ":") // "/other:/this/alias"
		objects[i] = call.Object{Kind: route.Container, ID: name, Name: strings.TrimPrefix(name, "/")}
		o, err := k.find.Find(ctx, route.Container, name)
		if err != nil {
			return nil, fmt.Errorf("look up a thing of an answer: %w", err)
		}
		if o != nil {
			objects[i] = *o
		}
	}
	seen, err := k.sees(ctx, objects)
	if err != nil {
		return nil, err
	}
	var left []value
	for i, ok := range seen {
		if ok {
			left = append(left, list[i])
		}
	}
	if len(left) == len(list) {
		return text, nil
	}
	return array(left), nil
}

// listed reads a list of the engine, some of it at a time: a list of the whole host is as long as its tenants like.
func (k *work) listed(ctx context.Context, target string, kind route.Object, each func([]call.Object, []element) error) error {
	release, err := k.turns.take(ctx, k.account)
	if err != nil {
		return err
	}
	defer release()
	var objects []call.Object
	var batch []element
	begin := int64(0)
	status, err := k.engine.List(ctx, target, func(d *jsontext.Decoder) error {
		e, err := readElement(kind, d.PeekKind(), func(into any) error { return jsonv2.UnmarshalDecode(d, into) })
		if err != nil {
			return err
		}
		objects, batch = append(objects, e.object(kind)), append(batch, e)
		if len(batch) < batchSize && d.InputOffset()-begin < mostBatch {
			return nil
		}
		err = each(objects, batch)
		objects, batch, begin = nil, nil, d.InputOffset()
		return err
	})
	if err != nil {
		return fmt.Errorf("list things of the engine: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("list things of the engine: it answered %d", status)
	}
	return each(objects, batch)
}
