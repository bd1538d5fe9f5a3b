package drill

import (
	"context"
	"fmt"
	"net/http"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// unlocks starts a locked swarm's engine again, and opens it with the key that somebody has stolen.
func unlocks(ctx context.Context, w *EngineWorld) (bool, error) {
	if err := w.autolock(ctx); err != nil {
		return false, err
	}
	key, err := w.root.SwarmGetUnlockKey(ctx)
	if err != nil {
		return false, fmt.Errorf("the swarm's key: %w", err)
	}
	if err := w.again(ctx); err != nil {
		return false, err
	}
	if state, err := w.swarmState(ctx); err != nil || state != swarm.LocalNodeStateLocked {
		return false, errOr(err, fmt.Errorf("the swarm is %s, and not locked", state))
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/swarm/unlock", fields{"UnlockKey": key.Key})
	if err != nil {
		return false, err
	}
	state, err := w.swarmState(ctx)
	return err == nil && state != swarm.LocalNodeStateLocked, errOr(err, w.fair(a))
}

// autolock has the swarm's managers ask for a key whenever they start.
func (w *EngineWorld) autolock(ctx context.Context) error {
	s, err := w.root.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return fmt.Errorf("look at the swarm: %w", err)
	}
	spec := s.Swarm.Spec
	spec.EncryptionConfig.AutoLockManagers = true
	if _, err := w.root.SwarmUpdate(ctx, client.SwarmUpdateOptions{Version: s.Swarm.Version, Spec: spec}); err != nil {
		return fmt.Errorf("lock the swarm: %w", err)
	}
	return nil
}

// again starts the engine again, whose socket is then a new one.
func (w *EngineWorld) again(ctx context.Context) error {
	if err := w.engine.Again(ctx); err != nil {
		return err
	}
	if w.guard == nil {
		return w.openSocket(ControlGuard)
	}
	return w.openSocket(ControlNone)
}

func (w *EngineWorld) swarmState(ctx context.Context) (swarm.LocalNodeState, error) {
	in, err := w.root.Info(ctx, client.InfoOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the engine for its swarm: %w", err)
	}
	return in.Info.Swarm.LocalNodeState, nil
}
