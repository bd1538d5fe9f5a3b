package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// isolationChecks ask what separates each workload from the host's kernel (8.4.e).
func isolationChecks() []Check {
	all := []Check{
		namespaceCheck("host-pid", model.Critical, say("No container sees the host's processes", "容器看不到主机进程"),
			func(n model.Namespaces) string { return n.PID }, "pid", "--pid host", "hostPID: true", "5.16", "CIS Kubernetes 1.9 5.2.3"),
		namespaceCheck("host-ipc", model.High, say("No container shares the host's IPC", "容器不共享主机 IPC"),
			func(n model.Namespaces) string { return n.IPC }, "ipc", "--ipc host", "hostIPC: true", "5.17", "CIS Kubernetes 1.9 5.2.4"),
		namespaceCheck("host-uts", model.Medium, say("No container can change the host's name", "容器不能更改主机名"),
			func(n model.Namespaces) string { return n.UTS }, "uts", "--uts host", "hostNetwork: true", "5.21"),
		namespaceCheck("host-cgroup", model.Medium, say("No container sees the host's control groups", "容器看不到主机的控制组"),
			func(n model.Namespaces) string { return n.Cgroup }, "cgroup", "--cgroupns host", "", "5.25"),
		{
			ID: "8.4.e/host-users", Severity: model.Medium,
			Title:      say("No container opts out of user namespaces", "没有容器退出用户命名空间"),
			References: []string{benchReference + "5.31", "ATT&CK T1611"},
			Remediation: say("Start it without --userns host; what needs the host's users belongs on an engine of its own",
				"去除 --userns host；确需使用主机用户的容器应在独立引擎上运行"),
			Eval: evalHostUsers,
		},
	}
	return append(all, kernelRightsChecks()...)
}

