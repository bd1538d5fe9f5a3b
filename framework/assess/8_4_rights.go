package assess

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// flaw is one thing that is wrong with a workload: where (below the workload), how bad, and what.
type flaw struct {
	at     string
	status model.CheckStatus
	text   model.Text
}

func bad(at, en, zh string, args ...any) []flaw {
	return []flaw{{at, model.CheckFail, say(en, zh, args...)}}
}

// eachRight asks the question of every workload and records the flaws that judge finds.
func eachRight(good model.Text, judge func(in *Input, p placed) []flaw) func(*Input, *Recorder) {
	return func(in *Input, r *Recorder) {
		eachWorkload(in, r, good, func(p placed) bool {
			if p.container != nil && containerGap(r, p.container, p.base, "/workload") {
				return true
			}
			flaws := judge(in, p)
			for _, f := range flaws {
				r.add(f.status, p.pointer+f.at, p.subject, f.text)
			}
			return len(flaws) > 0
		})
	}
}

// rightsChecks ask whether each workload has the least rights on files and the kernel that it needs (8.4.e).
func rightsChecks() []Check {
	return []Check{
		{
			ID: "8.4.e/privileged", Severity: model.Critical, Essential: true,
			Title:      say("No container is privileged", "没有特权容器"),
			References: []string{benchReference + "5.5", "CIS Kubernetes 1.9 5.2.2", "NIST SP 800-190 4.4.3", "ATT&CK T1611"},
			Remediation: say("Start it without --privileged (Kubernetes: securityContext.privileged: false) and give the one capability or device it needs: --cap-drop ALL --cap-add NAME --device PATH",
				"去除 --privileged（Kubernetes：securityContext.privileged: false），仅授予所需的能力或设备：--cap-drop ALL --cap-add 名称 --device 路径"),
			Eval: eachRight(say("not privileged", "非特权"), func(_ *Input, p placed) []flaw {
				if !p.w.Privileged {
					return nil
				}
				return bad("/privileged", "runs privileged: it can do all that root on the host can", "以特权模式运行，权限等同主机 root")
			}),
		},
		{
			ID: "8.4.e/capabilities-added", Severity: model.High, Essential: true,
			Title:      say("No container has capabilities beyond the default", "容器没有超出默认集合的能力"),
			References: []string{benchReference + "5.4", "CIS Kubernetes 1.9 5.2.9", "ATT&CK T1611"},
			Remediation: say("Start it without --cap-add NAME (Kubernetes: securityContext.capabilities.add)",
				"去除 --cap-add 名称（Kubernetes：securityContext.capabilities.add）"),
			Eval: eachRight(say("no capability beyond the default", "没有超出默认集合的能力"), addedCapabilities),
		},
		{
			ID: "8.4.e/capabilities-dropped", Severity: model.Medium,
			Title:      say("Containers give up the capabilities that they do not need", "容器放弃不需要的能力"),
			References: []string{benchReference + "5.4", "CIS Kubernetes 1.9 5.2.8", "CIS Kubernetes 1.9 5.2.10"},
			Remediation: say("Start it with --cap-drop ALL and --cap-add for what is needed (Kubernetes: securityContext.capabilities.drop: [ALL])",
				"使用 --cap-drop ALL，并用 --cap-add 添加所需能力（Kubernetes：securityContext.capabilities.drop: [ALL]）"),
			Eval: eachRight(say("all capabilities dropped", "已放弃全部默认能力"), func(_ *Input, p placed) []flaw {
				if slices.Contains(p.w.CapDrop, "ALL") && !p.w.Privileged {
					return nil
				}
				return []flaw{{"/cap_drop", model.CheckWarn, say("keeps default capabilities, such as CAP_NET_RAW and CAP_CHOWN, unless they are dropped",
					"保留默认能力（如 CAP_NET_RAW、CAP_CHOWN），未全部放弃")}}
			}),
		},
		{
			ID: "8.4.e/root-user", Severity: model.High,
			Title:      say("Containers run as a user other than root", "容器以非 root 用户运行"),
			References: []string{benchReference + "4.1", "CIS Kubernetes 1.9 5.2.7", "NIST SP 800-190 4.1.2"},
			Remediation: say("USER 10001 in the Dockerfile or --user 10001:10001 (Kubernetes: securityContext.runAsNonRoot: true, runAsUser: 10001)",
				"在 Dockerfile 中使用 USER 10001，或 --user 10001:10001（Kubernetes：securityContext.runAsNonRoot: true, runAsUser: 10001）"),
			Eval: eachRight(say("not root on the host", "在主机上不是 root"), func(in *Input, p placed) []flaw {
				if !hostRoot(in, p) {
					return nil
				}
				return bad("/root", "runs as root, which is root on the host as well", "以 root 运行，且等同主机 root")
			}),
		},
		{
			ID: "8.4.e/read-only-root", Severity: model.Medium,
			Title:      say("The root file system of containers is read-only", "容器根文件系统为只读"),
			References: []string{benchReference + "5.13", "NIST SP 800-190 4.4.4", "ATT&CK T1525"},
			Remediation: say("Start it with --read-only --tmpfs /tmp:rw,noexec,nosuid (Kubernetes: securityContext.readOnlyRootFilesystem: true with an emptyDir on /tmp)",
				"使用 --read-only --tmpfs /tmp:rw,noexec,nosuid（Kubernetes：securityContext.readOnlyRootFilesystem: true，并为 /tmp 挂载 emptyDir）"),
			Eval: eachRight(say("root file system read-only", "根文件系统只读"), func(_ *Input, p placed) []flaw {
				if p.w.ReadOnlyRoot {
					return nil
				}
				return bad("/read_only_root", "can write to its root file system", "可写入根文件系统")
			}),
		},
		{
			ID: "8.4.e/host-paths-writable", Severity: model.Critical, Essential: true,
			Title:      say("No container can write to the host's system directories", "容器不能写入主机系统目录"),
			References: []string{benchReference + "5.6", "CIS Kubernetes 1.9 5.2.12", "NIST SP 800-190 4.4.3", "ATT&CK T1611"},
			Remediation: say("Use a named volume (-v data:/data), or mount read-only: -v SOURCE:TARGET:ro. The directories are in assess.host_paths.",
				"改用命名卷（-v data:/data），或以只读方式挂载：-v 源:目标:ro。受保护目录见 assess.host_paths。"),
			Eval: eachRight(say("no system directory of the host is writable", "主机系统目录均不可写"), writableHostPaths),
		},
		{
			ID: "8.4.e/host-paths-readable", Severity: model.Medium,
			Title:      say("No container reads whole system directories of the host", "容器不读取主机的整个系统目录"),
			References: []string{benchReference + "5.6", "CIS Kubernetes 1.9 5.2.12", "ATT&CK T1552.001"},
			Remediation: say("Mount the one file that is needed, e.g. -v /etc/localtime:/etc/localtime:ro, not the directory",
				"仅挂载所需的单个文件，例如 -v /etc/localtime:/etc/localtime:ro，而非整个目录"),
			Eval: eachRight(say("no whole system directory of the host is mounted", "未挂载主机的整个系统目录"), readableHostPaths),
		},
		{
			ID: "8.4.e/devices", Severity: model.High,
			Title:      say("No container has devices of the host", "容器未获得主机设备"),
			References: []string{benchReference + "5.18", "ATT&CK T1611"},
			Remediation: say("Start it without --device and --device-cgroup-rule; give what is needed with the least rights: --device /dev/NAME:/dev/NAME:r",
				"去除 --device 与 --device-cgroup-rule；如确有需要，以最小权限授予：--device /dev/名称:/dev/名称:r"),
			Eval: eachRight(say("no device of the host", "没有主机设备"), hostDevices),
		},
	}
}

