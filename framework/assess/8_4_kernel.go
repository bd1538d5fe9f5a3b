package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// kernelChecks ask what the kernel and the hardware keep closed.
func kernelChecks() []Check {
	all := sysctlChecks()
	return append(all,
		Check{
			ID: "8.4.a/kernel-modules", Severity: model.Medium,
			Title:      say("No needless kernel module is loaded", "未加载不必要的内核模块"),
			References: []string{"NIST SP 800-190 4.5.1", "ATT&CK T1068"},
			Remediation: say("Unload it and keep it out: modprobe -r NAME; echo 'install NAME /bin/false' >> /etc/modprobe.d/bulkhead.conf",
				"卸载并禁止加载：modprobe -r 名称; echo 'install 名称 /bin/false' >> /etc/modprobe.d/bulkhead.conf"),
			Eval: evalModules,
		},
		Check{
			ID: "8.4.a/mount-options", Severity: model.Low,
			Title: say("Shared temporary directories allow no setuid programs and no devices", "共享临时目录禁止 setuid 程序和设备文件"),
			Remediation: say("In /etc/fstab: tmpfs /tmp tmpfs nodev,nosuid,noexec,mode=1777 0 0 and tmpfs /dev/shm tmpfs nodev,nosuid,noexec 0 0. Then mount -o remount,nodev,nosuid,noexec /dev/shm, and reboot for /tmp",
				"在 /etc/fstab 中加入：tmpfs /tmp tmpfs nodev,nosuid,noexec,mode=1777 0 0 和 tmpfs /dev/shm tmpfs nodev,nosuid,noexec 0 0，然后执行 mount -o remount,nodev,nosuid,noexec /dev/shm，/tmp 在重启后生效"),
			Eval: evalMountOptions,
		},
		Check{
			ID: "8.4.a/access-control-module", Severity: model.High,
			Title:      say("A mandatory access control module is active", "已启用强制访问控制模块"),
			References: []string{benchReference + "1.2.1", "NIST SP 800-190 4.4.3"},
			Remediation: say("Boot with AppArmor (kernel command line: lsm=landlock,lockdown,yama,integrity,apparmor,bpf) or SELinux (/etc/selinux/config: SELINUX=enforcing)",
				"启用 AppArmor（内核命令行：lsm=landlock,lockdown,yama,integrity,apparmor,bpf）或 SELinux（/etc/selinux/config：SELINUX=enforcing）"),
			Eval: evalMAC,
		},
		Check{
			ID: "8.4.a/lockdown", Severity: model.Low,
			Title: say("The kernel is locked down against change by root", "内核锁定，防止 root 修改内核"),
			Remediation: say("Add to the kernel command line: lockdown=integrity (in /etc/default/grub: GRUB_CMDLINE_LINUX; then update-grub)",
				"在内核命令行加入 lockdown=integrity（/etc/default/grub 的 GRUB_CMDLINE_LINUX，然后执行 update-grub）"),
			Eval: evalLockdown,
		},
		Check{
			ID: "8.4.a/cpu-mitigations", Severity: model.Medium,
			Title:      say("The kernel mitigates the processor's known weaknesses", "内核已缓解处理器的已知缺陷"),
			References: []string{"ATT&CK T1068"},
			Remediation: say("Install the newest microcode (intel-microcode or amd64-microcode) and kernel, take mitigations=off off the kernel command line, and reboot. On a virtual machine the provider must pass the features on.",
				"安装最新的微码（intel-microcode 或 amd64-microcode）与内核，去除内核命令行中的 mitigations=off，然后重启。虚拟机需由提供方透传相应特性。"),
			Eval: evalMitigations,
		},
		Check{
			ID: "8.4.a/iommu", Severity: model.Low,
			Title: say("An IOMMU keeps devices out of memory that is not theirs", "IOMMU 限制设备访问内存"),
			Remediation: say("Switch VT-d or AMD-Vi on in the firmware and add intel_iommu=on (or amd_iommu=on) iommu=pt to the kernel command line",
				"在固件中启用 VT-d 或 AMD-Vi，并在内核命令行加入 intel_iommu=on（或 amd_iommu=on）iommu=pt"),
			Eval: func(in *Input, r *Recorder) { hardwareEval(in, r, "iommu", "IOMMU", iommu) },
		},
		Check{
			ID: "8.4.a/disk-encryption", Severity: model.Low,
			Title: say("Data at rest is encrypted", "静态数据已加密"),
			Remediation: say("Put the engine's data directory on LUKS, on an empty disk (luksFormat erases it): cryptsetup luksFormat /dev/DISK; cryptsetup open /dev/DISK data; mkfs.ext4 /dev/mapper/data",
				"将引擎数据目录放在 LUKS 卷上，使用空磁盘（luksFormat 会清除其数据）：cryptsetup luksFormat /dev/DISK; cryptsetup open /dev/DISK data; mkfs.ext4 /dev/mapper/data"),
			Eval: func(in *Input, r *Recorder) { hardwareEval(in, r, "encrypted_mounts", "disk encryption", encryption) },
		},
		Check{
			ID: "8.4.a/promiscuous", Severity: model.Medium,
			Title:      say("No interface of the host listens to foreign packets", "主机网卡均未处于混杂模式"),
			References: []string{"X.1643 7.7.1", "ATT&CK T1040"},
			Remediation: say("Find the program that listens (ss -0 -p), stop it, then: ip link set NAME promisc off",
				"找出抓包程序（ss -0 -p）并停止，然后执行：ip link set 名称 promisc off"),
			Eval: evalPromiscuous,
		},
	)
}

