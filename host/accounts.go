package host

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// engineGroups give access to an engine's socket; accessGroups matter besides.
var (
	engineGroups = []string{"docker", "podman", "containerd", "lxd", "incus", "libvirt"}
	accessGroups = []string{"root", "sudo", "wheel", "adm", "admin", "disk", "shadow", "systemd-journal"}
)

// account is one line of passwd; group one of group.
type account struct {
	name, shell, home string
	uid, gid          int
}

// Accounts reads the accounts that can sign in or reach an engine, and the groups that give access.
func (h *Host) Accounts(context.Context) (func(*model.Snapshot), []model.Gap) {
	passwd, err := h.read("/etc/passwd", 16<<20)
	if err != nil {
		return nil, []model.Gap{gap("/host/users", err)}
	}
	accounts := parsePasswd(passwd)
	var gaps []model.Gap
	var groups []model.Group
	if b, err := h.read("/etc/group", 16<<20); err != nil {
		gaps = append(gaps, gap("/host/groups", err))
	} else {
		groups = parseGroup(b)
	}
	withPrimary(groups, accounts)
	var passwords map[string]string
	if b, err := h.read("/etc/shadow", 16<<20); err != nil {
		gaps = append(gaps, gap("/host/users/*/password", err))
	} else {
		passwords = parseShadow(b)
	}
	sudo, err := h.sudoers()
	if err != nil {
		gaps = append(gaps, gap("/host/users/*/sudo", err))
	}
	var users []model.User
	for _, a := range accounts {
		u := model.User{Name: a.name, UID: a.uid, GID: a.gid, Shell: a.shell, Login: loginShell(a.shell), Password: passwords[a.name]}
		u.EngineAccess = engineAccess(a, groups)
		u.Sudo = sudo.allows(a, groups)
		if u.Login || u.EngineAccess != "" {
			users = append(users, u)
		}
	}
	slices.SortFunc(users, func(a, b model.User) int { return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Name, b.Name)) })
	groups = slices.DeleteFunc(groups, func(g model.Group) bool {
		return !slices.Contains(engineGroups, g.Name) && !slices.Contains(accessGroups, g.Name)
	})
	slices.SortFunc(groups, func(a, b model.Group) int { return cmp.Compare(a.Name, b.Name) })
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.Users, p.Groups = users, groups
	}, gaps
}

// colonLines calls f with the fields of each line that has at least n.
func colonLines(b []byte, n int, f func(fields []string)) {
	lines(b, func(line string) {
		if fields := strings.Split(line, ":"); len(fields) >= n && fields[0] != "" {
			f(fields)
		}
	})
}

func parsePasswd(b []byte) []account {
	var list []account
	colonLines(b, 7, func(f []string) {
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		if err1 == nil && err2 == nil {
			list = append(list, account{name: f[0], uid: uid, gid: gid, home: f[5], shell: f[6]})
		}
	})
	return list
}

func parseGroup(b []byte) []model.Group {
	var list []model.Group
	colonLines(b, 4, func(f []string) {
		gid, err := strconv.Atoi(f[2])
		if err != nil {
			return
		}
		g := model.Group{Name: f[0], GID: gid}
		for m := range strings.SplitSeq(f[3], ",") {
			if m = strings.TrimSpace(m); m != "" {
				g.Members = append(g.Members, m)
			}
		}
		list = append(list, g)
	})
	return list
}

// parseShadow says of each account whether its password is set, locked or empty. The hashes go no further.
func parseShadow(b []byte) map[string]string {
	state := map[string]string{}
	colonLines(b, 2, func(f []string) {
		switch {
		case f[1] == "":
			state[f[0]] = "empty"
		case f[1][0] == '!' || f[1][0] == '*' || len(f[1]) < 13: // no hash is that short
			state[f[0]] = "locked"
		default:
			state[f[0]] = "set"
		}
	})
	return state
}

// withPrimary adds the accounts whose primary group it is to each group's members.
func withPrimary(groups []model.Group, accounts []account) {
	for i := range groups {
		g := &groups[i]
		for _, a := range accounts {
			if a.gid == g.GID {
				g.Members = append(g.Members, a.name)
			}
		}
		slices.Sort(g.Members)
		g.Members = slices.Compact(g.Members)
	}
}

func loginShell(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "true", "sync", "shutdown", "halt", "git-shell":
		return false
	}
	return true // also the empty one, which means /bin/sh
}

func engineAccess(a account, groups []model.Group) string {
	if a.uid == 0 {
		return "root"
	}
	for _, name := range engineGroups {
		for _, g := range groups {
			if g.Name == name && slices.Contains(g.Members, a.name) {
				return "group:" + name
			}
		}
	}
	return ""
}
