package assess

import (
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// hardened is a node on which clause 8.4 is met: every sin of the tests is one change away from it.
func hardened() *model.Snapshot {
	taken := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	own := true
	return &model.Snapshot{
		Schema: model.SnapshotSchema, Taken: taken,
		Host: hardenedHost(taken),
		Engine: &model.Engine{
			Product: "docker", Version: "29.0.0", RootDir: "/var/lib/docker", RootDirOwnMount: &own, StorageDriver: "overlay2",
			LoggingDriver: "syslog", LogOptions: []model.KeyVal{{Key: "syslog-address", Value: "tcp+tls://log.example:6514"}},
			LogLevel: "info", UserNamespaces: true, NoNewPrivileges: true, SeccompProfile: "builtin",
			SecurityOptions: []string{"apparmor", "seccomp", "userns"},
			Components:      []model.Component{{Name: "containerd", Version: "2.1"}, {Name: "runc", Version: "1.3"}},
		},
		Images: []model.Image{{ID: "sha256:i", Tags: []string{"app:1"}, UsedBy: []string{"c1"}, Contents: &model.ImageContents{Files: 3}}},
		Containers: []model.Container{{
			ID: "c1", Name: "app", State: "running", PID: 700,
			Workload: model.Workload{
				Image: model.ImageRef{ID: "sha256:i"}, User: "10001", CapDrop: []string{"ALL"}, CapAdd: []string{"CAP_NET_BIND_SERVICE"},
				NoNewPrivileges: true, Seccomp: "builtin", AppArmor: "docker-default", ReadOnlyRoot: true,
				Namespaces: model.Namespaces{Network: "app", PID: "private", IPC: "private", UTS: "private", User: "private", Cgroup: "private"},
				Mounts: []model.Mount{
					{Type: "volume", Resolved: "/var/lib/docker/volumes/data/_data", Target: "/data", Propagation: "rprivate"},
					{Type: "bind", Source: "/etc/localtime", Resolved: "/usr/share/zoneinfo/UTC", Target: "/etc/localtime", ReadOnly: true},
					{Type: "bind", Source: "/srv/app", Resolved: "/srv/app", Target: "/srv", Propagation: "slave"},
				},
			},
		}},
		Controls: []model.Control{
			{Name: model.ControlDaemonGuard, Mode: model.ModeEnforce}, {Name: model.ControlLoginAudit, Mode: model.ModeEnforce},
		},
	}
}

func hardenedHost(taken time.Time) *model.Host {
	audit := true
	h := &model.Host{
		OS:             model.OSRelease{ID: "debian", Version: "13"},
		Kernel:         model.Kernel{Release: "6.12.48+deb13-amd64", Lockdown: "integrity", LSMs: []string{"lockdown", "yama", "apparmor"}},
		PackageManager: "dpkg", UpdatesAsOf: taken.Add(-20 * time.Hour), PackageTrust: "signed",
		Packages: []model.Package{
			{Name: "bash", Version: "5"},
			{Name: "gcc-14-base", Version: "14"},
			{Name: "unattended-upgrades", Version: "2"},
			{Name: "linux-image-6.12.43+deb13-amd64"},
			{Name: "linux-image-6.12.48+deb13-amd64"},
			{Name: "linux-image-amd64"},
		},
		Listeners: []model.Listener{
			{Protocol: "tcp6", Address: "::", Port: 22, PID: 300, Process: "sshd"},
			{Protocol: "tcp", Address: "0.0.0.0", Port: 8080, PID: 700, Process: "app", Container: "c1"},
			{Protocol: "tcp", Address: "0.0.0.0", Port: 8443, PID: 701, Process: "docker-proxy", Engine: true},
			{Protocol: "udp", Address: "0.0.0.0", Port: 4789},
		},
		Services: []model.Service{{Name: "docker.service", Enabled: true, Running: true}, {Name: "ssh.service", Enabled: true, Running: true}},
		Processes: []model.Process{
			{PID: 1, Name: "systemd", Exe: "/usr/lib/systemd/systemd"},
			{PID: 300, Name: "sshd", Exe: "/usr/sbin/sshd"},
			{PID: 301, Name: "unattended-upgr", Exe: "/usr/bin/python3.13", Command: []string{"/usr/bin/python3", "/usr/share/unattended-upgrades/unattended-upgrade-shutdown", "--wait"}},
			{PID: 302, Name: "dockerd", Exe: "/usr/bin/dockerd"},
			{PID: 303, Name: "containerd-shim", Exe: "/usr/bin/containerd-shim-runc-v2"},
			{PID: 700, Name: "java", Exe: "/opt/java", Container: "c1"},
		},
		Setuid:  []model.FileFact{{Path: "/usr/bin/su", Mode: "4755"}, {Path: "/usr/lib/openssh/ssh-keysign", Mode: "4755"}},
		Modules: []string{"overlay", "br_netfilter"},
		MountPoints: []model.MountPoint{
			{Target: "/tmp", Options: []string{"rw", "nosuid", "nodev"}}, {Target: "/dev/shm", Options: []string{"rw", "nosuid", "nodev", "noexec"}},
		},
		Users: []model.User{{Name: "root", Login: true, Password: "locked"}, {Name: "ops", UID: 1000, Login: true, Password: "set"}},
		Auth: model.AuthConfig{
			SSHDInstalled: true, SudoInstalled: true, SudoLog: true, Auditd: "running", KernelAudit: &audit,
			SSHD: []model.KeyVal{
				{Key: "kbdinteractiveauthentication", Value: "no"},
				{Key: "loglevel", Value: "VERBOSE"},
				{Key: "passwordauthentication", Value: "no"},
				{Key: "permitrootlogin", Value: "no"},
				{Key: "usepam", Value: "yes"},
			},
			PAMModules: []model.KeyVal{{Key: "sshd", Value: "pam_unix.so pam_loginuid.so"}},
		},
		LoginSources: []model.LoginSource{{Name: "journal", Path: "/var/log/journal", Exists: true, Persistent: true, Alive: true}},
		Hardware: model.Hardware{
			Vulnerabilities: []model.KeyVal{{Key: "meltdown", Value: "Not affected"}, {Key: "spectre_v1", Value: "Mitigation: usercopy"}},
			SecureBoot:      "enabled", TPM: "2.0", MeasuredBoot: true, IOMMU: "enabled", EncryptedMounts: []string{"/var/lib/docker"},
		},
		Interfaces:    []model.NetInterface{{Name: "eth0", Kind: "physical"}, {Name: "veth1", Kind: "veth", Master: "docker0", Promiscuous: true}},
		FileIntegrity: "aide",
		AuditRules: []string{
			"-w /usr/bin/dockerd -p x -k docker", "-w /usr/bin/runc -p x -k docker", "-a always,exit -F path=/usr/bin/containerd -F perm=x",
			"-w /usr/bin/containerd-shim-runc-v2 -p x", "-w /etc/docker -p wa -k docker", "-a always,exit -F dir=/var/lib/docker -F perm=wa",
			"-w /run/containerd -p wa", "-w /usr/lib/systemd/system/docker.service -p wa",
		},
	}
	for _, g := range sysctlGroups() {
		for _, rule := range g.rules {
			h.Sysctls = append(h.Sysctls, model.KeyVal{Key: rule.key, Value: rule.accept[0]})
		}
	}
	for _, f := range []struct{ purpose, path, mode string }{
		{"docker.service", "/lib/systemd/system/docker.service", "0644"},
		{"etc-docker", "/etc/docker", "0755"},
		{"daemon.json", "/etc/docker/daemon.json", "0644"},
		{"engine-root", "/var/lib/docker", "0710"},
		{"os-passwd", "/etc/passwd", "0644"},
		{"os-shadow", "/etc/shadow", "0640"},
		{"sudoers", "/etc/sudoers", "0440"},
		{"containerd-socket", "/run/containerd/containerd.sock", "0660"},
	} {
		h.Files = append(h.Files, model.FileFact{Path: f.path, Exists: true, Mode: f.mode, Purpose: f.purpose})
	}
	h.Files[5].GID, h.Files[5].Group = 42, "shadow"
	return h
}
