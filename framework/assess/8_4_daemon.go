package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// engineCutChecks ask whether the engine has anything switched on that it does not need (8.4.a).
func engineCutChecks() []Check {
	return []Check{
		{
			ID: "8.4.a/engine-experimental", Severity: model.Low,
			Title:       say("The engine's experimental features are off", "引擎的实验性功能已关闭"),
			References:  []string{benchReference + "2.18"},
			Remediation: say("In /etc/docker/daemon.json: { \"experimental\": false }; systemctl restart docker", "在 /etc/docker/daemon.json 中设置：{ \"experimental\": false }；systemctl restart docker"),
			Eval: func(in *Input, r *Recorder) {
				const ptr = "/engine/experimental"
				e := engineAt(in, r, ptr)
				switch {
				case e == nil:
				case e.Experimental:
					r.Fail(ptr, e.Product, say("experimental features are on", "实验性功能已开启"))
				default:
					r.Pass(ptr, e.Product, say("experimental features are off", "实验性功能已关闭"))
				}
			},
		},
		{
			ID: "8.4.a/storage-driver", Severity: model.Low,
			Title:       say("The engine uses a storage driver that is maintained", "引擎使用仍在维护的存储驱动"),
			References:  []string{benchReference + "2.6"},
			Remediation: say("In /etc/docker/daemon.json: { \"storage-driver\": \"overlay2\" }; images have to be pulled again", "在 /etc/docker/daemon.json 中设置：{ \"storage-driver\": \"overlay2\" }；需重新拉取镜像"),
			Eval:        evalStorageDriver,
		},
		{
			ID: "8.4.a/base-device-size", Severity: model.Low,
			Title:       say("The base device size is the default", "基础设备大小为默认值"),
			References:  []string{benchReference + "2.11"},
			Remediation: say("Take dm.basesize out of storage-opts in /etc/docker/daemon.json", "从 /etc/docker/daemon.json 的 storage-opts 中去除 dm.basesize"),
			Eval:        evalBaseSize,
		},
	}
}

func evalStorageDriver(in *Input, r *Recorder) {
	const ptr = "/engine/storage_driver"
	e := engineAt(in, r, ptr)
	switch {
	case e == nil:
	case e.StorageDriver == "":
		r.Unknown(ptr, e.Product, say("the storage driver is not known", "无法得知存储驱动"))
	case slices.Contains([]string{"aufs", "devicemapper", "overlay"}, e.StorageDriver):
		r.Fail(ptr, e.Product, say("driver %s is no longer maintained", "存储驱动 %s 已停止维护", e.StorageDriver))
	default:
		r.Pass(ptr, e.Product, say("driver %s", "存储驱动为 %s", e.StorageDriver))
	}
}

func evalBaseSize(in *Input, r *Recorder) {
	const ptr = "/engine/config/settings"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	for i, s := range e.Config.Settings {
		if strings.Contains(s.Key, "basesize") || strings.Contains(s.Value, "dm.basesize") {
			r.Warn(pointer("engine", "config", "settings", i), s.Key, say("%s = %s", "%s = %s", s.Key, s.Value))
			return
		}
	}
	r.Pass(ptr, e.Product, say("not changed", "未修改"))
}

// defaultChecks ask what the engine gives to a container that asks for nothing, and who decides over more (8.4.e).
func defaultChecks() []Check {
	return []Check{
		{
			ID: "8.4.e/engine-rootless", Severity: model.Low,
			Title:       say("The engine runs without root's rights, or behind a guard", "引擎以非 root 权限运行，或受守护进程防护"),
			References:  []string{benchReference + "2.1", "NIST SP 800-190 4.4.1"},
			Remediation: say("Run dockerd-rootless-setuptool.sh install as an unprivileged user; or turn on the daemon guard in mode enforce", "以非特权用户执行 dockerd-rootless-setuptool.sh install；或以 enforce 模式启用守护进程防护（daemon-guard）"),
			Eval:        evalRootless,
		},
		{
			ID: "8.4.e/engine-user-namespaces", Severity: model.Medium,
			Title:       say("Root in a container is not root on the host", "容器内的 root 不是主机的 root"),
			References:  []string{benchReference + "2.9", "NIST SP 800-190 4.4.3", "ATT&CK T1611"},
			Remediation: say("In /etc/docker/daemon.json: { \"userns-remap\": \"default\" }; systemctl restart docker (the engine then uses another data directory: images, volumes and containers have to be made again). Or run no container as root.", "在 /etc/docker/daemon.json 中设置：{ \"userns-remap\": \"default\" }；systemctl restart docker（引擎将改用另一数据目录，需重新创建镜像、卷和容器）。或不以 root 运行任何容器。"),
			Eval:        evalUserNamespaces,
		},
		{
			ID: "8.4.e/engine-no-new-privileges", Severity: model.Medium,
			Title:       say("Containers cannot gain new privileges unless they ask to", "容器默认不能获得新的权限"),
			References:  []string{benchReference + "2.14", "ATT&CK T1548.001"},
			Remediation: say("In /etc/docker/daemon.json: { \"no-new-privileges\": true }; systemctl restart docker", "在 /etc/docker/daemon.json 中设置：{ \"no-new-privileges\": true }；systemctl restart docker"),
			Eval:        evalDefaultNNP,
		},
		{
			ID: "8.4.e/engine-seccomp", Severity: model.High,
			Title:       say("The engine gives every container a seccomp profile", "引擎默认对所有容器启用 seccomp"),
			References:  []string{benchReference + "2.17", "NIST SP 800-190 4.4.3"},
			Remediation: say("Take seccomp-profile \"unconfined\" out of /etc/docker/daemon.json; systemctl restart docker", "从 /etc/docker/daemon.json 中去除 seccomp-profile \"unconfined\"；systemctl restart docker"),
			Eval:        evalDefaultSeccomp,
		},
		{
			ID: "8.4.e/engine-cgroup-parent", Severity: model.Low,
			Title:       say("The engine keeps its default control group", "引擎使用默认控制组"),
			References:  []string{benchReference + "2.10"},
			Remediation: say("Take cgroup-parent out of /etc/docker/daemon.json and --cgroup-parent out of the unit file", "从 /etc/docker/daemon.json 去除 cgroup-parent，并从单元文件去除 --cgroup-parent"),
			Eval:        evalEngineCgroup,
		},
		{
			ID: "8.4.e/admission", Severity: model.Medium,
			Title:       say("Rights of new containers are decided by policy", "新容器的权限由策略决定"),
			References:  []string{"CIS Kubernetes 1.9 5.2.1", "NIST SP 800-190 4.4.3"},
			Remediation: say("Turn on the daemon guard (Kubernetes: the control admission) in mode enforce, with the profile baseline or restricted.", "以 enforce 模式启用守护进程防护（daemon-guard；Kubernetes：admission），并选用 baseline 或 restricted 配置。"),
			Eval:        evalAdmission,
		},
	}
}

