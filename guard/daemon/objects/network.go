package objects

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

func isMissing(err error) bool { return errors.Is(err, ErrNotFound) }

func (v *visit) networkCreate(ctx context.Context, b *call.NetworkCreate) error {
	if err := v.taken(ctx, route.Network, b.Name, "/Name"); err != nil {
		return err
	}
	v.made(route.Network, b.Name, b.Labels)
	if b.ConfigFrom == nil || b.ConfigFrom.Network == "" {
		return nil
	}
	_, err := v.named(ctx, route.Network, b.ConfigFrom.Network, "NetworkRead", "/ConfigFrom/Network")
	return err
}

func (v *visit) connect(ctx context.Context, b *network.ConnectRequest) error {
	o, err := v.named(ctx, route.Container, b.Container, "ContainerUpdate", "/Container")
	if err != nil {
		return plain(err)
	}
	b.Container = o.ID
	if b.EndpointConfig == nil || v.ask.Object == nil {
		return nil
	}
	if err := v.sameNetwork(ctx, v.ask.Object, b.EndpointConfig, "/EndpointConfig/NetworkID"); err != nil {
		return err
	}
	b.EndpointConfig.NetworkID = "" // it is in the path
	return nil
}

func (v *visit) disconnect(ctx context.Context, b *network.DisconnectRequest) error {
	o, err := v.look(ctx, route.Container, b.Container)
	if isMissing(err) && b.Force && v.word.MatchString(strings.TrimPrefix(b.Container, "/")) {
		// What a container that is gone left behind.
		return v.use(&call.Object{Kind: route.Container, ID: b.Container, Name: b.Container}, "ContainerUpdate", "/Container")
	}
	if err != nil {
		return err
	}
	b.Container = o.ID
	return v.use(o, "ContainerUpdate", "/Container")
}

// volumeCreate makes a volume or gives the one that is there.
func (v *visit) volumeCreate(ctx context.Context, b *volume.CreateRequest) error {
	v.made(route.Volume, b.Name, b.Labels)
	if b.Name != "" {
		o, err := v.look(ctx, route.Volume, b.Name)
		switch {
		case err == nil:
			v.ask.Object = o
		case !isMissing(err):
			return at("/Name", err)
		default:
			if o, err = v.awaited(ctx, b.Name); err != nil {
				return at("/Name", err)
			}
			if o != nil {
				v.ask.Object = o
			}
		}
	}
	return v.volumeSecrets(ctx, b.ClusterVolumeSpec, "/ClusterVolumeSpec")
}

func (v *visit) volumeSecrets(ctx context.Context, s *volume.ClusterVolumeSpec, field string) error {
	if s == nil {
		return nil
	}
	for i := range s.Secrets {
		o, err := v.named(ctx, route.Secret, s.Secrets[i].Secret, "SecretUse", field+"/Secrets/"+strconv.Itoa(i)+"/Secret")
		if err != nil {
			return err
		}
		s.Secrets[i].Secret = o.ID
	}
	return nil
}

// buildNetwork is the network of a build.
func (v *visit) buildNetwork(ctx context.Context) error {
	texts := v.ask.Call.Query.Texts
	mode := container.NetworkMode(texts["networkmode"])
	switch {
	case mode.IsContainer():
		o, err := v.named(ctx, route.Container, mode.ConnectedContainer(), "ContainerShare", "query networkmode")
		if err != nil {
			return beside(err)
		}
		texts["networkmode"] = "container:" + o.ID
	case mode != "" && mode.IsUserDefined():
		o, err := v.named(ctx, route.Network, string(mode), "NetworkConnect", "query networkmode")
		if err != nil {
			return beside(err)
		}
		texts["networkmode"] = o.ID
	}
	return nil
}
