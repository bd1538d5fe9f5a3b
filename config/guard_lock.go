package config

import (
	"fmt"
	"path/filepath"
)

const mostDirect = 32

// validateLock checks how the engine's own sockets are looked after.
func (g *Guard) validateLock() error {
	if err := oneOf("guard.lock", g.Lock, "keep", "watch"); err != nil {
		return err
	}
	if len(g.Direct) > mostDirect {
		return fmt.Errorf("guard.direct has %d programs, more than %d", len(g.Direct), mostDirect)
	}
	for _, p := range g.Direct {
		if !filepath.IsAbs(p) {
			return fmt.Errorf("guard.direct has %q; it must be the path of a program, e.g. /usr/bin/kubelet", p)
		}
	}
	return nil
}
