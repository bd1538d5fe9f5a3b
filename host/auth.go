package host

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// pamServices are the services with which people get in or rise.
var pamServices = []string{
	"cockpit", "gdm-password", "lightdm", "login", "passwd", "polkit-1", "runuser", "sshd", "su", "su-l", "sudo", "sudo-i", "systemd-user", "xrdp-sesman",
}

// Auth reads how people get in: sshd, PAM, sudo, and whether the audit system records it.
func (h *Host) Auth(context.Context) (func(*model.Snapshot), []model.Gap) {
	var a model.AuthConfig
	var gaps []model.Gap
	a.SSHDInstalled = h.firstExisting("/usr/sbin/sshd", "/usr/lib/ssh/sshd", "/usr/bin/sshd", "/usr/sbin/dropbear") != ""
	if a.SSHDInstalled {
		settings, err := h.sshd()
		a.SSHD = settings
		if err != nil {
			gaps = append(gaps, gap("/host/auth/sshd", err))
		}
	}
	pam, err := h.pam()
	a.PAMModules = pam
	if err != nil {
		gaps = append(gaps, gap("/host/auth/pam_modules", err))
	}
	sudo, err := h.sudoers()
	if err != nil {
		gaps = append(gaps, gap("/host/auth/sudo_nopasswd", err), gap("/host/auth/sudo_log", err))
	}
	a.SudoInstalled, a.SudoLog = sudo.installed, sudo.log
	if sudo.installed {
		a.SudoNoPasswd = sudo.noPassword
	}
	var auditGap *model.Gap
	a.Auditd = h.auditd()
	a.KernelAudit, auditGap = h.kernelAudit()
	if auditGap != nil {
		gaps = append(gaps, *auditGap)
	}
	rules, err := h.auditRules()
	if err != nil {
		gaps = append(gaps, gap("/host/audit_rules", err))
	}
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.Auth, p.AuditRules = a, rules
	}, gaps
}

// pam reads the modules of each service in order, with those of included files.
func (h *Host) pam() ([]model.KeyVal, error) {
	var list []model.KeyVal
	for _, service := range pamServices {
		var modules []string
		found, err := h.pamFile(service, 0, &modules)
		if err != nil {
			return list, err
		}
		if found {
			list = append(list, model.KeyVal{Key: service, Value: strings.Join(modules, " ")})
		}
	}
	return list, nil
}

// pamFile adds the modules of one file. A module that stands several times is named once.
func (h *Host) pamFile(name string, depth int, modules *[]string) (found bool, err error) {
	if depth > 8 {
		return true, nil
	}
	var b []byte
	for _, dir := range []string{"/etc/pam.d/", "/usr/lib/pam.d/", "/usr/etc/pam.d/"} {
		b, err = h.read(path.Join(dir, path.Base(name)), limitConfig)
		if err == nil || !missing(err) {
			break
		}
	}
	if err != nil {
		if missing(err) {
			return false, nil
		}
		return false, err
	}
	for _, e := range parsePAM(b) {
		if e.include {
			if _, err := h.pamFile(e.name, depth+1, modules); err != nil {
				return true, err
			}
			continue
		}
		if !slices.Contains(*modules, e.name) {
			*modules = append(*modules, e.name)
		}
	}
	return true, nil
}

// pamEntry is a module, or a file to include.
type pamEntry struct {
	name    string
	include bool
}

// parsePAM reads "type control module arguments" lines; control may be in brackets with spaces.
func parsePAM(b []byte) []pamEntry {
	var list []pamEntry
	lines(b, func(line string) {
		if file, ok := strings.CutPrefix(line, "@include"); ok {
			list = append(list, pamEntry{strings.TrimSpace(file), true})
			return
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			return
		}
		control, rest := fields[1], fields[2:]
		if strings.HasPrefix(control, "[") {
			_, after, ok := strings.Cut(line, "]")
			if !ok {
				return
			}
			rest = strings.Fields(after)
		}
		if len(rest) == 0 {
			return
		}
		include := control == "include" || control == "substack"
		list = append(list, pamEntry{path.Base(rest[0]), include})
	})
	return list
}

// auditd says whether the audit daemon runs.
func (h *Host) auditd() string {
	if len(h.processesNamed("auditd")) > 0 {
		return "running"
	}
	if h.exists("/sbin/auditd") || h.exists("/usr/sbin/auditd") {
		return "installed"
	}
	return "absent"
}

// kernelAudit asks the kernel whether it records, which needs CAP_AUDIT_CONTROL. In a recorded tree, and where the
// kernel does not answer, the command line tells only that it is off.
func (h *Host) kernelAudit() (*bool, *model.Gap) {
	for _, word := range strings.Fields(h.value("/proc/cmdline")) {
		if word == "audit=0" || word == "audit=off" {
			return new(bool), nil
		}
	}
	if !h.live {
		return nil, &model.Gap{Path: "/host/auth/kernel_audit", Reason: model.GapUnsupported, Detail: "the kernel can be asked on the running system only"}
	}
	enabled, err := askKernelAudit()
	switch {
	case err == nil:
		return &enabled, nil
	case errors.Is(err, unix.EPROTONOSUPPORT): // a kernel without audit
		return new(bool), nil
	}
	g := gap("/host/auth/kernel_audit", err)
	return nil, &g
}

// auditRules reads the rules that the audit system loads, without comments.
func (h *Host) auditRules() ([]string, error) {
	var rules []string
	names := []string{"/etc/audit/audit.rules"}
	entries, err := h.list("/etc/audit/rules.d")
	if err != nil && !missing(err) {
		return nil, err
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == ".rules" {
			names = append(names, path.Join("/etc/audit/rules.d", e.Name()))
		}
	}
	for _, name := range names {
		b, err := h.read(name, limitConfig)
		if err != nil {
			if missing(err) {
				continue
			}
			return rules, err
		}
		lines(b, func(line string) {
			rule := strings.Join(strings.Fields(line), " ")
			if !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		})
	}
	return rules, nil
}
