package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestRightsSins(t *testing.T) {
	w := func(f func(w *model.Workload)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Containers[0].Workload) }
	}
	mount := func(m model.Mount) func(*model.Snapshot) {
		return w(func(w *model.Workload) { w.Mounts = append(w.Mounts, m) })
	}
	testSins(t, []sin{
		{"privileged", "8.4.e/privileged", model.CheckFail, w(func(w *model.Workload) { w.Privileged = true })},
		{"stopped", "8.4.e/privileged", model.CheckNotApplicable, func(s *model.Snapshot) {
			s.Containers[0].Workload.Privileged, s.Containers[0].State = true, "exited"
		}},
		{"gone while read", "8.4.e/privileged", model.CheckUnknown, func(s *model.Snapshot) {
			s.Containers[0].Gaps = []model.Gap{{Path: "/workload", Reason: model.GapFailed}}
		}},
		{"sys_admin", "8.4.e/capabilities-added", model.CheckFail, w(func(w *model.Workload) { w.CapAdd = []string{"CAP_SYS_ADMIN"} })},
		{"all", "8.4.e/capabilities-added", model.CheckFail, w(func(w *model.Workload) { w.CapAdd = []string{"ALL"} })},
		{"kept", "8.4.e/capabilities-dropped", model.CheckWarn, w(func(w *model.Workload) { w.CapDrop = []string{"CAP_NET_RAW"} })},
		{"root", "8.4.e/root-user", model.CheckFail, w(func(w *model.Workload) { w.Root, w.Namespaces.User = true, "host" })},
		{"root, remapped", "8.4.e/root-user", model.CheckPass, w(func(w *model.Workload) { w.Root = true })},
		{"root, rootless", "8.4.e/root-user", model.CheckPass, func(s *model.Snapshot) {
			s.Engine.Rootless, s.Containers[0].Workload.Root, s.Containers[0].Workload.Namespaces.User = true, true, "host"
		}},
		{"writable root", "8.4.e/read-only-root", model.CheckFail, w(func(w *model.Workload) { w.ReadOnlyRoot = false })},
		{"etc", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "bind", Source: "/etc", Target: "/h"})},
		{"root of the host", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "bind", Source: "/", Target: "/h"})},
		{"parent", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "bind", Source: "/var", Target: "/h"})},
		{"below", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "hostPath", Source: "/etc/cron.d", Target: "/h"})},
		{"behind a link", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "bind", Source: "/srv/x", Resolved: "/usr/local/bin", Target: "/h"})},
		{"behind a volume", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "volume", Volume: "v", Resolved: "/root", Target: "/h"})},
		{"logs of its own", "8.4.e/host-paths-writable", model.CheckWarn, mount(model.Mount{Type: "bind", Source: "/var/log/app", Target: "/h"})},
		{"all logs", "8.4.e/host-paths-writable", model.CheckFail, mount(model.Mount{Type: "bind", Source: "/var/log", Target: "/h"})},
		{"like a name", "8.4.e/host-paths-writable", model.CheckPass, mount(model.Mount{Type: "bind", Source: "/etcetera", Target: "/h"})},
		{"read etc", "8.4.e/host-paths-readable", model.CheckWarn, mount(model.Mount{Type: "bind", Source: "/etc", Target: "/h", ReadOnly: true})},
		{"disk", "8.4.e/devices", model.CheckFail, w(func(w *model.Workload) { w.Devices = []model.Device{{Host: "/dev/sda1", Permissions: "rwm"}} })},
		{"tun", "8.4.e/devices", model.CheckWarn, w(func(w *model.Workload) { w.Devices = []model.Device{{Host: "/dev/net/tun", Permissions: "rwm"}} })},
		{"gpu", "8.4.e/devices", model.CheckWarn, w(func(w *model.Workload) { w.Devices = []model.Device{{Request: "nvidia"}} })},
		{"rule", "8.4.e/devices", model.CheckFail, w(func(w *model.Workload) { w.DeviceRules = []string{"b *:* rwm"} })},
		{"pid", "8.4.e/host-pid", model.CheckFail, w(func(w *model.Workload) { w.Namespaces.PID = "host" })},
		{"ipc", "8.4.e/host-ipc", model.CheckFail, w(func(w *model.Workload) { w.Namespaces.IPC = "host" })},
		{"uts", "8.4.e/host-uts", model.CheckFail, w(func(w *model.Workload) { w.Namespaces.UTS = "host" })},
		{"cgroup", "8.4.e/host-cgroup", model.CheckFail, w(func(w *model.Workload) { w.Namespaces.Cgroup = "host" })},
		{"users", "8.4.e/host-users", model.CheckFail, w(func(w *model.Workload) { w.Namespaces.User = "host" })},
		{"no remap", "8.4.e/host-users", model.CheckNotApplicable, func(s *model.Snapshot) { s.Engine.UserNamespaces = false }},
		{"shared", "8.4.e/propagation", model.CheckFail, w(func(w *model.Workload) { w.Mounts[2].Propagation = "rshared" })},
		{"unconfined", "8.4.e/seccomp", model.CheckFail, w(func(w *model.Workload) { w.Seccomp = "unconfined" })},
		{"unconfined", "8.4.e/apparmor", model.CheckFail, w(func(w *model.Workload) { w.AppArmor = "unconfined" })},
		{"no apparmor here", "8.4.e/apparmor", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Kernel.LSMs = nil }},
		{"may gain", "8.4.e/no-new-privileges", model.CheckFail, w(func(w *model.Workload) { w.NoNewPrivileges = false })},
		{"unmasked", "8.4.e/masked-paths", model.CheckFail, w(func(w *model.Workload) { w.MaskedPathsOff = true })},
		{"elsewhere", "8.4.e/cgroup-parent", model.CheckWarn, w(func(w *model.Workload) { w.CgroupParent = "/vip" })},
		{"setuid", "8.4.e/image-setuid", model.CheckWarn, func(s *model.Snapshot) {
			s.Containers[0].Workload.NoNewPrivileges = false
			s.Images[0].Contents.Setuid = []string{"/bin/su"}
		}},
		{"setuid without effect", "8.4.e/image-setuid", model.CheckPass, func(s *model.Snapshot) { s.Images[0].Contents.Setuid = []string{"/bin/su"} }},
		{"not looked at", "8.4.e/image-setuid", model.CheckUnknown, func(s *model.Snapshot) {
			s.Containers[0].Workload.NoNewPrivileges, s.Images[0].Contents = false, nil
		}},
	})
}

