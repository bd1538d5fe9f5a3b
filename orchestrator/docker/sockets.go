package docker

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/moby/api/types/system"

	"github.com/bulkhead-security/bulkhead/model"
)

// account is a line of passwd with the groups that the account is in.
type account struct {
	name   string
	uid    int
	groups map[int]bool
}

type accounts struct {
	users  []account
	byUID  map[int]string
	groups map[int]string
}

// sockets finds the sockets that give control over containers and who may connect to them.
func (e *Collector) sockets(s settings, d daemon, info system.Info) ([]model.EngineSocket, []model.Gap) {
	if !d.local {
		return nil, []model.Gap{{Path: "/engine/sockets", Reason: model.GapUnsupported, Detail: "the engine runs on another host"}}
	}
	acc, err := e.accounts()
	var gaps []model.Gap
	if err != nil {
		gaps = append(gaps, gap("/engine/sockets", fmt.Errorf("accounts of the host: %w", err), ""))
	}
	var list []model.EngineSocket
	for path, engine := range e.socketPaths(s, info) {
		st, err := os.Lstat(e.host(path))
		if err != nil || st.Mode()&fs.ModeSocket == 0 {
			continue
		}
		sock := model.EngineSocket{FileFact: acc.fact(path, st), Engine: engine}
		sock.Purpose = engine + ".socket"
		sock.Users = acc.reach(e, path)
		list = append(list, sock)
	}
	slices.SortFunc(list, func(a, b model.EngineSocket) int { return strings.Compare(a.Path, b.Path) })
	return list, gaps
}

// socketPaths maps resolved paths to the engine behind them.
func (e *Collector) socketPaths(s settings, info system.Info) map[string]string {
	out := map[string]string{}
	put := func(engine string, paths ...string) {
		for _, p := range paths {
			if r, err := e.resolve(p); err == nil && out[r] == "" {
				out[r] = engine
			}
		}
	}
	put(e.c.product, strings.TrimPrefix(e.c.endpoint, "unix://"))
	for _, h := range s.items("hosts") {
		if p, ok := strings.CutPrefix(h, "unix://"); ok {
			put("docker", p)
		}
	}
	put("docker", "/run/docker.sock")
	put("containerd", "/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock")
	if info.Containerd != nil {
		put("containerd", info.Containerd.Address)
	}
	if root, ok := s.values["exec-root"]; ok {
		put("containerd", filepath.Join(root.value, "containerd/containerd.sock"))
	}
	put("podman", "/run/podman/podman.sock")
	put("crio", "/run/crio/crio.sock")
	put("bulkhead-guard", "/run/bulkhead/docker.sock")
	for pattern, engine := range map[string]string{"/run/user/*/docker.sock": "docker", "/run/user/*/podman/podman.sock": "podman"} {
		found, _ := filepath.Glob(e.host(pattern))
		for _, f := range found {
			put(engine, strings.TrimPrefix(f, strings.TrimSuffix(e.host("/"), "/")))
		}
	}
	return out
}

// accounts reads passwd and group.
func (e *Collector) accounts() (accounts, error) {
	a := accounts{byUID: map[int]string{}, groups: map[int]string{}}
	passwd, err := readLimited(e.host("/etc/passwd"), maxConfig)
	if err != nil {
		return a, err
	}
	for f := range fields(passwd, 4) {
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		if err1 == nil && err2 == nil {
			a.users = append(a.users, account{f[0], uid, map[int]bool{gid: true}})
			if a.byUID[uid] == "" {
				a.byUID[uid] = f[0]
			}
		}
	}
	group, err := readLimited(e.host("/etc/group"), maxConfig)
	if err != nil {
		return a, err
	}
	for f := range fields(group, 4) {
		gid, err := strconv.Atoi(f[2])
		if err != nil {
			continue
		}
		a.groups[gid] = f[0]
		for _, member := range strings.Split(f[3], ",") {
			for _, u := range a.users {
				if u.name == member {
					u.groups[gid] = true
				}
			}
		}
	}
	return a, nil
}

// fields yields the colon-separated fields of each line that has enough of them.
func fields(body []byte, n int) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
			if f := strings.Split(lines.Text(), ":"); len(f) >= n && !yield(f) {
				return
			}
		}
	}
}

func (a accounts) fact(path string, st fs.FileInfo) model.FileFact {
	f := model.FileFact{Path: path, Exists: true, Type: "other", Mode: octal(st.Mode())}
	switch {
	case st.Mode()&fs.ModeSocket != 0:
		f.Type = "socket"
	case st.Mode().IsRegular():
		f.Type = "file"
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = int(sys.Uid), int(sys.Gid)
		f.Owner, f.Group = a.byUID[f.UID], a.groups[f.GID]
	}
	return f
}

func octal(m fs.FileMode) string {
	bits := uint32(m.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&flag != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}

// reach lists who may connect besides root: write permission on the socket and search permission on the way to it.
func (a accounts) reach(e *Collector, path string) []string {
	var names []string
	for _, u := range a.users {
		if u.uid == 0 || !u.may(e.host(path), 0o2) {
			continue
		}
		open := true
		for dir := filepath.Dir(path); dir != "/" && open; dir = filepath.Dir(dir) {
			open = u.may(e.host(dir), 0o1)
		}
		if open {
			names = append(names, u.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// may is true when the account has the permission bit (4 read, 2 write, 1 search) by owner, group or as anybody.
func (u account) may(path string, bit fs.FileMode) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	switch {
	case int(sys.Uid) == u.uid:
		bit <<= 6
	case u.groups[int(sys.Gid)]:
		bit <<= 3
	}
	return st.Mode().Perm()&bit != 0
}
