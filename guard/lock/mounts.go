package lock

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"github.com/bulkhead-security/bulkhead/model"
)

// mounted are containers that hold one of the sockets: the file, or a directory that it is in.
func (l *Lock) mounted(list []socket) (found []Problem, blind []string) {
	self, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, []string{"mounts of containers: " + err.Error()}
	}
	host, err := mountsOf(os.Getpid())
	if err != nil {
		return nil, []string{"mounts of containers: " + err.Error()}
	}
	all, err := pids()
	if err != nil {
		return nil, []string{"mounts of containers: " + err.Error()}
	}
	seen := map[string]bool{self: true}
	for _, pid := range l.own() { // the guard may be in a container itself
		if ns, err := os.Readlink(procPath(pid, "ns", "mnt")); err == nil {
			seen[ns] = true
		}
	}
	for _, pid := range all {
		ns, err := os.Readlink(procPath(pid, "ns", "mnt"))
		if err != nil || seen[ns] {
			continue
		}
		there, err := mountsOf(pid)
		if err != nil {
			continue // it has ended; another of the same namespace may come
		}
		seen[ns] = true
		if sameRoot(host, there) {
			continue // a service with mounts of its own
		}
		found = append(found, held(list, host, there, pid)...)
	}
	slices.SortFunc(found, func(a, b Problem) int { return strings.Compare(a.Subject, b.Subject) })
	return found, nil
}

// mountsOf are the mounts that a process sees. The kernel bounds how many there can be.
func mountsOf(pid int) ([]*mountinfo.Info, error) {
	f, err := os.Open(procPath(pid, "mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mountinfo.GetMountsFromReader(f, nil)
}

// rootOf is what is at "/".
func rootOf(list []*mountinfo.Info) (root *mountinfo.Info) {
	for _, m := range list {
		if m.Mountpoint == "/" {
			root = m
		}
	}
	return root
}

func sameRoot(a, b []*mountinfo.Info) bool {
	x, y := rootOf(a), rootOf(b)
	return x != nil && y != nil && x.Major == y.Major && x.Minor == y.Minor && x.Root == y.Root
}

// held are the sockets that can be reached in a namespace of mounts.
func held(list []socket, host, there []*mountinfo.Info, pid int) (found []Problem) {
	for _, s := range list {
		on, inside := placeOf(s.path, host)
		if on == nil {
			continue
		}
		for _, m := range there {
			if m.Major != on.Major || m.Minor != on.Minor || !below(inside, m.Root) {
				continue
			}
			at := filepath.Join(m.Mountpoint, strings.TrimPrefix(inside, m.Root))
			if !sameFile(s.path, procPath(pid, "root", at)) {
				continue // something else is mounted over it, or it is a socket of before
			}
			who := containerOf(pid)
			found = append(found, Problem{
				Kind: model.FindingSocketMounted, Severity: model.Critical, Subject: who + ": " + s.path,
				Text:   say("%s holds %s as %s, which gives it control over the host past the guard", "%s 通过 %[3]s 持有 %[2]s，可绕过守护进程防护控制主机", who, s.path, at),
				Remedy: "start the container without the mount; what needs the engine gets the guard's socket instead",
			})
			break
		}
	}
	return found
}

// placeOf is the mount that a path is on, and where on its file system it is.
func placeOf(path string, list []*mountinfo.Info) (on *mountinfo.Info, inside string) {
	for _, m := range list {
		if below(path, m.Mountpoint) && (on == nil || len(m.Mountpoint) >= len(on.Mountpoint)) {
			on = m
		}
	}
	if on == nil {
		return nil, ""
	}
	return on, filepath.Join(on.Root, strings.TrimPrefix(path, on.Mountpoint))
}

// below says whether the path is the directory or in it.
func below(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

// containerOf names the container of a process by its control group.
func containerOf(pid int) string {
	b, err := readFile(procPath(pid, "cgroup"), mostProcFile)
	if err == nil {
		if id := regexp.MustCompile(`[0-9a-f]{64}`).Find(b); id != nil {
			return "container " + string(id[:12])
		}
	}
	p := readProcess(pid)
	return fmt.Sprintf("process %d (%s)", pid, program(p))
}
