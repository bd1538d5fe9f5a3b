package docker

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/system"

	"github.com/bulkhead-security/bulkhead/model"
)

func podmanCollector(root string) *Collector {
	return collector(root, &Client{endpoint: "unix:///run/podman/podman.sock", product: "podman"})
}

func TestPodmanComponents(t *testing.T) {
	e := podmanCollector(hostRoot(t, map[string]string{"/usr/bin/runc": ""}))
	info := system.Info{Runtimes: map[string]system.RuntimeWithStatus{"runc": {}}}
	for name, c := range map[string]struct {
		in   system.ComponentVersion
		want model.Component
	}{
		"engine":     {system.ComponentVersion{Name: "Podman Engine", Version: "4.3.1"}, model.Component{Name: "Podman Engine", Version: "4.3.1", Path: "/usr/bin/podman"}},
		"conmon":     {system.ComponentVersion{Name: "Conmon", Version: "conmon version 2.1.6, commit: unknown"}, model.Component{Name: "conmon", Version: "2.1.6"}},
		"commit":     {system.ComponentVersion{Name: "Conmon", Version: "conmon version 2.1.6, commit: ab12"}, model.Component{Name: "conmon", Version: "2.1.6", Commit: "ab12"}},
		"runtime":    {system.ComponentVersion{Name: "OCI Runtime (runc)", Version: "runc version 1.1.5+ds1\ncommit: 1.1.5\nspec: 1.0.2"}, model.Component{Name: "runc", Version: "1.1.5+ds1"}},
		"no version": {system.ComponentVersion{Name: "OCI Runtime (x"}, model.Component{Name: "x"}},
	} {
		if d := cmp.Diff(c.want, e.podmanComponent(daemon{local: true, exe: "/usr/bin/podman"}, c.in, info)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestPodmanWorkload(t *testing.T) {
	all := append([]string{"CAP_BPF"}, ociDefaults...)
	for name, c := range map[string]struct{ drop, want []string }{
		"all": {all, []string{"ALL"}}, "all but one": {ociDefaults[1:], ociDefaults[1:]}, "none": {nil, nil},
	} {
		w := model.Workload{CapDrop: c.drop, Runtime: "oci", Limits: model.Limits{Ulimits: []string{"RLIMIT_NOFILE=64:128", "core=0:0"}}}
		podmanWorkload(&w)
		if d := cmp.Diff(model.Workload{CapDrop: c.want, Limits: model.Limits{Ulimits: []string{"nofile=64:128", "core=0:0"}}}, w); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestRefusesUnsigned(t *testing.T) {
	for policy, want := range map[string]bool{
		`{"default":[{"type":"insecureAcceptAnything"}]}`: false, `{"default":[{"type":"reject"}]}`: true,
		`{"default":[{"type":"signedBy"}]}`: true, `{"default":[]}`: false, `{`: false, ``: false, `[]`: false,
		`{"default":[{"type":"insecureAcceptAnything"},{"type":"sigstoreSigned"}]}`: true,
	} {
		if got := refusesUnsigned([]byte(policy)); got != want {
			t.Errorf("%s: %v", policy, got)
		}
	}
}

// TestPodmanBesideDocker: settings and process of a dockerd on the same host are not taken for Podman's.
func TestPodmanBesideDocker(t *testing.T) {
	e := podmanCollector(hostRoot(t, map[string]string{
		"/etc/docker/daemon.json": `{"icc":false,"no-new-privileges":true}`, "/run/docker.pid": "7",
		"/proc/7/comm": "dockerd\n", "/proc/7/cmdline": "dockerd\x00--tlsverify\x00",
		"/proc/8/comm": "podman\n", "/proc/8/cmdline": "podman\x00run\x00x\x00",
	}))
	d := e.findDaemon()
	check(t, "process", d.pid, 0)
	s, gaps := e.readSettings(d)
	check(t, "settings", len(s.values), 0)
	check(t, "gaps", len(gaps), 0)
	eng := &model.Engine{Experimental: true}
	got := map[string]model.GapReason{}
	for _, g := range e.podmanGaps(eng, d) {
		got[g.Path] = g.Reason
	}
	check(t, "experimental", eng.Experimental, false)
	check(t, "ICC", got["/engine/icc"], model.GapUnsupported)
	check(t, "no new privileges", got["/engine/no_new_privileges"], model.GapUnsupported)
	check(t, "TCP", got["/engine/tcp"], model.GapAbsent)

	write(t, e.host("/"), "/proc/9/comm", "podman\n")
	write(t, e.host("/"), "/proc/9/cmdline", "podman\x00system\x00service\x00--tls-cert=/c\x00tcp://0.0.0.0:2376\x00")
	d = e.findDaemon()
	check(t, "podman's process", d.pid, 9)
	check(t, "its arguments", strings.Join(d.args, " "), "podman system service --tls-cert=/c tcp://0.0.0.0:2376")
}

// TestPodmanBridgeElsewhere: interfaces of another root are not looked for here.
func TestPodmanBridgeElsewhere(t *testing.T) {
	in := network.Inspect{}
	in.IPAM.Config = []network.IPAMConfig{{Gateway: netip.MustParseAddr("127.0.0.1")}}
	check(t, "other root", podmanCollector(hostRoot(t, nil)).podmanBridge(in), "")
	check(t, "this host", podmanCollector("/").podmanBridge(in), "lo")
}

func TestIssuedRefuses(t *testing.T) {
	for _, root := range []string{"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if at, err := issued(root); err == nil || reason(err) != model.GapMalformed || !at.IsZero() {
			t.Errorf("%q: %v, %v", root, at, err)
		}
	}
}
