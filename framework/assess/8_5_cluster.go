package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// clusterChecks answer for 8.5.b on orchestrators: the loss of a member, a node or a zone stops nothing.
func clusterChecks() []Check {
	return []Check{
		{
			ID: "8.5.b/swarm-managers", Severity: model.High, Essential: true,
			Title:       say("The swarm survives the loss of a manager", "Swarm 可承受一个管理节点失效"),
			References:  []string{benchReference + "7.1"},
			Remediation: say("Have three or five managers: docker node promote NODE; bring back unreachable ones or docker node demote NODE.", "保持三个或五个管理节点：docker node promote NODE；恢复不可达的节点，或 docker node demote NODE。"),
			Eval:        evalSwarmManagers,
		},
		{
			ID: "8.5.b/swarm-zones", Severity: model.Low,
			Title:       say("Swarm managers are spread over failure domains", "Swarm 管理节点分布在不同的故障域"),
			Remediation: say("Label nodes by their zone and place managers in three: docker node update --label-add zone=a NODE", "按可用区标记节点，并将管理节点分布于三个可用区：docker node update --label-add zone=a NODE"),
			Eval:        evalSwarmZones,
		},
		{
			ID: "8.5.b/swarm-services", Severity: model.Medium,
			Title:       say("Swarm services have replicas and roll back a failed update", "Swarm 服务有多个副本，且更新失败时回滚"),
			Remediation: say("Run: docker service update --replicas 2 --update-failure-action rollback NAME", "执行：docker service update --replicas 2 --update-failure-action rollback NAME"),
			Eval:        evalSwarmServices,
		},
		{
			ID: "8.5.b/kube-control-plane", Severity: model.High, Essential: true,
			Title:       say("The cluster survives the loss of a control-plane member", "集群可承受一个控制平面成员失效"),
			Remediation: say("Add members: kubeadm join --control-plane ...; keep three or five of etcd.", "增加成员：kubeadm join --control-plane ...；etcd 保持三个或五个成员。"),
			Eval:        evalKubeControlPlane,
		},
		{
			ID: "8.5.b/kube-nodes", Severity: model.High,
			Title:       say("Nodes are ready and spread over zones", "节点就绪且分布在多个可用区"),
			Remediation: say("Repair nodes that are not ready; add nodes in a second zone, labelled topology.kubernetes.io/zone.", "修复未就绪的节点；在第二个可用区增加节点，并标记 topology.kubernetes.io/zone。"),
			Eval:        evalKubeNodes,
		},
		{
			ID: "8.5.b/kube-replicas", Severity: model.Medium,
			Title:       say("Deployments have replicas and a disruption budget", "Deployment 有多个副本和中断预算"),
			Remediation: say("Run: kubectl scale deployment NAME --replicas=2; kubectl create poddisruptionbudget NAME --selector=app=NAME --min-available=1", "执行：kubectl scale deployment NAME --replicas=2；kubectl create poddisruptionbudget NAME --selector=app=NAME --min-available=1"),
			Eval:        evalKubeReplicas,
		},
	}
}

func evalSwarmManagers(in *Input, r *Recorder) {
	s := swarmManager(in, r)
	if s == nil {
		return
	}
	const ptr = "/swarm/managers"
	switch n := s.Managers; {
	case n < 3:
		r.Fail(ptr, "swarm", say("%d managers: the loss of one stops the management", "有 %d 个管理节点：失去一个即无法管理", n))
	case n%2 == 0:
		r.Warn(ptr, "swarm", say("%d managers, an even number, survive no more than %d would", "管理节点数 %d 为偶数，容错能力与 %d 个相同", n, n-1))
	case n > 7:
		r.Warn(ptr, "swarm", say("%d managers are more than needed", "管理节点数 %d 超出需要", n))
	default:
		r.Pass(ptr, "swarm", say("%d managers", "%d 个管理节点", n))
	}
	if s.ManagersReachable < s.Managers {
		r.Fail("/swarm/managers_reachable", "swarm", say("%d of %d managers are reachable", "%d / %d 个管理节点可达", s.ManagersReachable, s.Managers))
	}
}

// zoneLabels are labels that by custom name a failure domain.
var zoneLabels = []string{"zone", "availability-zone", "az", "datacenter", "rack", "topology.kubernetes.io/zone"}

func zoneOf(labels map[string]string) string {
	for _, l := range zoneLabels {
		if labels[l] != "" {
			return labels[l]
		}
	}
	return ""
}

func evalSwarmZones(in *Input, r *Recorder) {
	s := swarmManager(in, r)
	if s == nil {
		return
	}
	zones := map[string]bool{}
	for _, n := range s.Nodes {
		if z := zoneOf(n.Labels); n.Role == "manager" && z != "" {
			zones[z] = true
		}
	}
	switch len(zones) {
	case 0:
		r.Warn("/swarm/nodes", "swarm", say("no label says where managers stand (%s)", "没有标签说明管理节点所在位置（%s）", strings.Join(zoneLabels, ", ")))
	case 1:
		r.Warn("/swarm/nodes", "swarm", say("all managers stand in one failure domain", "所有管理节点位于同一故障域"))
	default:
		r.Pass("/swarm/nodes", "swarm", say("managers stand in %d failure domains", "管理节点分布在 %d 个故障域", len(zones)))
	}
}

