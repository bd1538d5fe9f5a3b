package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func podWith(pod model.KubePod, w model.Workload) model.Snapshot {
	pod.Namespace, pod.Name = "shop", "web-1"
	pod.Containers = []model.KubeContainer{{Name: "web", Workload: w}}
	return cluster(model.Kubernetes{Pods: []model.KubePod{pod}})
}

func TestRestart(t *testing.T) {
	policy := func(p string, most int) model.Snapshot {
		return plain(model.Engine{}, of(model.Workload{Restart: p, RestartMax: most}))
	}
	task := plain(model.Engine{}, model.Container{Orchestrated: "swarm", Workload: model.Workload{Restart: "no"}})
	unread := policy("", 0)
	unread.Containers[0].Gaps = []model.Gap{{Path: "/workload", Reason: model.GapFailed}}
	wantAll(t, "8.5.b/restart-policy", "/containers", []statusCase{
		{"on failure", pass, policy("on-failure", 5)},
		{"always", pass, policy("always", 0)},
		{"no", fail, policy("no", 0)},
		{"nothing", fail, policy("", 0)},
		{"task", pass, task},
		{"unread", unk, unread},
		{"none", na, plain(model.Engine{})},
		{"bare pod", fail, podWith(model.KubePod{}, model.Workload{Restart: "always"})},
		{"owned pod", pass, podWith(model.KubePod{Owner: "Deployment/web"}, model.Workload{Restart: "always"})},
	})
	wantAll(t, "8.5.b/restart-limit", "/containers", []statusCase{
		{"five", pass, policy("on-failure", 5)},
		{"six", warn, policy("on-failure", 6)},
		{"no limit", warn, policy("on-failure", 0)},
		{"always", warn, policy("always", 0)},
		{"unless stopped", warn, policy("unless-stopped", 0)},
		{"no", pass, policy("no", 0)},
		{"task", pass, task},
	})
}

func TestLiveRestore(t *testing.T) {
	swarm := manager(model.Swarm{})
	wantAll(t, "8.5.b/live-restore", "/engine/live_restore", []statusCase{
		{"on", pass, plain(model.Engine{Product: "docker", LiveRestore: true})},
		{"off", fail, plain(model.Engine{})},
		{"podman", na, plain(model.Engine{Product: "podman"})},
		{"swarm", na, swarm},
	})
}

func TestHealth(t *testing.T) {
	with := func(c model.Container, img model.Image) model.Snapshot {
		c.Workload.Image.ID, img.ID = "i", "i"
		s := plain(model.Engine{}, c)
		s.Images = []model.Image{img}
		return s
	}
	checked := of(model.Workload{HasHealthcheck: true})
	wantAll(t, "8.5.b/health-checks", "/containers", []statusCase{
		{"checked", pass, with(checked, model.Image{})},
		{"not", fail, with(model.Container{}, model.Image{})},
		{"job", pass, podWith(model.KubePod{Owner: "Job/x"}, model.Workload{Restart: "on-failure"})},
		{"pod", fail, podWith(model.KubePod{Owner: "Deployment/x"}, model.Workload{Restart: "always"})},
	})
	wantAll(t, "8.5.b/image-health", "/images", []statusCase{
		{"of the image", pass, with(model.Container{}, model.Image{Healthcheck: true})},
		{"of the container", pass, with(checked, model.Image{})},
		{"none", warn, with(model.Container{}, model.Image{})},
	})
	crashing := cluster(model.Kubernetes{Pods: []model.KubePod{{Namespace: "n", Containers: []model.KubeContainer{{Restarts: 30}}}}})
	short := plain(model.Engine{}, model.Container{})
	short.Swarm = &model.Swarm{State: "active", Manager: true, Services: []model.SwarmSvc{{Name: "web", Mode: "replicated", Replicas: 3, Running: 2}}}
	unready := podWith(model.KubePod{Owner: "Deployment/web"}, model.Workload{})
	unready.Kubernetes.Deployments = []model.KubeDeploy{{Name: "web", Replicas: 2, Ready: 1}}
	wantAll(t, "8.5.b/healthy", "/containers", []statusCase{
		{"healthy", pass, plain(model.Engine{}, model.Container{Health: "healthy", Restarts: 1})},
		{"unhealthy", fail, plain(model.Engine{}, model.Container{Health: "unhealthy"})},
		{"restarting", fail, plain(model.Engine{}, model.Container{State: "restarting"})},
		{"many restarts", fail, plain(model.Engine{}, model.Container{Restarts: 10})},
		{"crashing pod", fail, crashing},
		{"missing replicas", fail, short},
		{"unready deployment", fail, unready},
	})
}

