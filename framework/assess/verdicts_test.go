package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestNoVerdictWithoutEvidence holds cases in which a look at half of the facts would give a wrong pass or fail.
func TestNoVerdictWithoutEvidence(t *testing.T) {
	remote := plain(model.Engine{Product: "docker", Version: "29.2.0", Endpoint: "tcp://192.0.2.7:2376"})
	unread := plain(model.Engine{}, model.Container{Gaps: []model.Gap{{Path: "/workload", Reason: model.GapTimeout}}})
	podman := plain(model.Engine{Product: "podman", Version: "5.2.2"})
	quadlet := plain(model.Engine{Product: "podman", Version: "5.2.2"}, of(model.Workload{
		Restart: "no", Labels: map[string]string{"PODMAN_SYSTEMD_UNIT": "web.service"},
	}))
	rootless := func(user string) model.Snapshot {
		return plain(model.Engine{
			Product: "docker", Version: "29.2.0", Rootless: true,
			Sockets: []model.EngineSocket{{FileFact: model.FileFact{Path: "/run/user/1000/docker.sock", Exists: true, Owner: "app"}, Users: []string{user}}},
		})
	}
	firewalld := plain(model.Engine{})
	firewalld.Firewall = &model.Firewall{ForwardPolicy: "accept", Tables: []model.FirewallTable{{Family: "inet", Name: "firewalld", Rules: 90}}}
	published := func(table string) model.Snapshot {
		s := plain(model.Engine{}, of(model.Workload{Ports: []model.PortMap{{HostPort: 80, ContainerPort: 80, Protocol: "tcp"}}}))
		s.Firewall = &model.Firewall{Tables: []model.FirewallTable{{Family: "inet", Name: table, Rules: 9}}}
		return s
	}
	updated := func(name string) model.Snapshot {
		s := plain(model.Engine{})
		s.Host.UpdatesAsOf = caseTime
		s.Host.Updates = []model.Update{{Name: name, Installed: "1", Candidate: "2"}}
		return s
	}
	for _, c := range []struct {
		name string
		want model.CheckStatus
		id   string
		snap model.Snapshot
	}{
		{"engine behind TCP, listeners unseen", unk, "8.1.c/tcp", remote},
		{"container that was not inspected", unk, "8.1.a/newer-image", unread},
		{"container without known user", unk, "8.4.e/engine-user-namespaces", unread},
		{"container without known level", unk, "8.5.f/host", unread},
		{"podman writes its rules always", na, "8.6.2.a.2/engine-rules", podman},
		{"podman has no userland proxy", na, "8.6.2.b/userland-proxy", podman},
		{"podman has no default for all", na, "8.4.e/engine-no-new-privileges", podman},
		{"systemd runs the container", warn, "8.5.b/restart-policy", quadlet},
		{"owner of a rootless engine", pass, "8.1.c/users", rootless("app")},
		{"stranger at a rootless engine", fail, "8.1.c/users", rootless("other")},
		{"firewalld forwards by its own chains", unk, "8.6.2.a.2/forward-policy", firewalld},
		{"podman's own table guards nothing", fail, "8.6.2.b/host-firewall", published("netavark")},
		{"firewalld lets published ports in", fail, "8.6.2.b/host-firewall", published("firewalld")},
		{"a table of the operator's", warn, "8.6.2.b/host-firewall", published("site")},
		{"vendor's update, purpose unknown", warn, "8.1.b/runtime-updates", updated("docker-ce")},
		{"distribution's update that is not for security", pass, "8.1.b/runtime-updates", updated("docker.io")},
	} {
		t.Run(c.name, func(t *testing.T) { wantCheck(t, c.want, c.id, &c.snap) })
	}
}

func TestPodsThatEndedOrWereNotRead(t *testing.T) {
	pod := func(phase string) model.KubePod {
		return model.KubePod{Namespace: "shop", Name: "job", Phase: phase, Containers: []model.KubeContainer{{Name: "c", Workload: model.Workload{Privileged: true}}}}
	}
	const id = "8.4.e/privileged"
	for phase, want := range map[string]model.CheckStatus{"Running": fail, "Pending": fail, "Succeeded": na, "Failed": na} {
		s := cluster(model.Kubernetes{Pods: []model.KubePod{pod(phase)}})
		t.Run(phase, func(t *testing.T) { wantCheck(t, want, id, &s) })
	}
	s := plain(model.Engine{}, of(model.Workload{}))
	s.Kubernetes, s.Gaps = &model.Kubernetes{}, []model.Gap{{Path: "/kubernetes/pods", Reason: model.GapPermission}}
	t.Run("pods unread beside good containers", func(t *testing.T) { wantCheck(t, unk, id, &s) })
	s.Containers = nil
	t.Run("pods unread, no container", func(t *testing.T) { wantCheck(t, unk, id, &s) })
}

func TestPins(t *testing.T) {
	const label = "io.bulkhead.sensitivity"
	for demand, want := range map[string]bool{
		"node.labels." + label + "==secret": true, "node.labels." + label + " == secret": true, label + "=secret": true,
		"node.labels." + label + "==top-secret": false, "node.labels." + label + "!=secret": false, "node.labels.x" + label + "==secret": false, "": false,
	} {
		if got := pins(demand, label, "secret"); got != want {
			t.Errorf("pins(%q) is %v", demand, got)
		}
	}
}
