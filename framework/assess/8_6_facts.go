package assess

import (
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// joined is a network with the containers that run on it.
type joined struct {
	net     *model.Network
	pointer string
	members []*model.Container
}

// networksOf lists the engine's networks of the drivers, with the active containers on each.
func networksOf(in *Input, drivers ...string) []joined {
	var out []joined
	for i := range in.Snap.Networks {
		n := &in.Snap.Networks[i]
		if !slices.Contains(drivers, n.Driver) {
			continue
		}
		j := joined{net: n, pointer: pointer("networks", i)}
		for k := range in.Snap.Containers {
			c := &in.Snap.Containers[k]
			on := func(e model.Endpoint) bool { return e.Network == n.Name || e.ID != "" && e.ID == n.ID }
			if active(c.State) && (slices.ContainsFunc(c.Endpoints, on) || slices.Contains(n.Containers, c.Name)) {
				j.members = append(j.members, c)
			}
		}
		out = append(out, j)
	}
	return out
}

// sharedBridges lists the bridges on which two or more containers run: only there can containers talk to each other.
func sharedBridges(in *Input) []joined {
	return slices.DeleteFunc(networksOf(in, "bridge"), func(j joined) bool { return len(j.members) < 2 })
}

// engineSide says whether the engine's side of the snapshot can be judged; if not, it has recorded why.
func engineSide(in *Input, r *Recorder, paths ...string) bool {
	if in.Snap.Engine == nil && in.Snap.Kubernetes != nil {
		r.NotApplicable("/engine", say("no container engine was looked at here, only a cluster", "此处未检查容器引擎，只检查了集群"))
		return false
	}
	for _, p := range append([]string{"/engine"}, paths...) {
		// A gap below the engine, as of its image usage, leaves the rest as it is.
		if r.Missing(in, p) {
			return false
		}
	}
	if in.Snap.Engine == nil {
		r.NotApplicable("/engine", say("there is no container engine on this node", "本节点没有容器引擎"))
		return false
	}
	return true
}

// enforcing says whether a part of the product enforces now.
func enforcing(in *Input, name string) bool {
	c, _, ok := in.Control(name)
	return ok && c.Mode == model.ModeEnforce
}

// undecided records the first gap that could change a bad answer to a good one.
func undecided(in *Input, r *Recorder, subject string, paths ...string) bool {
	for _, p := range paths {
		if g, ok := in.Gap(p); ok {
			r.Gap(p, subject, g)
			return true
		}
	}
	return false
}

// bridgeClosed says whether containers on the bridge are kept from each other, and by what.
func bridgeClosed(in *Input, n *model.Network) (model.Text, bool) {
	if enforcing(in, model.ControlSegmentation) {
		return say("segmentation enforces between its containers", "分段控制在其容器之间强制执行"), true
	}
	fw := in.Snap.Firewall
	if fw != nil && fw.BridgeNFCallIPTables != nil && !*fw.BridgeNFCallIPTables {
		return model.Text{}, false // packets within a bridge meet no rules
	}
	if fw != nil && n.Bridge != "" && slices.Contains(fw.ICCDropRules, n.Bridge) {
		return say("a firewall rule drops traffic within the bridge %s", "防火墙规则丢弃网桥 %s 内部的流量", n.Bridge), true
	}
	off := n.ICC != nil && !*n.ICC
	e := in.Snap.Engine
	if n.Default && e != nil && e.ICC != nil {
		off = off || !*e.ICC
	}
	written := e == nil || e.IPTables == nil || *e.IPTables
	seen := fw == nil || fw.Backend != "none" || e != nil && e.Rootless
	if off && written && seen {
		return say("icc is off", "icc 已关闭"), true
	}
	return model.Text{}, false
}

// applicationOf is what containers of one application or tenant have in common; "" where nothing tells.
func applicationOf(w *model.Workload) string {
	if w.Tenant != "" {
		return "tenant " + w.Tenant
	}
	for _, label := range []string{"com.docker.compose.project", "io.podman.compose.project", "com.docker.stack.namespace"} {
		if v := w.Labels[label]; v != "" {
			return "project " + v
		}
	}
	return ""
}

// sameApplication says whether all containers are of one application or tenant, as their labels declare.
func sameApplication(members []*model.Container) bool {
	first := applicationOf(&members[0].Workload)
	return first != "" && !slices.ContainsFunc(members, func(c *model.Container) bool { return applicationOf(&c.Workload) != first })
}

// memberNames lists the containers for a person, a few of many.
func memberNames(members []*model.Container) string {
	out, sep := "", ""
	for i, c := range members {
		if i == 5 {
			return out + ", ..."
		}
		out, sep = out+sep+c.Name, ", "
	}
	return out
}

// kubeNamespaces judges each namespace in which pods run, those of the system left out.
func kubeNamespaces(in *Input, r *Recorder, good model.Text, judge func(ns *model.KubeNS, ptr string) bool) {
	k := clusterAt(in, r, "/kubernetes/namespaces")
	if k == nil {
		return
	}
	all, fine := 0, 0
	for i := range k.Namespaces {
		ns := &k.Namespaces[i]
		if ns.Pods == 0 || systemNamespace(ns.Name) {
			continue
		}
		all++
		if !judge(ns, pointer("kubernetes", "namespaces", i)) {
			fine++
		}
	}
	if all == 0 {
		r.NotApplicable("/kubernetes/namespaces", say("no pods run outside the system's namespaces", "系统命名空间之外没有运行 Pod"))
		return
	}
	passRest(r, "/kubernetes/namespaces", fine, all, good)
}

// defaultDeny judges the default-deny policies of namespaces.
func defaultDeny(in *Input, r *Recorder) {
	kubeNamespaces(in, r, say("namespaces deny by default", "命名空间默认拒绝"), func(ns *model.KubeNS, ptr string) bool {
		switch {
		case !ns.DefaultDenyIngress:
			r.Fail(ptr+"/default_deny_ingress", ns.Name, say("no policy denies traffic to the pods by default", "没有默认拒绝进入 Pod 流量的策略"))
		case !ns.DefaultDenyEgress:
			r.Warn(ptr+"/default_deny_egress", ns.Name, say("no policy denies traffic from the pods by default", "没有默认拒绝 Pod 外出流量的策略"))
		default:
			return false
		}
		return true
	})
}

// defaultDenyPolicy is the remedy for namespaces without a default.
func defaultDenyPolicy() model.Text {
	const policy = `kubectl -n NAMESPACE apply -f - <<'EOF'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
EOF`
	return say("First allow what is needed, name resolution (UDP and TCP port 53 to kube-system) too, then deny the rest: %[1]s", "先放行所需流量（包括到 kube-system 的 DNS：UDP 与 TCP 53 端口），再默认拒绝其余：%[1]s", policy)
}