func TestLimits(t *testing.T) {
	with := func(l model.Limits) model.Snapshot { return plain(model.Engine{}, of(model.Workload{Limits: l})) }
	none := with(model.Limits{})
	wantAll(t, "8.5.b/memory", "/containers", []statusCase{{"limited", pass, with(model.Limits{MemoryBytes: 1})}, {"not", fail, none}})
	wantAll(t, "8.5.b/cpu", "/containers", []statusCase{
		{"limited", pass, with(model.Limits{NanoCPUs: 1})},
		{"weighted", pass, with(model.Limits{CPUShares: 512})},
		{"set", pass, with(model.Limits{CPUSet: "0"})},
		{"not", fail, none},
	})
	wantAll(t, "8.5.b/pids", "/containers", []statusCase{
		{"limited", pass, with(model.Limits{PIDs: 100})}, {"not", fail, none}, {"pod", pass, podWith(model.KubePod{}, model.Workload{})},
	})
	wantAll(t, "8.5.b/ulimits", "/containers", []statusCase{
		{"none", pass, none},
		{"number", pass, with(model.Limits{Ulimits: []string{"nofile=1024:2048"}})},
		{"lifted", fail, with(model.Limits{Ulimits: []string{"memlock=-1:-1"}})},
	})
	wantAll(t, "8.5.b/default-ulimits", "/engine/default_ulimits", []statusCase{
		{"set", pass, plain(model.Engine{Product: "docker", DefaultUlimits: []string{"nofile=1024:2048"}})}, {"not", warn, plain(model.Engine{})},
	})
	disk := func(space, inodes int) model.Snapshot {
		return plain(model.Engine{Product: "docker", Usage: model.EngineUsage{FilesystemPerc: space, InodesUsedPerc: inodes, FilesystemFree: 1}})
	}
	wantAll(t, "8.5.b/disk-space", "/engine/usage", []statusCase{
		{"space", pass, disk(50, 2)},
		{"little", warn, disk(85, 2)},
		{"full", fail, disk(95, 2)},
		{"no inodes", fail, disk(10, 99)},
		{"not read", unk, plain(model.Engine{})},
	})
}

func TestSwarmAvailability(t *testing.T) {
	n := func(all, reachable int) model.Snapshot {
		return manager(model.Swarm{Managers: all, ManagersReachable: reachable})
	}
	wantAll(t, "8.5.b/swarm-managers", "/swarm", []statusCase{
		{"three", pass, n(3, 3)},
		{"one", fail, n(1, 1)},
		{"two", fail, n(2, 2)},
		{"four", warn, n(4, 4)},
		{"nine", warn, n(9, 9)},
		{"lost one", fail, n(3, 2)},
		{"worker", na, onSwarm(model.Swarm{})},
		{"no swarm", na, plain(model.Engine{})},
	})
	zones := func(list ...string) model.Snapshot {
		s := model.Swarm{}
		for _, z := range list {
			s.Nodes = append(s.Nodes, model.SwarmNode{Role: "manager", Labels: map[string]string{"zone": z}})
		}
		return manager(s)
	}
	wantAll(t, "8.5.b/swarm-zones", "/swarm", []statusCase{
		{"two", pass, zones("a", "b")}, {"one", warn, zones("a", "a")}, {"unlabelled", warn, zones("")},
	})
	svc := func(s model.SwarmSvc) model.Snapshot { return manager(model.Swarm{Services: []model.SwarmSvc{s}}) }
	wantAll(t, "8.5.b/swarm-services", "/swarm", []statusCase{
		{"two", pass, svc(model.SwarmSvc{Mode: "replicated", Replicas: 2, RollbackOnFailure: true})},
		{"one", warn, svc(model.SwarmSvc{Mode: "replicated", Replicas: 1, RollbackOnFailure: true})},
		{"no rollback", warn, svc(model.SwarmSvc{Mode: "global"})},
		{"job", pass, svc(model.SwarmSvc{Mode: "global-job"})},
		{"no service", na, manager(model.Swarm{})},
	})
}

