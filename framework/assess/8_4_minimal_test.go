package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestMinimalSins(t *testing.T) {
	pkg := func(name string) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			s.Host.Packages = append(s.Host.Packages, model.Package{Name: name, Version: "1"})
		}
	}
	listen := func(l model.Listener) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Host.Listeners = append(s.Host.Listeners, l) }
	}
	sysctl := func(key, value string) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			for i := range s.Host.Sysctls {
				if s.Host.Sysctls[i].Key == key {
					s.Host.Sysctls[i].Value = value
				}
			}
		}
	}
	other := false
	testSins(t, []sin{
		{"telnet", "8.4.a/legacy-packages", model.CheckFail, pkg("telnetd")},
		{"compiler", "8.4.a/development-packages", model.CheckFail, pkg("gcc-14")},
		{"desktop", "8.4.a/desktop-packages", model.CheckFail, pkg("gnome-shell")},
		{"database", "8.4.a/server-packages", model.CheckFail, pkg("postgresql-17")},
		{"avahi", "8.4.a/services", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Services = append(s.Host.Services, model.Service{Name: "avahi-daemon.socket", Enabled: true})
		}},
		{"backdoor", "8.4.a/listeners", model.CheckFail, listen(model.Listener{Protocol: "tcp", Address: "0.0.0.0", Port: 4444, PID: 9, Process: "nc"})},
		{"systemd on a port that is not ssh", "8.4.a/listeners", model.CheckFail, listen(model.Listener{Protocol: "tcp6", Address: "::", Port: 9090, PID: 1, Process: "systemd"})},
		{"loopback", "8.4.a/listeners", model.CheckWarn, listen(model.Listener{Protocol: "tcp", Address: "127.0.0.1", Port: 25, PID: 9, Process: "exim4", Loopback: true})},
		{"nameless", "8.4.a/listeners", model.CheckUnknown, listen(model.Listener{Protocol: "tcp", Address: "0.0.0.0", Port: 4444})},
		{"setuid shell", "8.4.a/setuid", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Setuid = append(s.Host.Setuid, model.FileFact{Path: "/usr/bin/bash", Mode: "4755", Owner: "root"})
		}},
		{"usual name, unusual place", "8.4.a/setuid", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Setuid = append(s.Host.Setuid, model.FileFact{Path: "/opt/x/su", Mode: "4755"})
		}},
		{"setgid only", "8.4.a/setuid", model.CheckWarn, func(s *model.Snapshot) {
			s.Host.Setuid = append(s.Host.Setuid, model.FileFact{Path: "/opt/x/game", Mode: "2755"})
		}},
		{"shared file system", "8.4.a/engine-file-system", model.CheckFail, func(s *model.Snapshot) { s.Engine.RootDirOwnMount = &other }},
		{"not known", "8.4.a/engine-file-system", model.CheckUnknown, func(s *model.Snapshot) { s.Engine.RootDirOwnMount = nil }},
		{"dccp", "8.4.a/kernel-modules", model.CheckFail, func(s *model.Snapshot) { s.Host.Modules = append(s.Host.Modules, "dccp_ipv4") }},
		{"kptr", "8.4.a/kernel-addresses", model.CheckFail, sysctl("kernel.kptr_restrict", "0")},
		{"ptrace", "8.4.a/kernel-interfaces", model.CheckFail, sysctl("kernel.yama.ptrace_scope", "0")},
		{"links", "8.4.a/file-protections", model.CheckFail, sysctl("fs.protected_symlinks", "0")},
		{"redirects", "8.4.a/network-protections", model.CheckFail, sysctl("net.ipv4.conf.all.accept_redirects", "1")},
		{"no yama", "8.4.a/kernel-interfaces", model.CheckWarn, sysctlGone("kernel.yama.ptrace_scope")},
		{"no bpf", "8.4.a/kernel-interfaces", model.CheckPass, sysctlGone("kernel.unprivileged_bpf_disabled")},
		{"not readable", "8.4.a/kernel-interfaces", model.CheckUnknown, func(s *model.Snapshot) {
			sysctlGone("net.core.bpf_jit_harden")(s)
			s.Gaps = []model.Gap{{Path: "/host/sysctls/*", Reason: model.GapPermission, Detail: "net.core.bpf_jit_harden"}}
		}},
		{"exec in shm", "8.4.a/mount-options", model.CheckFail, func(s *model.Snapshot) { s.Host.MountPoints[1].Options = []string{"rw", "nosuid", "nodev"} }},
		{"tmp on root", "8.4.a/mount-options", model.CheckWarn, func(s *model.Snapshot) { s.Host.MountPoints = s.Host.MountPoints[1:] }},
		{"no lsm", "8.4.a/access-control-module", model.CheckFail, func(s *model.Snapshot) { s.Host.Kernel.LSMs = []string{"yama"} }},
		{"no lockdown", "8.4.a/lockdown", model.CheckWarn, func(s *model.Snapshot) { s.Host.Kernel.Lockdown = "none" }},
		{"vulnerable", "8.4.a/cpu-mitigations", model.CheckFail, func(s *model.Snapshot) { s.Host.Hardware.Vulnerabilities[0].Value = "Vulnerable" }},
		{"switched off", "8.4.a/cpu-mitigations", model.CheckFail, func(s *model.Snapshot) { s.Host.Kernel.CommandLine = "quiet mitigations=off" }},
		{"no iommu", "8.4.a/iommu", model.CheckWarn, func(s *model.Snapshot) { s.Host.Hardware.IOMMU = "absent" }},
		{"virtual", "8.4.a/iommu", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Hardware.IOMMU, s.Host.Virtualization = "absent", "kvm" }},
		{"plain disk", "8.4.a/disk-encryption", model.CheckWarn, func(s *model.Snapshot) { s.Host.Hardware.EncryptedMounts = nil }},
		{"sniffer", "8.4.a/promiscuous", model.CheckFail, func(s *model.Snapshot) { s.Host.Interfaces[0].Promiscuous = true }},
		{"experimental", "8.4.a/engine-experimental", model.CheckFail, func(s *model.Snapshot) { s.Engine.Experimental = true }},
		{"aufs", "8.4.a/storage-driver", model.CheckFail, func(s *model.Snapshot) { s.Engine.StorageDriver = "aufs" }},
		{"size", "8.4.a/base-device-size", model.CheckWarn, func(s *model.Snapshot) {
			s.Engine.Config.Settings = []model.EngineSetting{{Key: "storage-opts", Value: "dm.basesize=20G"}}
		}},
	})
}

