package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// kubeRightChecks answer for 8.5.c on a cluster.
func kubeRightChecks() []Check {
	return []Check{
		{
			ID: "8.5.c/kube-admins", Severity: model.Critical, Essential: true,
			Title: say("Nobody but the cluster's own groups has all rights", "除集群自身的组外，无人拥有全部权限"),
			References: []string{
				benchKube + "5.1.1", benchKube + "5.1.3", benchKube + "5.1.8", "NIST SP 800-190 4.3.1", "ATT&CK T1078.001",
			},
			Remediation: say("Bind a role with the needed verbs and resources only, then: kubectl delete clusterrolebinding NAME", "改为绑定仅含所需动词和资源的角色，然后执行：kubectl delete clusterrolebinding NAME"),
			Eval:        evalKubeAdmins,
		},
		{
			ID: "8.5.c/kube-powers", Severity: model.High,
			Title: say("Rights that lead to more rights are not given for the whole cluster", "可导致提权的权限未在整个集群范围内授予"),
			References: []string{
				benchKube + "5.1.2", benchKube + "5.1.4", benchKube + "5.1.10", "ATT&CK T1609", "ATT&CK T1610", "ATT&CK T1552.007",
			},
			Remediation: say("Replace the ClusterRoleBinding by a RoleBinding in the namespaces that need it, or take the verb out of the role.", "将 ClusterRoleBinding 改为所需命名空间内的 RoleBinding，或从角色中移除该动词。"),
			Eval:        evalKubePowers,
		},
		{
			ID: "8.5.c/kube-anonymous", Severity: model.Critical, Essential: true,
			Title:       say("Requests without credentials have no rights", "无凭据的请求没有任何权限"),
			References:  []string{benchKube + "1.2.1", benchKube + "1.2.6", benchKube + "1.2.8", "ATT&CK T1133"},
			Remediation: say("In kube-apiserver.yaml: --authorization-mode=Node,RBAC, and an AuthenticationConfiguration that lets anonymous requests reach /livez, /readyz and /healthz only (--anonymous-auth=false also stops the probes of kubeadm's API server); kubectl delete clusterrolebinding NAME for grants to system:anonymous.", "在 kube-apiserver.yaml 中设置 --authorization-mode=Node,RBAC，并用 AuthenticationConfiguration 仅允许匿名请求访问 /livez、/readyz、/healthz（--anonymous-auth=false 会使 kubeadm 的 API 服务器探针失败）；对授予 system:anonymous 的绑定执行 kubectl delete clusterrolebinding NAME。"),
			Eval:        evalKubeAnonymous,
		},
		{
			ID: "8.5.c/kube-tokens", Severity: model.Medium,
			Title:       say("Pods do not carry the token of the default service account", "Pod 不携带默认服务账户的令牌"),
			References:  []string{benchKube + "5.1.5", benchKube + "5.1.6", "ATT&CK T1528"},
			Remediation: say("kubectl patch serviceaccount default -n NS -p '{\"automountServiceAccountToken\": false}'; give pods that need the API an account of their own.", "kubectl patch serviceaccount default -n NS -p '{\"automountServiceAccountToken\": false}'；需要访问 API 的 Pod 使用独立账户。"),
			Eval:        evalKubeTokens,
		},
		{
			ID: "8.5.c/kube-admission", Severity: model.High,
			Title:       say("Admission refuses pods with dangerous rights", "准入控制会拒绝带有危险权限的 Pod"),
			References:  []string{benchKube + "5.2.1", benchKube + "1.2.10", "NIST SP 800-190 4.4.3", "ATT&CK T1610"},
			Remediation: say("See first what would be refused, by adding --dry-run=server: kubectl label --overwrite namespace NS pod-security.kubernetes.io/enforce=restricted", "先加 --dry-run=server 查看将被拒绝的 Pod，再执行：kubectl label --overwrite namespace NS pod-security.kubernetes.io/enforce=restricted"),
			Eval:        evalKubeAdmission,
		},
	}
}

// ownSubject is a subject of the cluster's own parts.
func ownSubject(s string) bool {
	return s == "Group/system:masters" || s == "Group/kubeadm:cluster-admins" || strings.HasPrefix(s, "ServiceAccount/kube-system/")
}

// eachGrant asks the question of every over-broad grant to others than the cluster's own parts.
func eachGrant(in *Input, r *Recorder, good model.Text, judge func(b *model.KubeBinding, who, ptr string) bool) {
	k := clusterAt(in, r, "/kubernetes/bindings")
	if k == nil {
		return
	}
	bad := false
	for i := range k.Bindings {
		b := &k.Bindings[i]
		others := slices.DeleteFunc(slices.Clone(b.Subjects), ownSubject)
		if len(others) > 0 && judge(b, strings.Join(others, ", "), pointer("kubernetes", "bindings", i)) {
			bad = true
		}
	}
	if !bad {
		r.Pass("/kubernetes/bindings", "", good)
	}
}

// allRights are powers that amount to all rights when they hold for the whole cluster.
func allRights(b *model.KubeBinding) bool {
	has := func(p string) bool { return slices.Contains(b.Powers, p) }
	return has("cluster-admin") || has("wildcard-verbs") && has("wildcard-resources") || has("escalate") || has("impersonate")
}

