package assess

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestNetworkChecks(t *testing.T) {
	label := func(i int, key, value string) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Containers[i].Workload.Labels = map[string]string{key: value} }
	}
	one := func(i int, f func(*model.Workload)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Containers[i].Workload) }
	}
	add := func(n model.Network) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Networks = append(s.Networks, n) }
	}
	const project = "com.docker.compose.project"
	onDefault := func(s *model.Snapshot) { move(s, "bridge") }
	everywhere := one(1, func(w *model.Workload) { w.Ports[0].HostIP = "0.0.0.0" })
	segmentation, encryption := enforce(model.ControlSegmentation), enforce(model.ControlEncryption)
	noRules := func(s *model.Snapshot) { s.Firewall.DockerUserRules = 0 }
	lone := func(s *model.Snapshot) { s.Containers, s.Networks[0].Containers = s.Containers[1:], nil }
	for _, c := range []struct {
		id     string
		want   model.CheckStatus
		change []func(*model.Snapshot)
	}{
		{"8.6.1.a/default-bridge", pass, nil},
		{"8.6.1.a/default-bridge", warn, []func(*model.Snapshot){openBoth}},
		{"8.6.1.a/default-bridge", fail, []func(*model.Snapshot){openBoth, onDefault}},
		{"8.6.1.a/default-bridge", pass, []func(*model.Snapshot){openBoth, onDefault, segmentation}},
		{"8.6.1.a/default-bridge", fail, []func(*model.Snapshot){onDefault, func(s *model.Snapshot) { s.Firewall.BridgeNFCallIPTables = no() }}},
		{"8.6.1.a/default-bridge", fail, []func(*model.Snapshot){onDefault, func(s *model.Snapshot) { s.Firewall = &model.Firewall{Backend: "none"} }}},
		{"8.6.1.a/default-bridge", pass, []func(*model.Snapshot){netGap("/firewall")}},
		{"8.6.1.a/default-bridge", unk, []func(*model.Snapshot){openBoth, onDefault, netGap("/firewall")}},
		{"8.6.1.a/default-bridge", unk, []func(*model.Snapshot){netGap("/networks")}},
		{"8.6.1.a/default-bridge", na, []func(*model.Snapshot){func(s *model.Snapshot) { s.Networks = s.Networks[:1] }}},
		{"8.6.1.a/user-bridges", pass, nil},
		{"8.6.1.a/user-bridges", fail, []func(*model.Snapshot){openBoth}},
		{"8.6.1.a/user-bridges", warn, []func(*model.Snapshot){openBoth, label(0, project, "x"), label(1, project, "x")}},
		{"8.6.1.a/user-bridges", fail, []func(*model.Snapshot){openBoth, label(0, project, "x"), label(1, project, "y")}},
		{"8.6.1.a/user-bridges", na, []func(*model.Snapshot){openBoth, lone}},
		{"8.6.1.a/user-bridges", unk, []func(*model.Snapshot){netGap("/containers")}},
		{"8.6.1.b/access-control", pass, nil},
		{"8.6.1.b/access-control", warn, []func(*model.Snapshot){openBoth}},
		{"8.6.1.b/access-control", pass, []func(*model.Snapshot){openBoth, segmentation}},
		{"8.6.1.b/access-control", fail, []func(*model.Snapshot){bareRules}},
		{"8.6.1.b/access-control", na, []func(*model.Snapshot){bareRules, lone}},
		{"8.6.1.b/rate-limit", pass, []func(*model.Snapshot){openBoth}},
		{"8.6.1.b/rate-limit", fail, []func(*model.Snapshot){bareRules}},
		{"8.6.1.b/rate-limit", pass, []func(*model.Snapshot){bareRules, enforce(model.ControlRateLimit)}},
		{"8.6.1.b/rate-limit", unk, []func(*model.Snapshot){bareRules, netGap("/firewall")}},
		{"8.6.1.c/overlay", na, nil},
		{"8.6.1.c/overlay", pass, []func(*model.Snapshot){add(overlay(true))}},
		{"8.6.1.c/overlay", fail, []func(*model.Snapshot){add(overlay(false))}},
		{"8.6.1.c/overlay", pass, []func(*model.Snapshot){add(overlay(false)), encryption}},
		{"8.6.1.c/overlay", na, []func(*model.Snapshot){add(overlay(false)), func(s *model.Snapshot) {
			s.Swarm = &model.Swarm{State: "active", Manager: true, Nodes: []model.SwarmNode{{}}}
		}}},
		{"8.6.1.c/cross-host", na, nil},
		{"8.6.1.c/cross-host", pass, []func(*model.Snapshot){encryption}},
		{"8.6.1.c/cross-host", fail, []func(*model.Snapshot){add(model.Network{Name: "lan", Driver: "macvlan", Containers: []string{"web"}})}},
		{"8.6.2.a.1/default-bridge", pass, nil},
		{"8.6.2.a.1/default-bridge", fail, []func(*model.Snapshot){onDefault}},
		{"8.6.2.a.1/default-bridge", warn, []func(*model.Snapshot){lone, onDefault}},
		{"8.6.2.a.1/host-network", pass, nil},
		{"8.6.2.a.1/host-network", fail, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.Namespaces.Network = "host" })}},
		{"8.6.2.a.1/host-network", warn, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.Namespaces.Network = "container:web" })}},
		{"8.6.2.a.1/shared-networks", pass, nil},
		{"8.6.2.a.1/shared-networks", warn, []func(*model.Snapshot){label(0, project, "x"), label(1, project, "y")}},
		{"8.6.2.a.1/shared-networks", fail, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.Tenant = "a" }), one(1, func(w *model.Workload) { w.Tenant = "b" })}},
		{"8.6.2.a.1/shared-networks", fail, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.Sensitivity = "public" }), one(1, func(w *model.Workload) { w.Sensitivity = "secret" })}},
		{"8.6.2.a.1/shared-networks", na, []func(*model.Snapshot){lone}},
		{"8.6.2.a.2/engine-rules", pass, nil},
		{"8.6.2.a.2/engine-rules", fail, []func(*model.Snapshot){func(s *model.Snapshot) { s.Engine.IPTables = no() }}},
		{"8.6.2.a.2/engine-rules", unk, []func(*model.Snapshot){netGap("/engine/iptables")}},
		{"8.6.2.a.2/forward-policy", pass, nil},
		{"8.6.2.a.2/forward-policy", fail, []func(*model.Snapshot){func(s *model.Snapshot) { s.Firewall.ForwardPolicy = "accept" }}},
		{"8.6.2.a.2/forward-policy", fail, []func(*model.Snapshot){func(s *model.Snapshot) { s.Networks[0].IPv6 = true }}},
		{"8.6.2.a.2/forward-policy", unk, []func(*model.Snapshot){netGap("/firewall")}},
		{"8.6.2.a.2/default-deny", pass, nil},
		{"8.6.2.a.2/default-deny", fail, []func(*model.Snapshot){openBoth}},
		{"8.6.2.a.2/default-deny", pass, []func(*model.Snapshot){openBoth, segmentation}},
		{"8.6.2.a.2/default-deny", na, []func(*model.Snapshot){openBoth, lone}},
		{"8.6.2.a.2/bridge-filter", pass, nil},
		{"8.6.2.a.2/bridge-filter", fail, []func(*model.Snapshot){func(s *model.Snapshot) { s.Firewall.BridgeNFCallIPTables = nil }}},
		{"8.6.2.a.2/bridge-filter", fail, []func(*model.Snapshot){func(s *model.Snapshot) { s.Firewall.BridgeNFCallIPTables = no() }}},
		{"8.6.2.a.2/spoofing", pass, nil},
		{"8.6.2.a.2/spoofing", warn, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.CapDrop = nil })}},
		{"8.6.2.a.2/spoofing", warn, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.CapAdd = []string{"CAP_NET_ADMIN"} })}},
		{"8.6.2.a.2/spoofing", pass, []func(*model.Snapshot){one(0, func(w *model.Workload) { w.CapDrop = nil }), segmentation}},
		{"8.6.2.b/host-firewall", pass, []func(*model.Snapshot){noRules}},
		{"8.6.2.b/host-firewall", pass, []func(*model.Snapshot){everywhere}},
		{"8.6.2.b/host-firewall", fail, []func(*model.Snapshot){everywhere, noRules}},
		{"8.6.2.b/host-firewall", warn, []func(*model.Snapshot){everywhere, noRules, func(s *model.Snapshot) {
			s.Firewall.Tables = []model.FirewallTable{{Family: "inet", Name: "filter", Chains: 1, Rules: 3}}
		}}},
		{"8.6.2.b/host-firewall", fail, []func(*model.Snapshot){everywhere, noRules, func(s *model.Snapshot) {
			s.Firewall.Tables = []model.FirewallTable{{Family: "ip", Name: "filter", Chains: 1, Rules: 3}}
		}}},
		{"8.6.2.b/host-firewall", unk, []func(*model.Snapshot){everywhere, netGap("/firewall")}},
		{"8.6.2.b/host-firewall", na, []func(*model.Snapshot){one(1, func(w *model.Workload) { w.Ports = nil })}},
		{"8.6.2.b/published-addresses", pass, nil},
		{"8.6.2.b/published-addresses", fail, []func(*model.Snapshot){everywhere}},
		{"8.6.2.b/privileged-ports", pass, nil},
		{"8.6.2.b/privileged-ports", warn, []func(*model.Snapshot){one(1, func(w *model.Workload) { w.Ports[0].HostPort = 443 })}},
		{"8.6.2.b/needed-ports", pass, nil},
		{"8.6.2.b/needed-ports", warn, []func(*model.Snapshot){one(1, func(w *model.Workload) { w.Ports[0].ContainerPort = 22 })}},
		{"8.6.2.b/needed-ports", unk, []func(*model.Snapshot){func(s *model.Snapshot) { s.Images = nil }}},
		{"8.6.2.b/userland-proxy", pass, nil},
		{"8.6.2.b/userland-proxy", warn, []func(*model.Snapshot){func(s *model.Snapshot) { s.Engine.UserlandProxy = nil }}},
		{"8.6.2.b/vxlan", na, nil},
		{"8.6.2.b/vxlan", fail, []func(*model.Snapshot){add(overlay(true))}},
		{"8.6.2.b/vxlan", pass, []func(*model.Snapshot){add(overlay(true)), func(s *model.Snapshot) { s.Firewall.VXLANRules = 2 }}},
		{"8.6.2.c/segmentation", fail, nil},
		{"8.6.2.c/segmentation", pass, []func(*model.Snapshot){segmentation}},
		{"8.6.2.c/segmentation", warn, []func(*model.Snapshot){func(s *model.Snapshot) {
			s.Controls = []model.Control{{Name: model.ControlSegmentation, Mode: model.ModeObserve}}
		}}},
		{"8.6.2.c/segmentation", unk, []func(*model.Snapshot){netGap("/controls")}},
		{"8.6.2.c/segmentation", na, []func(*model.Snapshot){func(s *model.Snapshot) { s.Containers = nil }}},
		{"8.6.2.c/network-policies", na, nil},
	} {
		s := netHost()
		for _, f := range c.change {
			f(s)
		}
		wantCheck(t, c.want, c.id, s)
	}
}

