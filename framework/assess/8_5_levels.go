package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// levelChecks answer for 8.5.e (networks) and 8.5.f (hosts) by level of sensitivity. Where no level is declared at all,
// nothing shows that levels are mixed, nor that they are kept apart: then the check on the declaration alone fails, and
// the clause is partly met at best.
func levelChecks() []Check {
	declared := func(req string) Check {
		return Check{
			ID: req + "/levels-declared", Severity: model.Medium,
			Title:       say("Workloads say how sensitive they are", "工作负载声明其敏感度等级"),
			References:  []string{"NIST SP 800-190 4.3.4"},
			Remediation: say("docker run --label io.bulkhead.sensitivity=internal ...; in Kubernetes label the namespace or pod. assess.sensitivity_label names the label, assess.sensitivity_levels the levels.", "docker run --label io.bulkhead.sensitivity=internal ...；在 Kubernetes 中标记命名空间或 Pod。标签名由 assess.sensitivity_label 设定，等级由 assess.sensitivity_levels 设定。"),
			Eval:        evalLevelsDeclared,
		}
	}
	return []Check{
		{
			ID: "8.5.e/networks", Severity: model.High, Essential: true,
			Title:       say("No network joins workloads of different sensitivity", "没有网络连接不同敏感度等级的工作负载"),
			References:  []string{"NIST SP 800-190 4.3.3", "NIST SP 800-190 4.3.4"},
			Remediation: say("Make a network per level: docker network create --label io.bulkhead.sensitivity=LEVEL NAME; docker network connect NAME CONTAINER; docker network disconnect OLD CONTAINER", "每个等级使用独立网络：docker network create --label io.bulkhead.sensitivity=LEVEL NAME；docker network connect NAME CONTAINER；docker network disconnect OLD CONTAINER"),
			Eval:        evalLevelNetworks,
		},
		{
			ID: "8.5.e/kube-namespaces", Severity: model.High, Essential: true,
			Title:       say("Namespaces hold one level and let nothing in by default", "每个命名空间只有一个等级，且默认拒绝入站"),
			References:  []string{benchKube + "5.3.2", benchKube + "5.7.1", "NIST SP 800-190 4.3.3"},
			Remediation: say("kubectl label namespace NS io.bulkhead.sensitivity=LEVEL; apply a NetworkPolicy with podSelector: {} and policyTypes: [Ingress] to it.", "kubectl label namespace NS io.bulkhead.sensitivity=LEVEL；并应用 podSelector: {}、policyTypes: [Ingress] 的 NetworkPolicy。"),
			Eval:        evalLevelNamespaces,
		},
		declared("8.5.e"),
		{
			ID: "8.5.f/host", Severity: model.High, Essential: true,
			Title:       say("A host runs workloads of one sensitivity", "每台主机只运行同一敏感度等级的工作负载"),
			References:  []string{"NIST SP 800-190 4.3.4"},
			Remediation: say("Move the containers of other levels to hosts of their own; in a swarm or cluster pin them by node label.", "将其他等级的容器迁移到专用主机；在 Swarm 或集群中用节点标签固定。"),
			Eval:        evalLevelHosts,
		},
		{
			ID: "8.5.f/pinned", Severity: model.Medium,
			Title:       say("The orchestrator keeps levels on hosts of their own", "编排系统将不同等级固定在各自的主机上"),
			References:  []string{"NIST SP 800-190 4.3.4"},
			Remediation: say("docker service update --constraint-add node.labels.io.bulkhead.sensitivity==LEVEL SERVICE; in Kubernetes nodeSelector: {io.bulkhead.sensitivity: LEVEL}", "docker service update --constraint-add node.labels.io.bulkhead.sensitivity==LEVEL SERVICE；在 Kubernetes 中设置 nodeSelector: {io.bulkhead.sensitivity: LEVEL}"),
			Eval:        evalLevelPinned,
		},
		declared("8.5.f"),
		{
			ID: "8.5.f/placement", Severity: model.Medium,
			Title:      say("Deployments on hosts of another level are refused", "拒绝部署到其他等级的主机"),
			References: []string{"NIST SP 800-190 4.3.4"},
			Remediation: say(
				"The product's part placement refuses such deployments once it runs on the node and announces itself in /run/bulkhead/controls/placement.json (docs/controls.md). Until then keep levels apart by hand: docker service update --constraint-add node.labels.io.bulkhead.sensitivity==LEVEL SERVICE; kubectl taint nodes NODE io.bulkhead.sensitivity=LEVEL:NoSchedule",
				"本产品的 placement 组件在节点上运行并在 /run/bulkhead/controls/placement.json 中登记（见 docs/controls.md）后，会拒绝此类部署。在此之前请手工隔离：docker service update --constraint-add node.labels.io.bulkhead.sensitivity==LEVEL SERVICE；kubectl taint nodes NODE io.bulkhead.sensitivity=LEVEL:NoSchedule"),
			Eval: func(in *Input, r *Recorder) { control(in, r, model.ControlPlacement, model.CheckWarn) },
		},
	}
}

