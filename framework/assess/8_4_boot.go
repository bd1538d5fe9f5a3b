package assess

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/bulkhead-security/bulkhead/model"
)

// bootChecks ask whether the kernel that runs is the one that was meant, and whether its start can be proved (8.4.c).
func bootChecks() []Check {
	return []Check{
		{
			ID: "8.4.c/running-kernel", Severity: model.Medium,
			Title:       say("The newest installed kernel is the one that runs", "正在运行的内核是已安装的最新内核"),
			References:  []string{"NIST SP 800-190 4.5.3"},
			Remediation: say("Move the containers away and reboot: systemctl reboot", "迁移容器后重启：systemctl reboot"),
			Eval:        evalRunningKernel,
		},
		{
			ID: "8.4.c/kernel-taint", Severity: model.Medium,
			Title:      say("The kernel runs signed modules of its own build only", "内核仅加载自身构建且已签名的模块"),
			References: []string{"ATT&CK T1547.006"},
			Remediation: say("Find the module: cat /proc/modules | grep '('. Remove it, or sign it and boot with module.sig_enforce=1",
				"查找该模块：cat /proc/modules | grep '('。将其移除，或签名后以 module.sig_enforce=1 启动"),
			Eval: evalTaint,
		},
		{
			ID: "8.4.c/secure-boot", Severity: model.Low,
			Title:      say("The machine starts signed software only (secure boot)", "主机仅启动已签名的软件（安全启动）"),
			References: []string{"NIST SP 800-190 4.6", "ATT&CK T1542"},
			Remediation: say("Switch secure boot on in the firmware (or for the virtual machine), then check: mokutil --sb-state",
				"在固件（或虚拟机设置）中启用安全启动，然后检查：mokutil --sb-state"),
			Eval: evalSecureBoot,
		},
		{
			ID: "8.4.c/measured-boot", Severity: model.Low,
			Title:      say("The start is measured into a TPM", "启动过程被度量并记录到 TPM"),
			References: []string{"NIST SP 800-190 4.6"},
			Remediation: say("Switch the TPM on in the firmware and start through UEFI; check: ls /sys/kernel/security/tpm0/binary_bios_measurements",
				"在固件中启用 TPM 并通过 UEFI 启动；检查：ls /sys/kernel/security/tpm0/binary_bios_measurements"),
			Eval: evalMeasuredBoot,
		},
	}
}

func evalRunningKernel(in *Input, r *Recorder) {
	const ptr = "/host/kernel/release"
	h := hostAt(in, r, "/host/packages")
	if h == nil || r.Missing(in, ptr) {
		return
	}
	newest := ""
	for _, p := range h.Packages {
		rel := kernelRelease(p)
		if rel != "" && flavour(rel) == flavour(h.Kernel.Release) && (newest == "" || natural(rel, newest) > 0) {
			newest = rel
		}
	}
	switch {
	case h.Kernel.Release == "":
		r.Unknown(ptr, "", say("the running kernel is not known", "无法得知正在运行的内核"))
	case newest == "":
		r.NotApplicable("/host/packages", say("no kernel package of this kind is installed", "未安装此类内核软件包"))
	case natural(h.Kernel.Release, newest) < 0:
		r.Fail(ptr, h.Kernel.Release, say("%s runs, %s is installed and waits for a reboot", "正在运行 %s，已安装 %s，等待重启", h.Kernel.Release, newest))
	default:
		r.Pass(ptr, h.Kernel.Release, say("%s runs, nothing newer is installed", "正在运行 %s，未安装更新的内核", h.Kernel.Release))
	}
}

// kernelRelease is the release that a kernel package brings: in the name (dpkg), or the version (rpm).
func kernelRelease(p model.Package) string {
	if rel, ok := strings.CutPrefix(p.Name, "linux-image-"); ok {
		rel = strings.TrimPrefix(rel, "unsigned-")
		if rel != "" && unicode.IsDigit(rune(rel[0])) && !strings.HasSuffix(rel, "-dbg") {
			return rel
		}
		return ""
	}
	if p.Name == "kernel-core" || p.Name == "kernel-uek-core" {
		_, version, epoch := strings.Cut(p.Version, ":")
		if !epoch {
			version = p.Version
		}
		return version + "." + p.Architecture
	}
	return ""
}

// flavour is the end of a kernel's release that names its kind ("amd64", "cloud-amd64", "generic"): only kernels of the
// same kind can be compared. Releases of rpm have none, but for Oracle's second line of kernels.
func flavour(release string) string {
	if strings.Contains(release, "uek") {
		return "uek"
	}
	words := strings.Split(release, "-")
	for i := 1; i < len(words); i++ {
		if words[i] != "" && unicode.IsLetter(rune(words[i][0])) {
			return strings.Join(words[i:], "-")
		}
	}
	return ""
}

// natural compares releases with their numbers as numbers.
func natural(a, b string) int {
	return slices.CompareFunc(chunks(a), chunks(b), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(x, y)
	})
}

// chunks splits into runs of digits and runs of letters.
func chunks(s string) []string {
	var out []string
	last := false
	for _, c := range s {
		digit := unicode.IsDigit(c)
		switch {
		case !digit && !unicode.IsLetter(c):
			out = append(out, "")
		case len(out) == 0 || digit != last || out[len(out)-1] == "":
			out = append(out, string(c))
		default:
			out[len(out)-1] += string(c)
		}
		last = digit
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// taints are the bits of /proc/sys/kernel/tainted that speak against a kernel's modules.
var taints = []struct {
	bit  uint
	text model.Text
}{
	{1, say("a module was loaded by force", "有模块被强制加载")},
	{12, say("a module from outside the kernel's build is loaded", "加载了内核构建之外的模块")},
	{13, say("an unsigned module is loaded", "加载了未签名的模块")},
}

func evalTaint(in *Input, r *Recorder) {
	const ptr = "/host/kernel/tainted"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	found := false
	for _, t := range taints {
		if h.Kernel.Tainted&(1<<t.bit) != 0 {
			found = true
			r.Warn(ptr, "", t.text)
		}
	}
	if !found {
		r.Pass(ptr, "", say("no foreign, forced or unsigned module", "没有外来、强制加载或未签名的模块"))
	}
}

func evalSecureBoot(in *Input, r *Recorder) {
	const ptr = "/host/hardware/secure_boot"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	switch h.Hardware.SecureBoot {
	case "enabled":
		r.Pass(ptr, "", say("secure boot is enabled", "安全启动已启用"))
	case "disabled":
		r.Warn(ptr, "", say("secure boot is there but disabled", "支持安全启动但未启用"))
	case "unsupported":
		r.NotApplicable(ptr, say("the machine does not start through UEFI", "主机不通过 UEFI 启动"))
	default:
		r.Unknown(ptr, "", say("the state of secure boot is not known", "安全启动的状态未知"))
	}
}

func evalMeasuredBoot(in *Input, r *Recorder) {
	const ptr = "/host/hardware/tpm"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	switch tpm := h.Hardware.TPM; {
	case tpm == "":
		r.Unknown(ptr, "", say("it is not known whether there is a TPM", "无法得知是否有 TPM"))
	case tpm == "absent":
		r.NotApplicable(ptr, say("the machine has no TPM", "主机没有 TPM"))
	case h.Hardware.MeasuredBoot:
		r.Pass(ptr, "TPM "+tpm, say("TPM %s holds measurements of the start", "TPM %s 已记录启动度量", tpm))
	default:
		r.Warn(ptr, "TPM "+tpm, say("TPM %s is there but has no event log", "有 TPM %s，但没有事件日志", tpm))
	}
}
