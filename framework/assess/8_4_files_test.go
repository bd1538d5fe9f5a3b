package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// file changes the file with the purpose.
func file(purpose string, f func(*model.FileFact)) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		for i := range s.Host.Files {
			if s.Host.Files[i].Purpose == purpose {
				f(&s.Host.Files[i])
			}
		}
	}
}

func TestFileSins(t *testing.T) {
	sins := []sin{
		{"shadow for all", "8.4.e/system-files", model.CheckFail, file("os-shadow", func(f *model.FileFact) { f.Mode = "0644" })},
		{"sudoers of a person", "8.4.e/system-files", model.CheckFail, file("sudoers", func(f *model.FileFact) { f.UID, f.Owner = 1000, "ops" })},
		{"nothing looked at", "8.4.e/system-files", model.CheckUnknown, func(s *model.Snapshot) { s.Host.Files = nil }},
		{"no monitor", "8.4.e/file-integrity", model.CheckFail, func(s *model.Snapshot) { s.Host.FileIntegrity = "" }},
		{"own monitor", "8.4.e/file-integrity", model.CheckPass, func(s *model.Snapshot) {
			s.Host.FileIntegrity = ""
			s.Controls = append(s.Controls, model.Control{Name: model.ControlFileIntegrity, Mode: model.ModeEnforce})
		}},
		{"one not readable", "8.4.e/system-files", model.CheckUnknown, func(s *model.Snapshot) {
			s.Gaps = []model.Gap{{Path: "/host/files/os-shadow", Reason: model.GapPermission}}
		}},
		{"not readable", "8.4.e/daemon-json-owner", model.CheckUnknown, func(s *model.Snapshot) {
			s.Gaps = []model.Gap{{Path: "/host/files/daemon.json", Reason: model.GapPermission}}
		}},
		{"not readable", "8.4.e/audit-daemon-json", model.CheckUnknown, func(s *model.Snapshot) {
			s.Gaps = []model.Gap{{Path: "/host/files/daemon.json", Reason: model.GapPermission}}
		}},
		{"remapped", "8.4.e/system-files", model.CheckPass, file("engine-root", func(f *model.FileFact) { f.GID = 100000 })},
		{"gone", "8.4.e/daemon-json-mode", model.CheckNotApplicable, file("daemon.json", func(f *model.FileFact) { f.Exists = false })},
		{"mode is no number", "8.4.e/daemon-json-mode", model.CheckUnknown, file("daemon.json", func(f *model.FileFact) { f.Mode = "rw-r--r--" })},
		{"setuid", "8.4.e/daemon-json-mode", model.CheckFail, file("daemon.json", func(f *model.FileFact) { f.Mode = "4644" })},
		{"stricter", "8.4.e/daemon-json-mode", model.CheckPass, file("daemon.json", func(f *model.FileFact) { f.Mode = "0400" })},
	}
	for _, rule := range engineFiles() {
		there := func(change func(*model.FileFact)) func(*model.Snapshot) {
			return func(s *model.Snapshot) {
				f := model.FileFact{Path: rule.path, Exists: true, Mode: "0600", Purpose: rule.purpose}
				change(&f)
				s.Host.Files = append(s.Host.Files, f)
			}
		}
		sins = append(sins,
			sin{"owner", "8.4.e/" + rule.name + "-owner", model.CheckFail, there(func(f *model.FileFact) { f.UID = 1000 })},
			sin{"group", "8.4.e/" + rule.name + "-owner", model.CheckFail, there(func(f *model.FileFact) { f.GID = 999 })},
			sin{"mode", "8.4.e/" + rule.name + "-mode", model.CheckFail, there(func(f *model.FileFact) { f.Mode = "0666" })},
			sin{"fine", "8.4.e/" + rule.name + "-mode", model.CheckPass, there(func(*model.FileFact) {})})
	}
	testSins(t, sins)
}

func TestAuditSins(t *testing.T) {
	for _, target := range auditTargets() {
		snap := hardened()
		// Every target exists on this node.
		snap.Host.Files = append(snap.Host.Files, model.FileFact{Path: target.path, Exists: true, Purpose: target.purpose})
		id := "8.4.e/audit-" + target.name
		snap.Host.AuditRules = nil
		wantCheck(t, model.CheckFail, id, snap)
		snap.Host.AuditRules = []string{"-w " + target.path + " -p wa -k docker"}
		wantCheck(t, model.CheckPass, id, snap)
		snap.Host.AuditRules = nil
		snap.Controls = []model.Control{{Name: model.ControlFileIntegrity, Mode: model.ModeEnforce}}
		wantCheck(t, model.CheckPass, id, snap)
	}
	bare := hardened()
	bare.Host.Files, bare.Host.Processes, bare.Engine = nil, nil, nil
	for _, target := range auditTargets() {
		wantCheck(t, model.CheckNotApplicable, "8.4.e/audit-"+target.name, bare)
	}
}

func TestWatches(t *testing.T) {
	for _, c := range []struct {
		rule, target string
		want         bool
	}{
		{"-w /etc/docker -p wa -k docker", "/etc/docker/daemon.json", true},
		{"-w /etc/docker -p wa", "/etc/docker-registry", false},
		{"-w /lib/systemd/system/docker.service -p wa", "/usr/lib/systemd/system/docker.service", true},
		{"-w /var/run/containerd -p wa", "/run/containerd/containerd.sock", true},
		{"-a always,exit -F arch=b64 -F path=/usr/bin/runc -F perm=x", "/usr/bin/runc", true},
		{"-a always,exit -F path=/var/lib/docker", "/var/lib/docker/x", false},
		{"-a always,exit -F dir=/var/lib/docker -F perm=wa", "/var/lib/docker/x", true},
		{"-a never,exit -F dir=/var/lib/docker", "/var/lib/docker", false},
		{"-w", "/etc", false},
		{"", "/etc", false},
		{"-e 2", "/etc", false},
	} {
		if got := watches(c.rule, c.target); got != c.want {
			t.Errorf("watches(%q, %q) = %v", c.rule, c.target, got)
		}
	}
}
