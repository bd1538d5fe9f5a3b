package config

import (
	"fmt"
	"path/filepath"
)

// Guard says how the engine's own sockets are looked after, once they are the guard's alone.
type Guard struct {
	// Lock is "keep", which closes a locked socket again when it was opened, or "watch", which only tells of it.
	Lock string `yaml:"lock" env:"LOCK"`
	// Group may use the locked sockets beside root: a guard that does not run as root needs one of its own, with nobody else in it.
	Group string `yaml:"group" env:"GROUP"`
	// Direct are programs that may use the sockets past the guard, by path.
	Direct []string `yaml:"direct" env:"DIRECT"`
}

const mostDirect = 32

func defaultGuard() Guard { return Guard{Lock: "keep"} }

func (g *Guard) validate() error {
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
