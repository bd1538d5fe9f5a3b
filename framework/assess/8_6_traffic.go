package assess

import "github.com/bulkhead-security/bulkhead/model"

// trafficChecks answer for 8.6.1: traffic between containers is forbidden, or controlled, limited and encrypted.
func trafficChecks() []Check {
	return []Check{
		{
			ID: "8.6.1.a/default-bridge", Severity: model.High, Essential: true,
			Title:      say("Containers on the default bridge cannot talk to each other", "默认网桥上的容器之间不能通信"),
			References: []string{benchReference + "2.2", "NIST SP 800-190 4.3.3"},
			Remediation: say(`Set "icc": false in /etc/docker/daemon.json, then systemctl restart docker.`,
				`在 /etc/docker/daemon.json 中设置 "icc": false，然后执行 systemctl restart docker。`),
			Eval: evalDefaultBridge,
		},
		{
			ID: "8.6.1.a/user-bridges", Severity: model.High, Essential: true,
			Title:      say("Containers on other bridges cannot talk to each other, unless they are one application", "其他网桥上的容器之间不能通信，同一应用的容器除外"),
			References: []string{"NIST SP 800-190 4.3.3", "ATT&CK T1046"},
			Remediation: say("Make the network anew without traffic between its containers: docker network create -o com.docker.network.bridge.enable_icc=false NETWORK; or give each application a network of its own; or run segmentation in enforce.",
				"重新创建禁止容器间流量的网络：docker network create -o com.docker.network.bridge.enable_icc=false NETWORK；或为每个应用使用独立网络；或以强制模式运行分段控制。"),
			Eval: evalUserBridges,
		},
		{
			ID: "8.6.1.a/kubernetes", Severity: model.High, Essential: true,
			Title:      say("Namespaces deny traffic between pods by default", "命名空间默认拒绝 Pod 间流量"),
			References: []string{benchKube + "5.3.2"}, Remediation: defaultDenyPolicy(), Eval: defaultDeny,
		},
		{
			ID: "8.6.1.b/access-control", Severity: model.High, Essential: true,
			Title:      say("Rules control the traffic between containers", "容器间流量受规则控制"),
			References: []string{"NIST SP 800-190 4.3.3"},
			Remediation: say("Add rules that allow what is needed and drop the rest, e.g. iptables -I DOCKER-USER -i BRIDGE -o BRIDGE -j DROP, then iptables -I DOCKER-USER -i BRIDGE -o BRIDGE -s ADDRESS -d ADDRESS -p tcp --dport PORT -j ACCEPT; or run segmentation in enforce.",
				"添加仅放行所需流量的规则，例如 iptables -I DOCKER-USER -i BRIDGE -o BRIDGE -j DROP，再执行 iptables -I DOCKER-USER -i BRIDGE -o BRIDGE -s ADDRESS -d ADDRESS -p tcp --dport PORT -j ACCEPT；或以强制模式运行分段控制。"),
			Eval: evalAccessControl,
		},
		{
			ID: "8.6.1.b/rate-limit", Severity: model.Medium,
			Title:      say("Traffic between containers is limited in rate", "容器间流量受速率限制"),
			References: []string{"ATT&CK T1498"},
			Remediation: say("Limit new connections, e.g. iptables -I DOCKER-USER -m conntrack --ctstate NEW -m hashlimit --hashlimit-above 100/sec --hashlimit-burst 200 --hashlimit-mode srcip --hashlimit-name containers -j DROP; or run the rate-limit control in enforce.",
				"限制新建连接，例如 iptables -I DOCKER-USER -m conntrack --ctstate NEW -m hashlimit --hashlimit-above 100/sec --hashlimit-burst 200 --hashlimit-mode srcip --hashlimit-name containers -j DROP；或以强制模式运行限速控制。"),
			Eval: evalRateLimit,
		},
		{
			ID: "8.6.1.c/overlay", Severity: model.High, Essential: true,
			Title:      say("Overlay networks are encrypted", "覆盖网络已加密"),
			References: []string{benchReference + "7.3", "ATT&CK T1040"},
			Remediation: say("Make the network anew with encryption: docker network create --driver overlay --opt encrypted NETWORK; or run the encryption control in enforce.",
				"重新创建加密的网络：docker network create --driver overlay --opt encrypted NETWORK；或以强制模式运行加密控制。"),
			Eval: evalOverlayEncrypted,
		},
		{
			ID: "8.6.1.c/cross-host", Severity: model.High, Essential: true,
			Title:      say("Container traffic that leaves the host is encrypted", "离开主机的容器流量已加密"),
			References: []string{"ATT&CK T1040", "ATT&CK T1557"},
			Remediation: say("Run the encryption control (WireGuard or IPsec between hosts) in enforce, or use encrypted overlay networks instead of macvlan and ipvlan.",
				"以强制模式运行加密控制（主机间 WireGuard 或 IPsec），或以加密的覆盖网络替代 macvlan、ipvlan。"),
			Eval: evalCrossHost,
		},
	}
}

