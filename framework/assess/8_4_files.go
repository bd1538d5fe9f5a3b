package assess

import (
	"github.com/bulkhead-security/bulkhead/model"
)

// fileRule is who may own a file and what mode it may have at most. The purpose is that of model.FileFact.
type fileRule struct {
	purpose   string
	name      string // in the check's id
	path      string // where it usually is
	most      uint64 // mode bits that may be set
	group     int    // largest group id that may own it; 0 for root only
	ownerItem string // items of the CIS Benchmark
	modeItem  string
}

// engineFiles are the files that decide how the engine starts. Who can write to them is root on the host.
func engineFiles() []fileRule {
	return []fileRule{
		{"docker.service", "docker-service", "/lib/systemd/system/docker.service", 0o644, 0, "3.1", "3.2"},
		{"docker.socket", "docker-socket", "/lib/systemd/system/docker.socket", 0o644, 0, "3.3", "3.4"},
		{"etc-docker", "etc-docker", "/etc/docker", 0o755, 0, "3.5", "3.6"},
		{"daemon.json", "daemon-json", "/etc/docker/daemon.json", 0o644, 0, "3.17", "3.18"},
		{"default-docker", "default-docker", "/etc/default/docker", 0o644, 0, "3.19", "3.22"},
		{"sysconfig-docker", "sysconfig-docker", "/etc/sysconfig/docker", 0o644, 0, "3.21", "3.20"},
	}
}

// anyGroup is for directories that a group may pass through only: with remapped users the engine's is that of the remap.
const anyGroup = 1<<31 - 1

// systemFiles decide who gets into the host and how the engine's parts start; they are judged together. The owning
// group may be one of the system's own (shadow).
func systemFiles() []fileRule {
	return []fileRule{
		{purpose: "containerd.service", most: 0o644},
		{purpose: "containerd-config", most: 0o644},
		{purpose: "engine-root", most: 0o711, group: anyGroup},
		{purpose: "os-passwd", most: 0o644},
		{purpose: "os-shadow", most: 0o640, group: 999},
		{purpose: "sshd_config", most: 0o644},
		{purpose: "sudoers", most: 0o640},
	}
}

// fileChecks ask who may change the files of the host (8.4.e).
func fileChecks() []Check {
	all := []Check{
		{
			ID: "8.4.e/file-integrity", Severity: model.High,
			Title:      say("A monitor notices changes to the host's files", "文件完整性监控可发现主机文件变更"),
			References: []string{"NIST SP 800-190 4.5.5", "ATT&CK T1565.001"},
			Remediation: say("Turn on the control file-integrity in mode enforce, or run: apt-get install aide && aideinit, and aide --check daily",
				"以 enforce 模式启用文件完整性（file-integrity）控制；或安装 AIDE：apt-get install aide && aideinit，并每日执行 aide --check"),
			Eval: evalFileIntegrity,
		},
		{
			ID: "8.4.e/system-files", Severity: model.High,
			Title:      say("Only root can change the files that decide who gets in", "仅 root 可修改决定访问权限的系统文件"),
			References: []string{"NIST SP 800-190 4.5.5", "ATT&CK T1222.002"},
			Remediation: say("chown root:root FILE; chmod 644 /etc/passwd; chmod 640 /etc/shadow (chown root:shadow); chmod 440 /etc/sudoers; chmod 600 /etc/ssh/sshd_config; chmod 711 /var/lib/docker",
				"chown root:root 文件；chmod 644 /etc/passwd；chmod 640 /etc/shadow（chown root:shadow）；chmod 440 /etc/sudoers；chmod 600 /etc/ssh/sshd_config；chmod 711 /var/lib/docker"),
			Eval: evalSystemFiles,
		},
	}
	for _, rule := range engineFiles() {
		all = append(all, ownerCheck(rule), modeCheck(rule))
	}
	return all
}

