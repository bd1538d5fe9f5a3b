// Package workloads reads from the engine and the host what it takes to say what a call would run: the container that is started, the
// volume behind a name, the image's own entry point, what the engine gives by default.
//
// It decides nothing. What it can't read is an error, and the call is refused.
package workloads

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client/pkg/versions"

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
	// WritablePaths are those of the host that containers may write to.
	WritablePaths []string
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

// fresh is for how long the engine's settings are taken for what they were.
const fresh = time.Minute

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

// shownImage is what the engine said of an image, and when.
type shownImage struct {
	image.InspectResponse
	at time.Time
}

const mostImages = 256

// image is an image by its id, which an engine takes long to show. What an id stands for does not change; its digests may.
func (k *Workloads) image(ctx context.Context, id string) (*image.InspectResponse, error) {
	now := k.p.Now()
	k.mu.Lock()
	known, ok := k.images[id]
	k.mu.Unlock()
	if ok && now.Sub(known.at) < fresh {
		return &known.InspectResponse, nil
	}
	got := shownImage{at: now}
	if err := k.get(ctx, "/images/"+url.PathEscape(id)+"/json", &got.InspectResponse); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.images == nil || len(k.images) >= mostImages {
		k.images = map[string]shownImage{}
	}
	k.images[id] = got
	return &got.InspectResponse, nil
}

func (k *Workloads) get(ctx context.Context, target string, into any) error {
	status, text, err := k.p.Engine.Get(ctx, target)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the engine answered %d to %s", status, target)
	}
	return decode(target, text, into)
}

func decode(target string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the engine's answer to %s: %w", target, err)
	}
	return nil
}

// engineDefaults are what the engine gives where nothing is asked for.
func (k *Workloads) engineDefaults(ctx context.Context) (workload.Defaults, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.read.IsZero() && k.p.Now().Sub(k.read) < fresh {
		return k.defaults, nil
	}
	var info system.Info
	if err := k.get(ctx, "/info", &info); err != nil {
		return workload.Defaults{}, fmt.Errorf("the engine's settings: %w", err)
	}
	k.defaults, k.read = k.of(&info), k.p.Now()
	k.defaults.ReadOnlyDeep = k.readOnlyDeep(ctx)
	return k.defaults, nil
}

// readOnlyDeep asks the engine for its version; what it does not say it does not do.
func (k *Workloads) readOnlyDeep(ctx context.Context) bool {
	var v struct{ APIVersion, KernelVersion string }
	if err := k.get(ctx, "/version", &v); err != nil || v.APIVersion == "" {
		return false
	}
	kernel, _, _ := strings.Cut(v.KernelVersion, "-")
	return versions.GreaterThanOrEqualTo(v.APIVersion, "1.44") && versions.GreaterThanOrEqualTo(kernel, "5.12")
}

func (k *Workloads) of(i *system.Info) workload.Defaults {
	d := workload.Defaults{
		Seccomp: "unconfined", CgroupNamespace: "host", LogDriver: i.LoggingDriver, Runtime: i.DefaultRuntime,
		WritablePaths: k.p.WritablePaths, Sockets: k.p.Sockets, SystemPaths: append(slices.Clone(k.p.SystemPaths), i.DockerRootDir),
	}
	for name := range i.Runtimes {
		d.Runtimes = append(d.Runtimes, name)
	}
	d.DeviceRuntimes = workload.DeviceRuntimes(i.Runtimes)
	slices.Sort(d.Runtimes)
	for _, o := range i.SecurityOptions {
		name, profile := securityOption(o)
		switch name {
		case "seccomp":
			d.Seccomp = profileOf(profile)
		case "apparmor":
			d.AppArmor = "docker-default"
		case "userns", "rootless":
			d.Remapped = true
		case "cgroupns":
			d.CgroupNamespace = "private"
		case "no-new-privileges":
			d.NoNewPrivileges = true
		}
	}
	return d
}

// securityOption reads "name=seccomp,profile=default".
func securityOption(o string) (name, profile string) {
	for _, part := range strings.Split(o, ",") {
		switch k, v, _ := strings.Cut(part, "="); k {
		case "name":
			name = v
		case "profile":
			profile = v
		}
	}
	return name, profile
}

func profileOf(profile string) string {
	switch profile {
	case "", "default":
		return "default"
	case "builtin", "unconfined":
		return profile
	}
	return "custom"
}
