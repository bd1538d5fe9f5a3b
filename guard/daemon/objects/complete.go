package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// Most things that a call may name, and that are looked up for one call.
const (
	mostUses    = 1000
	mostLookups = 500
)

// visit is one reading of a call.
type visit struct {
	*Resolver
	ask   *call.Ask
	known map[string]found
	// names are what the caller called things that were looked up.
	names map[*call.Object]string
	// Services of the swarm, once they were read.
	swarmServices []swarm.Service
	swarmRead     bool
}

func (r *Resolver) visit(a *call.Ask) *visit {
	return &visit{Resolver: r, ask: a, known: map[string]found{}, names: map[*call.Object]string{}}
}

type found struct {
	object *call.Object
	err    error
}

// Complete finds what a call is about and what it names beside, and writes full ids into the call and its body where the engine's answers
// don't show the difference. Where they would, the name stays, and Verify makes sure after the call that it still meant the same.
func (r *Resolver) Complete(ctx context.Context, a *call.Ask) error {
	v := r.visit(a)
	if err := v.subject(ctx); err != nil {
		return err
	}
	if err := v.query(ctx); err != nil {
		return err
	}
	return v.body(ctx)
}

// look is Object, once for each name.
func (v *visit) look(ctx context.Context, kind route.Object, name string) (*call.Object, error) {
	key := string(kind) + " " + name
	if f, ok := v.known[key]; ok {
		return f.object, f.err
	}
	if len(v.known) >= mostLookups {
		return nil, invalid(kind, "the call names more than %d things", mostLookups)
	}
	o, err := v.Object(ctx, kind, name)
	var f *Fault
	if err == nil || errors.As(err, &f) {
		v.known[key] = found{o, err}
	}
	if err == nil && (kind != route.Image || o.ByID) { // which has many
		v.names[o] = name
	}
	return o, err
}

func (v *visit) use(o *call.Object, action, field string) error {
	if len(v.ask.Uses) >= mostUses {
		return invalid(o.Kind, "the call names more than %d things", mostUses)
	}
	v.ask.Uses = append(v.ask.Uses, call.Use{Object: *o, Action: action, Field: field, Named: v.names[o]})
	return nil
}

// named looks something up and notes its use.
func (v *visit) named(ctx context.Context, kind route.Object, name, action, field string) (*call.Object, error) {
	o, err := v.look(ctx, kind, name)
	if err != nil {
		return nil, at(field, err)
	}
	return o, v.use(o, action, field)
}

// at says in which field a name stands.
func at(field string, err error) error {
	var f *Fault
	if !errors.As(err, &f) {
		return err
	}
	said := *f
	said.Field = field
	return &said
}

// beside is a fault of something that a body names. The engine says 404 there only of what the call is about: clients go and pull an image.
func beside(err error) error {
	var f *Fault
	if !errors.As(err, &f) || f.Status != http.StatusNotFound {
		return err
	}
	said := *f
	said.Status = http.StatusBadRequest
	return &said
}

// subject is what the path names.
func (v *visit) subject(ctx context.Context) error {
	c := v.ask.Call
	if !strings.Contains(c.Route.Path, "{") {
		return nil
	}
	if c.Route.On == route.Registry {
		o, err := newImage(c.Name, "")
		if err != nil {
			return err
		}
		v.ask.Object = &call.Object{Kind: route.Registry, ID: call.RegistryOf(o.Name), Name: o.Name}
		return nil
	}
	if c.Route.Action == "ImageSave" || c.Route.Action == "ImagePush" && c.Query.Texts["tag"] == "" {
		if done, err := v.allTags(ctx, c.Name, "path"); done || err != nil {
			return err
		}
	}
	name := c.Name
	if tag := c.Query.Texts["tag"]; c.Route.Action == "ImagePush" && tag != "" {
		// The engine puts them together, and pushes nothing else.
		o, err := newImage(name, tag)
		if err != nil {
			return err
		}
		name = o.Name
	}
	o, err := v.target(ctx, name)
	if err != nil {
		return err
	}
	v.ask.Object = o
	switch {
	case c.Route.Action == "ImagePush":
		if imageTarget(name, o) == o.ID {
			return &Fault{Status: http.StatusNotFound, Kind: route.Image, Message: "An image does not exist locally with the tag: " + name, Reason: ErrNotFound}
		}
	case c.Route.On == route.Image && c.Route.Action != "ImageInspect":
		c.Name = imageTarget(name, o)
		if c.Route.Action == "ImageRemove" && o.ByID {
			return v.allNames(o, name)
		}
	default:
		c.Name = o.ID
	}
	return nil
}

