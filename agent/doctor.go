package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/agent/machine"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/model"
)

// DoctorOptions say what to look at.
type DoctorOptions struct {
	Dir     string // the agent's data directory
	Machine machine.Options
	// Maintenance says whether cordon and drain can be carried out here; nil says nothing of it.
	Maintenance func(ctx context.Context) model.AgentPart
	// Limits are told as they are set.
	Limits string
	Spool  int64
	Now    func() time.Time
}

// Least free space for the data directory, beside what the spool may take.
const leastFree = 64 << 20

// serverLimit is for one answer of a server.
const serverLimit = 10 * time.Second

// Doctor gives each part of the agent with whether this machine has what it needs. It changes nothing, and sends nothing but an empty
// request.
func Doctor(ctx context.Context, o DoctorOptions) []model.AgentPart {
	parts := o.identity()
	parts = append(parts, o.server(ctx)...)
	parts = append(parts, o.disk(), o.limits())
	parts = append(parts, machine.Look(ctx, o.Machine)...)
	if o.Maintenance != nil {
		parts = append(parts, o.Maintenance(ctx))
	}
	return parts
}

func (o *DoctorOptions) identity() []model.AgentPart {
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

func (o *DoctorOptions) certificate(d *state.Dir) model.AgentPart {
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

func (o *DoctorOptions) running(d *state.Dir) model.AgentPart {
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

func (o *DoctorOptions) disk() model.AgentPart {
	p := model.AgentPart{Part: "disk", Needs: fmt.Sprintf("%d MiB free for spool and documents", (o.Spool+leastFree)>>20), Needed: true}
	dir := o.Dir
	for _, err := os.Stat(dir); err != nil && dir != filepath.Dir(dir); _, err = os.Stat(dir) {
		dir = filepath.Dir(dir) // it is made at the join
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return failed(p, fmt.Errorf("%s: %w", o.Dir, err))
	}
	free := int64(st.Bavail) * st.Bsize
	used := int64(0)
	if fi, err := os.Stat(o.Dir + "/" + state.SpoolFile); err == nil {
		used = fi.Size()
	}
	p.Works, p.Detail = free+used >= o.Spool+leastFree, fmt.Sprintf("%d MiB are free in %s", free>>20, dir)
	if !p.Works {
		p.Remedy = "free space, or make the spool smaller (agent.spool): on a full disk what waits is kept in memory only"
	}
	return p
}

func (o *DoctorOptions) limits() model.AgentPart {
	return model.AgentPart{Part: "limits", Needs: "nothing", Works: true, Detail: o.Limits}
}

// server looks whether each server is reached, trusted, and of the same time.
func (o *DoctorOptions) server(ctx context.Context) []model.AgentPart {
	d, err := state.Look(o.Dir)
	if err != nil {
		return nil
	}
	n, err := d.Node()
	if err != nil {
		return nil // told already
	}
	roots, err := n.Roots()
	if err != nil {
		return []model.AgentPart{failed(model.AgentPart{Part: "server", Needs: "the server's CA", Needed: true}, err)}
	}
	var out []model.AgentPart
	for _, at := range n.Servers {
		h := &http.Client{
			Timeout:       serverLimit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Time: o.Now}, DisableKeepAlives: true},
		}
		out = append(out, o.ask(ctx, h, at)...)
	}
	return out
}

func (o *DoctorOptions) ask(ctx context.Context, h *http.Client, at string) []model.AgentPart {
	p := model.AgentPart{Part: "server", Needs: "reached over TLS 1.3, with a certificate of the CA that was kept", Needed: true}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, at+"/", http.NoBody)
	if err != nil {
		return []model.AgentPart{failed(p, err)}
	}
	begin := o.Now()
	res, err := h.Do(r)
	if err != nil {
		return []model.AgentPart{failed(p, uplink.Explain(err, at, o.Now()))}
	}
	_ = res.Body.Close() // a HEAD has none
	p.Works, p.Detail = true, at
	clock := model.AgentPart{Part: "clock", Needs: fmt.Sprintf("less than %s from the server's", skewLimit), Needed: true}
	date, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return []model.AgentPart{p, failed(clock, errors.New("the server does not say its time"))}
	}
	skew := date.Sub(begin)
	clock.Works, clock.Detail = skew.Abs() <= skewLimit, fmt.Sprintf("the server's differs by %s", skew.Abs().Round(time.Second))
	if !clock.Works {
		clock.Remedy = "set the clock and keep it set: timedatectl set-ntp true"
	}
	return []model.AgentPart{p, clock}
}

func failed(p model.AgentPart, err error) model.AgentPart {
	p.Works, p.Detail = false, err.Error()
	var e *model.Error
	if errors.As(err, &e) && e.Remedy != "" {
		p.Remedy = e.Remedy
	}
	return p
}
