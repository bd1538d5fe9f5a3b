package guarded

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/guard/listen"
	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/policies"
)

// hostID is what policies know this host by.
func hostID(c config.Guard) string {
	if c.Host != "" {
		return c.Host
	}
	if id := NodeID(); id != "" {
		return id
	}
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// Rules are the policies in force. What stands before them when it is decided does not matter here.
type Rules interface {
	Version() string
	Forbids(profile string) bool
}

// OwnProfile says whether there are rules of a profile that is not a shipped one. Policies change while the guard runs, and each call asks.
func OwnProfile(profile string, engine Rules) func() bool {
	if profile != policies.ProfileCustom {
		return nil
	}
	if engine == nil {
		return func() bool { return false }
	}
	var mu sync.Mutex
	var version string
	var has bool
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		if v := engine.Version(); v != version {
			version, has = v, engine.Forbids(profile)
		}
		return has
	}
}

// checkAlone refuses demands that nobody could meet: second factors are shown to a control plane, and second people approve there.
func checkAlone(c config.Guard) error {
	for setting, list := range map[string][]string{"step_up": c.StepUp, "four_eyes": c.FourEyes} {
		if len(list) > 0 {
			return fmt.Errorf("guard.%s is set (%s), and a guard without a control plane can't have it met: nobody could do that any more. "+
				"Take it out, or run the guard in the agent of a node (guard.enabled)", setting, strings.Join(list, ", "))
		}
	}
	return nil
}

// checkActions refuses names that are no actions: a demand that is misspelt would be none.
func checkActions(c config.Guard) error {
	schema, err := authz.NewSchema()
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	for setting, list := range map[string][]string{"step_up": c.StepUp, "four_eyes": c.FourEyes} {
		for _, a := range list {
			if !schema.HasAction(a) {
				return fmt.Errorf("guard.%s names %.80q, which is no action; `bulkhead policy schema` lists them", setting, a)
			}
		}
	}
	return nil
}

// wanted is what is added to workloads.
func wanted(h config.GuardHarden) workload.Wanted {
	return workload.Wanted{
		NoNewPrivileges: h.NoNewPrivileges, DropCapabilities: h.DropCapabilities, ReadOnlyRoot: h.ReadOnlyRoot,
		MemoryBytes: h.Memory, PIDs: h.PIDs, NanoCPUs: int64(h.CPUs * 1e9),
	}
}

// named are those paths that are set.
func named(paths ...string) []string {
	return slices.DeleteFunc(paths, func(p string) bool { return p == "" })
}

// guardDoors says where to listen.
func guardDoors(c config.Guard, before *handover.Predecessor, log *slog.Logger) (listen.Options, error) {
	mode, err := c.FileMode()
	if err != nil {
		return listen.Options{}, err
	}
	given, err := listen.Inherited()
	if err != nil {
		return listen.Options{}, err
	}
	u := listen.Unix{Path: c.Socket, Mode: mode, Group: c.SocketGroup}
	t := listen.TLS{Listen: c.TLS.Listen, Certificate: c.TLS.Certificate, Key: c.TLS.Key, ClientCA: c.TLS.ClientCA}
	if before != nil {
		if given, err = taken(before, u, t); err != nil {
			return listen.Options{}, err
		}
	}
	return listen.Options{
		Unix: u, TLS: t,
		Limits: listen.Limits(c.Limits), Log: log, Activated: given,
		Source: accounts.SourceOf,
		Welcome: func(ctx context.Context, c net.Conn) (context.Context, error) {
			p, err := accounts.PeerOf(c)
			if err != nil || p == nil {
				return ctx, err
			}
			return accounts.WithPeer(ctx, p), nil
		},
	}, nil
}
