package assess

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// sourceChecks answer for 8.5.a on the engine: it comes from an official, trusted and current source.
func sourceChecks() []Check {
	return []Check{
		{
			ID: "8.5.a/engine-origin", Severity: model.High, Essential: true,
			Title:      say("Programs of the engine belong to packages of a distribution or the vendor", "引擎程序属于发行版或厂商的软件包"),
			References: []string{"NIST SP 800-190 4.3.5", "ATT&CK T1195.002"},
			Remediation: say(
				"Remove the copied program and install the package: apt-get install docker.io (dnf install moby-engine or podman, apk add docker), or docker-ce from https://download.docker.com with its signing key in /etc/apt/keyrings.",
				"删除手工复制的程序并安装软件包：apt-get install docker.io（或 dnf install moby-engine、podman，apk add docker），也可从 https://download.docker.com 安装 docker-ce，并将其签名密钥放入 /etc/apt/keyrings。"),
			Eval: evalEngineOrigin,
		},
		{
			ID: "8.5.a/package-trust", Severity: model.High, Essential: true,
			Title:      say("Packages are installed with verified signatures only", "仅安装签名经过验证的软件包"),
			References: []string{"NIST SP 800-190 4.3.5", "ATT&CK T1195.002"},
			Remediation: say(
				"Remove [trusted=yes] and Acquire::AllowInsecureRepositories from apt's configuration, gpgcheck=0 from /etc/yum.repos.d, --allow-untrusted from apk.",
				"从 apt 配置中移除 [trusted=yes] 和 Acquire::AllowInsecureRepositories，从 /etc/yum.repos.d 中移除 gpgcheck=0，apk 不使用 --allow-untrusted。"),
			Eval: evalOrchestratorTrust,
		},
		{
			ID: "8.5.a/engine-current", Severity: model.High,
			Title: say("The engine's release is still maintained", "引擎版本仍受维护"),
			Remediation: say(
				"Move to a maintained release line; assess.min_engine_version sets the oldest that you accept.",
				"迁移到仍受维护的版本；assess.min_engine_version 可设定可接受的最低版本。"),
			Eval: evalEngineSupported,
		},
		{
			ID: "8.5.a/updates", Severity: model.High,
			Title:       say("No security update of engine or orchestrator is pending", "没有待安装的引擎或编排系统安全更新"),
			Remediation: say("Install them: apt-get update && apt-get install --only-upgrade PACKAGE (dnf upgrade --security PACKAGE, apk upgrade PACKAGE).", "安装更新：apt-get update && apt-get install --only-upgrade PACKAGE（或 dnf upgrade --security PACKAGE、apk upgrade PACKAGE）。"),
			Eval:        evalRuntimeUpdates,
		},
		{
			ID: "8.5.a/swarm-unneeded", Severity: model.Medium,
			Title:       say("Swarm mode is off unless it is used", "未使用时不启用 Swarm 模式"),
			References:  []string{benchReference + "5.1"},
			Remediation: say("Leave the swarm, which deletes its secrets and configs with the last manager: docker swarm leave --force. Where there are other managers, first: docker node demote NODE", "退出 Swarm（最后一个管理节点退出时会删除其机密与配置）：docker swarm leave --force。如有其他管理节点，先执行 docker node demote NODE"),
			Eval:        evalSwarmUnneeded,
		},
	}
}

func evalEngineOrigin(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	host := hostAt(in, r, "/host/packages")
	if host == nil {
		return
	}
	located := false
	for i, c := range in.Snap.Engine.Components {
		ptr := pointer("engine", "components", i)
		switch {
		case c.Package != "":
			r.Pass(ptr, c.Name, say("%s %s belongs to the package %s", "%s %s 属于软件包 %s", c.Name, c.Version, c.Package))
		case c.Path == "":
			continue
		default:
			judgeOrigin(in, r, host, ptr, c.Path)
		}
		located = true
	}
	if located || judgeEngineProgram(in, r, host) {
		return
	}
	r.Unknown("/engine/components", in.Snap.Engine.Product, say(
		"which program %s runs from could not be seen", "无法得知 %s 运行自哪个程序文件", in.Snap.Engine.Product))
}

