package assess

import (
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }

// netMember is a hardened container on a network.
func netMember(name, network string) model.Container {
	return model.Container{
		ID: name, Name: name, State: "running", Endpoints: []model.Endpoint{{Network: network}},
		Workload: model.Workload{CapDrop: []string{"ALL"}, Image: model.ImageRef{ID: "img"}, Namespaces: model.Namespaces{Network: network}},
	}
}

// netHost is a host with hardened networks: icc off, rules in force, one port on the loopback address, segmentation.
func netHost() *model.Snapshot {
	web := netMember("web", "app")
	web.Workload.Ports = []model.PortMap{{HostIP: "127.0.0.1", HostPort: 8443, ContainerPort: 443, Protocol: "tcp"}}
	return &model.Snapshot{
		Schema: model.SnapshotSchema, Taken: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Engine: &model.Engine{Product: "docker", ICC: no(), IPTables: yes(), UserlandProxy: no()},
		Networks: []model.Network{
			{ID: "n2", Name: "app", Driver: "bridge", Bridge: "br-n2", ICC: no(), Containers: []string{"db", "web"}},
			{ID: "n1", Name: "bridge", Driver: "bridge", Bridge: "docker0", ICC: no(), Default: true},
		},
		Containers: []model.Container{netMember("db", "app"), web},
		Images:     []model.Image{{ID: "img", ExposedPorts: []string{"443/tcp"}}},
		Firewall: &model.Firewall{
			Backend: "iptables-nft", ForwardPolicy: "drop", DockerUserRules: 1, ICCDropRules: []string{"br-n2", "docker0"},
			RateLimitRules: 1, BridgeNFCallIPTables: yes(), BridgeNFCallIP6Tables: yes(),
		},
	}
}

// openBoth opens both bridges.
func openBoth(s *model.Snapshot) {
	s.Engine.ICC, s.Networks[0].ICC, s.Networks[1].ICC = yes(), yes(), yes()
	s.Firewall.ICCDropRules = nil
}

func bareRules(s *model.Snapshot) {
	openBoth(s)
	s.Firewall.DockerUserRules, s.Firewall.RateLimitRules = 0, 0
}

// move puts all containers onto the network.
func move(s *model.Snapshot, network string) {
	s.Networks[0].Containers = nil
	for i := range s.Containers {
		s.Containers[i].Endpoints = []model.Endpoint{{Network: network}}
	}
}

func overlay(encrypted bool) model.Network {
	return model.Network{ID: "n3", Name: "mesh", Driver: "overlay", Encrypted: encrypted}
}

func enforce(names ...string) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		for _, n := range names {
			s.Controls = append(s.Controls, model.Control{Name: n, Mode: model.ModeEnforce})
		}
	}
}

func netGap(path string) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		s.Gaps = append(s.Gaps, model.Gap{Path: path, Reason: model.GapPermission})
		switch path {
		case "/firewall":
			s.Firewall = nil
		case "/containers":
			s.Containers = nil
		case "/networks":
			s.Networks = nil
		}
	}
}

// kubeNet is a cluster alone, with a namespace that is as it should be.
func kubeNet() *model.Snapshot {
	return &model.Snapshot{Kubernetes: &model.Kubernetes{
		CNI: "calico", Nodes: []model.KubeNode{{Name: "a"}},
		Namespaces: []model.KubeNS{
			{Name: "kube-system", Pods: 5},
			{Name: "shop", Pods: 2, NetworkPolicies: 1, DefaultDenyIngress: true, DefaultDenyEgress: true},
		},
		Pods: []model.KubePod{{Namespace: "shop", Name: "p", Containers: []model.KubeContainer{
			{Name: "c", Workload: model.Workload{CapDrop: []string{"ALL"}, Namespaces: model.Namespaces{Network: "pod"}}},
		}}},
	}}
}