func sysctlGone(key string) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		var left []model.KeyVal
		for _, kv := range s.Host.Sysctls {
			if kv.Key != key {
				left = append(left, kv)
			}
		}
		s.Host.Sysctls = left
	}
}

// TestHostProfile: what the operator's profile names is no sin.
func TestHostProfile(t *testing.T) {
	snap := hardened()
	snap.Host.Packages = append(snap.Host.Packages, model.Package{Name: "gcc-14"})
	snap.Host.Listeners = append(snap.Host.Listeners, model.Listener{Protocol: "tcp6", Address: "::", Port: 9100, PID: 8, Process: "acme-agent"})
	snap.Host.Services = append(snap.Host.Services, model.Service{Name: "nginx.service", Running: true})
	snap.Host.Processes = append(snap.Host.Processes, model.Process{PID: 8, Name: "acme-agent", Exe: "/opt/acme/acme-agent"})
	snap.Host.Setuid = append(snap.Host.Setuid, model.FileFact{Path: "/opt/acme/helper", Mode: "4755"})
	checks := []string{"8.4.a/development-packages", "8.4.a/listeners", "8.4.b/server-services", "8.4.b/foreign-processes", "8.4.a/setuid"}
	for _, id := range checks {
		wantCheck(t, model.CheckFail, id, snap)
		wantCheck(t, model.CheckPass, id, snap, func(s *Settings) {
			s.HostProfile = HostProfile{
				Packages: []string{"gcc-*"}, Listeners: []string{"acme-*:9100/tcp"}, Services: []string{"nginx"},
				Processes: []string{"acme-agent"}, Setuid: []string{"/opt/acme/*"},
			}
		})
	}
}

