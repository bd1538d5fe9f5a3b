package lock

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// remedyLock is what to do about most problems.
const remedyLock = "bulkhead docker lock"

// problems are what is wrong with the sockets that there are, and what could not be looked at. Without a state, nothing is locked: then it
// is only about other ways to the engines.
func (l *Lock) problems(list []socket, t *table, s *state) (found []Problem, blind []string) {
	blind = append(blind, t.blind...)
	engines := map[string]string{}
	for _, sock := range list {
		engines[sock.path] = sock.engine
	}
	if s != nil {
		for _, k := range s.Sockets {
			engines[k.Path] = k.Engine
			found = append(found, l.open(k, t, s.Group)...)
		}
		found = append(found, unknown(list, s)...)
		found = append(found, s.files()...)
	}
	more, dark := l.mounted(list)
	found, blind = append(found, more...), append(blind, dark...)
	found = append(found, listeners(engines, t)...)
	more, dark = l.direct(engines, t, nil)
	return append(found, more...), append(blind, dark...)
}

// open says what is wrong with a socket that should be locked.
func (l *Lock) open(k keptSocket, t *table, group int) []Problem {
	now, err := lookAt(k.Engine, k.Path)
	problem := func(severity model.Severity, remedy string, text model.Text) []Problem {
		return []Problem{{Kind: model.FindingSocketOpen, Severity: severity, Subject: k.Path, Text: text, Remedy: remedy, socket: k.Path}}
	}
	servers := t.servers[k.Path]
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(servers) == 0 {
			return nil // the engine does not run
		}
		return problem(model.Critical, "look for it under another name, and start the engine again: it then makes its socket anew",
			say("%s was moved or removed, and the engine (pid %d) still listens on it: it may be reachable under another name",
				"%s 已被移动或删除，而引擎（pid %d）仍在其上监听：可能可通过其他名称访问", k.Path, servers[0].pid))
	case errors.Is(err, errNoSocket):
		return problem(model.Critical, "remove it and start the engine again", say("%s is no socket any more", "%s 已不再是套接字", k.Path))
	case err != nil:
		return problem(model.High, "", say("%s can't be looked at: %v", "无法查看 %s：%v", k.Path, err))
	}
	var found []Problem
	want := perm{Mode: mode(group), GID: group}
	switch {
	case reaches(now.perm, group):
		found = problem(model.Critical, remedyLock, say("%s is %s: others than the guard may connect", "%s 的权限为 %s：守护进程防护以外的账户可以连接", k.Path, now.perm.String()))
	case !now.perm.equal(want):
		found = problem(model.Low, remedyLock, say("%s is %s instead of %s", "%s 的权限为 %s，而不是 %s", k.Path, now.perm.String(), want.String()))
	}
	if now.links > 1 {
		p := problem(model.Critical, "find PATH -samefile "+k.Path+", and remove the other name", say("%s has another name (hard link)", "%s 还有另一个名称（硬链接）", k.Path))
		p[0].socket = ""
		found = append(found, p...)
	}
	for _, p := range servers {
		if isEngine(p) {
			continue
		}
		q := problem(model.Critical, "stop the process, remove the socket and start the engine again",
			say("%s was replaced: %s (pid %d, uid %d) listens on it", "%s 已被替换：%s（pid %d，uid %d）在其上监听", k.Path, program(p), p.pid, p.uid))
		q[0].socket = ""
		found = append(found, q...)
	}
	return found
}

// reaches says whether somebody beside root and the guard's group may connect, for which it takes the right to write.
func reaches(p perm, group int) bool {
	return p.Mode&0o002 != 0 || p.UID != 0 && p.Mode&0o200 != 0 || p.Mode&0o020 != 0 && (p.GID != group && p.GID != 0 || len(p.ACL) > 0)
}

// isEngine says whether a server of a socket is one that should be: an engine of root's, or systemd for it.
func isEngine(p process) bool {
	return p.uid == 0 && (p.pid == 1 || slices.Contains([]string{"dockerd", "containerd", "podman", "systemd"}, filepath.Base(p.exe)))
}

func program(p process) string {
	switch {
	case p.exe != "":
		return p.exe
	case p.comm != "":
		return p.comm
	}
	return "a process that has ended"
}

// unknown are sockets that came after the lock and are open.
func unknown(list []socket, s *state) (found []Problem) {
	for _, sock := range list {
		if slices.ContainsFunc(s.Sockets, func(k keptSocket) bool { return k.Path == sock.path }) || !reaches(sock.perm, s.Group) {
			continue
		}
		found = append(found, Problem{
			Kind: model.FindingSocketOpen, Severity: model.Critical, Subject: sock.path, Remedy: remedyLock,
			Text: say("%s came after the lock and is %s: others than the guard may connect", "%s 在锁定之后出现，权限为 %s：守护进程防护以外的账户可以连接", sock.path, sock.perm.String()),
		})
	}
	return found
}

// files says which settings that keep the lock are not there any more.
func (s *state) files() (found []Problem) {
	for _, k := range s.Files {
		now, exists, err := readSetting(k.Path)
		if err == nil && exists && strings.TrimSpace(string(now)) == strings.TrimSpace(string(k.After)) {
			continue
		}
		found = append(found, Problem{
			Kind: model.FindingLockFile, Severity: model.Medium, Subject: k.Path, Remedy: remedyLock,
			Text: say("%s was changed: when the engine starts again, its socket may be open until the guard closes it", "%s 已被更改：引擎重新启动时，其套接字在被关闭之前可能是开放的", k.Path),
		})
	}
	return found
}