func evalLevelsDeclared(in *Input, r *Recorder) {
	if missingWorkloads(in, r) {
		return
	}
	all := in.workloads(false)
	label := in.Settings.SensitivityLabel
	var bare []placed
	for _, p := range all {
		switch {
		case p.w.Sensitivity == "":
			bare = append(bare, p)
		case len(in.Settings.SensitivityLevels) > 0 && !slices.Contains(in.Settings.SensitivityLevels, p.w.Sensitivity):
			r.Fail(p.pointer+"/sensitivity", p.subject, say("the level %q is not one of %s", "等级 %q 不在 %s 之中", p.w.Sensitivity, strings.Join(in.Settings.SensitivityLevels, ", ")))
		}
	}
	switch {
	case len(all) == 0:
		r.NotApplicable("/containers", say("no container is running", "没有正在运行的容器"))
		return
	case len(bare) == len(all):
		r.Fail("/containers", "", say("none of %d workloads has the label %s: levels are declared nowhere", "%d 个工作负载均无标签 %s：未声明任何等级", len(all), label))
		return
	}
	for _, p := range bare {
		r.Warn(p.pointer+"/sensitivity", p.subject, say("the label %s is missing", "缺少标签 %s", label))
	}
	passRest(r, "/containers", len(all)-len(bare), len(all), say("the level is declared", "已声明等级"))
}

func evalLevelNetworks(in *Input, r *Recorder) {
	if r.Missing(in, "/networks") || r.Missing(in, "/containers") {
		return
	}
	level := map[string]string{}
	declared := false
	for _, c := range in.Snap.Containers {
		if active(c.State) {
			level[c.Name] = c.Workload.Sensitivity
			declared = declared || c.Workload.Sensitivity != ""
		}
	}
	if !declared {
		r.NotApplicable("/containers", say("no container of this host declares a level", "本主机没有声明等级的容器"))
		return
	}
	good, all := 0, 0
	for i, n := range in.Snap.Networks {
		found, bare := levels{}, []string{}
		for _, c := range n.Containers {
			if l, ok := level[c]; ok && l == "" {
				bare = append(bare, c)
			} else {
				found.add(l, c)
			}
		}
		found.add(n.Sensitivity, "network "+n.Name)
		if len(n.Containers) == 0 || len(found) == 0 || n.Driver == "null" {
			continue
		}
		all++
		ptr := pointer("networks", i)
		switch {
		case len(found) > 1:
			r.Fail(ptr, n.Name, say("the network joins %s", "该网络连接了 %s", found.String()))
		case len(bare) > 0:
			r.Warn(ptr, n.Name, say("containers without a level share the network with %[2]s: %[1]s", "未声明等级的容器 %s 与 %s 共用网络", strings.Join(bare, ", "), found.String()))
		default:
			good++
		}
	}
	if all == 0 {
		r.Pass("/networks", "", say("no network joins containers with a level", "没有网络连接声明了等级的容器"))
		return
	}
	passRest(r, "/networks", good, all, say("one level on the network", "网络上只有一个等级"))
}

