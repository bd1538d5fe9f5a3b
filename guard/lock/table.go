package lock

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// table is who listens on the sockets, and what was accepted there.
type table struct {
	// bound are all listening sockets with a path, by inode; accepted those that somebody is connected to.
	bound, accepted map[uint64]string
	// servers listen, by path.
	servers map[string][]process
	// blind is what could not be seen.
	blind []string
}

// readTable reads /proc for the sockets at these paths. Sockets are seen in the network namespace that they were made in, and accepted
// ones in that of whoever connects, so all of them are looked at.
func readTable(engines map[string]string) (*table, error) {
	list, err := pids()
	if err != nil {
		return nil, err
	}
	t := &table{bound: map[uint64]string{}, accepted: map[uint64]string{}, servers: map[string][]process{}}
	t.read(list, engines)
	t.findServers(list, engines)
	return t, nil
}

// connections reads who is connected now, and leaves the servers as they were.
func (t *table) connections(engines map[string]string) error {
	list, err := pids()
	if err != nil {
		return err
	}
	t.read(list, engines)
	return nil
}

func (t *table) read(list []int, engines map[string]string) {
	seen := map[string]bool{}
	hidden := 0
	for _, pid := range list {
		ns, err := os.Readlink(procPath(pid, "ns", "net"))
		if err != nil {
			if os.IsPermission(err) {
				hidden++
			}
			continue
		}
		if seen[ns] {
			continue
		}
		f, err := os.Open(procPath(pid, "net", "unix"))
		if err != nil {
			continue // it has ended; another of the same namespace may come
		}
		seen[ns] = true
		t.add(parseUnix(f), engines)
		f.Close()
	}
	if hidden > 0 {
		t.blind = append(t.blind, fmt.Sprintf("%d processes can't be looked at: it takes root with CAP_SYS_PTRACE", hidden))
	}
}

func (t *table) add(list []unixSocket, engines map[string]string) {
	names := map[string]bool{}
	for p := range engines {
		names[filepath.Base(p)] = true
	}
	for _, s := range list {
		switch {
		case s.listening:
			t.bound[s.inode] = s.path
		case names[filepath.Base(s.path)]:
			t.accepted[s.inode] = resolve(s.path)
		}
	}
}

// findServers looks which processes hold the listening sockets. A process that sees another file under the path, such as an engine in a
// container, is no server of ours.
func (t *table) findServers(list []int, engines map[string]string) {
	wanted := map[uint64]string{}
	for inode, path := range t.bound {
		if r := resolve(path); engines[r] != "" {
			wanted[inode] = r
		}
	}
	if len(wanted) == 0 {
		return
	}
	for _, pid := range list {
		held, err := inodes(pid)
		if err != nil {
			continue
		}
		for inode, path := range wanted {
			if _, ok := held[inode]; !ok || !sameFile(path, procPath(pid, "root", path)) {
				continue
			}
			p := readProcess(pid)
			if !slices.ContainsFunc(t.servers[path], func(o process) bool { return o.pid == pid }) {
				t.servers[path] = append(t.servers[path], p)
			}
		}
	}
}

// sameFile also says yes where one can't be seen: then what is known otherwise counts. Where both are gone, they are the same.
func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	if err1 != nil || err2 != nil {
		return (err1 == nil) == (err2 == nil) || os.IsPermission(err2)
	}
	return os.SameFile(x, y)
}

// family are further sockets on which the engines and the containerd that they started listen, by path.
func (t *table) family(engines map[string]string) map[string]string {
	found := map[string]string{}
	docker := map[int]bool{}
	collect := func(p process, engine string) {
		held, err := inodes(p.pid)
		if err != nil {
			return
		}
		for inode := range held {
			path := t.bound[inode]
			if path == "" || strings.Contains(path, "/libnetwork/") || strings.Contains(path, "/plugins/") || filepath.Base(path) == "metrics.sock" {
				continue // no control over containers
			}
			if r := resolve(path); engines[r] == "" {
				found[r] = engine
			}
		}
	}
	for path, servers := range t.servers {
		for _, p := range servers {
			if p.comm == "dockerd" || p.comm == "containerd" || p.comm == "podman" {
				collect(p, engines[path])
				docker[p.pid] = p.comm == "dockerd"
			}
		}
	}
	list, err := pids()
	if err != nil || len(docker) == 0 {
		return found
	}
	for _, pid := range list {
		b, err := readFile(procPath(pid, "stat"), mostProcFile)
		if err != nil {
			continue
		}
		if comm, parent := parseStat(b); comm == "containerd" && docker[parent] {
			collect(readProcess(pid), engineContainerd)
		}
	}
	return found
}

// refresh finds the servers of sockets that came in after the first look.
func (t *table) refresh(engines map[string]string) error {
	list, err := pids()
	if err != nil {
		return err
	}
	t.bound, t.accepted, t.servers, t.blind = map[uint64]string{}, map[uint64]string{}, map[string][]process{}, nil
	t.read(list, engines)
	t.findServers(list, engines)
	return nil
}
