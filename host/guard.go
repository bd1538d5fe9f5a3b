package host

import (
	"context"
	"fmt"
	"path"

	"github.com/bulkhead-security/bulkhead/model"
)

// guardFile is where the running guard of the engine says of itself what it does.
const guardFile = "/run/bulkhead/guard.json"

// Guard reads what the guard of the container engine says of itself. As with controls, it counts only when nobody but root can have
// written it and its process runs.
func (h *Host) Guard(context.Context) (func(*model.Snapshot), []model.Gap) {
	g, err := h.guard()
	if err != nil {
		if missing(err) && !h.exists(guardFile) {
			return nil, nil // none runs here
		}
		return nil, []model.Gap{ignored("/guard", err)}
	}
	return func(s *model.Snapshot) { s.Guard = &g }, nil
}

func (h *Host) guard() (g model.GuardStatus, err error) {
	for _, p := range []string{guardFile, path.Dir(guardFile)} {
		if err := h.trusted(p); err != nil {
			return g, err
		}
	}
	b, err := h.read(guardFile, limitControl)
	if err != nil {
		return g, err
	}
	if g, err = model.ParseGuardStatus(b); err != nil {
		return g, fmt.Errorf("%s: %w: %w", guardFile, errMalformed, err)
	}
	return g, h.began(g.PID, g.Ticks, g.Boot, guardFile)
}