func TestNetworkChecksKubernetes(t *testing.T) {
	ns := func(f func(*model.KubeNS)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Kubernetes.Namespaces[1]) }
	}
	for _, c := range []struct {
		id     string
		want   model.CheckStatus
		change func(*model.Snapshot)
	}{
		{"8.6.1.a/kubernetes", pass, nil},
		{"8.6.1.a/kubernetes", fail, ns(func(n *model.KubeNS) { n.DefaultDenyIngress = false })},
		{"8.6.1.a/default-bridge", na, nil},
		{"8.6.1.c/cross-host", na, nil},
		{"8.6.1.c/cross-host", unk, func(s *model.Snapshot) { s.Kubernetes.Nodes = append(s.Kubernetes.Nodes, model.KubeNode{Name: "b"}) }},
		{"8.6.2.a.1/host-network", pass, nil},
		{"8.6.2.a.1/host-network", fail, func(s *model.Snapshot) { s.Kubernetes.Pods[0].Containers[0].Workload.Namespaces.Network = "host" }},
		{"8.6.2.a.2/kubernetes", warn, ns(func(n *model.KubeNS) { n.DefaultDenyEgress = false })},
		{"8.6.2.c/network-policies", pass, nil},
		{"8.6.2.c/network-policies", fail, ns(func(n *model.KubeNS) { n.NetworkPolicies = 0 })},
		{"8.6.2.c/network-policies", na, ns(func(n *model.KubeNS) { n.Pods = 0 })},
		{"8.6.2.c/network-policies", unk, netGap("/kubernetes/namespaces")},
		{"8.6.2.c/network-plugin", pass, nil},
		{"8.6.2.c/network-plugin", fail, func(s *model.Snapshot) { s.Kubernetes.CNI = "flannel" }},
		{"8.6.2.c/network-plugin", unk, func(s *model.Snapshot) { s.Kubernetes.CNI = "" }},
	} {
		s := kubeNet()
		if c.change != nil {
			c.change(s)
		}
		wantCheck(t, c.want, c.id, s)
	}
}

