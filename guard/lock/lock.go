// Package lock makes the sockets of container engines reachable for the guard alone, puts back what was there, and watches whether it is
// still so (X.1643 8.1.c): a socket that is open, replaced, mounted into a container or used past the guard is a problem that it tells of.
//
// It starts, stops and restarts no engine, and reads no call: who may do what through the guard is decided elsewhere. Apart from the
// sockets it writes its own state file and the settings that keep the lock when an engine starts again, and nothing else.
package lock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Where things are.
const (
	DefaultStateDir  = "/var/lib/bulkhead-guard"
	DefaultGuardFile = "/run/bulkhead/guard.json"
	stateFile        = "lock.json"
)

// Options say what is locked, and where.
type Options struct {
	// Root is prefixed to the paths of units and settings, and of the sockets that are looked for where Sockets is empty; "/" for this machine.
	Root string
	// Sockets are the paths of engines' sockets; empty for those in the usual places. What listens on them leads to their containerd's.
	Sockets []string
	// StateDir is a directory that is root's alone. GuardFile is the guard's status file.
	StateDir, GuardFile string
	// Group may use the sockets beside root, for a guard that does not run as root; 0 for none.
	Group int
	// Direct are programs, by path, that may use the sockets past the guard, e.g. "/usr/bin/kubelet".
	Direct []string
	// Own are processes of the product beside this one and the guard.
	Own []int
	// Programs are the names of the product's programs. Root's may use the sockets where they are beside the program of an own process.
	Programs []string
	// Reload has systemd read its units anew; nil leaves that out.
	Reload func(ctx context.Context) error
	Log    *slog.Logger
	Now    func() time.Time
}

// Lock is the lock of one machine's engines.
type Lock struct {
	o Options
}

// New checks the options.
func New(o Options) (*Lock, error) {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir
	}
	if o.GuardFile == "" {
		o.GuardFile = DefaultGuardFile
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for i, s := range o.Sockets {
		s = strings.TrimPrefix(s, "unix://")
		if !filepath.IsAbs(s) {
			return nil, fmt.Errorf("%q is no path of a Unix socket: an engine that is reached otherwise can't be locked from here", o.Sockets[i])
		}
		o.Sockets[i] = s
	}
	for _, p := range o.Direct {
		if !filepath.IsAbs(p) {
			return nil, fmt.Errorf("guard.direct has %q; it must be the path of a program", p)
		}
	}
	if o.Group < 0 || int64(o.Group) > 1<<32-2 {
		return nil, fmt.Errorf("%d is no group", o.Group)
	}
	return &Lock{o: o}, nil
}

// mode is the one that a locked socket has.
func mode(group int) uint32 {
	if group > 0 {
		return 0o660
	}
	return 0o600
}

// path is below the root.
func (l *Lock) path(parts ...string) string {
	return filepath.Join(append([]string{l.o.Root}, parts...)...)
}

// needRoot refuses everybody else, who could not do it anyway, before half of it is done.
func needRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can change the engine's sockets: run it with sudo")
	}
	return nil
}

// Problem is something that is not as it should be.
type Problem struct {
	Kind     string         `json:"kind"`
	Severity model.Severity `json:"severity"`
	Subject  string         `json:"subject"`
	Text     model.Text     `json:"text"`
	Remedy   string         `json:"remedy,omitempty"`
	// socket is the path of the one that can be put right at once.
	socket string
}

func say(en, zh string, args ...any) model.Text {
	if len(args) == 0 {
		return model.Text{EN: en, ZH: zh}
	}
	return model.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}
}