func evalDefaultBridge(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks", "/containers") {
		return
	}
	for _, j := range networksOf(in, "bridge") {
		if !j.net.Default {
			continue
		}
		if why, ok := bridgeClosed(in, j.net); ok {
			r.Pass(j.pointer+"/icc", j.net.Name, why)
		} else if undecided(in, r, j.net.Name, "/firewall", "/controls") {
			return
		} else if len(j.members) > 1 {
			r.Fail(j.pointer+"/icc", j.net.Name, say("containers may talk to each other: %s", "容器之间可以通信：%s", memberNames(j.members)))
		} else {
			r.Warn(j.pointer+"/icc", j.net.Name, say("containers that start here may talk to each other", "在此启动的容器之间可以通信"))
		}
		return
	}
	r.NotApplicable("/networks", say("the engine has no default bridge", "引擎没有默认网桥"))
}

func evalUserBridges(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks", "/containers") {
		return
	}
	seen := false
	for _, j := range sharedBridges(in) {
		if j.net.Default {
			continue
		}
		seen = true
		judgeBridge(in, r, j)
	}
	if !seen {
		r.NotApplicable("/networks", say("on no bridge but the default one do two containers run", "除默认网桥外，没有网桥运行两个以上容器"))
	}
}

// judgeBridge judges a bridge with containers that could talk to each other.
func judgeBridge(in *Input, r *Recorder, j joined) {
	ptr := j.pointer + "/icc"
	if why, ok := bridgeClosed(in, j.net); ok {
		r.Pass(ptr, j.net.Name, why)
	} else if undecided(in, r, j.net.Name, "/firewall", "/controls") {
		return
	} else if sameApplication(j.members) {
		r.Warn(ptr, j.net.Name, say("containers of one application may talk without rules: %s", "同一应用的容器之间可不受规则限制地通信：%s", memberNames(j.members)))
	} else {
		r.Fail(ptr, j.net.Name, say("containers may talk to each other: %s", "容器之间可以通信：%s", memberNames(j.members)))
	}
}

// openBridges lists the bridges on which containers can talk, or records why that cannot be told or asked.
func openBridges(in *Input, r *Recorder) (open []joined, ok bool) {
	if !engineSide(in, r, "/networks", "/containers") {
		return nil, false
	}
	all := sharedBridges(in)
	if len(all) == 0 {
		r.NotApplicable("/networks", say("on no bridge do two containers run", "没有网桥运行两个以上容器"))
		return nil, false
	}
	for _, j := range all {
		if _, closed := bridgeClosed(in, j.net); !closed {
			open = append(open, j)
		}
	}
	if len(open) == 0 {
		r.Pass("/networks", "", say("containers on the same bridge cannot talk at all", "同一网桥上的容器完全不能通信"))
		return nil, false
	}
	return open, true
}

