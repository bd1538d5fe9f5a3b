// Package doctor looks what this machine offers to each part of the agent: rights, kernel, engine, the way to the server, disk. It
// changes nothing, sends nothing but the handshake of a connection, and says of what is missing why it matters and what to do.
package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/model"
)

// Options say what to look at.
type Options struct {
	Dir string // the agent's data directory
	// Root is "/", but for tests.
	Root string
	// Capabilities are the effective ones of this process, e.g. "CAP_SYS_PTRACE".
	Capabilities []string
	// Engine tries to reach the container engine, and says where.
	Engine func(ctx context.Context) (endpoint string, err error)
	// Limits are told as they are set.
	Limits string
	Spool  int64
	Now    func() time.Time
}

// Least free space for the data directory, beside what the spool may take.
const leastFree = 64 << 20

// Look gives each part with whether it works.
func Look(ctx context.Context, o Options) []model.AgentPart {
	parts := o.identity()
	parts = append(parts, o.server(ctx)...)
	parts = append(parts, o.disk(), o.limits())
	parts = append(parts, o.rights()...)
	parts = append(parts, o.engine(ctx))
	return append(parts, o.kernel()...)
}

func (o *Options) identity() []model.AgentPart {
	p := model.AgentPart{Part: "identity", Needs: "a joined node: key, certificate, id", Needed: true}
	d, err := state.Look(o.Dir)
	if err != nil {
		return []model.AgentPart{failed(p, err)}
	}
	n, err := d.Node()
	if err != nil {
		p.Remedy = "join: bulkhead agent --join URL --token-file FILE"
		return []model.AgentPart{failed(p, err)}
	}
	p.Works, p.Detail = true, fmt.Sprintf("%s (%s) of the tenant %s", n.Name, n.ID, n.Tenant)
	return []model.AgentPart{p, o.certificate(d), o.running(d)}
}

func (o *Options) certificate(d *state.Dir) model.AgentPart {
	p := model.AgentPart{Part: "certificate", Needs: "it has not ended; it renews itself from half of its life on", Needed: true}
	c, err := d.Certificate()
	if err != nil {
		return failed(p, err)
	}
	left := c.Leaf.NotAfter.Sub(o.Now())
	p.Works = left > 0
	p.Detail = fmt.Sprintf("good until %s (%s)", c.Leaf.NotAfter.UTC().Format(time.RFC3339), left.Round(time.Minute))
	if !p.Works {
		p.Detail = "it ended on " + c.Leaf.NotAfter.UTC().Format(time.RFC3339)
		p.Remedy = "start the agent: within the server's grace it still renews; after that join again with a token that replaces the node"
	}
	return p
}

func (o *Options) running(d *state.Dir) model.AgentPart {
	p := model.AgentPart{Part: "process", Needs: "an agent that runs"}
	yes, err := d.Running()
	if err != nil {
		return failed(p, err)
	}
	p.Works, p.Detail = yes, map[bool]string{true: "it runs", false: "it does not run"}[yes]
	if !yes {
		p.Remedy = "systemctl start bulkhead-agent"
	}
	return p
}

func (o *Options) disk() model.AgentPart {
	p := model.AgentPart{Part: "disk", Needs: fmt.Sprintf("%d MiB free for spool and documents", (o.Spool+leastFree)>>20), Needed: true}
	var st unix.Statfs_t
	if err := unix.Statfs(o.Dir, &st); err != nil {
		return failed(p, fmt.Errorf("%s: %w", o.Dir, err))
	}
	free := int64(st.Bavail) * st.Bsize //nolint:gosec // a disk has less
	used := int64(0)
	if fi, err := os.Stat(o.Dir + "/" + state.SpoolFile); err == nil {
		used = fi.Size()
	}
	p.Works, p.Detail = free+used >= o.Spool+leastFree, fmt.Sprintf("%d MiB are free in %s", free>>20, o.Dir)
	if !p.Works {
		p.Remedy = "free space, or make the spool smaller (agent.spool): on a full disk what waits is kept in memory only"
	}
	return p
}

func (o *Options) limits() model.AgentPart {
	return model.AgentPart{Part: "limits", Needs: "nothing", Works: true, Detail: o.Limits}
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
	if r := remedyOf(err); r != "" {
		p.Remedy = r
	}
	return p
}
