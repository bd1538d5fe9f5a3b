package host

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// loginWriters are the daemons that record sign-ins.
var loginWriters = []string{"systemd-journald", "rsyslogd", "syslog-ng", "syslogd", "metalog", "auditd"}

// loginFiles are the places besides the journal. Those below /run are gone after a reboot.
var loginFiles = []struct{ name, path string }{
	{"auth.log", "/var/log/auth.log"},
	{"secure", "/var/log/secure"},
	{"messages", "/var/log/messages"},
	{"wtmp", "/var/log/wtmp"},
	{"btmp", "/var/log/btmp"},
	{"utmp", "/run/utmp"},
	{"wtmpdb", "/var/lib/wtmpdb/wtmp.db"},
	{"lastlog", "/var/log/lastlog"},
	{"audit.log", "/var/log/audit/audit.log"},
}

// Logins looks for the places where authentications are recorded and whether somebody still writes there.
func (h *Host) Logins(context.Context) (func(*model.Snapshot), []model.Gap) {
	open, err := h.openLogs()
	var gaps []model.Gap
	if err != nil {
		gaps = append(gaps, gap("/host/login_sources/*/alive", err))
	}
	boot := h.bootTime()
	mounts, _ := h.mounts() // without them /var/log counts as persistent, as it nearly always is
	volatile := map[string]bool{}
	for _, m := range mounts {
		if m.FSType == "tmpfs" || m.FSType == "ramfs" {
			volatile[m.Mountpoint] = true
		}
	}
	list := []model.LoginSource{h.journal(open, boot, volatile)}
	for _, f := range loginFiles {
		s := model.LoginSource{Name: f.name, Path: f.path}
		info, err := h.stat(f.path)
		if err != nil && !missing(err) {
			gaps = append(gaps, gap("/host/login_sources/"+f.name, err))
		}
		if err == nil {
			s.Exists, s.LastWrite = true, info.ModTime().UTC().Truncate(time.Second)
			s.Persistent = !isVolatile(f.path, volatile)
			h.alive(&s, open[f.path], boot)
		}
		list = append(list, s)
	}
	return func(s *model.Snapshot) { s.HostPart().LoginSources = list }, gaps
}

// alive decides by the writer, else by the time of the last write.
func (h *Host) alive(s *model.LoginSource, writer string, boot time.Time) {
	switch {
	case writer != "":
		s.Alive, s.Detail = true, writer+" holds it"
	case !boot.IsZero() && s.LastWrite.After(boot):
		s.Alive, s.Detail = true, "written since boot"
	default:
		s.Detail = "no known writer holds it, and it was not written since boot"
	}
}

func (h *Host) journal(open map[string]string, boot time.Time, volatile map[string]bool) model.LoginSource {
	s := model.LoginSource{Name: "journal", Path: "/var/log/journal"}
	for _, dir := range []string{"/var/log/journal", "/run/log/journal"} {
		machines, err := h.list(dir)
		if err != nil {
			continue
		}
		for _, m := range machines {
			file := path.Join(dir, m.Name(), "system.journal")
			info, err := h.stat(file)
			if err != nil || (s.Exists && info.ModTime().Before(s.LastWrite)) {
				continue
			}
			s.Path, s.Exists, s.Persistent = dir, true, !isVolatile(dir, volatile)
			s.LastWrite = info.ModTime().UTC().Truncate(time.Second)
			h.alive(&s, open[file], boot)
		}
	}
	return s
}

func isVolatile(name string, volatile map[string]bool) bool {
	if strings.HasPrefix(name, "/run/") {
		return true
	}
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if volatile[dir] {
			return true
		}
	}
	return false
}

// openLogs maps each file that a daemon of loginWriters holds open to the daemon.
func (h *Host) openLogs() (map[string]string, error) {
	files := map[string]string{}
	var first error
	for _, pid := range h.processesNamed(loginWriters...) {
		dir := "/proc/" + strconv.Itoa(pid)
		comm := h.value(dir + "/comm")
		fds, err := h.list(dir + "/fd")
		if err != nil {
			if first == nil && !missing(err) {
				first = err
			}
			continue
		}
		for _, fd := range fds {
			if to, err := h.readlink(dir + "/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "/") {
				files[to] = comm
			}
		}
	}
	return files, first
}
