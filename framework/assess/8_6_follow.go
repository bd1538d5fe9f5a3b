package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// followChecks answer for 8.6.2.c: rules follow the containers by themselves.
func followChecks() []Check {
	return []Check{
		{
			// Hand-written rules cannot follow containers, so on an engine without segmentation the clause is not met.
			ID: "8.6.2.c/segmentation", Severity: model.Medium, Essential: true,
			Title:      say("Rules follow containers as they come and go", "规则随容器的启停自动更新"),
			References: []string{"NIST SP 800-190 4.3.3"},
			Remediation: say("Run segmentation on the node, first in observe, then in enforce; its rules name labels, images and tenants instead of addresses.",
				"在节点上运行分段控制，先观察后强制执行；其规则以标签、镜像和租户而非地址来表示。"),
			Eval: evalSegmentation,
		},
		{
			ID: "8.6.2.c/network-policies", Severity: model.High, Essential: true,
			Title:      say("Network policies stand for the pods of each namespace", "每个命名空间的 Pod 均有网络策略"),
			References: []string{benchKube + "5.3.2"}, Remediation: defaultDenyPolicy(), Eval: evalNetworkPolicies,
		},
		{
			ID: "8.6.2.c/network-plugin", Severity: model.High, Essential: true,
			Title:      say("The cluster's network plug-in enforces network policies", "集群的网络插件执行网络策略"),
			References: []string{benchKube + "5.3.1"},
			Remediation: say("Use a network plug-in that enforces NetworkPolicy, e.g. Calico or Cilium; with flannel add Calico's policy engine (Canal).",
				"使用执行 NetworkPolicy 的网络插件，例如 Calico 或 Cilium；使用 flannel 时加装 Calico 策略引擎（Canal）。"),
			Eval: evalNetworkPlugin,
		},
	}
}

func evalSegmentation(in *Input, r *Recorder) {
	if !engineSide(in, r, "/containers") {
		return
	}
	if _, _, runs := in.Control(model.ControlSegmentation); runs {
		control(in, r, model.ControlSegmentation, model.CheckFail)
		return
	}
	for i := range in.Snap.Containers {
		if active(in.Snap.Containers[i].State) {
			control(in, r, model.ControlSegmentation, model.CheckFail)
			return
		}
	}
	r.NotApplicable("/containers", say("no container is running", "没有正在运行的容器"))
}

func evalNetworkPolicies(in *Input, r *Recorder) {
	kubeNamespaces(in, r, say("namespaces have network policies", "命名空间有网络策略"), func(ns *model.KubeNS, ptr string) bool {
		if ns.NetworkPolicies > 0 {
			return false
		}
		r.Fail(ptr+"/network_policies", ns.Name, say("%d pods and no network policy", "%d 个 Pod，没有网络策略", ns.Pods))
		return true
	})
}

// policyPlugins are network plug-ins that enforce network policies.
var policyPlugins = []string{"antrea", "calico", "canal", "cilium", "kube-ovn", "kube-router", "ovn-kubernetes", "weave"}

func evalNetworkPlugin(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/cni")
	if k == nil {
		return
	}
	switch name := strings.ToLower(k.CNI); {
	case name == "":
		r.Unknown("/kubernetes/cni", "", say("which network plug-in runs could not be told", "无法判断所运行的网络插件"))
	case name == "flannel":
		r.Fail("/kubernetes/cni", k.CNI, say("%s passes over network policies", "%s 不执行网络策略", k.CNI))
	case slices.Contains(policyPlugins, name):
		r.Pass("/kubernetes/cni", k.CNI, say("%s enforces network policies", "%s 执行网络策略", k.CNI))
	default:
		r.Unknown("/kubernetes/cni", k.CNI, say("whether %s enforces network policies is not known", "不清楚 %s 是否执行网络策略", k.CNI))
	}
}