func evalKubeAdmins(in *Input, r *Recorder) {
	eachGrant(in, r, say("no other subject has all rights", "没有其他主体拥有全部权限"), func(b *model.KubeBinding, who, ptr string) bool {
		if b.Namespace != "" || !allRights(b) {
			return false
		}
		r.Fail(ptr, b.Name, say("%s has %s through the role %s", "%s 通过角色 %[3]s 拥有 %[2]s", who, strings.Join(b.Powers, ", "), b.Role))
		return true
	})
}

func evalKubePowers(in *Input, r *Recorder) {
	broad := []string{"secrets", "exec", "create-pods", "nodes-proxy", "wildcard-resources"}
	eachGrant(in, r, say("no such right holds for the whole cluster", "没有在整个集群范围内授予此类权限"), func(b *model.KubeBinding, who, ptr string) bool {
		bad := slices.ContainsFunc(b.Powers, func(p string) bool { return slices.Contains(broad, p) })
		if b.Namespace != "" || allRights(b) || !bad {
			return false
		}
		r.Warn(ptr, b.Name, say("%s has %s in every namespace through the role %s", "%s 通过角色 %[3]s 在所有命名空间拥有 %[2]s", who, strings.Join(b.Powers, ", "), b.Role))
		return true
	})
}

func evalKubeAnonymous(in *Input, r *Recorder) {
	const ptr = "/kubernetes/anonymous_auth"
	k := clusterAt(in, r, ptr)
	if k == nil {
		return
	}
	switch {
	case k.AnonymousAuth == nil:
		r.Unknown(ptr, "kube-apiserver", say("the API server was not asked without credentials", "未以无凭据方式请求 API 服务器"))
	case k.AnonymousAPI != nil && *k.AnonymousAPI:
		r.Fail("/kubernetes/anonymous_api", "kube-apiserver", say("the API server answers requests without credentials", "API 服务器会应答无凭据的请求"))
	case *k.AnonymousAuth:
		r.Warn(ptr, "kube-apiserver", say("requests without credentials are let in as system:anonymous, without rights", "无凭据的请求以 system:anonymous 身份进入，但没有权限"))
	default:
		r.Pass(ptr, "kube-apiserver", say("requests without credentials are refused", "无凭据的请求被拒绝"))
	}
	for i, b := range k.Bindings {
		if slices.Contains(b.Powers, "anonymous") {
			r.Fail(pointer("kubernetes", "bindings", i), b.Name, say("the role %s is granted to requests without credentials", "角色 %s 被授予无凭据的请求", b.Role))
		}
	}
	for i, f := range k.APIServerFlags {
		if f.Key == "authorization-mode" && (strings.Contains(f.Value, "AlwaysAllow") || !strings.Contains(f.Value, "RBAC")) {
			r.Fail(pointer("kubernetes", "api_server_flags", i), "kube-apiserver", say("--authorization-mode=%s", "--authorization-mode=%s", f.Value))
		}
	}
}

func evalKubeTokens(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/pods")
	if k == nil {
		return
	}
	good, all := 0, 0
	for i, p := range k.Pods {
		if systemNamespace(p.Namespace) {
			continue
		}
		all++
		if p.AutomountToken && (p.ServiceAccount == "" || p.ServiceAccount == "default") {
			r.Fail(pointer("kubernetes", "pods", i, "automount_token"), p.Namespace+"/"+p.Name, say("the pod carries the token of the default service account", "Pod 携带默认服务账户的令牌"))
			continue
		}
		good++
	}
	if all == 0 {
		r.NotApplicable("/kubernetes/pods", say("no pod runs outside the system namespaces", "系统命名空间之外没有 Pod"))
		return
	}
	passRest(r, "/kubernetes/pods", good, all, say("no token, or that of an account of its own", "无令牌，或使用独立账户的令牌"))
}

func evalKubeAdmission(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/namespaces")
	if k == nil || r.Missing(in, "/kubernetes/webhooks") {
		return
	}
	for i, f := range k.APIServerFlags {
		if f.Key == "enable-admission-plugins" && strings.Contains(f.Value, "AlwaysAdmit") {
			r.Fail(pointer("kubernetes", "api_server_flags", i), "kube-apiserver", say("AlwaysAdmit admits everything", "AlwaysAdmit 会放行一切"))
		}
	}
	// A webhook or policy may refuse what a namespace's level lets in; which pods it sees is not known here.
	others := slices.ContainsFunc(k.Webhooks, func(h model.KubeWebhook) bool { return h.Kind != "mutating" && h.FailurePolicy != "Ignore" })
	good, all := 0, 0
	for i, n := range k.Namespaces {
		if systemNamespace(n.Name) {
			continue
		}
		all++
		ptr := pointer("kubernetes", "namespaces", i, "pod_security")
		switch {
		case n.PodSecurity == "baseline" || n.PodSecurity == "restricted":
			good++
		case others:
			r.Warn(ptr, n.Name, say("no pod security level is enforced; a webhook or policy may do so", "未强制执行 Pod 安全级别，可能由 webhook 或策略负责"))
		default:
			r.Fail(ptr, n.Name, say("neither a pod security level nor a webhook or policy restrains pods", "没有 Pod 安全级别、webhook 或策略约束 Pod"))
		}
	}
	if all == 0 {
		r.NotApplicable("/kubernetes/namespaces", say("there are system namespaces only", "只有系统命名空间"))
		return
	}
	passRest(r, "/kubernetes/namespaces", good, all, say("pod security level baseline or restricted", "Pod 安全级别为 baseline 或 restricted"))
}
