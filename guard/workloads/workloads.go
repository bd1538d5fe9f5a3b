// Package workloads reads from the engine and the host what it takes to say what a call would run: the container that is started, the
// volume behind a name, the image's own entry point, what the engine gives by default.
//
// It decides nothing. What it can't read is an error, and the call is refused.
package workloads

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// Engine answers GET requests without a version.
type Engine interface {
	Get(ctx context.Context, target string) (status int, body []byte, err error)
}

// Finder knows what names mean.
type Finder interface {
	Object(ctx context.Context, kind route.Object, name string) (*call.Object, error)
}

// Paths says where paths of the host lead.
type Paths interface {
	Path(path string) workload.Path
	Below(path string) bool
}

// Parts are what it is made of.
type Parts struct {
	Engine Engine
	Find   Finder
	// Missing is what Find's errors are where there is no such thing.
	Missing error
	Paths   Paths
	Texts   workload.Texts
	// Tenant is the host's.
	Tenant string
	// TenantLabel and SensitivityLabel are what workloads say of themselves by.
	TenantLabel, SensitivityLabel string
	// Sockets are those of container engines, SystemPaths what belongs to the host beside the usual.
	Sockets, SystemPaths []string
	// WritablePaths are those of the host that containers may write to, ReadablePaths those that they may read, with all that is below.
	WritablePaths, ReadablePaths []string
	// Wanted is what is made harder, without Digest; PinDigest has images run by what their name stands for now.
	Wanted    workload.Wanted
	PinDigest bool
	Now       func() time.Time
}

// Workloads implements judge.Workloads.
type Workloads struct {
	p Parts

	mu       sync.Mutex
	defaults workload.Defaults
	read     time.Time
	images   map[string]shownImage // by id
}

// New makes it.
func New(p Parts) *Workloads {
	if p.Now == nil {
		p.Now = time.Now
	}
	return &Workloads{p: p}
}

// Harden makes what a call would run harder, and says what it changed.
func (k *Workloads) Harden(ctx context.Context, a *call.Ask) ([]string, error) {
	w := k.p.Wanted
	ref := ""
	switch b := a.Body.(type) {
	case *container.CreateRequest:
		if b.Config != nil {
			ref = b.Image
		}
	case *swarm.ServiceSpec:
		if c := b.TaskTemplate.ContainerSpec; c != nil {
			ref = c.Image
		}
	case *container.UpdateConfig:
	default:
		return nil, nil
	}
	if k.p.PinDigest && ref != "" {
		i, there, err := (&view{k: k, who: a.Subject.Principal, ask: a}).Image(ctx, ref)
		if err != nil {
			return nil, err
		}
		if there {
			w.Digest = i.Digest
		}
	}
	return workload.Harden(a.Body, w), nil
}

// Facts says what a call would run; nil for a call that runs nothing.
func (k *Workloads) Facts(ctx context.Context, a *call.Ask) (map[string]any, error) {
	d, err := k.engineDefaults(ctx)
	if err != nil {
		return nil, err
	}
	w, err := k.workload(ctx, a, d)
	if err != nil || w == nil {
		return nil, err
	}
	a.Workload = w
	return workload.Facts(w, workload.Extra{Defaults: d, Tenant: a.Subject.Principal.Tenant}), nil
}

func (k *Workloads) workload(ctx context.Context, a *call.Ask, d workload.Defaults) (*model.Workload, error) {
	r := &workload.Reader{
		Host: &view{k: k, who: a.Subject.Principal, ask: a}, Texts: k.p.Texts, Defaults: d, TenantLabel: k.p.TenantLabel, SensitivityLabel: k.p.SensitivityLabel,
	}
	var w model.Workload
	switch b := a.Body.(type) {
	case *container.CreateRequest:
		w = r.FromCreate(ctx, b)
		if a.MAC != "" {
			w.Addresses = append(w.Addresses, a.MAC)
		}
	case *swarm.ServiceSpec:
		r.Defaults.Alone = a.Swarm != nil && a.Swarm.Alone // a node may have come since the engine's settings were read
		w = r.FromService(ctx, b)
	case *volume.CreateRequest:
		w = r.FromVolume(ctx, b)
	case *container.UpdateConfig:
		in, err := k.running(ctx, r, a)
		if err != nil {
			return nil, err
		}
		w = r.FromUpdate(b, in)
	case *call.Solve:
		w = r.FromSolve(b)
	case *call.ExecCreate:
		in, err := k.running(ctx, r, a)
		if err != nil {
			return nil, err
		}
		w = r.FromExec(&b.ExecCreateRequest, in, nil)
	default:
		switch a.Call.Route.Action {
		case "ContainerStart", "ContainerRestart":
			in, err := k.running(ctx, r, a)
			if err != nil {
				return nil, err
			}
			w = in
		case "ImageBuild":
			w = r.FromBuild(ctx, a.Call.Query, a.Bases)
		default:
			return nil, fmt.Errorf("the call has no body that says what it would run")
		}
	}
	return &w, nil
}

// running is the container that a call is about, as it would start now.
func (k *Workloads) running(ctx context.Context, r *workload.Reader, a *call.Ask) (model.Workload, error) {
	if a.Object == nil || a.Object.Kind != route.Container {
		return model.Workload{}, fmt.Errorf("the call names no container")
	}
	var in container.InspectResponse
	if err := k.get(ctx, "/containers/"+url.PathEscape(a.Object.ID)+"/json", &in); err != nil {
		return model.Workload{}, err
	}
	if in.Config == nil || in.HostConfig == nil {
		return model.Workload{}, fmt.Errorf("the engine does not say how container %s was made", a.Object.ID)
	}
	if v, ok := r.Host.(*view); ok {
		v.unnamed = unnamed(&in)
	}
	return r.FromInspect(ctx, &in), nil
}

// unnamed are volumes that the engine made for a container, because its image or its body wants one and names none: they can't carry the
// guard's labels, and belong to whom the container does.
func unnamed(in *container.InspectResponse) map[string]bool {
	list := map[string]bool{}
	for _, p := range in.Mounts {
		if p.Type == mount.TypeVolume && isHex(p.Name) {
			list[p.Name] = true
		}
	}
	for _, b := range in.HostConfig.Binds {
		name, _, _ := strings.Cut(b, ":")
		delete(list, name)
	}
	for _, m := range in.HostConfig.Mounts {
		delete(list, m.Source)
	}
	return list
}

// isHex says whether a volume's name is one that the engine makes up.
func isHex(name string) bool {
	const size = 64
	return len(name) == size && strings.Trim(name, "0123456789abcdef") == ""
}