func evalLevelNamespaces(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/namespaces")
	if k == nil || r.Missing(in, "/kubernetes/pods") {
		return
	}
	byNS := map[string]levels{}
	for _, p := range k.Pods {
		if byNS[p.Namespace] == nil {
			byNS[p.Namespace] = levels{}
		}
		byNS[p.Namespace].add(p.Sensitivity, p.Name)
	}
	good, all := 0, 0
	for i, n := range k.Namespaces {
		found := levels{}
		for l, who := range byNS[n.Name] {
			found[l] = who
		}
		found.add(n.Sensitivity, "namespace")
		if len(found) == 0 {
			continue
		}
		all++
		ptr := pointer("kubernetes", "namespaces", i)
		switch {
		case len(found) > 1:
			r.Fail(ptr, n.Name, say("the namespace holds %s", "该命名空间包含 %s", found.String()))
		case !n.DefaultDenyIngress:
			r.Fail(ptr+"/default_deny_ingress", n.Name, say("pods of other namespaces may connect to %s", "其他命名空间的 Pod 可连接到 %s", found.String()))
		default:
			good++
		}
	}
	if all == 0 {
		r.NotApplicable("/kubernetes/namespaces", say("no namespace or pod declares a level", "没有声明等级的命名空间或 Pod"))
		return
	}
	passRest(r, "/kubernetes/namespaces", good, all, say("one level, ingress denied by default", "只有一个等级，默认拒绝入站"))
}

func evalLevelHosts(in *Input, r *Recorder) {
	hosts := map[string]levels{}
	at := map[string]string{}
	here := func(host, ptr, level, who string) {
		if hosts[host] == nil {
			hosts[host], at[host] = levels{}, ptr
		}
		hosts[host].add(level, who)
	}
	if missingWorkloads(in, r) {
		return
	}
	for i := range in.Snap.Containers {
		if c := &in.Snap.Containers[i]; active(c.State) && !containerGap(r, c, pointer("containers", i), "/workload") {
			here(in.Snap.Node.Name, "/containers", c.Workload.Sensitivity, c.Name)
		}
	}
	if k := in.Snap.Kubernetes; k != nil {
		for _, p := range k.Pods {
			if p.Node != "" && !systemNamespace(p.Namespace) {
				here(p.Node, "/kubernetes/pods", p.Sensitivity, p.Namespace+"/"+p.Name)
			}
		}
		for _, n := range k.Nodes {
			if hosts[n.Name] != nil {
				hosts[n.Name].add(n.Sensitivity, "node")
			}
		}
	}
	judged := false
	for _, name := range sortedKeys(hosts) {
		switch found := hosts[name]; len(found) {
		case 0:
			continue
		case 1:
			r.Pass(at[name], name, say("one level: %s", "只有一个等级：%s", found.String()))
		default:
			r.Fail(at[name], name, say("the host runs %s", "该主机运行 %s", found.String()))
		}
		judged = true
	}
	if !judged {
		r.NotApplicable("/containers", say("no workload declares a level", "没有声明等级的工作负载"))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func evalLevelPinned(in *Input, r *Recorder) {
	label := in.Settings.SensitivityLabel
	good, all := 0, 0
	judge := func(ptr, name, level string, demands []string) {
		if level == "" {
			return
		}
		all++
		if slices.ContainsFunc(demands, func(d string) bool {
			return pins(d, label, level)
		}) {
			good++
			return
		}
		r.Fail(ptr, name, say("nothing keeps the level %s on nodes labelled %s=%[1]s", "等级 %s 未固定到标签为 %s=%[1]s 的节点", level, label))
	}
	if s := in.Snap.Swarm; s != nil && s.Manager {
		for i, svc := range s.Services {
			judge(pointer("swarm", "services", i, "constraints"), svc.Name, svc.Workload.Sensitivity, svc.Constraints)
		}
	}
	if k := in.Snap.Kubernetes; k != nil {
		for i, p := range k.Pods {
			if !systemNamespace(p.Namespace) {
				judge(pointer("kubernetes", "pods", i, "node_selector"), p.Namespace+"/"+p.Name, p.Sensitivity, p.NodeSelector)
			}
		}
	}
	for _, part := range []string{"/swarm", "/kubernetes/pods"} {
		if g, ok := in.Gap(part); ok && g.Reason != model.GapAbsent {
			r.Gap(part, "", g)
		}
	}
	if all == 0 {
		r.NotApplicable("/swarm", say("no orchestrator here places workloads of a declared level", "此处没有编排系统调度声明了等级的工作负载"))
		return
	}
	passRest(r, "/swarm", good, all, say("pinned to nodes of its level", "已固定到同等级的节点"))
}