func TestKubeAvailability(t *testing.T) {
	plane := func(nodes, etcd int) model.Snapshot {
		k := model.Kubernetes{EtcdMembers: etcd}
		for range nodes {
			k.Nodes = append(k.Nodes, model.KubeNode{ControlPlane: true})
		}
		return cluster(k)
	}
	wantAll(t, "8.5.b/kube-control-plane", "/kubernetes/nodes", []statusCase{
		{"three", pass, plane(3, 3)},
		{"one", fail, plane(1, 1)},
		{"even etcd", warn, plane(4, 4)},
		{"small etcd", fail, plane(3, 1)},
		{"managed", na, plane(0, 0)},
		{"none", na, plain(model.Engine{})},
	})
	nodes := func(list ...model.KubeNode) model.Snapshot { return cluster(model.Kubernetes{Nodes: list}) }
	a, b := model.KubeNode{Ready: true, Zone: "a"}, model.KubeNode{Ready: true, Zone: "b"}
	closed := model.KubeNode{Ready: true, Zone: "c", Taints: []string{"node-role.kubernetes.io/control-plane=:NoSchedule"}}
	wantAll(t, "8.5.b/kube-nodes", "/kubernetes/nodes", []statusCase{
		{"two zones", pass, nodes(a, b)},
		{"one zone", warn, nodes(a, a)},
		{"no zone", warn, nodes(model.KubeNode{Ready: true}, model.KubeNode{Ready: true})},
		{"not ready", fail, nodes(a, b, model.KubeNode{})},
		{"one worker", fail, nodes(a, closed)},
	})
	deploy := func(d model.KubeDeploy) model.Snapshot {
		d.Namespace = "shop"
		return cluster(model.Kubernetes{Deployments: []model.KubeDeploy{d, {Kind: "DaemonSet", Namespace: "shop", Replicas: 1}}})
	}
	wantAll(t, "8.5.b/kube-replicas", "/kubernetes/deployments", []statusCase{
		{"two with budget", pass, deploy(model.KubeDeploy{Kind: "Deployment", Replicas: 2, Budget: true})},
		{"one", warn, deploy(model.KubeDeploy{Kind: "Deployment", Replicas: 1})},
		{"no budget", warn, deploy(model.KubeDeploy{Kind: "Deployment", Replicas: 2})},
		{"scaled to zero", na, deploy(model.KubeDeploy{Kind: "Deployment"})},
	})
}

func TestNodeWatch(t *testing.T) {
	agent := func(s model.Snapshot, facts ...model.KeyVal) model.Snapshot {
		s.Controls = []model.Control{{Name: model.ControlAgent, Mode: model.ModeEnforce, Facts: append([]model.KeyVal{{Key: "node", Value: "n1"}}, facts...)}}
		return s
	}
	yes, no := model.KeyVal{Key: "connected", Value: "yes"}, model.KeyVal{Key: "connected", Value: "no"}
	named := func(nodes ...string) model.Snapshot {
		s := plain(model.Engine{})
		s.Node.Name, s.Kubernetes = "web-1", &model.Kubernetes{}
		for _, n := range nodes {
			s.Kubernetes.Nodes = append(s.Kubernetes.Nodes, model.KubeNode{Name: n})
		}
		return s
	}
	unread := plain(model.Engine{})
	unread.Gaps = []model.Gap{{Path: "/controls", Reason: model.GapPermission}}
	wantAll(t, "8.5.b/node-watch", "", []statusCase{
		{"connected", pass, agent(plain(model.Engine{}), yes)},
		{"not connected", warn, agent(plain(model.Engine{}), no)},
		{"does not say", warn, agent(plain(model.Engine{}))},
		{"nobody", fail, plain(model.Engine{})},
		{"not read", unk, unread},
		{"worker", pass, onSwarm(model.Swarm{})},
		{"manager of many", pass, manager(model.Swarm{Managers: 3, Workers: 2})},
		{"swarm of one", fail, manager(model.Swarm{Managers: 1})},
		{"swarm of one, connected", pass, agent(manager(model.Swarm{Managers: 1}), yes)},
		{"not connected, in a swarm", pass, agent(manager(model.Swarm{Managers: 3}), no)},
		{"kubelet's containers", pass, plain(model.Engine{}, model.Container{Orchestrated: "kubernetes"})},
		{"node of a cluster", pass, named("web-1", "web-2")},
		{"cluster of one", fail, named("web-1")},
		{"another's cluster", fail, named("a", "b")},
		{"a cluster alone", na, cluster(model.Kubernetes{Nodes: []model.KubeNode{{Name: "a"}, {Name: "b"}}})},
	})
}