func kernelRightsChecks() []Check {
	return []Check{
		{
			ID: "8.4.e/propagation", Severity: model.High,
			Title:       say("No mount of a container reaches back into the host", "容器挂载不会传播回主机"),
			References:  []string{benchReference + "5.20", "ATT&CK T1611"},
			Remediation: say("Mount with the default propagation: -v SOURCE:TARGET:rprivate (Kubernetes: mountPropagation: None)", "使用默认传播方式：-v 源:目标:rprivate（Kubernetes：mountPropagation: None）"),
			Eval:        eachRight(say("no shared propagation", "没有共享传播"), sharedMounts),
		},
		{
			ID: "8.4.e/seccomp", Severity: model.High,
			Title:       say("A seccomp profile limits the system calls of containers", "seccomp 配置限制容器的系统调用"),
			References:  []string{benchReference + "5.22", "CIS Kubernetes 1.9 5.7.2", "NIST SP 800-190 4.4.3"},
			Remediation: say("Start it without --security-opt seccomp=unconfined (Kubernetes: securityContext.seccompProfile.type: RuntimeDefault)", "去除 --security-opt seccomp=unconfined（Kubernetes：securityContext.seccompProfile.type: RuntimeDefault）"),
			Eval: eachRight(say("under a seccomp profile", "受 seccomp 配置约束"), func(_ *Input, p placed) []flaw {
				if p.w.Seccomp != "unconfined" && !p.w.Privileged {
					return nil
				}
				return bad("/seccomp", "runs without a seccomp profile", "未使用 seccomp 配置")
			}),
		},
		{
			ID: "8.4.e/apparmor", Severity: model.Medium,
			Title:       say("An AppArmor profile confines containers", "AppArmor 配置约束容器"),
			References:  []string{benchReference + "5.2", "NIST SP 800-190 4.4.3"},
			Remediation: say("Start it with --security-opt apparmor=docker-default (Kubernetes: securityContext.appArmorProfile.type: RuntimeDefault)", "使用 --security-opt apparmor=docker-default（Kubernetes：securityContext.appArmorProfile.type: RuntimeDefault）"),
			Eval:        evalAppArmor,
		},
		{
			ID: "8.4.e/selinux", Severity: model.Medium,
			Title:       say("SELinux labels confine containers", "SELinux 标签约束容器"),
			References:  []string{benchReference + "5.3", "NIST SP 800-190 4.4.3"},
			Remediation: say("In /etc/docker/daemon.json: { \"selinux-enabled\": true }; start it without --security-opt label=disable", "在 /etc/docker/daemon.json 中设置：{ \"selinux-enabled\": true }；去除 --security-opt label=disable"),
			Eval:        evalSELinux,
		},
		{
			ID: "8.4.e/no-new-privileges", Severity: model.Medium,
			Title:       say("No process in a container can gain rights by setuid programs", "容器进程不能通过 setuid 程序提权"),
			References:  []string{benchReference + "5.26", "CIS Kubernetes 1.9 5.2.6", "ATT&CK T1548.001"},
			Remediation: say("Start it with --security-opt no-new-privileges (Kubernetes: securityContext.allowPrivilegeEscalation: false)", "使用 --security-opt no-new-privileges（Kubernetes：securityContext.allowPrivilegeEscalation: false）"),
			Eval: eachRight(say("cannot gain new privileges", "不能获得新的权限"), func(_ *Input, p placed) []flaw {
				if p.w.NoNewPrivileges {
					return nil
				}
				return bad("/no_new_privileges", "may gain new privileges", "可获得新的权限")
			}),
		},
		{
			ID: "8.4.e/masked-paths", Severity: model.High,
			Title:       say("The kernel's dangerous files stay hidden from containers", "内核敏感文件对容器保持屏蔽"),
			References:  []string{"NIST SP 800-190 4.4.3", "ATT&CK T1611"},
			Remediation: say("Start it without --security-opt systempaths=unconfined (Kubernetes: securityContext.procMount: Default)", "去除 --security-opt systempaths=unconfined（Kubernetes：securityContext.procMount: Default）"),
			Eval: eachRight(say("kernel files masked", "内核文件已屏蔽"), func(_ *Input, p placed) []flaw {
				if !p.w.MaskedPathsOff && !p.w.Privileged {
					return nil
				}
				return bad("/masked_paths_off", "sees kernel files that are otherwise masked", "可访问本应屏蔽的内核文件")
			}),
		},
		{
			ID: "8.4.e/cgroup-parent", Severity: model.Low,
			Title:       say("Containers stay in the engine's control group", "容器处于引擎的控制组内"),
			References:  []string{benchReference + "5.25"},
			Remediation: say("Start it without --cgroup-parent", "去除 --cgroup-parent"),
			Eval:        eachRight(say("in the engine's control group", "处于引擎的控制组内"), foreignCgroup),
		},
		{
			ID: "8.4.e/image-setuid", Severity: model.Low,
			Title:       say("Images in use bring no setuid programs that work", "使用中的镜像不含可生效的 setuid 程序"),
			References:  []string{benchReference + "4.8", "ATT&CK T1548.001"},
			Remediation: say("In the Dockerfile: RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} + (or start with --security-opt no-new-privileges)", "在 Dockerfile 中加入：RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} + ；或使用 --security-opt no-new-privileges"),
			Eval:        evalImageSetuid,
		},
	}
}

func namespaceCheck(name string, sev model.Severity, title model.Text, of func(model.Namespaces) string, field, flag, pod, bench string, refs ...string) Check {
	en, zh := "Start it without "+flag, "去除 "+flag
	if name == "host-cgroup" {
		// On control groups of version 1 the host's is what the engine gives without being asked.
		en += `, or, where that is the engine's default, with --cgroupns private; for all containers: "default-cgroupns-mode": "private" in /etc/docker/daemon.json`
		zh += `；若其为引擎默认值，则使用 --cgroupns private，或在 /etc/docker/daemon.json 中设置 "default-cgroupns-mode": "private"`
	}
	if pod != "" {
		en, zh = en+" (Kubernetes: without "+pod+")", zh+"（Kubernetes：去除 "+pod+"）"
	}
	return Check{
		ID: "8.4.e/" + name, Title: title, Severity: sev, Essential: sev == model.Critical,
		References:  append([]string{benchReference + bench, "NIST SP 800-190 4.4.3", "ATT&CK T1611"}, refs...),
		Remediation: model.Text{EN: en, ZH: zh},
		Eval: eachRight(say("%s namespace of its own", "拥有独立的 %s 命名空间", field), func(_ *Input, p placed) []flaw {
			if of(p.w.Namespaces) != "host" {
				return nil
			}
			return bad("/namespaces/"+field, "shares the host's %s namespace", "共享主机的 %s 命名空间", field)
		}),
	}
}

