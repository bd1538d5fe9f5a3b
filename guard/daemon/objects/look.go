package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("it can't be read: %w", err)
	}
	return nil
}

// owned puts the labels on an object, and what the guard's own say of it.
func owned(o *call.Object, labels map[string]string) *call.Object {
	o.Labels, o.Tenant, o.Owner = labels, labels[call.LabelTenant], labels[call.LabelOwner]
	return o
}

// container looks a container up. The engine takes a full id first, then a name, then the beginning of an id; with a slash before it, only
// a name.
func (r *Resolver) container(ctx context.Context, name string) (*call.Object, error) {
	plain, slash := strings.CutPrefix(name, "/")
	if !r.word.MatchString(plain) {
		return nil, &Fault{Status: http.StatusNotFound, Kind: route.Container, Message: "No such container: " + name, Reason: ErrNotFound}
	}
	var c struct {
		ID     string `json:"Id"`
		Name   string
		Config struct {
			Image  string
			Labels map[string]string
		}
		HostConfig struct{ Privileged bool }
		Image      string
		State      struct{ StartedAt string }
	}
	if err := r.get(ctx, route.Container, path("containers", plain, "json"), &c); err != nil {
		return nil, err
	}
	if slash && c.Name != name {
		return nil, &Fault{Status: http.StatusNotFound, Kind: route.Container, Message: "No such container: " + name, Reason: ErrNotFound}
	}
	if err := r.sane(route.Container, c.ID); err != nil {
		return nil, err
	}
	o := &call.Object{Kind: route.Container, ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Image: c.Config.Image, Privileged: c.HostConfig.Privileged}
	o.ImageID, o.Ran = c.Image, c.State.StartedAt != "" && !strings.HasPrefix(c.State.StartedAt, "0001-")
	return owned(o, c.Config.Labels), nil
}

// sane refuses what is no id of the engine: it would not name one thing for ever.
func (r *Resolver) sane(kind route.Object, id string) error {
	switch kind {
	case route.Container, route.Exec, route.Plugin:
		if r.hexID.MatchString(id) {
			return nil
		}
	case route.Image:
		if _, hex, ok := strings.Cut(id, ":"); ok && len(hex) >= 64 && strings.Trim(hex, "0123456789abcdef") == "" {
			return nil
		}
	default: // networks of a swarm, services, tasks, nodes
		if len(id) >= 25 && len(id) <= 64 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz") == "" {
			return nil
		}
	}
	return fmt.Errorf("look up a %s: the engine's answer has no full id", strings.ToLower(string(kind)))
}

// exec looks up to which container an exec belongs.
func (r *Resolver) exec(ctx context.Context, id string) (*call.Object, error) {
	if !r.hexID.MatchString(id) {
		return nil, &Fault{Status: http.StatusNotFound, Kind: route.Exec, Message: "No such exec instance: " + id, Reason: ErrNotFound}
	}
	var e struct{ ID, ContainerID string }
	if err := r.get(ctx, route.Exec, path("exec", id, "json"), &e); err != nil {
		return nil, err
	}
	if e.ID != id || !r.hexID.MatchString(e.ContainerID) {
		return nil, fmt.Errorf("look up an exec: the engine's answer is of another one")
	}
	c, err := r.container(ctx, e.ContainerID)
	if err != nil {
		return nil, err
	}
	if c.ID != e.ContainerID {
		return nil, fmt.Errorf("look up an exec: the engine's answer is of another container")
	}
	return &call.Object{
		Kind: route.Exec, ID: e.ID, Name: e.ID, Tenant: c.Tenant, Owner: c.Owner, Labels: c.Labels, Image: c.Image, Privileged: c.Privileged, Container: c,
	}, nil
}

// network looks a network up. Names of networks may have any characters: those that can't stand in a path are looked for in the list, since
// they are no beginning of an id.
//
// A swarm has networks "host" and "bridge" beside those of its nodes: scope says which ones are looked at, and is empty for all.
func (r *Resolver) network(ctx context.Context, name, scope string) (*call.Object, error) {
	if name == "" {
		return nil, invalid(route.Network, "the name of a network is empty")
	}
	type network struct {
		ID     string `json:"Id"`
		Name   string
		Scope  string
		Labels map[string]string
	}
	var n network
	if r.word.MatchString(name) {
		target := path("networks", name)
		if scope != "" {
			target += "?" + url.Values{"scope": {scope}}.Encode()
		}
		if err := r.get(ctx, route.Network, target, &n); err != nil {
			return nil, err
		}
	} else {
		var all []network
		if err := r.get(ctx, route.Network, "/networks", &all); err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(n network) bool { return n.Name != name || scope != "" && n.Scope != scope })
		switch len(all) {
		case 0:
			return nil, &Fault{Status: http.StatusNotFound, Kind: route.Network, Message: "network " + name + " not found", Reason: ErrNotFound}
		case 1:
			n = all[0]
		default:
			return nil, &Fault{
				Status: http.StatusBadRequest, Kind: route.Network, Reason: ErrAmbiguous,
				Message: fmt.Sprintf("network %s is ambiguous (%d matches found on name)", name, len(all)),
			}
		}
	}
	if err := r.sane(route.Network, n.ID); err != nil {
		return nil, err
	}
	return owned(&call.Object{Kind: route.Network, ID: n.ID, Name: n.Name}, n.Labels), nil
}

