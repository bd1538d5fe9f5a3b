package kubernetes

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

func (c *Client) nodes(ctx context.Context, r *reading) []model.Gap {
	gaps := read[corev1.NodeList](ctx, c.api, "/kubernetes/nodes", source{"", "nodes"}, maxObjects, func(n *corev1.Node) {
		r.k.Nodes = append(r.k.Nodes, c.node(n))
		r.providers = append(r.providers, n.Spec.ProviderID)
		for k := range n.Labels {
			r.hints = append(r.hints, k)
		}
		for k := range n.Annotations {
			r.hints = append(r.hints, k)
		}
	})
	slices.SortFunc(r.k.Nodes, func(a, b model.KubeNode) int { return strings.Compare(a.Name, b.Name) })
	return gaps
}

func (c *Client) node(n *corev1.Node) model.KubeNode {
	info := n.Status.NodeInfo
	out := model.KubeNode{
		Name: n.Name, Kubelet: info.KubeletVersion, Runtime: info.ContainerRuntimeVersion,
		OS: info.OSImage, Kernel: info.KernelVersion,
		Zone: n.Labels[corev1.LabelTopologyZone], Sensitivity: n.Labels[c.o.SensitivityLabel],
	}
	out.Labels, _ = c.o.Secrets.Map("label", n.Labels)
	for _, l := range []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"} {
		if _, ok := n.Labels[l]; ok {
			out.ControlPlane = true
		}
	}
	for _, cond := range n.Status.Conditions {
		if cond.Type == corev1.NodeReady {
			out.Ready = cond.Status == corev1.ConditionTrue
		}
	}
	for _, t := range n.Spec.Taints {
		out.Taints = append(out.Taints, t.Key+"="+t.Value+":"+string(t.Effect))
	}
	slices.Sort(out.Taints)
	return out
}

// controlPlane picks the mirror pods of kube-system, which the kubelets of the control plane run from files.
func controlPlane(pods []model.KubePod) []model.KubePod {
	var out []model.KubePod
	for _, p := range pods {
		if p.Namespace == "kube-system" && strings.HasPrefix(p.Owner, "Node/") {
			out = append(out, p)
		}
	}
	return out
}

// apiServerFlags collects the arguments of all API servers. A flag that differs between them is listed with each value.
func apiServerFlags(pods []model.KubePod) []model.KeyVal {
	var out []model.KeyVal
	for _, p := range pods {
		for _, c := range p.Containers {
			if c.Name != "kube-apiserver" || c.Init {
				continue
			}
			for _, a := range append(slices.Clone(c.Workload.Entrypoint), c.Workload.Args...) {
				flag, value, ok := strings.Cut(strings.TrimLeft(a, "-"), "=")
				if !strings.HasPrefix(a, "--") || flag == "" {
					continue
				}
				if !ok {
					value = "true"
				}
				out = append(out, model.KeyVal{Key: flag, Value: value})
			}
		}
	}
	slices.SortFunc(out, func(a, b model.KeyVal) int {
		if n := strings.Compare(a.Key, b.Key); n != 0 {
			return n
		}
		return strings.Compare(a.Value, b.Value)
	})
	return slices.Compact(out)
}

// etcdMembers counts etcd's static pods, else the API server's endpoints unless they are its own node's. Zero: not known.
func etcdMembers(pods []model.KubePod, flags []model.KeyVal) int {
	n := 0
	for _, p := range pods {
		if p.Labels["component"] == "etcd" {
			n++
		}
	}
	if n > 0 {
		return n
	}
	members := map[string]bool{}
	for _, f := range flags {
		if f.Key != "etcd-servers" {
			continue
		}
		for _, s := range strings.Split(f.Value, ",") {
			u, err := url.Parse(s)
			if err != nil || u.Host == "" {
				return 0
			}
			if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
				return 0
			}
			members[u.Host] = true
		}
	}
	return len(members)
}

// distribution is told by the marks that distributions leave in the version and on nodes; "" without one.
func distribution(r *reading) string {
	for _, m := range []struct{ mark, name string }{
		{"+k3s", "k3s"}, {"+rke2", "rke2"}, {"-eks-", "eks"}, {"-gke.", "gke"},
	} {
		if strings.Contains(r.k.Version, m.mark) {
			return m.name
		}
	}
	for _, m := range []struct{ prefix, name string }{{"kind://", "kind"}} {
		if slices.ContainsFunc(r.providers, func(p string) bool { return strings.HasPrefix(p, m.prefix) }) {
			return m.name
		}
	}
	for _, m := range []struct{ prefix, name string }{
		{"node.openshift.io/", "openshift"},
		{"kubernetes.azure.com/", "aks"},
		{"minikube.k8s.io/", "minikube"},
		{"microk8s.io/", "microk8s"},
		{"kubeadm.alpha.kubernetes.io/", "kubeadm"},
	} {
		if slices.ContainsFunc(r.hints, func(h string) bool { return strings.HasPrefix(h, m.prefix) }) {
			return m.name
		}
	}
	return ""
}

// networkPlugin is told by the names of DaemonSets; "" when none is known.
func networkPlugin(names []string) string {
	for _, m := range []struct{ part, name string }{
		{"cilium", "cilium"},
		{"canal", "canal"},
		{"calico-node", "calico"},
		{"antrea-agent", "antrea"},
		{"ovnkube-node", "ovn-kubernetes"},
		{"kube-ovn-cni", "kube-ovn"},
		{"kube-router", "kube-router"},
		{"weave-net", "weave"},
		{"aws-node", "aws-vpc"},
		{"azure-cns", "azure"},
		{"kube-flannel", "flannel"},
		{"kindnet", "kindnet"},
	} {
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, m.part) }) {
			return m.name
		}
	}
	return ""
}
