package host

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// secureBootVar is the EFI variable SecureBoot: four bytes of attributes, then 0 or 1.
const secureBootVar = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// Hardware reads what protects below the operating system.
func (h *Host) Hardware(context.Context) (func(*model.Snapshot), []model.Gap) {
	var gaps []model.Gap
	_, cpu := h.cpus()
	w := model.Hardware{CPUModel: cpu.name, Microcode: cpu.microcode}
	const flaws = "/sys/devices/system/cpu/vulnerabilities"
	entries, err := h.list(flaws)
	if err != nil {
		gaps = append(gaps, gap("/host/hardware/vulnerabilities", err))
	}
	for _, e := range entries {
		if v := h.value(path.Join(flaws, e.Name())); v != "" {
			w.Vulnerabilities = append(w.Vulnerabilities, model.KeyVal{Key: e.Name(), Value: v})
		}
	}
	if w.SecureBoot, err = h.secureBoot(); err != nil {
		gaps = append(gaps, gap("/host/hardware/secure_boot", err))
	}
	w.TPM, w.IOMMU = h.tpm(), h.iommu()
	// The event log lies in securityfs; where that is not mounted nobody can tell.
	switch logs, err := h.eventLog(); {
	case err != nil:
		gaps = append(gaps, gap("/host/hardware/measured_boot", err))
	default:
		w.MeasuredBoot = logs
	}
	if w.EncryptedMounts, err = h.encrypted(); err != nil {
		gaps = append(gaps, gap("/host/hardware/encrypted_mounts", err))
	}
	return func(s *model.Snapshot) { s.HostPart().Hardware = w }, gaps
}

func (h *Host) secureBoot() (string, error) {
	if !h.exists("/sys/firmware") {
		return "", nil
	}
	if !h.exists("/sys/firmware/efi") {
		return "unsupported", nil
	}
	b, err := h.read(secureBootVar, limitValue)
	if err != nil {
		return "", err
	}
	if len(b) == 5 && b[4] == 1 {
		return "enabled", nil
	}
	return "disabled", nil
}

func (h *Host) tpm() string {
	switch h.value("/sys/class/tpm/tpm0/tpm_version_major") {
	case "2":
		return "2.0"
	case "1":
		return "1.2"
	}
	switch {
	case h.exists("/sys/class/tpm/tpm0"):
		return "1.2" // kernels before 5.6 have no version file; they name the 2.0 device tpmrm0
	case h.exists("/sys/class"):
		return "absent"
	}
	return ""
}

func (h *Host) eventLog() (bool, error) {
	if h.tpm() == "absent" {
		return false, nil
	}
	if _, err := h.stat("/sys/kernel/security/tpm0"); err != nil {
		if missing(err) && h.exists("/sys/kernel/security/lsm") {
			return false, nil
		}
		return false, err
	}
	return h.exists("/sys/kernel/security/tpm0/binary_bios_measurements"), nil
}

func (h *Host) iommu() string {
	groups, err := h.list("/sys/kernel/iommu_groups")
	switch {
	case err == nil && len(groups) > 0:
		return "enabled"
	case h.exists("/sys/kernel"):
		return "absent"
	}
	return ""
}

// encrypted lists the mount points whose block device, or one below it, is a dm-crypt device, and those of encrypting
// file systems.
func (h *Host) encrypted() ([]string, error) {
	mounts, err := h.mounts()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, m := range mounts {
		dev := strconv.Itoa(m.Major) + ":" + strconv.Itoa(m.Minor)
		if m.FSType == "ecryptfs" || strings.HasPrefix(m.FSType, "fuse.gocryptfs") || (m.Major != 0 && h.onCrypt("/sys/dev/block/"+dev, 0)) {
			list = append(list, m.Mountpoint)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// onCrypt follows stacked devices (LVM on LUKS) down to a dm-crypt device.
func (h *Host) onCrypt(dev string, depth int) bool {
	if strings.HasPrefix(h.value(dev+"/dm/uuid"), "CRYPT-") {
		return true
	}
	below, err := h.list(dev + "/slaves")
	if err != nil || depth > 8 {
		return false
	}
	for _, d := range below {
		if h.onCrypt(path.Join("/sys/class/block", d.Name()), depth+1) {
			return true
		}
	}
	return false
}

// imaPolicy says that the kernel measures or appraises files by an own policy.
func (h *Host) imaPolicy() bool {
	b, err := h.read("/proc/cmdline", limitValue)
	return err == nil && (bytes.Contains(b, []byte("ima_policy=")) || bytes.Contains(b, []byte("ima_appraise=enforce")))
}