// volume looks a volume up: its name is what it is.
func (r *Resolver) volume(ctx context.Context, name string) (*call.Object, error) {
	if !r.word.MatchString(name) {
		return nil, invalid(route.Volume, "%.80q is no name of a volume: letters, digits, _, . and - are", name)
	}
	var v struct {
		Name   string
		Labels map[string]string
	}
	if err := r.get(ctx, route.Volume, path("volumes", name), &v); err != nil {
		return nil, err
	}
	if v.Name != name {
		return nil, fmt.Errorf("look up a volume: the engine's answer is of another one")
	}
	return owned(&call.Object{Kind: route.Volume, ID: name, Name: name}, v.Labels), nil
}

// plugin looks a plugin up. It has no labels.
func (r *Resolver) plugin(ctx context.Context, name string) (*call.Object, error) {
	if !r.wide.MatchString(name) {
		return nil, invalid(route.Plugin, "%.80q is no name of a plugin", name)
	}
	var p struct {
		ID   string `json:"Id"`
		Name string
	}
	if err := r.get(ctx, route.Plugin, "/plugins/"+name+"/json", &p); err != nil {
		return nil, err
	}
	if err := r.sane(route.Plugin, p.ID); err != nil {
		return nil, err
	}
	return &call.Object{Kind: route.Plugin, ID: p.ID, Name: p.Name}, nil
}

// spec is what services, secrets, configs and nodes have.
type spec struct {
	ID   string
	Spec struct {
		Name         string
		Labels       map[string]string
		TaskTemplate struct{ ContainerSpec struct{ Image string } }
	}
	Description struct{ Hostname string }
}

func (r *Resolver) swarm(ctx context.Context, kind route.Object, name string) (*call.Object, error) {
	if !r.word.MatchString(name) {
		return nil, invalid(kind, "%.80q is no name and no id of a %s", name, strings.ToLower(string(kind)))
	}
	room := map[route.Object]string{route.Service: "services", route.Secret: "secrets", route.Config: "configs", route.SwarmNode: "nodes"}[kind]
	var s spec
	if err := r.get(ctx, kind, path(room, name), &s); err != nil {
		return nil, err
	}
	if err := r.sane(kind, s.ID); err != nil {
		return nil, err
	}
	o := &call.Object{Kind: kind, ID: s.ID, Name: s.Spec.Name, Image: s.Spec.TaskTemplate.ContainerSpec.Image}
	if kind == route.SwarmNode {
		o.Name, o.Labels = s.Description.Hostname, s.Spec.Labels // a node is the swarm's, whatever its labels say
		return o, nil
	}
	return owned(o, s.Spec.Labels), nil
}

// task looks a task up: it is whose its service is.
func (r *Resolver) task(ctx context.Context, name string) (*call.Object, error) {
	if !r.word.MatchString(name) {
		return nil, invalid(route.Task, "%.80q is no name and no id of a task", name)
	}
	var t struct{ ID, ServiceID string }
	if err := r.get(ctx, route.Task, path("tasks", name), &t); err != nil {
		return nil, err
	}
	if err := r.sane(route.Task, t.ID); err != nil {
		return nil, err
	}
	o := &call.Object{Kind: route.Task, ID: t.ID, Name: t.ID}
	if t.ServiceID == "" {
		return o, nil // the attachment of a container to a network: nobody's
	}
	s, err := r.swarm(ctx, route.Service, t.ServiceID)
	if err != nil {
		return nil, err
	}
	o.Tenant, o.Owner, o.Labels, o.Image = s.Tenant, s.Owner, s.Labels, s.Image
	return o, nil
}

// filter writes a parameter with one filter.
func filter(name, value string) (string, error) {
	b, err := json.Marshal(map[string]map[string]bool{name: {value: true}})
	if err != nil {
		return "", fmt.Errorf("write a filter: %w", err)
	}
	return "filters=" + url.QueryEscape(string(b)), nil
}
