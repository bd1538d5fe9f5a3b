package drill

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// privilegeDrills give a container of one's own what belongs to the host.
func privilegeDrills() []Drill {
	const escape = "T1611"
	drills := []Drill{
		guardDrill("privileged-create", escape, "A container is made privileged", runs(func(*EngineWorld) fields { return with(plain(), "Privileged", true) }, isPrivileged())),
		guardDrill("privileged-exec", escape, "A program is run privileged in a container that is not", privilegedExec),
	}
	for _, s := range []struct{ id, name, title string }{
		{"capability", "SYS_ADMIN", "by its short name"},
		{"capability-prefix", "CAP_SYS_ADMIN", "by its full name"},
		{"capability-lower-case", "sys_admin", "in lower case"},
		{"capability-mixed-case", "Cap_Sys_Admin", "in mixed case"},
		{"capability-all", "ALL", "by asking for all"},
		{"capability-all-lower-case", "all", "by asking for all in lower case"},
	} {
		drills = append(drills, guardDrill(s.id, escape, "A container gets the capability SYS_ADMIN "+s.title, runs(func(*EngineWorld) fields {
			return with(of("/bin/grep", "CapEff", "/proc/self/status"), "CapAdd", []string{s.name})
		}, says(func(_ *EngineWorld, text string) bool { return hasSysAdmin(text) }))))
	}
	return append(drills,
		guardDrill("device", escape, "A container gets a device of the host", runs(func(*EngineWorld) fields {
			d := deviceOfHost()
			return with(of("/bin/sh", "-c", ": < "+d+" && echo open"), "Devices", []fields{{"PathOnHost": d, "PathInContainer": d, "CgroupPermissions": "r"}})
		}, says(isOpen))),
		guardDrill("device-cgroup-rule", escape, "A container may use all devices by a rule, and makes one itself", runs(func(*EngineWorld) fields {
			return with(of("/bin/sh", "-c", "mknod /d c "+numbers(deviceOfHost())+" && : < /d && echo open"), "DeviceCgroupRules", []string{"a *:* rwm"})
		}, says(isOpen))),
		guardDrill("device-request", escape, "A container asks a driver for all devices that it has", makes(func(*EngineWorld) fields {
			return with(plain(), "DeviceRequests", []fields{{"Count": -1, "Capabilities": [][]string{{"gpu"}}}})
		}, func(c *container.InspectResponse) bool { return len(c.HostConfig.DeviceRequests) == 1 })),
		guardDrill("seccomp-off", "T1562.001", "A container runs without the filter of system calls", unfiltered("seccomp=unconfined")),
		guardDrill("seccomp-off-colon", "T1562.001", "The same, in the old spelling with a colon", unfiltered("seccomp:unconfined")),
		guardDrill("seccomp-profile", "T1562.001", "A container brings a filter that lets everything through", unfiltered(`seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`)),
		guardDrill("apparmor-off", "T1562.001", "A container runs without its AppArmor profile", hasOption("apparmor=unconfined")),
		guardDrill("selinux-off", "T1562.001", "A container runs without its SELinux label", hasOption("label=disable")),
		guardDrill("masked-paths", escape, "The list of paths that are hidden from a container is emptied", runs(func(*EngineWorld) fields {
			return with(of("/bin/cat", "/proc/self/mountinfo"), "MaskedPaths", []string{})
		}, says(func(_ *EngineWorld, text string) bool {
			return strings.Contains(text, " /proc ") && !strings.Contains(text, " /proc/keys ")
		}))),
		guardDrill("read-only-paths", escape, "The list of paths that are read-only in a container is emptied", runs(func(*EngineWorld) fields {
			return with(of("/bin/cat", "/proc/self/mountinfo"), "ReadonlyPaths", []string{})
		}, says(func(_ *EngineWorld, text string) bool {
			return strings.Contains(text, " /proc ") && !strings.Contains(text, " /proc/sys ")
		}))),
		guardDrill("cgroup-parent", "T1499", "A container is put beside the limits of all others", runs(func(*EngineWorld) fields {
			return with(plain(), "CgroupParent", "/")
		}, is(func(c *container.InspectResponse) bool { return c.HostConfig.CgroupParent == "/" })), "7.6.b"),
		guardDrill("oom-score", "T1499", "A container has others killed first when memory is short", makes(func(*EngineWorld) fields {
			return with(plain(), "OomScoreAdj", -500)
		}, func(c *container.InspectResponse) bool { return c.HostConfig.OomScoreAdj == -500 }), "7.6.b"),
		guardDrill("sysctl", escape, "A container sets the kernel's parameters for messages between processes", runs(func(*EngineWorld) fields {
			return with(of("/bin/cat", "/proc/sys/kernel/msgmax"), "Sysctls", fields{"kernel.msgmax": "12345"})
		}, says(func(_ *EngineWorld, text string) bool { return strings.TrimSpace(text) == "12345" }))),
	)
}

