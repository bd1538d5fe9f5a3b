package ground

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// Again starts the engine again, with its data and a network of its own anew. It listens at its socket, and at these addresses beside,
// e.g. "tcp://127.0.0.1:2375", which is below Within.
func (e *Engine) Again(ctx context.Context, hosts ...string) error {
	if e.Alive() {
		if err := e.end(ctx); err != nil {
			return err
		}
	}
	e.exited = make(chan struct{})
	if err := e.prepare(hosts...); err != nil {
		return err
	}
	if err := e.launch(); err != nil {
		return err
	}
	if err := dockerd.Wait(ctx, e.Dir, e.exited); err != nil {
		return fmt.Errorf("start it again: %w", err)
	}
	return nil
}
