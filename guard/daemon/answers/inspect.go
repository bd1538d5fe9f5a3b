package answers

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

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
func (k *work) members(ctx context.Context, text value, of func(context.Context, []string, []value) ([]call.Object, error)) (value, error) {
	var keys []string
	var values []value
	if _, err := edit(text, func(name string, v value) (value, error) {
		keys, values = append(keys, name), append(values, v)
		return v, nil
	}); err != nil || len(keys) == 0 {
		return text, err
	}
	objects, err := of(ctx, keys, values)
	if err != nil {
		return nil, err
	}
	seen, err := k.sees(ctx, slices.DeleteFunc(slices.Clone(objects), noOwn))
	if err != nil {
		return nil, err
	}
	at := -1
	return edit(text, func(_ string, v value) (value, error) {
		at++
		if noOwn(objects[at]) {
			return v, nil
		}
		show := seen[0]
		if seen = seen[1:]; !show {
			return nil, nil
		}
		return v, nil
	})
}

// noOwn is a member that stands for nothing of somebody's.
func noOwn(o call.Object) bool { return o.ID == "" }

// fewMembers are looked up one by one.
const fewMembers = 4

// containersOf are the containers of a network by their ids. Others have only the id of an end point, on another host; the end point of the
// network's own balancer belongs to nobody else.
func (k *work) containersOf(ctx context.Context, keys []string, values []value) ([]call.Object, error) {
	objects := make([]call.Object, len(keys))
	all := map[string]call.Object{}
	if len(keys) > fewMembers {
		list, _, err := k.listed(ctx, "/containers/json?all=1", route.Container)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			all[o.ID] = o
		}
	}
	for i, id := range keys {
		var e struct{ Name string }
		if err := read(values[i], &e); err != nil {
			return nil, err
		}
		if strings.HasPrefix(id, "lb-") {
			continue
		}
		objects[i] = call.Object{Kind: route.Container, ID: id, Name: e.Name}
		if o, ok := all[id]; ok {
			objects[i] = o
			continue
		}
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
	return objects, nil
}

func (k *work) servicesOf(ctx context.Context, keys []string, _ []value) ([]call.Object, error) {
	objects := make([]call.Object, len(keys))
	for i, name := range keys {
		if name == "" {
			continue // containers that are in no service: they are among the containers
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
	return objects, nil
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

// listed is a list of the engine, and what was read of it.
func (k *work) listed(ctx context.Context, target string, kind route.Object) ([]call.Object, []element, error) {
	status, text, err := k.engine.Get(ctx, target)
	if err != nil {
		return nil, nil, fmt.Errorf("list things of the engine: %w", err)
	}
	if status != http.StatusOK {
		return nil, nil, fmt.Errorf("list things of the engine: it answered %d", status)
	}
	list, err := elements(bytes.TrimSpace(text))
	if err != nil {
		return nil, nil, err
	}
	objects, read := make([]call.Object, len(list)), make([]element, len(list))
	for i, v := range list {
		if read[i], err = elementOf(kind, v); err != nil {
			return nil, nil, err
		}
		objects[i] = read[i].object(kind)
	}
	return objects, read, nil
}
