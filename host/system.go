package host

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// System reads the release of the operating system, the kernel and the size and kind of the machine.
func (h *Host) System(context.Context) (func(*model.Snapshot), []model.Gap) {
	var gaps []model.Gap
	release, err := h.osRelease()
	if err != nil {
		gaps = append(gaps, gap("/host/os", err))
	}
	kernel, kernelGaps := h.kernel()
	gaps = append(gaps, kernelGaps...)
	cpus, cpu := h.cpus()
	boot := h.bootTime()
	memory := h.memory()
	virtual := h.virtualization(cpu.hypervisor)
	initSystem := h.initSystem()
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.OS, p.Kernel, p.BootTime = release, kernel, boot
		p.CPUs, p.MemoryKiB = cpus, memory
		p.Virtualization, p.InitSystem = virtual, initSystem
	}, gaps
}

func (h *Host) osRelease() (model.OSRelease, error) {
	b, err := h.read("/etc/os-release", limitValue)
	if err != nil && missing(err) {
		b, err = h.read("/usr/lib/os-release", limitValue)
	}
	if err != nil {
		return model.OSRelease{}, err
	}
	r := parseOSRelease(b)
	if r.ID == "" {
		return r, fmt.Errorf("/etc/os-release has no ID: %w", errMalformed)
	}
	return r, nil
}

// parseOSRelease reads os-release(5): shell assignments, quoted or not, without expansion.
func parseOSRelease(b []byte) model.OSRelease {
	v := shellVars(b)
	return model.OSRelease{
		ID: v["ID"], IDLike: strings.Fields(v["ID_LIKE"]), Version: v["VERSION_ID"], Codename: v["VERSION_CODENAME"],
		Pretty: v["PRETTY_NAME"], SupportEnd: v["SUPPORT_END"],
	}
}

// shellVars reads NAME=value lines as os-release and /etc/default files have them.
func shellVars(b []byte) map[string]string {
	vars := map[string]string{}
	lines(b, func(line string) {
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if ok {
			vars[strings.TrimSpace(key)] = shellUnquote(strings.TrimSpace(value))
		}
	})
	return vars
}

func shellUnquote(s string) string {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(s)
	}
	return s
}

func (h *Host) kernel() (model.Kernel, []model.Gap) {
	k := model.Kernel{
		Release: h.value("/proc/sys/kernel/osrelease"),
		Version: h.value("/proc/sys/kernel/version"),
		Machine: h.value("/proc/sys/kernel/arch"),
		Seccomp: h.exists("/proc/sys/kernel/seccomp/actions_avail"),
	}
	if k.Machine == "" && h.live {
		var u unix.Utsname
		if unix.Uname(&u) == nil {
			k.Machine = unix.ByteSliceToString(u.Machine[:])
		}
	}
	k.Tainted, _ = strconv.ParseUint(h.value("/proc/sys/kernel/tainted"), 10, 64)
	k.CommandLine = h.redactWords(h.value("/proc/cmdline"))
	switch {
	case h.exists("/sys/fs/cgroup/cgroup.controllers"):
		k.CgroupVersion = 2
	case h.exists("/sys/fs/cgroup/memory"), h.exists("/sys/fs/cgroup/devices"), h.exists("/sys/fs/cgroup/systemd"):
		k.CgroupVersion = 1
	}
	var gaps []model.Gap
	if k.Release == "" {
		gaps = append(gaps, model.Gap{Path: "/host/kernel", Reason: model.GapAbsent, Detail: "/proc/sys/kernel/osrelease can't be read"})
	}
	lsm, err := h.read("/sys/kernel/security/lsm", limitValue)
	if err != nil {
		g := gap("/host/kernel/lsms", err)
		if g.Reason == model.GapAbsent {
			g.Detail = "securityfs is not mounted on /sys/kernel/security"
			g.Remedy = "mount -t securityfs securityfs /sys/kernel/security"
		}
		lockdown := g
		lockdown.Path = "/host/kernel/lockdown"
		return k, append(gaps, g, lockdown)
	}
	for name := range strings.SplitSeq(strings.TrimSpace(string(lsm)), ",") {
		if name != "" {
			k.LSMs = append(k.LSMs, name)
		}
	}
	k.Lockdown = bracketed(h.value("/sys/kernel/security/lockdown"))
	return k, gaps
}