func evalAccessControl(in *Input, r *Recorder) {
	open, ok := openBridges(in, r)
	if !ok || undecided(in, r, "", "/firewall", "/controls") {
		return
	}
	if fw := in.Snap.Firewall; fw != nil && fw.DockerUserRules > 0 {
		r.Warn("/firewall/docker_user_rules", "DOCKER-USER", say("%d rules of the operator; whether they stand between containers of one bridge was not read", "%d 条运维方规则；未读取其是否限制同一网桥内的容器", fw.DockerUserRules))
		return
	}
	for _, j := range open {
		r.Fail(j.pointer, j.net.Name, say("no rule stands between %s", "%s 之间没有任何规则", memberNames(j.members)))
	}
}

func evalRateLimit(in *Input, r *Recorder) {
	if enforcing(in, model.ControlRateLimit) {
		control(in, r, model.ControlRateLimit, model.CheckFail)
		return
	}
	if _, ok := openBridges(in, r); !ok || undecided(in, r, "", "/firewall", "/controls") {
		return
	}
	if fw := in.Snap.Firewall; fw != nil && fw.RateLimitRules > 0 {
		r.Pass("/firewall/rate_limit_rules", "", say("%d forwarding rules limit rates or connections", "%d 条转发规则限制速率或连接数", fw.RateLimitRules))
		return
	}
	r.Fail("/firewall/rate_limit_rules", "", say("no forwarding rule limits rates, so that one container can starve the others", "没有转发规则限制速率，单个容器可耗尽其他容器的带宽"))
}

func evalOverlayEncrypted(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks") {
		return
	}
	nets := networksOf(in, "overlay")
	if len(nets) == 0 {
		r.NotApplicable("/networks", say("there are no overlay networks", "没有覆盖网络"))
		return
	}
	if s := in.Snap.Swarm; s != nil && s.Manager && len(s.Nodes) == 1 {
		r.NotApplicable("/swarm/nodes", say("this is the only node, so that overlay traffic stays on it", "这是唯一的节点，覆盖网络流量不会离开本机"))
		return
	}
	for _, j := range nets {
		switch {
		case j.net.Encrypted:
			r.Pass(j.pointer+"/encrypted", j.net.Name, say("encrypted by the engine (IPsec)", "由引擎加密（IPsec）"))
		case enforcing(in, model.ControlEncryption):
			r.Pass(j.pointer, j.net.Name, say("the tunnel between hosts encrypts it", "由主机间隧道加密"))
		case undecided(in, r, j.net.Name, "/controls"):
		default:
			r.Fail(j.pointer+"/encrypted", j.net.Name, say("traffic between hosts is in clear", "主机间流量为明文"))
		}
	}
}

func evalCrossHost(in *Input, r *Recorder) {
	if enforcing(in, model.ControlEncryption) {
		control(in, r, model.ControlEncryption, model.CheckFail)
		return
	}
	if k := in.Snap.Kubernetes; k != nil && len(k.Nodes) > 1 {
		r.Unknown("/kubernetes/cni", k.CNI, say("pods talk between %d nodes; whether the network plug-in encrypts is not told by the API", "Pod 在 %d 个节点间通信；API 无法说明网络插件是否加密", len(k.Nodes)))
		return
	}
	if in.Snap.Engine == nil && in.Snap.Kubernetes != nil {
		r.NotApplicable("/kubernetes/nodes", say("the cluster has one node, so that traffic stays on it", "集群只有一个节点，流量不会离开本机"))
		return
	}
	if !engineSide(in, r, "/networks", "/containers") {
		return
	}
	seen := false
	for _, j := range networksOf(in, "macvlan", "ipvlan") {
		if len(j.members) > 0 && !undecided(in, r, j.net.Name, "/controls") {
			r.Fail(j.pointer+"/driver", j.net.Name, say("%s puts traffic onto the wire in clear: %s", "%s 将流量以明文送上线路：%s", j.net.Driver, memberNames(j.members)))
		}
		seen = seen || len(j.members) > 0
	}
	if !seen {
		r.NotApplicable("/networks", say("bridge networks stay on this host; overlay networks are judged by themselves", "网桥网络的流量不离开本机；覆盖网络另行判断"))
	}
}