// engineProgram is the purpose of facts about programs of engines.
const engineProgram = "engine-program"

// judgeOrigin judges a program without a known package: it belongs to none only when its owner was looked up.
func judgeOrigin(in *Input, r *Recorder, host *model.Host, ptr, file string) {
	seen := slices.ContainsFunc(host.Files, func(f model.FileFact) bool {
		return f.Path == file && f.Exists && f.Purpose == engineProgram
	})
	switch {
	case host.PackageManager == "":
		r.Unknown(ptr, file, say("this host has no package manager that tells where %s comes from", "本主机没有包管理器，无法判断 %s 的来源", file))
	case r.Missing(in, pointer("host", "files", engineProgram, "package")):
	case !seen:
		r.Unknown(ptr, file, say("%s is not where programs of engines usually are; the package that it belongs to was not looked up", "%s 不在引擎程序的常见位置，未查询其所属软件包", file))
	default:
		r.Fail(ptr, file, say("%s belongs to no package", "%s 不属于任何软件包", file))
	}
}

// judgeEngineProgram judges the engine's own program by its usual name where the engine's process could not be seen. It
// reports whether there was one.
func judgeEngineProgram(in *Input, r *Recorder, host *model.Host) bool {
	name := map[string]string{"docker": "dockerd", "podman": "podman"}[in.Snap.Engine.Product]
	found := false
	for i, f := range host.Files {
		if f.Purpose != engineProgram || !f.Exists || path.Base(f.Path) != name {
			continue
		}
		found = true
		ptr := pointer("host", "files", i)
		if f.Package != "" {
			r.Pass(ptr, f.Path, say("%s belongs to the package %s", "%s 属于软件包 %s", f.Path, f.Package))
		} else {
			judgeOrigin(in, r, host, ptr, f.Path)
		}
	}
	return found
}

func evalOrchestratorTrust(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	const ptr = "/host/package_trust"
	host := hostAt(in, r, ptr)
	if host == nil {
		return
	}
	switch {
	case host.PackageTrust == "signed":
		r.Pass(ptr, host.PackageManager, say("%s verifies signatures", "%s 会验证签名", host.PackageManager))
	case host.PackageTrust != "":
		r.Fail(ptr, host.PackageManager, say("%s accepts unsigned packages: %s", "%s 接受未签名的软件包：%s", host.PackageManager, strings.Join(host.PackageTrustDetail, "; ")))
	case host.PackageManager == "":
		r.NotApplicable("/host/package_manager", say("this host has no package manager", "本主机没有包管理器"))
	default:
		r.Unknown(ptr, host.PackageManager, say("whether %s verifies signatures is not known", "无法得知 %s 是否验证签名", host.PackageManager))
	}
}

func evalSwarmUnneeded(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	if g, ok := in.Gap("/swarm"); ok && g.Reason != model.GapAbsent {
		r.Gap("/swarm", "", g)
		return
	}
	s := in.Snap.Swarm
	tasks := slices.ContainsFunc(in.Snap.Containers, func(c model.Container) bool { return c.Orchestrated == "swarm" })
	switch {
	case !swarmActive(in):
		r.Pass("/swarm", "", say("swarm mode is off", "未启用 Swarm 模式"))
	case len(s.Services) > 0 || tasks:
		r.Pass("/swarm/services", "", say("swarm mode is in use", "Swarm 模式正在使用"))
	case !s.Manager:
		r.Warn("/swarm", "", say("this worker of a swarm runs no task", "本工作节点没有运行任何 Swarm 任务"))
	default:
		r.Fail("/swarm/services", "", say("swarm mode is on and has no service", "已启用 Swarm 模式，但没有任何服务"))
	}
}