// TestNetworkMet holds that a hardened host meets every requirement of 8.6 that it can, and the bare one does not.
func TestNetworkMet(t *testing.T) {
	hard, bad := netHost(), netHost()
	enforce(model.ControlSegmentation)(hard)
	bareRules(bad)
	bad.Containers[1].Workload.Ports[0].HostIP = ""
	for req, want := range map[string][2]model.Status{
		"8.6.1.a":   {model.Met, model.NotMet},
		"8.6.1.b":   {model.Met, model.NotMet},
		"8.6.1.c":   {model.NotApplicable, model.NotApplicable},
		"8.6.2.a.1": {model.Met, model.Met},
		"8.6.2.a.2": {model.Met, model.NotMet},
		"8.6.2.b":   {model.Met, model.NotMet},
		"8.6.2.c":   {model.Met, model.NotMet},
	} {
		for i, s := range []*model.Snapshot{hard, bad} {
			var results []model.CheckResult
			for _, c := range networkChecks() {
				if strings.HasPrefix(c.ID, req+"/") {
					results = append(results, assessOne(t, c.ID, s))
				}
			}
			if got := requirementStatus(results); got != want[i] {
				t.Errorf("%s of host %d is %s, want %s", req, i, got, want[i])
			}
		}
	}
}

func TestNetworkTexts(t *testing.T) {
	for _, c := range networkChecks() {
		if c.Title.EN == "" || c.Title.ZH == "" || c.Remediation.EN == "" || c.Remediation.ZH == "" || len(c.References) == 0 {
			t.Errorf("%s lacks a text or a reference", c.ID)
		}
		if strings.Contains(c.Remediation.EN+c.Remediation.ZH+c.Title.EN, "%!") {
			t.Errorf("%s: a text is broken", c.ID)
		}
	}
}
