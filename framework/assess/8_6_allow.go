package assess

import (
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// allowChecks answer for 8.6.2.a.2: nothing is allowed between containers but what is on the list.
func allowChecks() []Check {
	return []Check{
		{
			ID: "8.6.2.a.2/engine-rules", Severity: model.High, Essential: true,
			Title:      say("The engine writes packet filter rules", "引擎写入包过滤规则"),
			References: []string{benchReference + "2.4"},
			Remediation: say(`Remove "iptables": false from /etc/docker/daemon.json and --iptables=false from the command line, then systemctl restart docker.`,
				`从 /etc/docker/daemon.json 移除 "iptables": false，并从命令行移除 --iptables=false，然后执行 systemctl restart docker。`),
			Eval: evalEngineRules,
		},
		{
			ID: "8.6.2.a.2/forward-policy", Severity: model.High, Essential: true,
			Title:      say("Forwarded packets are dropped by default", "默认丢弃转发的数据包"),
			References: []string{"NIST SP 800-190 4.3.3"},
			Remediation: say("iptables -P FORWARD DROP; ip6tables -P FORWARD DROP; keep it with the distribution's netfilter-persistent save or in /etc/nftables.conf.",
				"iptables -P FORWARD DROP；ip6tables -P FORWARD DROP；使用发行版的 netfilter-persistent save 或 /etc/nftables.conf 使其长期生效。"),
			Eval: evalForwardPolicy,
		},
		{
			ID: "8.6.2.a.2/default-deny", Severity: model.High, Essential: true,
			Title:      say("Between containers of one bridge the default is to deny", "同一网桥的容器之间默认拒绝"),
			References: []string{"NIST SP 800-190 4.3.3"},
			Remediation: say("docker network create -o com.docker.network.bridge.enable_icc=false NETWORK, and allow what is needed in DOCKER-USER; or run segmentation in enforce with a policy learned from observed flows.",
				"docker network create -o com.docker.network.bridge.enable_icc=false NETWORK，并在 DOCKER-USER 中放行所需流量；或以强制模式运行分段控制，策略由观测到的流量学习得出。"),
			Eval: evalDefaultDeny,
		},
		{
			ID: "8.6.2.a.2/bridge-filter", Severity: model.High,
			Title:      say("Packets within a bridge go through the packet filter", "网桥内部的数据包经过包过滤器"),
			References: []string{"ATT&CK T1562.004"},
			Remediation: say("modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1; keep it in /etc/modules-load.d and /etc/sysctl.d.",
				"modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1；写入 /etc/modules-load.d 与 /etc/sysctl.d 使其长期生效。"),
			Eval: evalBridgeFilter,
		},
		{
			ID: "8.6.2.a.2/spoofing", Severity: model.Medium,
			Title:      say("Containers cannot forge packets", "容器不能伪造数据包"),
			References: []string{benchKube + "5.2.8", "ATT&CK T1557.002"},
			Remediation: say("docker run --cap-drop NET_RAW (better: --cap-drop ALL with what is needed added); Kubernetes: securityContext.capabilities.drop: [ALL]; or run segmentation in enforce, which binds each container to its addresses.",
				"docker run --cap-drop NET_RAW（更好的做法是 --cap-drop ALL 再按需添加）；Kubernetes：securityContext.capabilities.drop: [ALL]；或以强制模式运行分段控制，将每个容器与其地址绑定。"),
			Eval: evalSpoofing,
		},
		{
			ID: "8.6.2.a.2/kubernetes", Severity: model.High, Essential: true,
			Title:      say("Network policies deny by default in each namespace", "各命名空间的网络策略默认拒绝"),
			References: []string{benchKube + "5.3.2"}, Remediation: defaultDenyPolicy(), Eval: defaultDeny,
		},
	}
}

func evalEngineRules(in *Input, r *Recorder) {
	if !engineSide(in, r, "/engine/iptables") {
		return
	}
	switch on := in.Snap.Engine.IPTables; {
	case on == nil && in.Snap.Engine.Product != "docker":
		r.NotApplicable("/engine/product", say("%s has no setting that keeps it from writing rules", "%s 没有禁止写入规则的设置", in.Snap.Engine.Product))
		return
	case on != nil && !*on:
		r.Fail("/engine/iptables", "", say("iptables is off: published ports and isolation between bridges have no rules", "iptables 已关闭：发布的端口和网桥间隔离没有规则"))
		return
	}
	r.Pass("/engine/iptables", "", say("the engine keeps its rules", "引擎维护其规则"))
}

func evalForwardPolicy(in *Input, r *Recorder) {
	if !engineSide(in, r) || r.Missing(in, "/firewall") {
		return
	}
	if enforcing(in, model.ControlSegmentation) {
		control(in, r, model.ControlSegmentation, model.CheckFail)
		return
	}
	fw := in.Snap.Firewall
	if fw == nil {
		fw = &model.Firewall{}
	}
	judge := func(ptr, subject, policy string) {
		if policy == "drop" {
			r.Pass(ptr, subject, say("the policy is drop", "策略为丢弃"))
			return
		}
		if slices.ContainsFunc(fw.Tables, func(t model.FirewallTable) bool { return t.Name == "firewalld" }) {
			r.Unknown(ptr, subject, say("firewalld decides in chains of its own, which were not read", "由 firewalld 在其自有链中决定，未读取这些链"))
			return
		}
		if policy == "" {
			policy = "none"
		}
		r.Fail(ptr, subject, say("the policy is %s", "策略为 %s", policy))
	}
	judge("/firewall/forward_policy", "IPv4", fw.ForwardPolicy)
	if slices.ContainsFunc(in.Snap.Networks, func(n model.Network) bool { return n.IPv6 }) {
		judge("/firewall/forward_policy6", "IPv6", fw.ForwardPolicy6)
	}
}

func evalDefaultDeny(in *Input, r *Recorder) {
	open, ok := openBridges(in, r)
	if !ok {
		return
	}
	for _, j := range open {
		judgeBridge(in, r, j)
	}
}

func evalBridgeFilter(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks", "/containers") {
		return
	}
	if enforcing(in, model.ControlSegmentation) {
		control(in, r, model.ControlSegmentation, model.CheckFail)
		return
	}
	if len(sharedBridges(in)) == 0 {
		r.NotApplicable("/networks", say("on no bridge do two containers run", "没有网桥运行两个以上容器"))
		return
	}
	if r.Missing(in, "/firewall") {
		return
	}
	const ptr = "/firewall/bridge_nf_call_iptables"
	switch fw := in.Snap.Firewall; {
	case fw == nil || fw.BridgeNFCallIPTables == nil:
		r.Fail(ptr, "", say("br_netfilter is not loaded, so that rules do not see packets within a bridge", "未加载 br_netfilter，规则看不到网桥内部的数据包"))
	case !*fw.BridgeNFCallIPTables:
		r.Fail(ptr, "", say("net.bridge.bridge-nf-call-iptables is 0", "net.bridge.bridge-nf-call-iptables 为 0"))
	case slices.ContainsFunc(sharedBridges(in), func(j joined) bool { return j.net.IPv6 }) && (fw.BridgeNFCallIP6Tables == nil || !*fw.BridgeNFCallIP6Tables):
		r.Fail("/firewall/bridge_nf_call_ip6tables", "", say("net.bridge.bridge-nf-call-ip6tables is not 1", "net.bridge.bridge-nf-call-ip6tables 不为 1"))
	default:
		r.Pass(ptr, "", say("net.bridge.bridge-nf-call-iptables is 1", "net.bridge.bridge-nf-call-iptables 为 1"))
	}
}

func evalSpoofing(in *Input, r *Recorder) {
	if enforcing(in, model.ControlSegmentation) {
		control(in, r, model.ControlSegmentation, model.CheckFail)
		return
	}
	eachWorkload(in, r, say("cannot open raw sockets on a shared network", "不能在共享网络上打开原始套接字"), func(p placed) bool {
		if p.w.Namespaces.Network == "none" || !forges(p.w) {
			return false
		}
		r.Warn(p.pointer+"/cap_drop", p.subject, say("keeps CAP_NET_RAW and can answer ARP for its neighbours", "保留 CAP_NET_RAW，可冒充邻居应答 ARP"))
		return true
	})
}

// forges says whether the workload holds a capability with which packets of any content are sent. The engine gives
// CAP_NET_RAW unless it is dropped.
func forges(w *model.Workload) bool {
	if w.Privileged || slices.ContainsFunc(w.CapAdd, func(c string) bool { return c == "ALL" || c == "CAP_NET_RAW" || c == "CAP_NET_ADMIN" }) {
		return true
	}
	return !slices.Contains(w.CapDrop, "ALL") && !slices.Contains(w.CapDrop, "CAP_NET_RAW")
}
