package docker

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/system"

	"github.com/bulkhead-security/bulkhead/model"
)

// fromPodman tells Podman by the header that its compatible API adds to an answer.
func fromPodman(h http.Header) bool { return h.Get("Libpod-Api-Version") != "" }

func (e *Collector) podman() bool { return e.c.product == "podman" }

// dockerOnly are dockerd's settings. Podman has no daemon that they could belong to, and its API answers what a daemon
// without them would. Live restore and default ulimits are not among them: what they are for, Podman does otherwise.
var dockerOnly = []string{
	"/engine/cgroup_parent", "/engine/icc", "/engine/iptables", "/engine/log_level", "/engine/log_options",
	"/engine/logging_driver", "/engine/no_new_privileges", "/engine/user_namespaces", "/engine/userland_proxy",
}

// podmanGaps says what can't be told of Podman.
func (e *Collector) podmanGaps(eng *model.Engine, d daemon) []model.Gap {
	eng.Experimental = false // the API says that of every Podman
	var gaps []model.Gap
	for _, path := range dockerOnly {
		if path == "/engine/user_namespaces" && eng.Rootless {
			continue
		}
		gaps = append(gaps, model.Gap{
			Path: path, Reason: model.GapUnsupported,
			Detail: "Podman has no daemon with this setting; each container brings its own, or the defaults of containers.conf, which the API does not tell",
		})
	}
	if d.args == nil {
		gaps = append(gaps, model.Gap{
			Path: "/engine/tcp", Reason: d.reason, Detail: d.detail,
			Remedy: "run as root on the engine's host while the podman service runs",
		})
	}
	return gaps
}

// podmanComponent takes the version out of what a program prints, such as "runc version 1.1.5\ncommit: ...".
func (e *Collector) podmanComponent(d daemon, c system.ComponentVersion, i system.Info) model.Component {
	out := model.Component{Name: c.Name, Commit: c.Details["GitCommit"]}
	if runtime, ok := strings.CutPrefix(c.Name, "OCI Runtime ("); ok {
		out.Name = strings.TrimSuffix(runtime, ")")
	}
	switch c.Name {
	case "Podman Engine":
		out.Path = d.exe
	case "Conmon":
		out.Name = "conmon"
		out.Path = e.which(d, "conmon")
	default:
		out.Path = e.which(d, i.Runtimes[out.Name].Path)
	}
	out.Version, _, _ = strings.Cut(c.Version, "\n")
	_, rest, more := strings.Cut(out.Version, "version ")
	if more {
		out.Version = rest
	}
	out.Version, rest, _ = strings.Cut(out.Version, ",")
	if commit, ok := strings.CutPrefix(strings.TrimSpace(rest), "commit: "); ok && commit != "unknown" && out.Commit == "" {
		out.Commit = commit
	}
	return out
}

// ociDefaults are the capabilities that the compatible API gives a container.
var ociDefaults = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// podmanWorkload undoes what Podman's answers make of the options: it lists each dropped capability for "all", calls
// every runtime "oci" and gives ulimits the names of the system call.
func podmanWorkload(w *model.Workload) {
	dropped := func(c string) bool { return slices.Contains(w.CapDrop, c) }
	if !slices.ContainsFunc(ociDefaults, func(c string) bool { return !dropped(c) }) {
		w.CapDrop = []string{"ALL"}
	}
	if w.Runtime == "oci" {
		w.Runtime = ""
	}
	for i, u := range w.Limits.Ulimits {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(u, "RLIMIT_"), "="); ok {
			w.Limits.Ulimits[i] = strings.ToLower(name) + "=" + rest
		}
	}
}

// podmanBridge is the interface that carries a gateway of the network; the API does not tell its name. A bridge that
// no container uses does not exist.
func (e *Collector) podmanBridge(in network.Inspect) string {
	if e.host("/") != "/" || !strings.HasPrefix(e.c.endpoint, "unix://") {
		return "" // the interfaces seen here are not the engine's
	}
	list, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, one := range list {
		addrs, err := one.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			for _, c := range in.IPAM.Config {
				if c.Gateway.IsValid() && c.Gateway == p.Addr() {
					return one.Name
				}
			}
		}
	}
	return ""
}

// podmanTrust is true when policy.json refuses images without a signature from wherever nothing else is said.
func (e *Collector) podmanTrust() bool {
	body, err := readLimited(e.host("/etc/containers/policy.json"), maxConfig)
	if err != nil {
		return false
	}
	return refusesUnsigned(body)
}

func refusesUnsigned(policy []byte) bool {
	var p struct {
		Default []struct {
			Type string `json:"type"`
		} `json:"default"`
	}
	if json.Unmarshal(policy, &p) != nil || len(p.Default) == 0 {
		return false
	}
	for _, r := range p.Default { // all requirements must hold
		switch r.Type {
		case "reject", "signedBy", "sigstoreSigned":
			return true
		}
	}
	return false
}