// defaultCapabilities are what Docker gives without being asked.
var defaultCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

func addedCapabilities(_ *Input, p placed) []flaw {
	extra := slices.DeleteFunc(slices.Clone(p.w.CapAdd), func(c string) bool { return slices.Contains(defaultCapabilities, c) })
	if len(extra) == 0 {
		return nil
	}
	return bad("/cap_add", "has %s", "拥有 %s", strings.Join(extra, ", "))
}

// hostRoot says whether the workload's user is root on the host: not when its users are remapped or the engine itself
// is rootless.
func hostRoot(in *Input, p placed) bool {
	rootless := p.container != nil && in.Snap.Engine != nil && in.Snap.Engine.Rootless
	return p.w.Root && p.w.Namespaces.User != "private" && !rootless
}

// hostSource is the host path of a mount; "" for a volume, a tmpfs and the like.
func hostSource(m model.Mount) string {
	// A volume has a host path of its own below the engine's directory, unless it is bound elsewhere.
	if m.Type != "bind" && m.Type != "hostPath" && (m.Type != "volume" || m.Resolved == "" || strings.HasSuffix(m.Resolved, "/_data")) {
		return ""
	}
	source := m.Resolved
	if source == "" {
		source = m.Source
	}
	if !path.IsAbs(source) {
		return ""
	}
	return path.Clean(source)
}

