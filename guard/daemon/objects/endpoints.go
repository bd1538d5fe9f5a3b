package objects

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// endpoints are the networks that a container joins. Their names stay, as inspections show them; the id goes beside each, and the engine
// takes that.
func (v *visit) endpoints(ctx context.Context, b *container.CreateRequest) error {
	mode := container.NetworkMode("")
	if b.HostConfig != nil {
		mode = b.HostConfig.NetworkMode
	}
	all := map[string]*network.EndpointSettings{}
	if b.NetworkingConfig != nil && b.NetworkingConfig.EndpointsConfig != nil {
		all = b.NetworkingConfig.EndpointsConfig
	}
	named := mode != "" && mode.IsUserDefined() && !mode.IsContainer()
	if named && len(all) == 0 {
		all[string(mode)] = nil
	}
	const field = "/NetworkingConfig/EndpointsConfig/"
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := v.endpoint(ctx, all, key, field+pointer(key)); err != nil {
			return err
		}
	}
	if named {
		o, err := v.networkOf(ctx, string(mode))
		if err != nil {
			return at("/HostConfig/NetworkMode", err)
		}
		if !joins(all, o.ID) { // the engine takes the networks of the list, and shows the mode
			if err := v.use(o, "NetworkConnect", "/HostConfig/NetworkMode"); err != nil {
				return err
			}
		}
		b.HostConfig.NetworkMode = container.NetworkMode(kept(string(mode), o))
	}
	if len(all) > 0 {
		if b.NetworkingConfig == nil {
			b.NetworkingConfig = &network.NetworkingConfig{}
		}
		b.NetworkingConfig.EndpointsConfig = all
	}
	return nil
}

func joins(all map[string]*network.EndpointSettings, id string) bool {
	for _, e := range all {
		if e != nil && e.NetworkID == id {
			return true
		}
	}
	return false
}

// endpoint pins one network by its id.
func (v *visit) endpoint(ctx context.Context, all map[string]*network.EndpointSettings, key, field string) error {
	e := all[key]
	if !container.NetworkMode(key).IsUserDefined() {
		if e != nil {
			e.NetworkID = "" // the engine goes by the name of its own networks
		}
		return nil
	}
	o, err := v.networkOf(ctx, key)
	if err != nil {
		return at(field, err)
	}
	if e == nil {
		e = &network.EndpointSettings{}
	}
	if o.ID == key && !v.hexID.MatchString(key) && e.NetworkID == "" { // it is not here
		return v.use(o, "NetworkConnect", field)
	}
	if err := v.sameNetwork(ctx, o, e, field+"/NetworkID"); err != nil {
		return err
	}
	e.NetworkID = o.ID
	delete(all, key)
	key = kept(key, o)
	if _, twice := all[key]; twice || joins(all, o.ID) {
		return at(field, invalid(route.Network, "network %.80q is there twice", o.Name))
	}
	all[key] = e
	return v.use(o, "NetworkConnect", field)
}

// networkOf is a network that a container is to join when it starts. What is not here then may be one of the swarm's that comes to this node
// with its first container: it is nobody's, and keeps its name.
func (v *visit) networkOf(ctx context.Context, name string) (*call.Object, error) {
	o, err := v.look(ctx, route.Network, name)
	if isMissing(err) && !isHex(name) {
		return &call.Object{Kind: route.Network, ID: name, Name: name}, nil
	}
	return o, err
}

// sameNetwork refuses two identities in one place: the engine would take that beside the name.
func (v *visit) sameNetwork(ctx context.Context, o *call.Object, e *network.EndpointSettings, field string) error {
	if e == nil || e.NetworkID == "" || e.NetworkID == o.ID {
		return nil
	}
	other, err := v.look(ctx, route.Network, e.NetworkID)
	if err != nil {
		return at(field, err)
	}
	if other.ID != o.ID {
		return &Fault{
			Status: http.StatusBadRequest, Kind: route.Network, Reason: ErrInvalid,
			Message: fmt.Sprintf("it is another network than %.80q (%s)", o.Name, field),
		}
	}
	return nil
}

// pointer escapes a part of a JSON pointer (RFC 6901).
func pointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}
