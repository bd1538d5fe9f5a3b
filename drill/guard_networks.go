package drill

import (
	"context"
	"net/http"
	"os"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// networkDrills reach networks that are somebody else's or the host's.
func networkDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	return []Drill{
		guardDrill("network-join", "T1046", "A container is made in somebody else's network", joinsNetwork(func(w *EngineWorld, net string) fields {
			return with(plain(), "NetworkMode", net)
		}), both...),
		guardDrill("network-join-endpoint", "T1046", "A container is made with a second foot in somebody else's network", joinsNetwork(func(w *EngineWorld, net string) fields {
			c := plain()
			c["NetworkingConfig"] = fields{"EndpointsConfig": fields{net: fields{}}}
			return with(c, "NetworkMode", net)
		}), both...),
		guardDrill("network-connect", "T1046", "A container of one's own is connected to somebody else's network", connectsTo, both...),
		guardDrill("network-pull-in", "T1557", "Somebody else's container is connected to a network of one's own", pullsIn, both...),
		guardDrill("network-disconnect", "T1498", "Somebody else's container is cut off from its network", cutsOff(func(w *EngineWorld) string { return w.name + "-net" }), both...),
		guardDrill("network-disconnect-shared", "T1498", "Somebody else's container is cut off from the network that all share", cutsOff(func(*EngineWorld) string { return "bridge" }), both...),
		guardDrill("network-remove", "T1498", "Somebody else's network is removed", removesNetwork(func(w *EngineWorld) string { return "/networks/" + w.name + "-net" }, http.MethodDelete), both...),
		guardDrill("network-inspect", "T1016", "Addresses and members of somebody else's network are read", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if _, err := w.victimsNetwork(ctx); err != nil {
				return false, err
			}
			a, err := w.mallory.send(ctx, http.MethodGet, "/networks/"+w.name+"-net", nil)
			if err != nil {
				return false, err
			}
			return strings.Contains(string(a.body), "Subnet"), w.fair(a)
		}, both...),
		guardDrill("network-of-host-interface", "T1557", "A network is made of an interface of the host", makesNetwork(fields{"Driver": "macvlan", "Options": fields{"parent": "docker0"}})),
		guardDrill("network-of-host-bridge", "T1557", "A network is made of a bridge that others are on", makesNetwork(fields{"Driver": "bridge", "Options": fields{"com.docker.network.bridge.name": "drill0"}})),
		guardDrill("network-of-host-addresses", "T1557", "A network is made of the addresses at which the host asks for its own secrets", takesAddresses),
	}
}

// takesAddresses has the host send to a bridge of one's own what it has for the server of a cloud's metadata.
func takesAddresses(ctx context.Context, w *EngineWorld) (bool, error) {
	a, err := w.mallory.send(ctx, http.MethodPost, "/networks/create", fields{
		"Name": w.name + "-mine", "Driver": "bridge", "IPAM": fields{"Config": []fields{{"Subnet": "169.254.169.0/24"}}},
	})
	if err != nil || !a.ok() {
		return false, errOr(err, w.fairIf(a))
	}
	var out []byte
	err = w.engine.Within(func() error {
		var err error
		out, err = os.ReadFile("/proc/thread-self/net/route")
		return err
	})
	return strings.Contains(string(out), "\t00A9FEA9\t"), err
}

// victimsNetwork makes a network of victor's.
func (w *EngineWorld) victimsNetwork(ctx context.Context) (string, error) {
	a, err := w.must(ctx, w.victor, "/networks/create", fields{"Name": w.name + "-net", "Driver": "bridge"})
	if err != nil {
		return "", err
	}
	return a.id(), nil
}

func joinsNetwork(body func(w *EngineWorld, net string) fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.victimsNetwork(ctx)
		if err != nil {
			return false, err
		}
		return runs(func(w *EngineWorld) fields { return body(w, w.name+"-net") }, isIn(id))(ctx, w)
	}
}

func isIn(network string) proof {
	return is(func(c *container.InspectResponse) bool {
		for _, n := range c.NetworkSettings.Networks {
			if n.NetworkID == network {
				return true
			}
		}
		return false
	})
}

func connectsTo(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsNetwork(ctx)
	if err != nil {
		return false, err
	}
	mine, err := w.own(ctx)
	if err != nil {
		return false, err
	}
	return w.connects(ctx, id, mine)
}

func (w *EngineWorld) connects(ctx context.Context, network, container string) (bool, error) {
	a, err := w.mallory.send(ctx, http.MethodPost, "/networks/"+network+"/connect", fields{"Container": container})
	if err != nil {
		return false, err
	}
	c, err := w.look(ctx, container)
	if err != nil {
		return false, err
	}
	in, err := isIn(network)(ctx, w, c)
	return in, errOr(err, w.fair(a))
}

func pullsIn(ctx context.Context, w *EngineWorld) (bool, error) {
	victim, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.must(ctx, w.mallory, "/networks/create", fields{"Name": w.name + "-mine", "Driver": "bridge"})
	if err != nil {
		return false, err
	}
	return w.connects(ctx, a.id(), victim)
}

func cutsOff(network func(w *EngineWorld) string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if _, err := w.victimsNetwork(ctx); err != nil {
			return false, err
		}
		name := network(w)
		id, err := w.madeBy(ctx, w.victor, "victim", with(plain(), "NetworkMode", name))
		if err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, http.MethodPost, "/networks/"+name+"/disconnect", fields{"Container": id, "Force": true})
		if err != nil {
			return false, err
		}
		c, err := w.look(ctx, id)
		return err == nil && len(c.NetworkSettings.Networks) == 0, errOr(err, w.fair(a))
	}
}

func removesNetwork(target func(w *EngineWorld) string, method string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.victimsNetwork(ctx)
		if err != nil {
			return false, err
		}
		a, err := w.mallory.send(ctx, method, target(w), nil)
		if err != nil {
			return false, err
		}
		_, err = w.root.NetworkInspect(ctx, id, client.NetworkInspectOptions{})
		return err != nil, w.fair(a)
	}
}

func makesNetwork(what fields) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		what["Name"] = w.name + "-mine"
		a, err := w.mallory.send(ctx, http.MethodPost, "/networks/create", what)
		if err != nil || !a.ok() {
			return false, errOr(err, w.fairIf(a))
		}
		n, err := w.root.NetworkInspect(ctx, a.id(), client.NetworkInspectOptions{})
		return err == nil && len(n.Network.Options) == 1, err
	}
}

// asRoot makes and starts a container past every guard, to look at what an attack left.
func (w *EngineWorld) asRoot(ctx context.Context, body fields) (string, error) {
	image, _ := body["Image"].(string)
	command, _ := body["Cmd"].([]string)
	if image == "" {
		image = ground.Image
	}
	made, err := w.root.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: image, Cmd: command}})
	if err != nil {
		return "", err
	}
	_, err = w.root.ContainerStart(ctx, made.ID, client.ContainerStartOptions{})
	return made.ID, err
}