func TestSELinux(t *testing.T) {
	snap := hardened()
	snap.Host.Kernel.LSMs = []string{"selinux"}
	wantCheck(t, model.CheckFail, "8.4.e/selinux", snap)
	snap.Engine.SecurityOptions = []string{"selinux"}
	wantCheck(t, model.CheckPass, "8.4.e/selinux", snap)
	snap.Containers[0].Workload.SELinux = []string{"disable"}
	wantCheck(t, model.CheckFail, "8.4.e/selinux", snap)
}

func TestDefaultSins(t *testing.T) {
	testSins(t, []sin{
		{"no guard", "8.4.e/engine-rootless", model.CheckWarn, func(s *model.Snapshot) { s.Controls = nil }},
		{"rootless", "8.4.e/engine-rootless", model.CheckPass, func(s *model.Snapshot) { s.Controls, s.Engine.Rootless = nil, true }},
		{"root is root", "8.4.e/engine-user-namespaces", model.CheckFail, func(s *model.Snapshot) {
			s.Engine.UserNamespaces = false
			s.Containers[0].Workload.Root, s.Containers[0].Workload.Namespaces.User = true, "host"
		}},
		{"nobody is root", "8.4.e/engine-user-namespaces", model.CheckPass, func(s *model.Snapshot) { s.Engine.UserNamespaces = false }},
		{"may gain", "8.4.e/engine-no-new-privileges", model.CheckFail, func(s *model.Snapshot) { s.Engine.NoNewPrivileges = false }},
		{"unconfined", "8.4.e/engine-seccomp", model.CheckFail, func(s *model.Snapshot) { s.Engine.SeccompProfile = "unconfined" }},
		{"none", "8.4.e/engine-seccomp", model.CheckFail, func(s *model.Snapshot) { s.Engine.SeccompProfile, s.Engine.SecurityOptions = "", nil }},
		{"own group", "8.4.e/engine-cgroup-parent", model.CheckWarn, func(s *model.Snapshot) { s.Engine.CgroupParent = "/acme" }},
		{"no guard", "8.4.e/admission", model.CheckWarn, func(s *model.Snapshot) { s.Controls = nil }},
		{"observed only", "8.4.e/admission", model.CheckWarn, func(s *model.Snapshot) { s.Controls[0].Mode = model.ModeObserve }},
	})
}
