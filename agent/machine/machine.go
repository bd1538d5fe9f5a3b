// Package machine looks what this machine offers to each part of the agent: rights, engine, kernel. It changes nothing, and says of
// what is missing why it matters and what to do.
package machine

import (
	"context"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Options say what to look at.
type Options struct {
	// Root is "/", but for tests.
	Root string
	// Capabilities are the effective ones of this process, e.g. "CAP_SYS_PTRACE".
	Capabilities []string
	// Engine tries to reach the container engine, and says where.
	Engine func(ctx context.Context) (endpoint string, err error)
}

// Look gives each part with whether it works.
func Look(ctx context.Context, o Options) []model.AgentPart {
	return append(append(o.rights(), o.engine(ctx)), o.kernel()...)
}

// can says whether all capabilities are there.
func (o *Options) can(names ...string) (missing []string) {
	for _, n := range names {
		if !slices.Contains(o.Capabilities, n) {
			missing = append(missing, n)
		}
	}
	return missing
}

func (o *Options) rights() []model.AgentPart {
	var out []model.AgentPart
	for _, r := range []struct {
		part, what string
		caps       []string
	}{
		{"files", "files of others (keys, sudoers, images' contents)", []string{"CAP_DAC_READ_SEARCH"}},
		{"processes", "processes of others: their environment, namespaces and capabilities", []string{"CAP_SYS_PTRACE"}},
		{"firewall", "the kernel's packet filter", []string{"CAP_NET_ADMIN"}},
	} {
		p := model.AgentPart{Part: r.part, Needs: strings.Join(r.caps, ", ") + " (or root)"}
		if missing := o.can(r.caps...); len(missing) > 0 {
			p.Detail = "not seen: " + r.what + "; this process lacks " + strings.Join(missing, ", ")
			p.Remedy = "run as root, or give it in the unit: AmbientCapabilities=" + strings.Join(missing, " ")
		} else {
			p.Works, p.Detail = true, r.what
		}
		out = append(out, p)
	}
	return out
}

func (o *Options) engine(ctx context.Context) model.AgentPart {
	p := model.AgentPart{Part: "engine", Needs: "the container engine's socket"}
	at, err := o.Engine(ctx)
	if err != nil {
		p.Remedy = "start the engine, name its socket (engine.endpoint), or give the agent's user access to it"
		return failed(p, err)
	}
	p.Works, p.Detail = true, at
	return p
}

func failed(p model.AgentPart, err error) model.AgentPart {
	p.Works, p.Detail = false, err.Error()
	return p
}
