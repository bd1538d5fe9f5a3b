package answers

import (
	"context"

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
	objects, read, err := k.listed(ctx, "/containers/json?all=1", route.Container)
	if err != nil {
		return nil, err
	}
	seen, err := k.sees(ctx, objects)
	if err != nil {
		return nil, err
	}
	states := map[string]int64{"ContainersRunning": 0, "ContainersPaused": 0, "ContainersStopped": 0}
	total := int64(0)
	for i, ok := range seen {
		if !ok {
			continue
		}
		total++
		switch read[i].State {
		case "running", "restarting":
			states["ContainersRunning"]++
		case "paused":
			states["ContainersPaused"]++
		default:
			states["ContainersStopped"]++
		}
	}
	if total < int64(len(objects)) {
		counts = states
		counts["Containers"] = total
	}
	if objects, _, err = k.listed(ctx, "/images/json", route.Image); err != nil {
		return nil, err
	}
	if seen, err = k.sees(ctx, objects); err != nil {
		return nil, err
	}
	total = 0
	for _, ok := range seen {
		if ok {
			total++
		}
	}
	if total < int64(len(objects)) {
		counts["Images"] = total
	}
	return counts, nil
}
