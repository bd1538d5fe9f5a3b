package objects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// noSwarm is how engines answer that they manage no swarm: 503 today, 406 before.
func noSwarm(err error) bool {
	var f *Fault
	return errors.As(err, &f) && (f.Status == http.StatusServiceUnavailable || f.Status == http.StatusNotAcceptable)
}

// rolledBack gives what the engine would go back to, in place of a body that it does not read then. The engine goes by the version that the
// call names, so that this can't be another one when it does.
func (v *visit) rolledBack(ctx context.Context, b *swarm.ServiceSpec) (*swarm.ServiceSpec, error) {
	q := &v.ask.Call.Query
	if v.ask.Call.Route.Action != "ServiceUpdate" || q.Texts["rollback"] != "previous" || v.ask.Object == nil {
		return b, nil
	}
	var s struct {
		Version      swarm.Version
		PreviousSpec json.RawMessage
	}
	if err := v.get(ctx, route.Service, path("services", v.ask.Object.ID), &s); err != nil {
		return nil, err
	}
	if int64(s.Version.Index) != q.Ints["version"] {
		return nil, &Fault{Status: http.StatusInternalServerError, Kind: route.Service, Message: "rpc error: code = Unknown desc = update out of sequence", Reason: ErrInvalid}
	}
	if len(s.PreviousSpec) == 0 || string(s.PreviousSpec) == "null" {
		return nil, invalid(route.Service, "service %s does not have a previous spec", v.ask.Object.Name)
	}
	previous := &swarm.ServiceSpec{}
	d := json.NewDecoder(bytes.NewReader(s.PreviousSpec))
	d.DisallowUnknownFields()
	if err := d.Decode(previous); err != nil {
		return nil, invalid(route.Service, "what the service was before is not understood (%s): update it instead", err)
	}
	v.ask.Body = previous
	return previous, nil
}

// node notes this node, and what the service's image is here. Without a swarm the engine refuses the call itself.
func (v *visit) node(ctx context.Context, image *call.Object, ref string) error {
	var info struct {
		Swarm struct {
			NodeID           string
			ControlAvailable bool
			Nodes            int
		}
	}
	if err := v.get(ctx, route.Engine, "/info", &info); err != nil {
		return err
	}
	if !info.Swarm.ControlAvailable || info.Swarm.NodeID == "" {
		return nil
	}
	v.ask.Swarm = &call.Swarm{Node: info.Swarm.NodeID, Alone: info.Swarm.Nodes <= 1}
	if image == nil || image.New {
		return nil
	}
	var in struct{ RepoDigests []string }
	if err := v.get(ctx, route.Image, "/images/"+image.ID+"/json", &in); err != nil {
		return err
	}
	v.ask.Swarm.Image = byContents(ref, image.ID, in.RepoDigests)
	return nil
}

// byContents is an image by the digest that its repository knows it by, so that other nodes get it too, or else by its id.
func byContents(ref, id string, digests []string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return id
	}
	for _, d := range digests {
		other, err := reference.ParseNormalizedNamed(d)
		if err != nil || other.Name() != named.Name() {
			continue
		}
		if c, ok := other.(reference.Canonical); ok {
			return reference.FamiliarName(named) + "@" + c.Digest().String()
		}
	}
	return id
}

// awaited is a volume that is not there, while a service names it: a task that starts would take whatever has the name then. So the name is
// the service's owner's. Nil says that no service of others names it.
func (v *visit) awaited(ctx context.Context, name string) (*call.Object, error) {
	services, err := v.services(ctx)
	if err != nil {
		return nil, err
	}
	for i := range services {
		s := &services[i]
		tenant, owner := s.Spec.Labels[call.LabelTenant], s.Spec.Labels[call.LabelOwner]
		if who := v.ask.Subject; who != nil && tenant == who.Principal.Tenant && owner == who.Principal.ID {
			continue
		}
		if c := s.Spec.TaskTemplate.ContainerSpec; c == nil || !mountsVolume(c.Mounts, name) {
			continue
		}
		labels := map[string]string{}
		for k, value := range s.Spec.Labels {
			if strings.HasPrefix(k, call.LabelPrefix) {
				labels[k] = value
			}
		}
		return owned(&call.Object{Kind: route.Volume, ID: name, Name: name}, labels), nil
	}
	return nil, nil //nolint:nilnil // as said
}

func mountsVolume(list []mount.Mount, name string) bool {
	for _, m := range list {
		if m.Type == mount.TypeVolume && m.Source == name {
			return true
		}
	}
	return false
}

// services are those of the swarm that this node manages; none where it manages none.
func (v *visit) services(ctx context.Context) ([]swarm.Service, error) {
	if v.swarmRead {
		return v.swarmServices, nil
	}
	var list []swarm.Service
	if err := v.get(ctx, route.Service, "/services", &list); err != nil && !noSwarm(err) {
		return nil, fmt.Errorf("services that wait for a volume: %w", err)
	}
	v.swarmServices, v.swarmRead = list, true
	return list, nil
}