// target is what the path names. Of networks the query may say which one of that name is meant.
func (v *visit) target(ctx context.Context, name string) (*call.Object, error) {
	c := v.ask.Call
	if scope := c.Query.Texts["scope"]; c.Route.Action == "NetworkInspect" && scope != "" {
		return v.network(ctx, name, scope)
	}
	return v.look(ctx, c.Route.On, name)
}

// allNames is for an image that is removed by its id: all its names go with it, whoever gave them.
func (v *visit) allNames(o *call.Object, asked string) error {
	for _, name := range o.Names {
		one := &call.Object{Kind: route.Image, ID: o.ID, Name: name, Labels: o.Labels}
		v.names[one] = asked
		if err := v.use(one, "ImageDelete", "names of the image"); err != nil {
			return err
		}
	}
	return nil
}

// allTags is for calls that mean all tags where none is named.
func (v *visit) allTags(ctx context.Context, name, field string) (done bool, err error) {
	all, err := v.repository(ctx, name)
	if err != nil || len(all) == 0 {
		return false, err
	}
	if v.ask.Object == nil {
		v.ask.Object = &all[0]
	}
	for i := range all {
		if err := v.use(&all[i], string(v.ask.Call.Route.Action), field); err != nil {
			return true, err
		}
	}
	return true, nil
}

// body is what the body names.
func (v *visit) body(ctx context.Context) error {
	switch b := v.ask.Body.(type) {
	case *container.CreateRequest:
		return v.containerCreate(ctx, b)
	case *call.NetworkCreate:
		return v.networkCreate(ctx, b)
	case *network.ConnectRequest:
		return v.connect(ctx, b)
	case *network.DisconnectRequest:
		return v.disconnect(ctx, b)
	case *volume.CreateRequest:
		return v.volumeCreate(ctx, b)
	case *call.VolumeUpdate:
		return v.volumeSecrets(ctx, b.Spec, "/Spec")
	case *swarm.ServiceSpec:
		return v.service(ctx, b)
	case *registry.AuthConfig:
		v.ask.Object = &call.Object{Kind: route.Registry, ID: b.ServerAddress, Name: b.ServerAddress}
	case *swarm.SecretSpec:
		return v.makes(ctx, route.Secret, b.Annotations)
	case *swarm.ConfigSpec:
		return v.makes(ctx, route.Config, b.Annotations)
	}
	return nil
}

// makes is made for what has a name of its own in its body.
func (v *visit) makes(ctx context.Context, kind route.Object, a swarm.Annotations) error {
	if v.ask.Object != nil {
		return nil
	}
	v.made(kind, a.Name, a.Labels)
	return v.taken(ctx, kind, a.Name, "/Name")
}

// made is an object that the call makes, where its path names none.
func (v *visit) made(kind route.Object, name string, labels map[string]string) {
	if v.ask.Object == nil {
		v.ask.Object = &call.Object{Kind: kind, ID: name, Name: name, Labels: labels, New: true}
	}
}

// taken refuses a name that is the beginning of another object's id: whoever means that one by its short id would get this one, since the
// engine looks for names first.
func (v *visit) taken(ctx context.Context, kind route.Object, name, field string) error {
	short := v.hexShort
	switch kind {
	case route.Network, route.Service, route.Secret, route.Config: // ids of a swarm have all letters
		short = v.anyShort
	}
	if !short.MatchString(name) {
		return nil
	}
	if v.hexID.MatchString(name) {
		return at(field, invalid(kind, "%s is written like an id, and can't be a name", name))
	}
	o, err := v.look(ctx, kind, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case errors.Is(err, ErrAmbiguous), err == nil && o.Name != name && o.Name != name+":latest":
		return at(field, &Fault{
			Status: http.StatusConflict, Kind: kind, Reason: ErrInvalid,
			Message: fmt.Sprintf("%s is the short form of another object's id, and can't be a name", name),
		})
	}
	return err
}