func evalRootless(in *Input, r *Recorder) {
	const ptr = "/engine/rootless"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	guard, i, ok := in.Control(model.ControlDaemonGuard)
	switch {
	case e.Rootless:
		r.Pass(ptr, e.Product, say("the engine is rootless", "引擎以 rootless 模式运行"))
	case ok && guard.Mode == model.ModeEnforce && decides(in):
		r.Pass(pointer("controls", i), e.Product, say("the engine runs as root; every call is decided by the guard", "引擎以 root 运行，但每次调用均由防护组件决定"))
	case ok && guard.Mode == model.ModeEnforce:
		r.Warn(pointer("controls", i), e.Product, say("the engine runs as root, and there is a way past the guard: see 8.1.c/authorization", "引擎以 root 运行，且存在绕过守护进程防护的途径：见 8.1.c/authorization"))
	default:
		r.Warn(ptr, e.Product, say("the engine runs as root", "引擎以 root 运行"))
	}
}

func evalUserNamespaces(in *Input, r *Recorder) {
	const ptr = "/engine/user_namespaces"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	if e.UserNamespaces || e.Rootless {
		r.Pass(ptr, e.Product, say("users are remapped", "用户已重映射"))
		return
	}
	if r.Missing(in, "/containers") {
		return
	}
	root, unread := 0, 0
	for _, p := range in.workloads(true) {
		if p.container != nil && containerGap(r, p.container, p.base, "/workload") {
			unread++
			continue
		}
		if hostRoot(in, p) {
			root++
		}
	}
	if root > 0 {
		r.Fail(ptr, e.Product, say("users are not remapped; workloads that run as root: %d", "用户未重映射，且有 %d 个工作负载以 root 运行", root))
		return
	}
	if unread > 0 {
		return
	}
	r.Pass(ptr, e.Product, say("users are not remapped, and no workload runs as root", "用户未重映射，但没有工作负载以 root 运行"))
}

func evalDefaultNNP(in *Input, r *Recorder) {
	const ptr = "/engine/no_new_privileges"
	e := engineAt(in, r, ptr)
	switch {
	case e == nil:
	case e.Product != "docker":
		r.NotApplicable("/engine/product", say("%s has no such default; each container is judged by itself", "%s 没有此类默认设置，逐个容器判断", e.Product))
	case e.NoNewPrivileges:
		r.Pass(ptr, e.Product, say("no-new-privileges is the default", "no-new-privileges 为默认设置"))
	default:
		r.Fail(ptr, e.Product, say("no-new-privileges is not the default", "no-new-privileges 不是默认设置"))
	}
}

func evalDefaultSeccomp(in *Input, r *Recorder) {
	const ptr = "/engine/seccomp_profile"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	on := slices.ContainsFunc(e.SecurityOptions, func(o string) bool { return strings.Contains(o, "seccomp") })
	switch {
	case e.SeccompProfile == "unconfined":
		r.Fail(ptr, e.Product, say("the default profile is unconfined", "默认 seccomp 配置为 unconfined"))
	case e.SeccompProfile == "" && !on:
		r.Fail("/engine/security_options", e.Product, say("the engine does not use seccomp", "引擎未启用 seccomp"))
	case e.SeccompProfile == "":
		r.Pass("/engine/security_options", e.Product, say("seccomp is on", "seccomp 已启用"))
	default:
		r.Pass(ptr, e.Product, say("the default profile is %s", "默认 seccomp 配置为 %s", e.SeccompProfile))
	}
}

func evalEngineCgroup(in *Input, r *Recorder) {
	const ptr = "/engine/cgroup_parent"
	e := engineAt(in, r, ptr)
	if e == nil {
		return
	}
	switch e.CgroupParent {
	case "", "docker", "/docker", "system.slice", "user.slice":
		r.Pass(ptr, e.Product, say("the default control group", "默认控制组"))
	default:
		r.Warn(ptr, e.Product, say("containers run below %s; make sure that limits hold there", "容器位于 %s 之下，请确认其限制有效", e.CgroupParent))
	}
}