func TestMixedSins(t *testing.T) {
	run := func(p model.Process) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Host.Processes = append(s.Host.Processes, p) }
	}
	testSins(t, []sin{
		{"database", "8.4.b/server-processes", model.CheckFail, run(model.Process{PID: 50, Name: "postgres", Exe: "/usr/lib/postgresql/17/bin/postgres"})},
		{"java", "8.4.b/server-processes", model.CheckFail, run(model.Process{PID: 50, Name: "java"})},
		{"script", "8.4.b/foreign-processes", model.CheckFail, run(model.Process{PID: 50, Name: "python3", Exe: "/usr/bin/python3.13", Command: []string{"python3", "-u", "/srv/shop.py"}})},
		{"shell script", "8.4.b/foreign-processes", model.CheckFail, run(model.Process{PID: 50, Name: "bash", Exe: "/usr/bin/bash", Command: []string{"bash", "/srv/run-shop"}})},
		{"in a session", "8.4.b/foreign-processes", model.CheckWarn, run(model.Process{PID: 50, Name: "vim", Exe: "/usr/bin/vim", Unit: "session-3.scope"})},
		{"serving", "8.4.b/listening-processes", model.CheckFail, func(s *model.Snapshot) {
			run(model.Process{PID: 50, Name: "shop", Exe: "/srv/shop"})(s)
			s.Host.Listeners = append(s.Host.Listeners, model.Listener{Protocol: "tcp", Address: "0.0.0.0", Port: 9000, PID: 50, Process: "shop"})
		}},
		{"somebody serves", "8.4.b/listening-processes", model.CheckUnknown, func(s *model.Snapshot) {
			s.Host.Listeners = append(s.Host.Listeners, model.Listener{Protocol: "tcp", Address: "0.0.0.0", Port: 9000})
		}},
		{"unit", "8.4.b/server-services", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Services = append(s.Host.Services, model.Service{Name: "postgresql@17-main.service", Running: true})
		}},
		{"no containers here", "8.4.b/server-processes", model.CheckNotApplicable, func(s *model.Snapshot) { s.Engine, s.Containers = nil, nil }},
		{"nothing read", "8.4.b/foreign-processes", model.CheckUnknown, func(s *model.Snapshot) { s.Host.Processes = nil }},
	})
}

func TestProgramName(t *testing.T) {
	for _, c := range []struct {
		p    model.Process
		want string
	}{
		{model.Process{Name: "systemd-network", Exe: "/usr/lib/systemd/systemd-networkd"}, "systemd-networkd"},
		{model.Process{Name: "sshd", Exe: "/usr/sbin/sshd (deleted)"}, "sshd"},
		{model.Process{Name: "x"}, "x"},
		{model.Process{Name: "crond", Exe: "/bin/busybox", Command: []string{"/usr/sbin/crond", "-c", "/etc/crontabs", "-f"}}, "crond"},
		{model.Process{Name: "bash", Exe: "/bin/bash", Command: []string{"-bash"}}, "bash"},
		{model.Process{Name: "sh", Exe: "/bin/sh", Command: []string{"sh", "-c", "sleep 1"}}, "sh"},
		{model.Process{Name: "python3", Exe: "/usr/bin/python3", Command: []string{"python3", "-m", "http.server"}}, "http.server"},
		{model.Process{Name: "python3", Exe: "/usr/bin/python3"}, "python3"},
	} {
		if got := programName(c.p); got != c.want {
			t.Errorf("%+v is %q, want %q", c.p, got, c.want)
		}
	}
}
