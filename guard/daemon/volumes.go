package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// volumes are those that the guard made for a container.
type volumes []string

// volumes makes the volumes that a container, or a service of this node alone, names and that are not there yet: the engine would make them too, but they would be nobody's.
func (d *Door) volumes(ctx context.Context, a *call.Ask) (made volumes, err error) {
	b, mounts := &container.CreateRequest{}, []mount.Mount(nil)
	switch body := a.Body.(type) {
	case *container.CreateRequest:
		b = body
	case *swarm.ServiceSpec:
		if a.Swarm == nil || !a.Swarm.Here {
			return nil, nil // a task makes them, on whatever node, with labels that its service gives
		}
		mounts = body.TaskTemplate.ContainerSpec.Mounts
	default:
		return nil, nil
	}
	if d.p.Objects == nil {
		return nil, nil
	}
	if mounts != nil {
		b.HostConfig = &container.HostConfig{Mounts: mounts}
	}
	seen := map[string]bool{}
	for i := range a.Uses {
		u := &a.Uses[i]
		if u.Object.Kind != route.Volume || !u.Object.New || u.Object.Name == "" || seen[u.Object.Name] {
			continue
		}
		seen[u.Object.Name] = true
		if err := d.volume(ctx, asked(b, u.Object.Name), &u.Object); err != nil {
			return nil, errors.Join(fmt.Errorf("the volume %s for what mounts it: %w", u.Object.Name, err), made.takeBack(ctx, d))
		}
		made = append(made, u.Object.Name)
	}
	return made, nil
}

// asked is what a body says of a volume that it names.
func asked(b *container.CreateRequest, name string) volume.CreateRequest {
	v := volume.CreateRequest{Name: name}
	if b.HostConfig == nil {
		return v
	}
	v.Driver = b.HostConfig.VolumeDriver
	for _, m := range b.HostConfig.Mounts {
		if m.Type != mount.TypeVolume || m.Source != name || m.VolumeOptions == nil {
			continue
		}
		v.Labels = m.VolumeOptions.Labels
		if c := m.VolumeOptions.DriverConfig; c != nil {
			v.Driver, v.DriverOpts = c.Name, c.Options
		}
	}
	return v
}

func (d *Door) volume(ctx context.Context, v volume.CreateRequest, o *call.Object) error {
	labels := map[string]string{}
	for k, value := range v.Labels {
		if !strings.HasPrefix(k, call.LabelPrefix) {
			labels[k] = value
		}
	}
	labels[call.LabelTenant], labels[call.LabelOwner] = o.Tenant, o.Owner
	v.Labels = labels
	text, err := body.Encode(&v)
	if err != nil {
		return err
	}
	res, err := d.p.Engine.Send(ctx, &forward.Call{
		Method: http.MethodPost, Target: "/volumes/create", Header: http.Header{"Content-Type": {"application/json"}},
		Body: strings.NewReader(string(text)), Length: int64(len(text)),
	})
	if err != nil {
		return err
	}
	answer, err := small(res)
	if err != nil {
		return err
	}
	var got volume.Volume
	if res.StatusCode != http.StatusCreated || json.Unmarshal(answer, &got) != nil {
		return fmt.Errorf("the engine answered %s: %.500q", res.Status, answer)
	}
	// The engine gives one that is there already for made: somebody may have been quicker.
	if got.Labels[call.LabelTenant] != o.Tenant || got.Labels[call.LabelOwner] != o.Owner {
		return errors.New("it was made by somebody else meanwhile: try again")
	}
	return nil
}

// takeBack removes volumes of a container that was not made.
func (v volumes) takeBack(ctx context.Context, d *Door) error {
	var errs []error
	for _, name := range v {
		errs = append(errs, d.takeBack(context.WithoutCancel(ctx), "/volumes/"+url.PathEscape(name)))
	}
	return errors.Join(errs...)
}
