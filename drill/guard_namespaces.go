package drill

import (
	"context"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// namespaceDrills join namespaces of the host or of somebody else's container.
func namespaceDrills() []Drill {
	const escape = "T1611"
	var drills []Drill
	for _, n := range []struct{ id, field, value, title string }{
		{"host-pid", "PidMode", "host", "sees and signals all processes of the host"},
		{"host-network", "NetworkMode", "host", "uses the host's network"},
		{"host-ipc", "IpcMode", "host", "uses the host's shared memory"},
		{"host-uts", "UTSMode", "host", "has the host's name"},
		{"host-cgroup", "CgroupnsMode", "host", "sees the host's control groups"},
		{"host-user", "UsernsMode", "host", "is root of the host, not of a namespace"},
	} {
		drills = append(drills, guardDrill(n.id, escape, "A container "+n.title, runs(func(*EngineWorld) fields { return with(plain(), n.field, n.value) },
			is(func(c *container.InspectResponse) bool { return modes(c)[n.field] == n.value }))))
	}
	for _, n := range []struct{ id, field, title string }{
		{"pid-of-another", "PidMode", "sees and signals the processes of somebody else's"},
		{"network-of-another", "NetworkMode", "is in the network of somebody else's"},
		{"ipc-of-another", "IpcMode", "uses the shared memory of somebody else's"},
	} {
		drills = append(drills, guardDrill(n.id, "T1055", "A container "+n.title, joins(n.field), "7.6.a", "7.6.b"))
	}
	return drills
}

func modes(c *container.InspectResponse) map[string]string {
	h := c.HostConfig
	return map[string]string{
		"PidMode": string(h.PidMode), "NetworkMode": string(h.NetworkMode), "IpcMode": string(h.IpcMode), "UTSMode": string(h.UTSMode),
		"CgroupnsMode": string(h.CgroupnsMode), "UsernsMode": string(h.UsernsMode),
	}
}

func joins(field string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		victim, err := w.madeBy(ctx, w.victor, "victim", with(plain(), "IpcMode", "shareable"))
		if err != nil {
			return false, err
		}
		return runs(func(*EngineWorld) fields { return with(plain(), field, "container:"+victim) }, is(func(c *container.InspectResponse) bool {
			return strings.HasPrefix(modes(c)[field], "container:"+victim)
		}))(ctx, w)
	}
}