// looseDirs are system directories whose subdirectories often belong to applications.
var looseDirs = []string{"/run", "/var/run", "/dev", "/var/log"}

func writableHostPaths(in *Input, p placed) []flaw {
	var out []flaw
	for i, m := range p.w.Mounts {
		source := hostSource(m)
		if source == "" || m.ReadOnly {
			continue
		}
		dir, whole := systemDir(in.Settings.HostPaths, source)
		if dir == "" {
			continue
		}
		status := model.CheckFail
		if !whole && slices.Contains(looseDirs, dir) {
			status = model.CheckWarn
		}
		out = append(out, flaw{pointer("mounts", i), status, say("can write to %s of the host (at %s)", "可写入主机的 %s（挂载于 %s）", source, m.Target)})
	}
	return out
}

func readableHostPaths(in *Input, p placed) []flaw {
	var out []flaw
	for i, m := range p.w.Mounts {
		source := hostSource(m)
		if source == "" || !m.ReadOnly {
			continue
		}
		if dir, whole := systemDir(in.Settings.HostPaths, source); dir != "" && whole {
			out = append(out, flaw{pointer("mounts", i), model.CheckWarn, say("reads all of %s of the host (at %s)", "可读取主机的整个 %s（挂载于 %s）", source, m.Target)})
		}
	}
	return out
}

// systemDir names the listed directory that the source gives away: as a whole (the directory itself or a parent of
// it) or in part (something below it). What lies below "/" alone is nobody's.
func systemDir(dirs []string, source string) (dir string, whole bool) {
	for _, d := range dirs {
		if within(source, path.Clean(d)) {
			return d, true
		}
	}
	for _, d := range dirs {
		if path.Clean(d) != "/" && within(path.Clean(d), source) {
			dir = d
			if slices.Contains(looseDirs, d) {
				continue
			}
			return d, false
		}
	}
	return dir, false
}

// rawDevices are devices that open the host's memory or disks.
var rawDevices = []string{
	"/dev", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/sd*", "/dev/hd*", "/dev/vd*", "/dev/xvd*", "/dev/nvme*",
	"/dev/dm-*", "/dev/mapper/*", "/dev/md*", "/dev/loop*", "/dev/disk/*/*", "/dev/mmcblk*", "/dev/sg*", "/dev/bsg/*", "/dev/kvm", "/dev/vhost*",
}

func hostDevices(_ *Input, p placed) []flaw {
	var out []flaw
	for i, d := range p.w.Devices {
		at := pointer("devices", i)
		switch {
		case d.Request != "":
			out = append(out, flaw{at, model.CheckWarn, say("asks for devices: %s", "申请设备：%s", d.Request)})
		case matchesAny(rawDevices, d.Host):
			out = append(out, flaw{at, model.CheckFail, say("has %s (%s), which opens the host", "拥有 %s（%s），可借此控制主机", d.Host, d.Permissions)})
		default:
			out = append(out, flaw{at, model.CheckWarn, say("has %s (%s)", "拥有 %s（%s）", d.Host, d.Permissions)})
		}
	}
	if len(p.w.DeviceRules) > 0 {
		out = append(out, bad("/device_rules", "may make devices itself: %s", "可自行创建设备：%s", strings.Join(p.w.DeviceRules, "; "))...)
	}
	return out
}
