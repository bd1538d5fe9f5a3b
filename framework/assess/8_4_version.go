package assess

import (
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// versionChecks ask whether the operating system is a version that is accepted, supported and kept up to date (8.4.c).
func versionChecks() []Check {
	return []Check{
		{
			ID: "8.4.c/supported", Severity: model.High, Essential: true,
			Title:      say("The release of the operating system is still supported", "操作系统版本仍在支持期内"),
			References: []string{"NIST SP 800-190 4.5.3", "ATT&CK T1068"},
			Remediation: say("Upgrade to a supported release, e.g. on Debian: change the release's name in /etc/apt/sources.list, apt-get update && apt-get full-upgrade; drain the host first",
				"升级到受支持的版本。例如 Debian：修改 /etc/apt/sources.list 中的版本代号，执行 apt-get update && apt-get full-upgrade；升级前先迁移主机上的容器"),
			Eval: evalSupported,
		},
		{
			ID: "8.4.c/accepted", Severity: model.High, Essential: true,
			Title: say("The release is one that the operator accepts", "操作系统版本在运营者认可的列表内"),
			Remediation: say("Move the host to an accepted release, or add it in the configuration: assess: { accepted_os: [\"debian:13\"] }",
				"将主机迁移到认可的版本，或在配置中加入：assess: { accepted_os: [\"debian:13\"] }"),
			Eval: evalAccepted,
		},
		{
			ID: "8.4.c/security-updates", Severity: model.High,
			Title:      say("No security update is pending", "没有待安装的安全更新"),
			References: []string{"NIST SP 800-190 4.5.3", benchReference + "1.2.1"},
			Remediation: say("Run: apt-get update && apt-get upgrade (dnf upgrade --security, apk upgrade); reboot if the kernel is among them",
				"执行：apt-get update && apt-get upgrade（或 dnf upgrade --security、apk upgrade）；如包含内核则重启"),
			Eval: evalSecurityUpdates,
		},
		{
			ID: "8.4.c/package-lists", Severity: model.Medium,
			Title:       say("The package lists are fresh enough to tell of updates", "软件包列表足够新，可据此判断更新"),
			Remediation: say("Run: apt-get update (dnf makecache, apk update); have it done daily", "执行：apt-get update（或 dnf makecache、apk update），并设为每日执行"),
			Eval:        evalPackageLists,
		},
		{
			ID: "8.4.c/update-automation", Severity: model.Low,
			Title: say("Updates are taken by a tool, not by memory", "由工具自动执行系统更新"),
			Remediation: say("Run: apt-get install unattended-upgrades && dpkg-reconfigure -plow unattended-upgrades (dnf install dnf-automatic && systemctl enable --now dnf-automatic-install.timer)",
				"执行：apt-get install unattended-upgrades && dpkg-reconfigure -plow unattended-upgrades（或 dnf install dnf-automatic && systemctl enable --now dnf-automatic-install.timer）"),
			Eval: evalAutomation,
		},
		{
			ID: "8.4.c/package-signatures", Severity: model.High,
			Title:      say("The package manager takes signed packages only", "软件包管理器只接受已签名的软件包"),
			References: []string{"ATT&CK T1195.002"},
			Remediation: say("Take [trusted=yes] and AllowUnauthenticated out of /etc/apt, set gpgcheck=1 and repo_gpgcheck=1 in /etc/yum.repos.d/*.repo, never use apk --allow-untrusted",
				"去除 /etc/apt 中的 [trusted=yes] 与 AllowUnauthenticated；在 /etc/yum.repos.d/*.repo 中设置 gpgcheck=1 和 repo_gpgcheck=1；不使用 apk --allow-untrusted"),
			Eval: evalPackageTrust,
		},
	}
}

func evalSupported(in *Input, r *Recorder) {
	const ptr = "/host/os"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	name := h.OS.ID + ":" + h.OS.Version
	s, known := supportOf(h.OS)
	switch {
	case !known && slices.Contains(rolling, h.OS.ID):
		r.Pass(ptr, name, say("%s is a rolling release; its updates are judged below", "%s 为滚动发布版，其更新情况另行判断", name))
	case !known && matchesAny(in.Settings.AcceptedOS, name):
		r.Pass(ptr, name, say("%s is accepted in the settings; its end of support is not known here", "%s 已在设置中认可；其支持截止日未知", name))
	case !known:
		r.Unknown(ptr, name, say("the end of support of %s is not known", "%s 的支持截止日未知", name))
	case !over(s.end, in.Snap.Taken):
		r.Pass(ptr, name, say("%s gets security updates until %s", "%s 的安全更新持续至 %s", name, s.end))
	case !over(s.limited, in.Snap.Taken):
		r.Warn(ptr, name, say("full support of %s ended on %s; a limited programme goes on until %s", "%s 的完整支持已于 %s 结束，有限的长期支持持续至 %s", name, s.end, s.limited))
	default:
		r.Fail(ptr, name, say("support of %s ended on %s", "%s 的支持已于 %s 结束", name, lastDay(s)))
	}
}

// lastDay is the last day on which there was any support.
func lastDay(s support) string { return max(s.end, s.limited) }

func evalAccepted(in *Input, r *Recorder) {
	const ptr = "/host/os"
	if len(in.Settings.AcceptedOS) == 0 {
		r.NotApplicable(ptr, say("the settings name no accepted releases (assess.accepted_os)", "设置中未指定认可的版本（assess.accepted_os）"))
		return
	}
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	name := h.OS.ID + ":" + h.OS.Version
	if matchesAny(in.Settings.AcceptedOS, name) {
		r.Pass(ptr, name, say("%s is accepted", "%s 在认可列表内", name))
		return
	}
	r.Fail(ptr, name, say("%s is not among %s", "%s 不在认可列表 %s 内", name, strings.Join(in.Settings.AcceptedOS, ", ")))
}

func evalSecurityUpdates(in *Input, r *Recorder) {
	const ptr = "/host/updates"
	h, whole := hostSeen(in, r, ptr)
	if h == nil {
		return
	}
	if len(h.Updates) > 0 && r.Missing(in, "/host/updates/*/security") {
		whole = false
	}
	found := false
	for i, u := range h.Updates {
		if u.Security {
			found = true
			r.Fail(pointer("host", "updates", i), u.Name, say("%s %s waits for %s", "%s %s 待更新到 %s", u.Name, u.Installed, u.Candidate))
		}
	}
	switch {
	case found || !whole:
	case h.PackageManager == "":
		r.NotApplicable(ptr, say("the host has no package manager; it is updated as a whole", "主机没有软件包管理器，系统整体更新"))
	case h.UpdatesAsOf.IsZero():
		r.Unknown(ptr, "", say("there are no package lists to tell of updates", "没有可供判断更新的软件包列表"))
	default:
		r.Pass(ptr, "", say("none pending as of %s", "截至 %s 没有待安装的安全更新", h.UpdatesAsOf.Format(time.DateOnly)))
	}
}

func evalPackageLists(in *Input, r *Recorder) {
	const ptr = "/host/updates_as_of"
	if r.Missing(in, "/host/updates") {
		return
	}
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	days := int(in.Snap.Taken.Sub(h.UpdatesAsOf).Hours() / 24)
	switch most := in.Settings.MaxPackageListDays; {
	case h.PackageManager == "":
		r.NotApplicable(ptr, say("the host has no package manager", "主机没有软件包管理器"))
	case h.UpdatesAsOf.IsZero():
		r.Fail(ptr, h.PackageManager, say("the host has no package lists", "主机没有软件包列表"))
	case days > most:
		r.Fail(ptr, h.PackageManager, say("the package lists are %d days old, at most %d are allowed", "软件包列表已有 %d 天，最多允许 %d 天", days, most))
	default:
		r.Pass(ptr, h.PackageManager, say("the package lists are %d days old", "软件包列表更新于 %d 天前", days))
	}
}

// updaters are packages and services that take updates by themselves.
var updaters = []string{
	"unattended-upgrades", "apt-daily-upgrade", "dnf-automatic*", "dnf5-plugin-automatic", "yum-cron", "transactional-update",
	"update-engine", "update_engine", "locksmithd", "zincati", "rpm-ostreed-automatic", "apk-autoupdate", "fleet-lock*",
}

func evalAutomation(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/packages")
	if h == nil || r.Missing(in, "/host/services") {
		return
	}
	for i, s := range h.Services {
		if matchesAny(updaters, unitName(s.Name)) {
			r.Pass(pointer("host", "services", i), s.Name, say("%s takes updates", "由 %s 自动更新", s.Name))
			return
		}
	}
	for i, p := range h.Packages {
		if matchesAny(updaters, p.Name) {
			r.Pass(pointer("host", "packages", i), p.Name, say("%s is installed", "已安装 %s", p.Name))
			return
		}
	}
	if matchesAny([]string{"flatcar", "bottlerocket", "opensuse-microos"}, h.OS.ID) {
		r.Pass("/host/os", h.OS.ID, say("%s updates itself", "%s 自行更新", h.OS.ID))
		return
	}
	r.Warn("/host/services", "", say("nothing on the host takes updates by itself", "主机上没有自动更新工具"))
}

func evalPackageTrust(in *Input, r *Recorder) {
	const ptr = "/host/package_trust"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	switch {
	case h.PackageTrust == "signed":
		r.Pass(ptr, h.PackageManager, say("%s takes signed packages only", "%s 只接受已签名的软件包", h.PackageManager))
	case h.PackageTrust == "unsigned_allowed":
		r.Fail(ptr, h.PackageManager, say("%s takes unsigned packages: %s", "%s 接受未签名的软件包：%s", h.PackageManager, strings.Join(h.PackageTrustDetail, "; ")))
	case h.PackageManager == "":
		r.NotApplicable(ptr, say("the host has no package manager", "主机没有软件包管理器"))
	default:
		r.Unknown(ptr, h.PackageManager, say("it is not known how %s verifies packages", "无法得知 %s 如何校验软件包", h.PackageManager))
	}
}