func evalHostUsers(in *Input, r *Recorder) {
	e := engineAt(in, r, "/engine/user_namespaces")
	if e == nil {
		return
	}
	if !e.UserNamespaces {
		r.NotApplicable("/engine/user_namespaces", say("the engine does not remap users; see the check of that", "引擎未启用用户重映射，参见对应检查"))
		return
	}
	eachRight(say("users remapped", "用户已重映射"), func(_ *Input, p placed) []flaw {
		if p.container == nil || p.w.Namespaces.User != "host" {
			return nil
		}
		return bad("/namespaces/user", "opts out of user namespaces", "退出了用户命名空间")
	})(in, r)
}

func sharedMounts(_ *Input, p placed) []flaw {
	var out []flaw
	for i, m := range p.w.Mounts {
		if m.Propagation == "shared" || m.Propagation == "rshared" {
			out = append(out, bad(pointer("mounts", i, "propagation"), "%s is mounted %s: what is mounted there shows up on the host",
				"%s 的挂载传播为 %s，其中的挂载会出现在主机上", m.Target, m.Propagation)...)
		}
	}
	return out
}

// kernelHas says whether the host's kernel has the security module; it records why the question does not arise.
func kernelHas(in *Input, r *Recorder, module string) bool {
	h := hostAt(in, r, "/host/kernel/lsms")
	if h == nil {
		return false
	}
	if !slices.Contains(h.Kernel.LSMs, module) {
		r.NotApplicable("/host/kernel/lsms", say("the kernel does not use %s", "内核未使用 %s", module))
		return false
	}
	return true
}

func evalAppArmor(in *Input, r *Recorder) {
	if !kernelHas(in, r, "apparmor") {
		return
	}
	eachRight(say("under an AppArmor profile", "受 AppArmor 配置约束"), func(_ *Input, p placed) []flaw {
		// A pod without a profile gets its runtime's own.
		if p.w.AppArmor == "unconfined" || p.w.Privileged || p.w.AppArmor == "" && p.container != nil {
			return bad("/apparmor", "runs without an AppArmor profile", "未使用 AppArmor 配置")
		}
		return nil
	})(in, r)
}

func evalSELinux(in *Input, r *Recorder) {
	if !kernelHas(in, r, "selinux") {
		return
	}
	if e := in.Snap.Engine; e != nil && !slices.ContainsFunc(e.SecurityOptions, func(o string) bool { return strings.Contains(o, "selinux") }) {
		r.Fail("/engine/security_options", e.Product, say("the engine does not use SELinux", "引擎未启用 SELinux"))
	}
	eachRight(say("under an SELinux label", "受 SELinux 标签约束"), func(_ *Input, p placed) []flaw {
		off := slices.ContainsFunc(p.w.SELinux, func(o string) bool { return strings.HasSuffix(o, "disable") || o == "disabled" })
		if off || p.w.Privileged {
			return bad("/selinux", "runs without SELinux confinement", "未受 SELinux 约束")
		}
		return nil
	})(in, r)
}

func foreignCgroup(in *Input, p placed) []flaw {
	if p.container == nil || p.container.Orchestrated == "kubernetes" || p.w.CgroupParent == "" {
		return nil
	}
	if e := in.Snap.Engine; e != nil && p.w.CgroupParent == e.CgroupParent {
		return nil
	}
	return []flaw{{"/cgroup_parent", model.CheckWarn, say("is in control group %s", "处于控制组 %s", p.w.CgroupParent)}}
}

func evalImageSetuid(in *Input, r *Recorder) {
	exposed := map[string]bool{}
	for _, p := range in.workloads(false) {
		exposed[p.w.Image.ID] = exposed[p.w.Image.ID] || !p.w.NoNewPrivileges
	}
	good := say("no setuid files, or containers that cannot use them", "没有 setuid 文件，或容器无法利用")
	eachUsedImage(in, r, good, func(img *model.Image, ptr string) bool {
		if !exposed[img.ID] {
			return false
		}
		if g, ok := findGap(img.Gaps, "/contents"); ok {
			r.Gap(ptr+"/contents", imageName(img), g)
			return true
		}
		if img.Contents == nil {
			r.Unknown(ptr+"/contents", imageName(img), say("the inside of %s was not looked at", "未检查 %s 的内容", imageName(img)))
			return true
		}
		files := img.Contents.Setuid
		if len(files) == 0 {
			return false
		}
		r.Warn(ptr+"/contents/setuid", imageName(img), say("has %d setuid or setgid files, e.g. %s", "含有 %d 个 setuid 或 setgid 文件，例如 %s", len(files), files[0]))
		return true
	})
}
