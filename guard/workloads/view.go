package workloads

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// view is the engine and its host for one caller.
type view struct {
	k       *Workloads
	who     model.Principal
	ask     *call.Ask       // that it is for; nil for none
	unnamed map[string]bool // volumes of the container that is looked at
}

var _ workload.Host = (*view)(nil)

// Path implements workload.Host.
func (v *view) Path(path string) workload.Path { return v.k.p.Paths.Path(path) }

// Below implements workload.Host.
func (v *view) Below(path string) bool { return v.k.p.Paths.Below(path) }

// foreign says whether something belongs to others than the caller's tenant.
func (v *view) foreign(o *call.Object) bool {
	of := o.Tenant
	if of == "" {
		of = v.k.p.Tenant
	}
	return of != v.who.Tenant
}

// find gives nil where there is no such thing.
func (v *view) find(ctx context.Context, kind route.Object, name string) (*call.Object, error) {
	o, err := v.k.p.Find.Object(ctx, kind, name)
	if errors.Is(err, v.k.p.Missing) {
		return nil, nil
	}
	return o, err
}

// Volume implements workload.Host.
func (v *view) Volume(ctx context.Context, name string) (workload.Volume, bool, error) {
	o, err := v.find(ctx, route.Volume, name)
	if err != nil || o == nil {
		return workload.Volume{}, false, err
	}
	var in volume.Volume
	if err := v.k.get(ctx, "/volumes/"+url.PathEscape(o.ID), &in); err != nil {
		return workload.Volume{}, false, err
	}
	return workload.Volume{Driver: in.Driver, Mountpoint: in.Mountpoint, Options: in.Options, Foreign: v.foreign(o) && !v.unnamed[name]}, true, nil
}

// Container implements workload.Host.
func (v *view) Container(ctx context.Context, name string) (workload.Peer, error) {
	o, err := v.k.p.Find.Object(ctx, route.Container, name)
	if err != nil {
		return workload.Peer{}, err
	}
	var in container.InspectResponse
	if err := v.k.get(ctx, "/containers/"+url.PathEscape(o.ID)+"/json", &in); err != nil {
		return workload.Peer{}, err
	}
	if in.Config == nil || in.HostConfig == nil {
		return workload.Peer{}, fmt.Errorf("the engine does not say how container %s was made", o.ID)
	}
	d, err := v.k.engineDefaults(ctx)
	if err != nil {
		return workload.Peer{}, err
	}
	// A peer's own peers are its own matter: what it shares with them is in its mounts and namespaces already.
	r := &workload.Reader{Host: &alone{v}, Texts: v.k.p.Texts, Defaults: d}
	w := r.FromInspect(ctx, &in)
	return workload.Peer{ID: o.ID, Foreign: v.foreign(o), Namespaces: w.Namespaces, Mounts: w.Mounts}, nil
}

// alone follows no container any further.
type alone struct{ *view }

// Container implements workload.Host.
func (alone) Container(_ context.Context, name string) (workload.Peer, error) {
	return workload.Peer{ID: name}, nil
}

// Network implements workload.Host.
func (v *view) Network(ctx context.Context, name string) (workload.Network, error) {
	o, err := v.k.p.Find.Object(ctx, route.Network, name)
	if err != nil {
		return workload.Network{}, err
	}
	var in network.Inspect
	if err := v.k.get(ctx, "/networks/"+url.PathEscape(o.ID), &in); err != nil {
		return workload.Network{}, err
	}
	common := o.Tenant == "" && (in.Name == "bridge" || in.Name == "none" || in.Name == "host")
	return workload.Network{ID: in.ID, Name: in.Name, Driver: in.Driver, Foreign: v.foreign(o) && !common}, nil
}

// named is an image that the call names, and that was looked up already.
func (v *view) named(ref string) *call.Object {
	if v.ask == nil {
		return nil
	}
	b, ok := v.ask.Body.(*container.CreateRequest)
	if !ok || b.Config == nil || b.Image != ref {
		return nil
	}
	for i := range v.ask.Uses {
		if u := &v.ask.Uses[i]; u.Object.Kind == route.Image && u.Field == "/Image" {
			return &u.Object
		}
	}
	return nil
}

// Image implements workload.Host.
func (v *view) Image(ctx context.Context, ref string) (workload.Image, bool, error) {
	o := v.named(ref)
	if o == nil {
		var err error
		if o, err = v.find(ctx, route.Image, ref); err != nil || o == nil {
			return workload.Image{}, false, err
		}
	}
	in, err := v.k.image(ctx, o.ID)
	if err != nil {
		return workload.Image{}, false, err
	}
	i := workload.Image{ID: in.ID}
	if in.Config != nil {
		i.User, i.WorkingDir, i.Entrypoint, i.Cmd, i.Env = in.Config.User, in.Config.WorkingDir, in.Config.Entrypoint, in.Config.Cmd, in.Config.Env
	}
	named := imageref.Parse(ref)
	for _, d := range in.RepoDigests {
		if r := imageref.Parse(d); r.Registry == named.Registry && r.Name == named.Name {
			i.Digest = r.Digest
		}
	}
	return i, true, nil
}
