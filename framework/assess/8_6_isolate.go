package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// isolateChecks answer for 8.6.2.a.1: different virtual networks keep different containers apart.
func isolateChecks() []Check {
	return []Check{
		{
			ID: "8.6.2.a.1/default-bridge", Severity: model.Medium, Essential: true,
			Title:      say("Containers do not share the default bridge docker0", "容器不共用默认网桥 docker0"),
			References: []string{benchReference + "5.30"},
			Remediation: say("Give each application a network: docker network create APP && docker network connect APP CONTAINER && docker network disconnect bridge CONTAINER; in future docker run --network APP.",
				"为每个应用建立网络：docker network create APP && docker network connect APP CONTAINER && docker network disconnect bridge CONTAINER；今后使用 docker run --network APP。"),
			Eval: evalDefaultBridgeUse,
		},
		{
			ID: "8.6.2.a.1/host-network", Severity: model.High,
			Title:      say("No container uses the host's network namespace", "没有容器使用主机网络命名空间"),
			References: []string{benchReference + "5.10", benchKube + "5.2.5", "ATT&CK T1611"},
			Remediation: say("Start the container without --network host (Compose: remove network_mode: host; Kubernetes: hostNetwork: false) and publish the ports that it needs.",
				"启动容器时不使用 --network host（Compose：移除 network_mode: host；Kubernetes：hostNetwork: false），并发布所需端口。"),
			Eval: evalHostNetwork,
		},
		{
			ID: "8.6.2.a.1/shared-networks", Severity: model.High, Essential: true,
			Title:      say("Different tenants, levels and applications have different networks", "不同租户、级别和应用使用不同网络"),
			References: []string{"NIST SP 800-190 4.3.4"},
			Remediation: say("Make a network for each and move the containers: docker network create APP && docker network connect APP CONTAINER && docker network disconnect NETWORK CONTAINER.",
				"为每方建立网络并迁移容器：docker network create APP && docker network connect APP CONTAINER && docker network disconnect NETWORK CONTAINER。"),
			Eval: evalSharedNetworks,
		},
	}
}

func evalDefaultBridgeUse(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks", "/containers") {
		return
	}
	for _, j := range networksOf(in, "bridge") {
		if !j.net.Default {
			continue
		}
		switch len(j.members) {
		case 0:
			r.Pass(j.pointer, j.net.Name, say("no container runs on it", "其上没有运行中的容器"))
		case 1:
			r.Warn(j.pointer, j.net.Name, say("%s runs on it; the next one would share it", "%s 运行于其上；下一个容器将与之共用", memberNames(j.members)))
		default:
			r.Fail(j.pointer, j.net.Name, say("shared by %d containers: %s", "由 %d 个容器共用：%s", len(j.members), memberNames(j.members)))
		}
		return
	}
	r.NotApplicable("/networks", say("the engine has no default bridge", "引擎没有默认网桥"))
}

func evalHostNetwork(in *Input, r *Recorder) {
	eachWorkload(in, r, say("have a network namespace of their own", "拥有独立的网络命名空间"), func(p placed) bool {
		switch mode := p.w.Namespaces.Network; {
		case mode == "host":
			r.Fail(p.pointer+"/namespaces/network", p.subject, say("shares the host's network namespace", "共享主机网络命名空间"))
		case strings.HasPrefix(mode, "container:"):
			r.Warn(p.pointer+"/namespaces/network", p.subject, say("shares the network namespace of another container", "共享另一容器的网络命名空间"))
		default:
			return false
		}
		return true
	})
}

func evalSharedNetworks(in *Input, r *Recorder) {
	if !engineSide(in, r, "/networks", "/containers") {
		return
	}
	all, fine := 0, 0
	for _, j := range networksOf(in, "bridge", "overlay", "macvlan", "ipvlan") {
		if len(j.members) < 2 || j.net.Ingress || j.net.Default {
			continue
		}
		all++
		if !judgeShared(r, j) {
			fine++
		}
	}
	if all == 0 {
		r.NotApplicable("/networks", say("no network that was made for a purpose has two containers", "没有专用网络包含两个以上容器"))
		return
	}
	passRest(r, "/networks", fine, all, say("networks join what belongs together, as far as labels tell", "按标签判断，网络内的容器属于同一范围"))
}

// judgeShared records what does not belong together on a network and says whether there is such.
func judgeShared(r *Recorder, j joined) bool {
	tenants := distinct(j.members, func(w *model.Workload) string { return w.Tenant })
	levels := distinct(j.members, func(w *model.Workload) string { return w.Sensitivity })
	apps := distinct(j.members, applicationOf)
	switch {
	case len(tenants) > 1:
		r.Fail(j.pointer, j.net.Name, say("joins tenants %s", "连接了不同租户 %s", strings.Join(tenants, ", ")))
	case len(levels) > 1:
		r.Fail(j.pointer, j.net.Name, say("joins sensitivity levels %s", "连接了不同敏感度等级 %s", strings.Join(levels, ", ")))
	case len(apps) > 1:
		r.Warn(j.pointer, j.net.Name, say("joins %s", "连接了 %s", strings.Join(apps, ", ")))
	default:
		return false
	}
	return true
}

// distinct lists what the containers' labels say, sorted, without those that say nothing.
func distinct(members []*model.Container, of func(*model.Workload) string) []string {
	var out []string
	for _, c := range members {
		if v := of(&c.Workload); v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