func isPrivileged() proof {
	return is(func(c *container.InspectResponse) bool { return c.HostConfig.Privileged })
}

func isOpen(_ *EngineWorld, text string) bool { return strings.TrimSpace(text) == "open" }

// hasSysAdmin reads a line "CapEff:	00000000a80425fb".
func hasSysAdmin(text string) bool {
	const sysAdmin = 21
	_, hex, _ := strings.Cut(strings.TrimSpace(text), "\t")
	digit := len(hex) - 1 - sysAdmin/4
	if digit < 0 {
		return false
	}
	v := strings.IndexByte("0123456789abcdef", hex[digit])
	return v >= 0 && v>>(sysAdmin%4)&1 == 1
}

func unfiltered(option string) attack {
	return runs(func(*EngineWorld) fields {
		return with(of("/bin/sh", "-c", "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp 2>&1; sleep 0"), "SecurityOpt", []string{option})
	}, func(ctx context.Context, w *EngineWorld, c *container.InspectResponse) (bool, error) {
		text, err := w.output(ctx, c.ID)
		if strings.HasPrefix(option, "seccomp={") { // a filter is there, and lets everything through
			return strings.Contains(text, "\t2") && strings.Contains(strings.Join(c.HostConfig.SecurityOpt, " "), "SCMP_ACT_ALLOW"), err
		}
		return strings.Contains(text, "Seccomp:\t0"), err
	})
}

// hasOption is for what this machine's kernel need not have.
func hasOption(option string) attack {
	return runs(func(*EngineWorld) fields { return with(plain(), "SecurityOpt", []string{option}) },
		is(func(c *container.InspectResponse) bool { return strings.Join(c.HostConfig.SecurityOpt, " ") == option }))
}

// deviceOfHost is a device that can be opened without harm, and that no container has by itself.
func deviceOfHost() string {
	for _, d := range []string{"/dev/net/tun", "/dev/fuse", "/dev/loop-control"} {
		if _, err := os.Stat(d); err == nil {
			return d
		}
	}
	return "/dev/kmsg"
}

func numbers(device string) string {
	var s unix.Stat_t
	if err := unix.Stat(device, &s); err != nil {
		return "1 11"
	}
	return fmt.Sprintf("%d %d", unix.Major(s.Rdev), unix.Minor(s.Rdev))
}

func privilegedExec(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.own(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+id+"/exec",
		fields{"Cmd": []string{"/bin/sh", "-c", "grep CapEff /proc/self/status > /caps"}, "Privileged": true})
	if err != nil || !a.ok() {
		return false, errOr(err, w.fair(a))
	}
	a, err = w.mallory.send(ctx, http.MethodPost, "/exec/"+a.id()+"/start", fields{"Detach": true})
	if err != nil || !a.ok() {
		return false, errOr(err, w.fair(a))
	}
	text, err := w.eventually(ctx, id, "/caps")
	return hasSysAdmin(text), err
}
