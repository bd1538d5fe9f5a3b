package assess

import (
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// limitChecks answer for 8.5.b: no container takes the resources that others need to stay available.
func limitChecks() []Check {
	limit := func(name, item, field string, sev model.Severity, title, good, bad, cure model.Text, has func(p placed) bool) Check {
		return Check{
			ID: "8.5.b/" + name, Severity: sev, Title: title, Remediation: cure,
			References: []string{benchReference + item, "NIST SP 800-190 4.4.3", "ATT&CK T1499"},
			Eval: func(in *Input, r *Recorder) {
				eachWorkload(in, r, good, func(p placed) bool {
					if has(p) {
						return false
					}
					r.Fail(p.pointer+"/limits"+field, p.subject, bad)
					return true
				})
			},
		}
	}
	return []Check{
		limit("memory", "5.11", "/memory_bytes", model.High, say("Memory is limited", "内存受到限制"), say("memory is limited", "已限制内存"), say("memory is not limited", "未限制内存"),
			say("See what it uses (docker stats NAME), then set more than that: docker update --memory=512m --memory-swap=512m NAME; in Kubernetes resources.limits.memory.", "先查看用量（docker stats NAME），再设置高于用量的上限：docker update --memory=512m --memory-swap=512m NAME；在 Kubernetes 中设置 resources.limits.memory。"),
			func(p placed) bool { return p.w.Limits.MemoryBytes > 0 }),
		limit("cpu", "5.12", "/nano_cpus", model.Medium, say("CPU time is limited or shared by weight", "CPU 时间受限或按权重分配"), say("CPU time is limited or weighted", "已限制 CPU 或设置权重"), say("CPU time is neither limited nor weighted", "未限制 CPU，也未设置权重"),
			say("docker update --cpus=1 NAME, or --cpu-shares=512; in Kubernetes resources.limits.cpu.", "docker update --cpus=1 NAME，或 --cpu-shares=512；在 Kubernetes 中设置 resources.limits.cpu。"),
			func(p placed) bool {
				return p.w.Limits.NanoCPUs > 0 || p.w.Limits.CPUShares > 0 || p.w.Limits.CPUSet != ""
			}),
		limit("pids", "5.29", "/pids", model.Medium, say("The number of processes is limited", "进程数量受到限制"), say("the number of processes is limited, or left to the kubelet", "已限制进程数量，或由 kubelet 限制"), say("the number of processes is not limited", "未限制进程数量"),
			say("Run: docker update --pids-limit=100 NAME", "执行：docker update --pids-limit=100 NAME"),
			func(p placed) bool { return p.w.Limits.PIDs > 0 || p.container == nil }),
		{
			ID: "8.5.b/default-ulimits", Severity: model.Low,
			Title:       say("The engine sets default ulimits", "引擎设置了默认 ulimit"),
			References:  []string{benchReference + "2.8"},
			Remediation: say(`In /etc/docker/daemon.json: "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 524288}}; then systemctl restart docker`, `在 /etc/docker/daemon.json 中设置 "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 524288}}，然后执行 systemctl restart docker`),
			Eval:        evalDefaultUlimits,
		},
		{
			ID: "8.5.b/ulimits", Severity: model.Low,
			Title:       say("Containers do not lift the engine's ulimits", "容器未放开引擎的 ulimit"),
			References:  []string{benchReference + "5.19"},
			Remediation: say("Start the container without --ulimit, or with a number: --ulimit nofile=1024:4096", "启动容器时不使用 --ulimit，或指定具体数值：--ulimit nofile=1024:4096"),
			Eval:        evalUlimits,
		},
		{
			ID: "8.5.b/disk-space", Severity: model.Medium,
			Title:       say("The engine's file system has space left", "引擎所在文件系统仍有可用空间"),
			References:  []string{"ATT&CK T1499"},
			Remediation: say("Free space: docker system df, docker image prune, docker container prune; or enlarge the file system of the data directory.", "释放空间：docker system df、docker image prune、docker container prune；或扩大数据目录所在的文件系统。"),
			Eval:        evalDiskSpace,
		},
	}
}

func evalDefaultUlimits(in *Input, r *Recorder) {
	const ptr = "/engine/default_ulimits"
	e := engineAt(in, r, ptr)
	switch {
	case e == nil:
	case e.Product != "docker":
		r.NotApplicable("/engine/product", say("%s takes ulimits from the user's session", "%s 使用用户会话的 ulimit", e.Product))
	case len(e.DefaultUlimits) > 0:
		r.Pass(ptr, e.Product, say("default ulimits: %s", "默认 ulimit：%s", strings.Join(e.DefaultUlimits, ", ")))
	default:
		r.Warn(ptr, e.Product, say("no default ulimit is set", "未设置默认 ulimit"))
	}
}

func evalUlimits(in *Input, r *Recorder) {
	eachWorkload(in, r, say("no ulimit of its own, or a limited one", "未自定义 ulimit，或数值有限"), func(p placed) bool {
		for _, u := range p.w.Limits.Ulimits {
			if strings.Contains(u, "-1") || strings.Contains(u, "unlimited") {
				r.Fail(p.pointer+"/limits/ulimits", p.subject, say("ulimit %s lifts the limit", "ulimit %s 解除了限制", u))
				return true
			}
		}
		return false
	})
}

func evalDiskSpace(in *Input, r *Recorder) {
	e := engineAt(in, r, "/engine/usage")
	if e == nil {
		return
	}
	if e.Usage.FilesystemPerc == 0 && e.Usage.FilesystemFree == 0 {
		r.Unknown("/engine/usage", e.RootDir, say("how full the file system is was not read", "未读取文件系统的使用率"))
		return
	}
	judge := func(field string, percent int, what model.Text) {
		text := say("%d%% of %[2]s used", "%[3]s已使用 %[1]d%%", percent, what.EN, what.ZH)
		switch ptr := "/engine/usage/" + field; {
		case percent >= 95:
			r.Fail(ptr, e.RootDir, text)
		case percent >= 85:
			r.Warn(ptr, e.RootDir, text)
		default:
			r.Pass(ptr, e.RootDir, text)
		}
	}
	judge("filesystem_used_percent", e.Usage.FilesystemPerc, say("the space", "空间"))
	judge("inodes_used_percent", e.Usage.InodesUsedPerc, say("the inodes", "inode "))
}