func evalSwarmServices(in *Input, r *Recorder) {
	s := swarmManager(in, r)
	if s == nil {
		return
	}
	good := 0
	for i, svc := range s.Services {
		ptr := pointer("swarm", "services", i)
		switch {
		case svc.Mode == "replicated" && svc.Replicas == 1:
			r.Warn(ptr+"/replicas", svc.Name, say("the service has one replica", "服务只有一个副本"))
		case !svc.RollbackOnFailure && !strings.HasSuffix(svc.Mode, "-job"):
			r.Warn(ptr+"/rollback_on_failure", svc.Name, say("a failed update is not rolled back", "更新失败时不会回滚"))
		default:
			good++
		}
	}
	if len(s.Services) == 0 {
		r.NotApplicable("/swarm/services", say("the swarm has no service", "Swarm 没有服务"))
		return
	}
	passRest(r, "/swarm/services", good, len(s.Services), say("replicas and rollback are set", "已设置副本与回滚"))
}

func evalKubeControlPlane(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/nodes")
	if k == nil {
		return
	}
	members := 0
	for _, n := range k.Nodes {
		if n.ControlPlane {
			members++
		}
	}
	switch {
	case members == 0:
		r.NotApplicable("/kubernetes/nodes", say("the control plane is not among the nodes; its provider answers for it", "控制平面不在节点之列，由其提供方负责"))
	case members < 3:
		r.Fail("/kubernetes/nodes", "control plane", say("%d control-plane nodes: the loss of one stops the management", "有 %d 个控制平面节点：失去一个即无法管理", members))
	default:
		r.Pass("/kubernetes/nodes", "control plane", say("%d control-plane nodes", "%d 个控制平面节点", members))
	}
	switch n := k.EtcdMembers; {
	case members == 0 || n == 0: // not shown by the API server
	case n < 3:
		r.Fail("/kubernetes/etcd_members", "etcd", say("etcd has %d members", "etcd 有 %d 个成员", n))
	case n%2 == 0:
		r.Warn("/kubernetes/etcd_members", "etcd", say("etcd has an even number of members: %d", "etcd 成员数为偶数：%d", n))
	default:
		r.Pass("/kubernetes/etcd_members", "etcd", say("etcd has %d members", "etcd 有 %d 个成员", n))
	}
}

func evalKubeNodes(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/nodes")
	if k == nil {
		return
	}
	zones, workers := map[string]bool{}, 0
	for i, n := range k.Nodes {
		if !n.Ready {
			r.Fail(pointer("kubernetes", "nodes", i, "ready"), n.Name, say("the node is not ready", "节点未就绪"))
		}
		if slices.ContainsFunc(n.Taints, func(t string) bool {
			return strings.HasPrefix(t, "node-role.kubernetes.io/") && strings.HasSuffix(t, ":NoSchedule")
		}) {
			continue
		}
		workers++
		if n.Zone != "" {
			zones[n.Zone] = true
		}
	}
	switch {
	case workers < 2:
		r.Fail("/kubernetes/nodes", "nodes", say("%d nodes take pods: the loss of one leaves no place to move to", "可调度节点 %d 个：失去一个则无处迁移", workers))
	case len(zones) == 0:
		r.Warn("/kubernetes/nodes", "nodes", say("no label says in which zone nodes stand", "没有标签说明节点所在的可用区"))
	case len(zones) == 1:
		r.Warn("/kubernetes/nodes", "nodes", say("all nodes that take pods stand in one zone", "所有可调度节点位于同一可用区"))
	default:
		r.Pass("/kubernetes/nodes", "nodes", say("%d nodes in %d zones take pods", "%d 个可调度节点分布在 %d 个可用区", workers, len(zones)))
	}
}

func evalKubeReplicas(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/deployments")
	if k == nil {
		return
	}
	good, all := 0, 0
	for i, d := range k.Deployments {
		if d.Kind == "DaemonSet" || d.Namespace == "kube-system" || d.Replicas == 0 {
			continue
		}
		all++
		ptr, name := pointer("kubernetes", "deployments", i), d.Namespace+"/"+d.Name
		switch {
		case d.Replicas == 1:
			r.Warn(ptr+"/replicas", name, say("%s has one replica", "%s 只有一个副本", d.Kind))
		case !d.Budget:
			r.Warn(ptr+"/budget", name, say("no PodDisruptionBudget selects %s", "没有 PodDisruptionBudget 选中该 %s", d.Kind))
		default:
			good++
		}
	}
	if all == 0 {
		r.NotApplicable("/kubernetes/deployments", say("the cluster runs no deployment of its own", "集群没有运行自己的 Deployment"))
		return
	}
	passRest(r, "/kubernetes/deployments", good, all, say("replicas and a disruption budget", "有多个副本和中断预算"))
}
