package assess

import (
	"path"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// mixedChecks ask whether anything but containers and the platform runs on the host (8.4.b).
func mixedChecks() []Check {
	move := say("Run it in a container or move it to another host: systemctl disable --now UNIT. If it is part of the platform, add its name to assess.host_profile.processes (or .services).",
		"将其放入容器运行或迁移到其他主机：systemctl disable --now 单元。如属于平台组件，将其名称加入 assess.host_profile.processes（或 .services）。")
	return []Check{
		{
			ID: "8.4.b/server-processes", Severity: model.High, Essential: true,
			Title:      say("No server runs on the host beside the containers", "主机上没有与容器混合运行的服务器程序"),
			References: []string{"NIST SP 800-190 4.5.1", "NIST SP 800-190 4.5.2"}, Remediation: move,
			Eval: evalServerProcesses,
		},
		{
			ID: "8.4.b/listening-processes", Severity: model.High, Essential: true,
			Title:      say("No foreign program on the host serves the network", "主机上没有平台以外的程序对外提供网络服务"),
			References: []string{"NIST SP 800-190 4.5.2"}, Remediation: move,
			Eval: evalForeignListeners,
		},
		{
			ID: "8.4.b/foreign-processes", Severity: model.Medium,
			Title:      say("Every process outside containers is part of the platform", "容器之外的进程均属于平台"),
			References: []string{"NIST SP 800-190 4.5.2"}, Remediation: move,
			Eval: evalForeignProcesses,
		},
		{
			ID: "8.4.b/server-services", Severity: model.Medium,
			Title:      say("No service of a workload is enabled on the host", "主机上未启用工作负载类服务"),
			References: []string{"NIST SP 800-190 4.5.2"}, Remediation: move,
			Eval: func(in *Input, r *Recorder) {
				if notContainerHost(in, r) {
					return
				}
				serviceEval(in, r, workloadServices(), say("no service of a workload", "没有工作负载类服务"))
			},
		},
	}
}

// notContainerHost records that there is nothing to mix with where the node has neither an engine nor containers.
func notContainerHost(in *Input, r *Recorder) bool {
	if in.Snap.Engine != nil || len(in.Snap.Containers) > 0 || in.Snap.Kubernetes != nil {
		return false
	}
	if _, gap := in.Gap("/engine"); gap {
		return false
	}
	r.NotApplicable("/engine", say("the node runs no containers", "本节点不运行容器"))
	return true
}

func evalServerProcesses(in *Input, r *Recorder) {
	outside(in, r, say("no well-known server outside containers", "容器之外没有已知的服务器程序"), func(i int, p model.Process) bool {
		name := programName(p)
		for _, k := range workloadProcesses() {
			if matchesAny(k.globs, name) {
				r.Fail(pointer("host", "processes", i), name,
					say("%s (pid %d, %[3]s) runs on the host", "%s（进程号 %d，%[4]s）在主机上运行", name, p.PID, k.kind.EN, k.kind.ZH))
				return true
			}
		}
		return false
	})
}

func evalForeignListeners(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/listeners")
	if h == nil {
		return
	}
	for i, l := range h.Listeners {
		if l.PID == 0 && l.Container == "" && !l.Engine && !l.Loopback && !listenerAllowed(in, l) {
			r.Unknown(pointer("host", "listeners", i), "", say("the process behind port %d/%s could not be read", "无法得知端口 %d/%s 对应的进程", l.Port, transport(l.Protocol)))
		}
	}
	outside(in, r, say("no foreign process listens on the network", "没有平台以外的进程监听网络"), func(i int, p model.Process) bool {
		if platformProcess(p) {
			return false
		}
		for _, l := range h.Listeners {
			if l.PID == p.PID && !l.Loopback && !listenerAllowed(in, l) {
				name := programName(p)
				r.Fail(pointer("host", "processes", i), name,
					say("%s (pid %d) serves %s:%d", "%s（进程号 %d）在 %s:%d 提供服务", name, p.PID, l.Address, l.Port))
				return true
			}
		}
		return false
	})
}

func evalForeignProcesses(in *Input, r *Recorder) {
	outside(in, r, say("all processes outside containers are the platform's", "容器之外的进程均属于平台"), func(i int, p model.Process) bool {
		if platformProcess(p) {
			return false
		}
		name, ptr := programName(p), pointer("host", "processes", i)
		if strings.HasPrefix(p.Unit, "session-") || strings.HasPrefix(p.Unit, "user@") {
			r.Warn(ptr, name, say("%s (pid %d) runs in a user's session", "%s（进程号 %d）在用户会话中运行", name, p.PID))
			return true
		}
		r.Fail(ptr, name, say("%s (pid %d, uid %d) is not in the host's profile", "%s（进程号 %d，用户 %d）不在主机基线内", name, p.PID, p.UID))
		return true
	})
}

// outside asks the question of every process outside containers that the settings do not allow by name.
func outside(in *Input, r *Recorder, good model.Text, judge func(i int, p model.Process) bool) {
	if notContainerHost(in, r) {
		return
	}
	h, whole := hostSeen(in, r, "/host/processes")
	if h == nil {
		return
	}
	if len(h.Processes) == 0 && whole {
		r.Unknown("/host/processes", "", say("no process was read", "未读取到任何进程"))
		return
	}
	bad := 0
	for i, p := range h.Processes {
		if p.Container != "" || p.PID == 1 || matchesAny(in.Settings.HostProfile.Processes, programName(p)) {
			continue
		}
		if judge(i, p) {
			bad++
		}
	}
	if bad == 0 && whole && len(h.Processes) > 0 {
		r.Pass("/host/processes", "", good)
	}
}

func platformProcess(p model.Process) bool {
	return matchesAny(platformProcesses(), programName(p))
}

// interpreters run a program that is named by their first argument that is no option.
var interpreters = []string{"python*", "perl*", "ruby*", "sh", "bash", "dash", "ash"}

// programName names what a process runs: its script when it is an interpreter, else its executable.
func programName(p model.Process) string {
	name := p.Name
	if exe := strings.TrimSuffix(p.Exe, " (deleted)"); exe != "" && path.Base(exe) != "busybox" {
		name = path.Base(exe) // busybox is many programs, which only the name tells
	}
	if !matchesAny(interpreters, name) {
		return name
	}
	for _, arg := range p.Command[min(1, len(p.Command)):] {
		if arg == "-c" {
			return name
		}
		if !strings.HasPrefix(arg, "-") && arg != "" {
			return path.Base(arg)
		}
	}
	return name
}
