package assess

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// minimalChecks ask what is installed, enabled and listening on the host that it does not need.
func minimalChecks() []Check {
	return []Check{
		packageCheck("legacy-packages", model.High, true, legacyPackages,
			say("No server for telnet, rsh, ftp, NIS or the like is installed", "未安装 telnet、rsh、ftp、NIS 等过时服务"), "ATT&CK T1021"),
		packageCheck("development-packages", model.Medium, false, developmentPackages,
			say("No compiler or debugger is installed", "未安装编译器或调试器"), "ATT&CK T1027.004"),
		packageCheck("desktop-packages", model.Medium, false, desktopPackages,
			say("No graphical desktop is installed", "未安装图形桌面")),
		packageCheck("server-packages", model.Medium, false, serverPackages,
			say("No server that belongs into a container is installed", "未安装应在容器中运行的服务器软件")),
		{
			ID: "8.4.a/services", Severity: model.Medium,
			Title:      say("No needless service is enabled or runs", "没有启用或运行不必要的服务"),
			References: []string{"NIST SP 800-190 4.5.1"},
			Remediation: say("Switch it off: systemctl disable --now NAME && systemctl mask NAME (OpenRC: rc-service NAME stop; rc-update del NAME). If it is needed, add it to assess.host_profile.services.",
				"将其停用：systemctl disable --now 名称 && systemctl mask 名称（OpenRC：rc-service 名称 stop; rc-update del 名称）。如确有需要，将其加入 assess.host_profile.services。"),
			Eval: func(in *Input, r *Recorder) {
				serviceEval(in, r, needlessServices(), say("no needless service", "没有不必要的服务"))
			},
		},
		{
			ID: "8.4.a/listeners", Severity: model.High, Essential: true,
			Title:      say("Only the platform listens on the host", "主机上只有平台组件在监听端口"),
			References: []string{"NIST SP 800-190 4.5.1", "ATT&CK T1133"},
			Remediation: say("Stop the program (ss -lntup names it) or bind it to 127.0.0.1. If the host needs it, add \"PROCESS:PORT/tcp\" to assess.host_profile.listeners.",
				"停止该程序（可用 ss -lntup 查看），或将其绑定到 127.0.0.1。如主机确有需要，将“进程:端口/tcp”加入 assess.host_profile.listeners。"),
			Eval: evalListeners,
		},
		{
			ID: "8.4.a/setuid", Severity: model.Medium,
			Title:      say("Setuid and setgid programs are the distribution's usual ones", "setuid、setgid 程序仅限发行版常规自带的程序"),
			References: []string{"ATT&CK T1548.001"},
			Remediation: say("Take the bit away: chmod u-s,g-s FILE. If the host needs it, add its path to assess.host_profile.setuid.",
				"去除该权限位：chmod u-s,g-s 文件。如主机确有需要，将其路径加入 assess.host_profile.setuid。"),
			Eval: evalSetuid,
		},
		{
			ID: "8.4.a/engine-file-system", Severity: model.Medium,
			Title:      say("The engine's data directory is on a file system of its own", "引擎数据目录位于独立的文件系统"),
			References: []string{benchReference + "1.1.1"},
			Remediation: say("Move the data directory to a volume of its own: systemctl stop docker docker.socket containerd; mount /dev/DISK /mnt && cp -a /var/lib/docker/. /mnt/ && umount /mnt; add to /etc/fstab: UUID=... /var/lib/docker ext4 defaults 0 2; mount /var/lib/docker; systemctl start docker",
				"将数据目录迁移到独立的卷：systemctl stop docker docker.socket containerd；mount /dev/DISK /mnt && cp -a /var/lib/docker/. /mnt/ && umount /mnt；在 /etc/fstab 中加入：UUID=... /var/lib/docker ext4 defaults 0 2；mount /var/lib/docker；systemctl start docker"),
			Eval: evalEngineFileSystem,
		},
	}
}

func packageCheck(name string, sev model.Severity, essential bool, globs []string, title model.Text, refs ...string) Check {
	return Check{
		ID: "8.4.a/" + name, Title: title, Severity: sev, Essential: essential,
		References: append([]string{"NIST SP 800-190 4.5.1"}, refs...),
		Remediation: say("Remove it: apt-get purge NAME (dnf remove NAME, apk del NAME). If the host needs it, add its name to assess.host_profile.packages.",
			"将其卸载：apt-get purge 名称（或 dnf remove 名称、apk del 名称）。如主机确有需要，将其名称加入 assess.host_profile.packages。"),
		Eval: func(in *Input, r *Recorder) { evalPackages(in, r, globs, title) },
	}
}

func evalPackages(in *Input, r *Recorder, globs []string, good model.Text) {
	h, whole := hostSeen(in, r, "/host/packages")
	if h == nil {
		return
	}
	if len(h.Packages) == 0 && whole {
		r.NotApplicable("/host/packages", say("the host has no package database", "主机没有软件包数据库"))
		return
	}
	found := false
	for i, p := range h.Packages {
		if matchesAny(globs, p.Name) && !matchesAny(in.Settings.HostProfile.Packages, p.Name) {
			found = true
			r.Fail(pointer("host", "packages", i), p.Name, say("%s %s is installed", "已安装 %s %s", p.Name, p.Version))
		}
	}
	if !found && whole {
		r.Pass("/host/packages", "", good)
	}
}