func ownerCheck(rule fileRule) Check {
	return Check{
		ID: "8.4.e/" + rule.name + "-owner", Severity: model.Medium,
		Title:       say("%s belongs to root", "%s 归 root 所有", rule.path),
		References:  []string{benchReference + rule.ownerItem, "ATT&CK T1543"},
		Remediation: say("Run: chown root:root %s", "执行：chown root:root %s", rule.path),
		Eval: func(in *Input, r *Recorder) {
			eachFile(in, r, rule, func(ptr string, f model.FileFact) { judgeOwner(r, ptr, f, rule) })
		},
	}
}

func modeCheck(rule fileRule) Check {
	return Check{
		ID: "8.4.e/" + rule.name + "-mode", Severity: model.Medium,
		Title:       say("%s has mode %04o or stricter", "%s 的权限为 %04o 或更严格", rule.path, rule.most),
		References:  []string{benchReference + rule.modeItem, "ATT&CK T1222.002"},
		Remediation: say("Run: chmod %04[2]o %[1]s", "执行：chmod %04[2]o %[1]s", rule.path, rule.most),
		Eval: func(in *Input, r *Recorder) {
			eachFile(in, r, rule, func(ptr string, f model.FileFact) { judgeMode(r, ptr, f, rule.most) })
		},
	}
}

// eachFile asks the question of every file with the rule's purpose.
func eachFile(in *Input, r *Recorder, rule fileRule, judge func(ptr string, f model.FileFact)) {
	h := hostAt(in, r, pointer("host", "files", rule.purpose))
	if h == nil {
		return
	}
	found := false
	for i, f := range h.Files {
		if f.Purpose == rule.purpose && f.Exists {
			found = true
			judge(pointer("host", "files", i), f)
		}
	}
	if !found {
		r.NotApplicable("/host/files", say("there is no %s", "没有 %s", rule.path))
	}
}

func judgeOwner(r *Recorder, ptr string, f model.FileFact, rule fileRule) {
	if f.UID != 0 || f.GID != 0 && f.GID > rule.group {
		r.Fail(ptr, f.Path, say("%s belongs to %s:%s", "%s 归 %s:%s 所有", f.Path, accountName(f.Owner, f.UID), accountName(f.Group, f.GID)))
		return
	}
	r.Pass(ptr, f.Path, say("%s belongs to root", "%s 归 root 所有", f.Path))
}

func judgeMode(r *Recorder, ptr string, f model.FileFact, most uint64) {
	mode, ok := fileMode(f)
	switch {
	case !ok:
		r.Unknown(ptr, f.Path, say("the mode of %s is not readable: %q", "无法读取 %s 的权限：%q", f.Path, f.Mode))
	case mode&^most != 0:
		r.Fail(ptr, f.Path, say("%s has mode %04o, %04o at most is allowed", "%s 的权限为 %04o，最多允许 %04o", f.Path, mode, most))
	default:
		r.Pass(ptr, f.Path, say("%s has mode %04o", "%s 的权限为 %04o", f.Path, mode))
	}
}

func evalSystemFiles(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/files")
	if h == nil {
		return
	}
	judged := false
	for _, rule := range systemFiles() {
		if r.Missing(in, pointer("host", "files", rule.purpose)) {
			judged = true
			continue
		}
		for i, f := range h.Files {
			if f.Purpose == rule.purpose && f.Exists {
				judged = true
				judgeOwner(r, pointer("host", "files", i), f, rule)
				judgeMode(r, pointer("host", "files", i), f, rule.most)
			}
		}
	}
	if !judged {
		r.Unknown("/host/files", "", say("none of the system's files was looked at", "未检查任何系统文件"))
	}
}

func evalFileIntegrity(in *Input, r *Recorder) {
	if _, _, ok := in.Control(model.ControlFileIntegrity); ok {
		control(in, r, model.ControlFileIntegrity, model.CheckFail)
		return
	}
	h := hostAt(in, r, "/host/file_integrity")
	switch {
	case h == nil:
	case h.FileIntegrity != "":
		r.Pass("/host/file_integrity", h.FileIntegrity, say("%s watches the host's files", "%s 监控主机文件", h.FileIntegrity))
	default:
		r.Fail("/host/file_integrity", "", say("nothing watches the host's files", "没有程序监控主机文件"))
	}
}
