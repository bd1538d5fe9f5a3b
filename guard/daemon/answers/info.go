package answers

import (
	"context"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// info takes out of the description of the host what is not the caller's business: counts of what he may not see, labels, registries,
// proxies (which may have passwords), and the managers of the swarm.
func (k *work) info(ctx context.Context, text value) (value, error) {
	if k.whole() {
		return text, nil
	}
	counts, err := k.counts(ctx)
	if err != nil {
		return nil, err
	}
	return edit(text, func(name string, v value) (value, error) {
		if n, ok := counts[name]; ok {
			return number(n), nil
		}
		switch name {
		case "Labels":
			return value("[]"), nil
		case "HttpProxy", "HttpsProxy", "NoProxy", "ClusterStore", "ClusterAdvertise":
			return value(`""`), nil
		case "RegistryConfig":
			return edit(v, emptied)
		case "GenericResources", "DefaultAddressPools", "DiscoveredDevices":
			return value("null"), nil
		case "Swarm":
			return edit(v, swarm)
		}
		return v, nil
	})
}

// emptied keeps the form of a value without what it says.
func emptied(_ string, v value) (value, error) {
	switch v.Kind() {
	case '[':
		return value("[]"), nil
	case '{':
		return value("{}"), nil
	}
	return v, nil
}

func swarm(name string, v value) (value, error) {
	switch name {
	case "RemoteManagers":
		return value("null"), nil
	case "Cluster", "Nodes", "Managers":
		return nil, nil
	case "NodeAddr", "Error":
		return value(`""`), nil
	}
	return v, nil
}

// counts are the figures of the description that are other ones for the caller.
func (k *work) counts(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	states := map[string]int64{"ContainersRunning": 0, "ContainersPaused": 0, "ContainersStopped": 0}
	total, all, err := k.count(ctx, "/containers/json?all=1", route.Container, func(e *element) {
		switch e.State {
		case "running", "restarting":
			states["ContainersRunning"]++
		case "paused":
			states["ContainersPaused"]++
		default:
			states["ContainersStopped"]++
		}
	})
	if err != nil {
		return nil, err
	}
	if total < all {
		counts = states
		counts["Containers"] = total
	}
	if total, all, err = k.count(ctx, "/images/json", route.Image, func(*element) {}); err != nil {
		return nil, err
	}
	if total < all {
		counts["Images"] = total
	}
	return counts, nil
}

// count shows those of a list that may be seen, and gives how many these are, and how many there are.
func (k *work) count(ctx context.Context, target string, kind route.Object, show func(*element)) (total, all int64, err error) {
	err = k.listed(ctx, target, kind, func(objects []call.Object, read []element) error {
		seen, err := k.sees(ctx, objects)
		if err != nil {
			return err
		}
		all += int64(len(objects))
		for i, ok := range seen {
			if ok {
				total++
				show(&read[i])
			}
		}
		return nil
	})
	return total, all, err
}