func evalModules(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/modules")
	if h == nil {
		return
	}
	found := false
	for i, m := range h.Modules {
		if matchesAny(needlessModules(), m) {
			found = true
			r.Fail(pointer("host", "modules", i), m, say("module %s is loaded", "已加载模块 %s", m))
		}
	}
	if !found {
		r.Pass("/host/modules", "", say("none of the needless modules is loaded", "未加载任何不必要的模块"))
	}
}

func evalMountOptions(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/mount_points")
	if h == nil {
		return
	}
	for _, want := range []struct {
		target  string
		options []string
	}{
		{"/tmp", []string{"nodev", "nosuid"}},
		{"/dev/shm", []string{"nodev", "nosuid", "noexec"}},
	} {
		i := slices.IndexFunc(h.MountPoints, func(m model.MountPoint) bool { return m.Target == want.target })
		if i < 0 {
			r.Warn("/host/mount_points", want.target, say("%s is no mount of its own", "%s 不是独立的挂载点", want.target))
			continue
		}
		lack := slices.DeleteFunc(slices.Clone(want.options), func(o string) bool { return slices.Contains(h.MountPoints[i].Options, o) })
		ptr := pointer("host", "mount_points", i)
		if len(lack) > 0 {
			r.Fail(ptr, want.target, say("%s lacks %s", "%s 缺少挂载选项 %s", want.target, strings.Join(lack, ", ")))
			continue
		}
		r.Pass(ptr, want.target, say("%s is mounted %s", "%s 的挂载选项包含 %s", want.target, strings.Join(want.options, ",")))
	}
}

// macModules are the security modules that confine programs by policy.
var macModules = []string{"apparmor", "selinux", "smack", "tomoyo"}

func evalMAC(in *Input, r *Recorder) {
	const ptr = "/host/kernel/lsms"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	for _, m := range macModules {
		if slices.Contains(h.Kernel.LSMs, m) {
			r.Pass(ptr, m, say("%s is active", "%s 已启用", m))
			return
		}
	}
	r.Fail(ptr, "", say("neither AppArmor nor SELinux is active", "AppArmor 与 SELinux 均未启用"))
}

func evalLockdown(in *Input, r *Recorder) {
	const ptr = "/host/kernel/lockdown"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	switch h.Kernel.Lockdown {
	case "integrity", "confidentiality":
		r.Pass(ptr, "", say("lockdown is %s", "内核锁定级别为 %s", h.Kernel.Lockdown))
	case "":
		r.NotApplicable(ptr, say("this kernel has no lockdown", "该内核不支持锁定"))
	default:
		r.Warn(ptr, "", say("lockdown is %s: root can change the running kernel", "内核锁定级别为 %s：root 可修改运行中的内核", h.Kernel.Lockdown))
	}
}

func evalMitigations(in *Input, r *Recorder) {
	const ptr = "/host/hardware/vulnerabilities"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	if strings.Contains(h.Kernel.CommandLine, "mitigations=off") {
		r.Fail("/host/kernel/command_line", "", say("the kernel was started with mitigations=off", "内核以 mitigations=off 启动"))
	}
	good := 0
	for i, v := range h.Hardware.Vulnerabilities {
		at := pointer("host", "hardware", "vulnerabilities", i)
		switch {
		case strings.HasPrefix(v.Value, "Vulnerable"):
			r.Fail(at, v.Key, say("%s: %s", "%s：%s", v.Key, v.Value))
		case strings.HasPrefix(v.Value, "Unknown"):
			r.Warn(at, v.Key, say("%s: %s", "%s：%s", v.Key, v.Value))
		default:
			good++
		}
	}
	if len(h.Hardware.Vulnerabilities) == 0 {
		r.NotApplicable(ptr, say("this kernel does not tell of processor weaknesses", "该内核不提供处理器缺陷信息"))
		return
	}
	passRest(r, ptr, good, len(h.Hardware.Vulnerabilities), say("not affected or mitigated", "不受影响或已缓解"))
}

// hardwareEval judges a protection of the hardware: present, missing on a real machine, or not the host's to have.
func hardwareEval(in *Input, r *Recorder, field, name string, probe func(model.Hardware) (state string, good bool)) {
	ptr := pointer("host", "hardware", field)
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	switch state, good := probe(h.Hardware); {
	case good:
		r.Pass(ptr, name, say("%s: %s", "%s：%s", name, state))
	case virtual(h):
		r.NotApplicable(ptr, say("the host is virtual (%s); its %s is up to the provider", "主机为虚拟环境（%s），%s 由提供方负责", h.Virtualization, name))
	case state == "":
		r.Unknown(ptr, name, say("the state of %s is not known", "%s 的状态未知", name))
	default:
		r.Warn(ptr, name, say("%s: %s", "%s：%s", name, state))
	}
}

func iommu(hw model.Hardware) (string, bool) { return hw.IOMMU, hw.IOMMU == "enabled" }

func encryption(hw model.Hardware) (string, bool) {
	if len(hw.EncryptedMounts) == 0 {
		return "none", false
	}
	return strings.Join(hw.EncryptedMounts, " "), true
}

func evalPromiscuous(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/interfaces")
	if h == nil {
		return
	}
	found := false
	for i, n := range h.Interfaces {
		// A bridge needs its ports to take all packets; that is no sniffer.
		if !n.Promiscuous || n.Master != "" {
			continue
		}
		found = true
		r.Fail(pointer("host", "interfaces", i), n.Name, say("%s (%s) is in promiscuous mode", "%s（%s）处于混杂模式", n.Name, n.Kind))
	}
	if !found {
		r.Pass("/host/interfaces", "", say("no interface is in promiscuous mode", "没有网卡处于混杂模式"))
	}
}