// serviceEval fails each service that the globs name and the host profile does not allow.
func serviceEval(in *Input, r *Recorder, globs []string, good model.Text) {
	h, whole := hostSeen(in, r, "/host/services")
	if h == nil {
		return
	}
	found := false
	for i, s := range h.Services {
		name := unitName(s.Name)
		if !matchesAny(globs, name) || matchesAny(in.Settings.HostProfile.Services, name) || !s.Enabled && !s.Running {
			continue
		}
		found = true
		en, zh := "is enabled", "已启用"
		if s.Running {
			en, zh = "runs", "正在运行"
		}
		r.Fail(pointer("host", "services", i), s.Name, say("service %s %[2]s", "服务 %s %[3]s", s.Name, en, zh))
	}
	if !found && whole {
		r.Pass("/host/services", "", good)
	}
}

// unitName takes the suffix and the instance from a unit's name: "telnet@1.socket" is "telnet".
func unitName(unit string) string {
	for _, suffix := range []string{".service", ".socket", ".timer"} {
		unit = strings.TrimSuffix(unit, suffix)
	}
	name, _, _ := strings.Cut(unit, "@")
	return name
}

func evalListeners(in *Input, r *Recorder) {
	h, whole := hostSeen(in, r, "/host/listeners")
	if h == nil {
		return
	}
	bad := 0
	for i, l := range h.Listeners {
		if l.Container != "" || l.Engine || listenerAllowed(in, l) {
			continue
		}
		bad++
		ptr := pointer("host", "listeners", i)
		name := l.Process
		where := fmt.Sprintf("%s:%d/%s", l.Address, l.Port, transport(l.Protocol))
		switch {
		case name == "":
			r.Unknown(ptr, where, say("the program behind %s could not be read", "无法得知监听 %s 的程序", where))
		case l.Loopback:
			r.Warn(ptr, name, say("%s listens on %s, for this host only", "%s 监听 %s（仅限本机）", name, where))
		default:
			r.Fail(ptr, name, say("%s listens on %s and is not in the host's profile", "%s 监听 %s，且不在主机基线内", name, where))
		}
	}
	if bad == 0 && whole {
		r.Pass("/host/listeners", "", say("only the platform listens", "只有平台组件在监听"))
	}
}

func listenerAllowed(in *Input, l model.Listener) bool {
	port := fmt.Sprintf("%d/%s", l.Port, transport(l.Protocol))
	for _, p := range slices.Concat(platformListeners(), in.Settings.HostProfile.Listeners) {
		name, want, both := strings.Cut(p, ":")
		switch {
		case both && want == port && matchesAny([]string{name}, l.Process):
			return true
		case !both && strings.Contains(p, "/") && p == port:
			return true
		case !both && l.Process != "" && matchesAny([]string{p}, l.Process):
			return true
		}
	}
	return false
}

func transport(protocol string) string { return strings.TrimSuffix(protocol, "6") }

func evalSetuid(in *Input, r *Recorder) {
	h, whole := hostSeen(in, r, "/host/setuid")
	if h == nil {
		return
	}
	found := false
	for i, f := range h.Setuid {
		if setuidAllowed(in, f.Path) {
			continue
		}
		found = true
		ptr := pointer("host", "setuid", i)
		if mode, ok := fileMode(f); ok && mode&0o4000 == 0 {
			r.Warn(ptr, f.Path, say("%s (mode %s, group %s) has the setgid bit", "%s（权限 %s，组 %s）带有 setgid 位", f.Path, f.Mode, f.Group))
			continue
		}
		r.Fail(ptr, f.Path, say("%s (mode %s, owner %s) has the setuid bit", "%s（权限 %s，属主 %s）带有 setuid 位", f.Path, f.Mode, f.Owner))
	}
	if !found && whole {
		r.Pass("/host/setuid", "", say("%d setuid and setgid files, all usual ones", "共 %d 个 setuid、setgid 文件，均属常规", len(h.Setuid)))
	}
}

// setuidAllowed says whether the file is usual, named by the profile, or part of an image's layers.
func setuidAllowed(in *Input, p string) bool {
	if matchesAny(in.Settings.HostProfile.Setuid, p) {
		return true
	}
	data := []string{"/var/lib/docker", "/var/lib/containerd", "/var/lib/containers"}
	if e := in.Snap.Engine; e != nil && e.RootDir != "" {
		data = append(data, e.RootDir)
	}
	below := func(dir string) bool { return within(dir, p) }
	if slices.ContainsFunc(data, below) {
		return true
	}
	return slices.ContainsFunc(systemDirs, below) && matchesAny(usualSetuid(), path.Base(p))
}

func evalEngineFileSystem(in *Input, r *Recorder) {
	const ptr = "/engine/root_dir_own_mount"
	e := engineAt(in, r, ptr)
	switch {
	case e == nil:
	case e.RootDirOwnMount == nil:
		r.Unknown(ptr, e.RootDir, say("it is not known on which file system %s is", "无法得知 %s 所在的文件系统", e.RootDir))
	case *e.RootDirOwnMount:
		r.Pass(ptr, e.RootDir, say("%s is a file system of its own", "%s 是独立的文件系统", e.RootDir))
	default:
		r.Fail(ptr, e.RootDir, say("%s shares its file system with the host: a full one stops both", "%s 与主机共用文件系统，写满后两者都会停摆", e.RootDir))
	}
}
