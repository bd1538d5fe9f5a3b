package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// leveled is a host with containers of the levels, all on one network.
func leveled(list ...string) model.Snapshot {
	s := plain(model.Engine{})
	n := model.Network{Name: "net", Driver: "bridge"}
	for i, l := range list {
		name := string(rune('a' + i))
		s.Containers = append(s.Containers, model.Container{Name: name, State: "running", Workload: model.Workload{Sensitivity: l}})
		n.Containers = append(n.Containers, name)
	}
	s.Networks = []model.Network{n}
	return s
}

func TestLevels(t *testing.T) {
	for _, req := range []string{"8.5.e", "8.5.f"} {
		wantAll(t, req+"/levels-declared", "/containers", []statusCase{
			{"all", pass, leveled("internal", "secret")},
			{"some", warn, leveled("internal", "")},
			{"none", fail, leveled("", "")},
			{"unknown level", fail, leveled("purple")},
			{"no container", na, plain(model.Engine{})},
		})
	}
	apart := leveled("internal", "secret")
	apart.Networks = []model.Network{{Name: "i", Containers: []string{"a"}, Sensitivity: "internal"}, {Name: "s", Containers: []string{"b"}}}
	wrong := leveled("internal")
	wrong.Networks[0].Sensitivity = "secret"
	stopped := leveled("internal", "secret")
	stopped.Containers[1].State = "exited"
	wantAll(t, "8.5.e/networks", "/networks", []statusCase{
		{"one level", pass, leveled("internal", "internal")},
		{"two levels", fail, leveled("internal", "secret")},
		{"bare one", warn, leveled("internal", "")},
		{"apart", pass, apart},
		{"network of another level", fail, wrong},
		{"other one stopped", pass, stopped},
		{"nothing declared", na, leveled("", "")},
	})
	wantAll(t, "8.5.f/host", "/containers", []statusCase{
		{"one level", pass, leveled("internal", "internal", "")},
		{"two levels", fail, leveled("internal", "secret")},
		{"nothing declared", na, leveled("")},
		{"stopped", pass, stopped},
	})
}

func TestKubeLevels(t *testing.T) {
	with := func(deny bool, ns string, pods ...model.KubePod) model.Snapshot {
		for i := range pods {
			pods[i].Namespace, pods[i].Name = "shop", string(rune('a'+i))
			pods[i].Containers = []model.KubeContainer{{Workload: model.Workload{Sensitivity: pods[i].Sensitivity}}}
		}
		return cluster(model.Kubernetes{Namespaces: []model.KubeNS{{Name: "shop", Sensitivity: ns, DefaultDenyIngress: deny}}, Pods: pods})
	}
	secret := model.KubePod{Sensitivity: "secret", Node: "n1", NodeSelector: []string{"io.bulkhead.sensitivity=secret"}}
	public := model.KubePod{Sensitivity: "public", Node: "n1"}
	wantAll(t, "8.5.e/kube-namespaces", "/kubernetes/namespaces", []statusCase{
		{"closed", pass, with(true, "secret", secret)},
		{"open", fail, with(false, "secret", secret)},
		{"mixed", fail, with(true, "secret", public)},
		{"mixed pods", fail, with(true, "", secret, public)},
		{"nothing declared", na, with(false, "", model.KubePod{})},
	})
	wantAll(t, "8.5.f/pinned", "/kubernetes/pods", []statusCase{
		{"pinned", pass, with(true, "", secret)},
		{"not", fail, with(true, "", public)},
		{"plain host", na, leveled("secret")},
		{"pinned service", pass, manager(model.Swarm{Services: []model.SwarmSvc{{
			Workload: model.Workload{Sensitivity: "secret"}, Constraints: []string{"node.labels.io.bulkhead.sensitivity==secret"},
		}}})},
		{"kept away", fail, manager(model.Swarm{Services: []model.SwarmSvc{{
			Workload: model.Workload{Sensitivity: "secret"}, Constraints: []string{"node.labels.io.bulkhead.sensitivity!=secret"},
		}}})},
	})
	mixed := with(true, "", secret, public)
	node := with(true, "", secret)
	node.Kubernetes.Nodes = []model.KubeNode{{Name: "n1", Sensitivity: "public"}}
	wantAll(t, "8.5.f/host", "", []statusCase{{"one node", fail, mixed}, {"node of another level", fail, node}, {"one level", pass, with(true, "", secret)}})
}
