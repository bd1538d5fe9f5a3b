package call

import (
	"github.com/moby/moby/api/types/checkpoint"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/plugin"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/route"
)

// BodyOf is an empty body of a call; nil where it has no JSON one.
func BodyOf(r *route.Route) any {
	switch r.Action {
	case "PluginInstall":
		if r.Body == route.JSON {
			return &plugin.Privileges{}
		}
		return nil
	case "RegistrySignIn":
		return &registry.AuthConfig{}
	case "ContainerCreate":
		return &container.CreateRequest{}
	case "ContainerUpdate":
		return &container.UpdateConfig{}
	case "ContainerExec":
		return &ExecCreate{}
	case "ExecStart":
		return &container.ExecStartRequest{}
	case "CheckpointCreate":
		return &checkpoint.CreateRequest{}
	case "ContainerCommit":
		return &container.Config{}
	case "NetworkCreate":
		return &NetworkCreate{}
	case "NetworkConnect":
		return &network.ConnectRequest{}
	case "NetworkDisconnect":
		return &network.DisconnectRequest{}
	case "VolumeCreate":
		return &volume.CreateRequest{}
	case "VolumeUpdate":
		return &VolumeUpdate{}
	case "PluginSet":
		return &[]string{}
	}
	return swarmBody(r.Action)
}

// ContainerCreate has what clients before 1.44 send beside.
type ContainerCreate struct {
	container.CreateRequest
	MacAddress string `json:",omitempty"`
}

// ExecCreate has what clients before 1.42 send beside, and no engine reads any more. Container is docker-py's: the engine goes by the path.
type ExecCreate struct {
	container.ExecCreateRequest
	Detach    bool   `json:",omitempty"`
	Container string `json:",omitempty"`
}

// NetworkCreate has what engines before 1.44 read.
type NetworkCreate struct {
	network.CreateRequest
	CheckDuplicate bool `json:",omitempty"`
}

// VolumeUpdate is what the engine's handler reads.
type VolumeUpdate struct {
	Spec *volume.ClusterVolumeSpec `json:",omitempty"`
}

func swarmBody(a route.Action) any {
	switch a {
	case "SwarmInit":
		return &swarm.InitRequest{}
	case "SwarmJoin":
		return &swarm.JoinRequest{}
	case "SwarmUpdate":
		return &swarm.Spec{}
	case "SwarmUnlock":
		return &swarm.UnlockRequest{}
	case "SwarmNodeUpdate":
		return &swarm.NodeSpec{}
	case "ServiceCreate", "ServiceUpdate":
		return &swarm.ServiceSpec{}
	case "SecretCreate", "SecretUpdate":
		return &swarm.SecretSpec{}
	case "ConfigCreate", "ConfigUpdate":
		return &swarm.ConfigSpec{}
	}
	return nil
}
