package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/moby/moby/api/types/system"
)

// infoDrills learn from the engine's description of itself.
func infoDrills() []Drill {
	return []Drill{
		quiet(guardDrill("info-counts", "T1613", "It is counted how many containers others have, and how many of them run", learns(func(in *system.Info) bool {
			return in.Containers > 0 && in.ContainersRunning > 0
		}), "7.6.a", "7.6.b")),
		quiet(guardDrill("info-images", "T1613", "It is counted how many images others have", countsImages, "7.6.a", "7.6.b")),
		quiet(guardDrill("info-registries", "T1082", "It is read which registries the host trusts without a certificate", learns(func(in *system.Info) bool {
			return in.RegistryConfig != nil && len(in.RegistryConfig.InsecureRegistryCIDRs) > 0
		}))),
		quiet(guardDrill("info-managers", "T1018", "Addresses of a swarm's managers are read from the engine's description of itself", inSwarm(learns(func(in *system.Info) bool {
			return len(in.Swarm.RemoteManagers) > 0 && strings.HasPrefix(in.Swarm.RemoteManagers[0].Addr, "127.0.0.1:")
		})))),
	}
}

// learns says whether mallory, who has nothing herself, learns something from the description while victor has a container.
func learns(what func(in *system.Info) bool) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, _ string) (bool, error) {
		in, err := w.described(ctx)
		return err == nil && what(in), err
	})
}

// countsImages says whether an image that victor makes is one more for mallory.
func countsImages(ctx context.Context, w *EngineWorld) (bool, error) {
	before, err := w.described(ctx)
	if err != nil {
		return false, err
	}
	if _, err := w.victimsImage(ctx); err != nil {
		return false, err
	}
	now, err := w.described(ctx)
	return err == nil && now.Images > before.Images, err
}

// described is the engine's description of itself as mallory is given it.
func (w *EngineWorld) described(ctx context.Context) (*system.Info, error) {
	a, err := w.mallory.send(ctx, http.MethodGet, "/info", nil)
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, errors.New("the description was not given: " + a.String())
	}
	var in system.Info
	if err := json.Unmarshal(a.body, &in); err != nil {
		return nil, fmt.Errorf("read the engine's description: %w", err)
	}
	return &in, nil
}