// bracketed returns the choice in brackets: "none [integrity] confidentiality" is "integrity".
func bracketed(s string) string {
	_, rest, ok := strings.Cut(s, "[")
	if !ok {
		return ""
	}
	choice, _, _ := strings.Cut(rest, "]")
	return choice
}

// redactWords redacts a line of arguments.
func (h *Host) redactWords(line string) string {
	words, _ := h.secrets.Args("kernel", strings.Fields(line))
	return strings.Join(words, " ")
}

// processor is what /proc/cpuinfo says of the first CPU.
type processor struct {
	name, microcode string
	hypervisor      bool
}

func (h *Host) cpus() (int, processor) {
	var p processor
	b, err := h.read("/proc/cpuinfo", 16<<20)
	if err != nil {
		return 0, p
	}
	n := 0
	lines(b, func(line string) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			n++
		case "model name":
			p.name = first(p.name, value)
		case "microcode":
			p.microcode = first(p.microcode, value)
		case "flags":
			p.hypervisor = p.hypervisor || strings.Contains(" "+value+" ", " hypervisor ")
		}
	})
	return n, p
}

// first returns the first string that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func (h *Host) bootTime() time.Time {
	b, err := h.read("/proc/stat", 16<<20)
	if err != nil {
		return time.Time{}
	}
	var boot time.Time
	lines(b, func(line string) {
		seconds, ok := strings.CutPrefix(line, "btime ")
		if n, err := strconv.ParseInt(seconds, 10, 64); ok && err == nil && n > 0 {
			boot = time.Unix(n, 0).UTC()
		}
	})
	return boot
}

func (h *Host) memory() int64 {
	var kib int64
	lines([]byte(h.value("/proc/meminfo")), func(line string) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ = strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
		}
	})
	return kib
}

// hypervisors maps what the firmware calls the machine to the name of the hypervisor.
var hypervisors = []struct{ word, name string }{
	{"qemu", "kvm"},
	{"kvm", "kvm"},
	{"google", "kvm"},
	{"amazon ec2", "kvm"},
	{"openstack", "kvm"},
	{"digitalocean", "kvm"},
	{"vmware", "vmware"},
	{"virtualbox", "virtualbox"},
	{"innotek", "virtualbox"},
	{"microsoft corporation virtual", "hyper-v"},
	{"xen", "xen"},
	{"parallels", "parallels"},
	{"alibaba cloud", "kvm"},
	{"bhyve", "bhyve"},
	{"nutanix", "kvm"},
}

func (h *Host) virtualization(guest bool) string {
	// Whoever sees the kernel's own thread is not in a container; the marks of containers outlive them in machines
	// that are made from images.
	if h.value("/proc/2/comm") != "kthreadd" &&
		(h.value("/run/systemd/container") != "" || h.exists("/.dockerenv") || h.exists("/run/.containerenv")) {
		return "container"
	}
	if !guest && h.value("/sys/hypervisor/type") == "" {
		if !h.exists("/proc/cpuinfo") {
			return ""
		}
		return "none"
	}
	vendor := strings.ToLower(h.value("/sys/class/dmi/id/sys_vendor") + " " + h.value("/sys/class/dmi/id/product_name"))
	for _, v := range hypervisors {
		if strings.Contains(vendor, v.word) {
			return v.name
		}
	}
	if t := h.value("/sys/hypervisor/type"); t != "" {
		return t
	}
	// Firecracker has no DMI tables; the maker's mark is in the ACPI header.
	if b, err := h.read("/sys/firmware/acpi/tables/FACP", limitValue); err == nil && bytes.HasPrefix(b[min(10, len(b)):], []byte("FIRECK")) {
		return "firecracker"
	}
	return "vm"
}

func (h *Host) initSystem() string {
	comm := h.value("/proc/1/comm")
	switch {
	case h.exists("/run/systemd/system"):
		return "systemd"
	case h.exists("/run/openrc"):
		return "openrc"
	case comm == "init" && h.exists("/etc/inittab"):
		return "sysvinit"
	case comm == "":
		return ""
	}
	return "other"
}
