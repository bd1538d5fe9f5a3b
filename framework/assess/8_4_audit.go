package assess

import (
	"path"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// auditTarget is a file or directory of the engine whose use or change has to be seen by the kernel's audit.
type auditTarget struct {
	item string // of the CIS Benchmark
	name string // in the check's id
	path string // where it usually is
	// purpose is that of the file fact that tells of it, if the collector looks for it as a file.
	purpose string
	// find looks for it on the node otherwise; "" means it does not exist there.
	find func(s *model.Snapshot, usual string) string
}

func auditTargets() []auditTarget {
	return []auditTarget{
		{"1.1.3", "dockerd", "/usr/bin/dockerd", "", program("dockerd")},
		{"1.1.4", "run-containerd", "/run/containerd", "", containerdDir},
		{"1.1.5", "engine-root", "/var/lib/docker", "", engineRoot},
		{"1.1.6", "etc-docker", "/etc/docker", "etc-docker", nil},
		{"1.1.7", "docker-service", "/lib/systemd/system/docker.service", "docker.service", nil},
		{"1.1.8", "containerd-socket", "/run/containerd/containerd.sock", "containerd-socket", nil},
		{"1.1.9", "docker-socket", "/lib/systemd/system/docker.socket", "docker.socket", nil},
		{"1.1.10", "default-docker", "/etc/default/docker", "default-docker", nil},
		{"1.1.11", "daemon-json", "/etc/docker/daemon.json", "daemon.json", nil},
		{"1.1.12", "containerd-config", "/etc/containerd/config.toml", "containerd-config", nil},
		{"1.1.13", "sysconfig-docker", "/etc/sysconfig/docker", "sysconfig-docker", nil},
		{"1.1.14", "containerd", "/usr/bin/containerd", "", program("containerd")},
		{"1.1.15", "shim", "/usr/bin/containerd-shim", "", program("containerd-shim")},
		{"1.1.16", "shim-runc-v1", "/usr/bin/containerd-shim-runc-v1", "", program("containerd-shim-runc-v1")},
		{"1.1.17", "shim-runc-v2", "/usr/bin/containerd-shim-runc-v2", "", program("containerd-shim-runc-v2")},
		{"1.1.18", "runc", "/usr/bin/runc", "", program("runc")},
	}
}

// auditChecks ask whether the kernel's audit sees use and change of the engine's files (8.4.e).
func auditChecks() []Check {
	var all []Check
	for _, t := range auditTargets() {
		all = append(all, Check{
			ID: "8.4.e/audit-" + t.name, Severity: model.Low,
			Title:      say("Use and change of %s are audited", "对 %s 的使用与修改会被审计", t.path),
			References: []string{benchReference + t.item, "ATT&CK T1562.012"},
			Remediation: say("Run: echo '-w %[1]s -p wa -k docker' >> /etc/audit/rules.d/docker.rules && augenrules --load",
				"执行：echo '-w %[1]s -p wa -k docker' >> /etc/audit/rules.d/docker.rules && augenrules --load", t.path),
			Eval: func(in *Input, r *Recorder) { evalAudit(in, r, t) },
		})
	}
	return all
}

func evalAudit(in *Input, r *Recorder, t auditTarget) {
	const ptr = "/host/audit_rules"
	h := hostAt(in, r, pointer("host", "files", t.purpose))
	if h == nil {
		return
	}
	at := t.locate(in.Snap)
	if at == "" {
		r.NotApplicable("/host/files", say("there is no %s on the host", "主机上没有 %s", t.path))
		return
	}
	// The product's own monitor sees the same changes.
	if c, i, ok := in.Control(model.ControlFileIntegrity); ok && c.Mode == model.ModeEnforce {
		r.Pass(pointer("controls", i), at, say("%s is watched by %s", "%s 由 %s 监控", at, c.Name))
		return
	}
	if r.Missing(in, ptr) {
		return
	}
	for i, rule := range h.AuditRules {
		if watches(rule, at) {
			r.Pass(pointer("host", "audit_rules", i), at, say("%s is watched by the rule %s", "%s 受审计规则 %s 监控", at, rule))
			return
		}
	}
	r.Fail(ptr, at, say("no audit rule watches %s", "没有审计规则监控 %s", at))
}

// watches says whether an audit rule records access to the path: "-w PATH" and "dir=" take in what lies below,
// "path=" and "exe=" do not.
func watches(rule, target string) bool {
	words := strings.Fields(rule)
	target = realPath(target)
	for i, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w == "-a" && i+1 < len(words) && strings.Contains(words[i+1], "never"):
			return false
		case w == "-w" && i+1 < len(words) && within(realPath(words[i+1]), target):
			return true
		case key == "dir" && within(realPath(value), target):
			return true
		case (key == "path" || key == "exe") && realPath(value) == target:
			return true
		}
	}
	return false
}

// realPath follows the links that every current distribution has.
func realPath(p string) string {
	p = path.Clean(p)
	for _, link := range [][2]string{{"/var/run/", "/run/"}, {"/lib/", "/usr/lib/"}, {"/bin/", "/usr/bin/"}, {"/sbin/", "/usr/sbin/"}} {
		if rest, ok := strings.CutPrefix(p, link[0]); ok {
			return link[1] + rest
		}
	}
	return p
}

// locate returns where the target is on the node, "" if there is none.
func (t auditTarget) locate(s *model.Snapshot) string {
	if t.find != nil {
		return t.find(s, t.path)
	}
	return fileOf(s, t.purpose)
}

// fileOf finds a file that the host's collector looked for.
func fileOf(s *model.Snapshot, purpose string) string {
	for _, f := range s.Host.Files {
		if f.Purpose == purpose && f.Exists {
			return f.Path
		}
	}
	return ""
}

// program finds a program of the engine: its file, its component, or its process.
func program(name string) func(*model.Snapshot, string) string {
	return func(s *model.Snapshot, usual string) string {
		for _, f := range s.Host.Files {
			if f.Exists && f.Type != "dir" && path.Base(f.Path) == name {
				return f.Path
			}
		}
		for _, p := range s.Host.Processes {
			switch {
			case p.Container != "":
			case path.Base(p.Exe) == name:
				return p.Exe
			case p.Exe == "" && len(p.Command) > 0 && path.Base(p.Command[0]) == name:
				return usual // only root may read the paths of other accounts' programs
			}
		}
		if s.Engine == nil {
			return ""
		}
		for _, c := range s.Engine.Components {
			if c.Name == name && c.Path != "" {
				return c.Path
			}
			if c.Name == name {
				return usual
			}
		}
		return ""
	}
}

func engineRoot(s *model.Snapshot, _ string) string {
	if s.Engine == nil {
		return ""
	}
	return s.Engine.RootDir
}

func containerdDir(s *model.Snapshot, usual string) string {
	if socket := fileOf(s, "containerd-socket"); socket != "" {
		return path.Dir(socket)
	}
	if program("containerd")(s, usual) != "" {
		return usual
	}
	return ""
}
