package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"github.com/bulkhead-security/bulkhead/model"
)

// Plan is what locking would do on this machine.
type Plan struct {
	Schema  string             `json:"schema"`
	Guard   *model.GuardStatus `json:"guard"` // nil where none runs
	Sockets []PlannedSocket    `json:"sockets"`
	Files   []PlannedFile      `json:"files"`
	// Refused is why it can't be done now; empty where it can.
	Refused []string `json:"refused"`
	// Warnings are other ways to the engine, and whoever would lose his.
	Warnings []string `json:"warnings"`
	// Restart says which engine has to be started again, by whoever runs the machine, and for what.
	Restart []string `json:"restart"`

	sockets []socket
	changes []change
}

// PlanSchema names the version of the plan's JSON form.
const PlanSchema = "bulkhead.lock-plan/v1"

// PlannedSocket is a socket and what would become of it. KeptBy is the file that keeps it so when the engine starts again; empty for the
// guard itself, which closes it within a second.
type PlannedSocket struct {
	Engine string `json:"engine"`
	Path   string `json:"path"`
	Now    string `json:"now"`
	Then   string `json:"then"`
	KeptBy string `json:"kept_by,omitempty"`
}

// PlannedFile is a file that would be written.
type PlannedFile struct {
	Path   string `json:"path"`
	Why    string `json:"why"`
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
}

// Refusal is why the sockets are not locked.
type Refusal struct{ Why []string }

// Error implements error.
func (r *Refusal) Error() string {
	return "the engine's socket was not locked: " + strings.Join(r.Why, "; ")
}

// Plan says what Lock would do, and changes nothing.
func (l *Lock) Plan(ctx context.Context) (*Plan, error) {
	list, t, err := l.find()
	if err != nil {
		return nil, err
	}
	p := &Plan{Schema: PlanSchema, sockets: list, Sockets: []PlannedSocket{}, Files: []PlannedFile{}, Refused: []string{}, Warnings: []string{}, Restart: []string{}}
	if len(list) == 0 {
		p.Refused = append(p.Refused, "no socket of an engine was found; engine.endpoint (or BULKHEAD_ENGINE_ENDPOINT) says where it is")
		return p, nil
	}
	changes, by, notes, err := l.keepers(list, t)
	if err != nil {
		return nil, err
	}
	p.changes, p.Warnings = changes, append(p.Warnings, notes...)
	for _, s := range list {
		if i := slices.IndexFunc(t.servers[s.path], func(q process) bool { return q.uid > 0 }); i >= 0 {
			p.Refused = append(p.Refused, fmt.Sprintf("%s is that of a rootless engine of %s: it is its owner's own and gives nobody root", s.path, userName(t.servers[s.path][i].uid)))
		}
		then := perm{Mode: mode(l.o.Group), GID: l.o.Group}
		p.Sockets = append(p.Sockets, PlannedSocket{Engine: s.engine, Path: s.path, Now: s.perm.String(), Then: then.String(), KeptBy: by[s.path]})
		if s.Mode&0o020 != 0 && s.GID != 0 && s.GID != l.o.Group {
			p.Warnings = append(p.Warnings, fmt.Sprintf("the group %s reaches %s now, and will have to use the guard's socket", groupName(s.GID), s.path))
		}
	}
	for _, c := range changes {
		if c.existed && bytes.Equal(c.before, c.after) {
			continue // it is so
		}
		p.Files = append(p.Files, PlannedFile{Path: c.path, Why: c.why, Before: string(c.before), After: string(c.after)})
	}
	problems, _ := l.problems(list, t, nil)
	for _, q := range problems {
		switch q.Kind {
		case model.FindingTCPListener:
			p.Restart = append(p.Restart, q.Text.EN+": "+q.Remedy)
		case model.FindingSocketMounted, model.FindingDirectUse:
			p.Warnings = append(p.Warnings, q.Text.EN)
		}
	}
	p.askGuard(ctx, l)
	return p, nil
}

// askGuard refuses where there would be no way to the engine afterwards.
func (p *Plan) askGuard(ctx context.Context, l *Lock) {
	g, err := ReadStatus(l.o.GuardFile)
	if err != nil {
		p.Refused = append(p.Refused, err.Error()+". Start it first (bulkhead guard docker, or the agent with guard.enabled), so that people keep a way to the engine")
		return
	}
	p.Guard = &g
	if !slices.ContainsFunc(p.sockets, func(s socket) bool { return s.path == normal(g.Engine) }) {
		p.Refused = append(p.Refused, fmt.Sprintf("the guard stands before %s, which is none of the sockets that would be locked", g.Engine))
	}
	if why := guardReaches(g.PID, l.o.Group); why != "" {
		p.Refused = append(p.Refused, why)
	}
	if g.Socket == "" {
		if g.TLS == "" {
			p.Refused = append(p.Refused, "the guard has neither a socket nor a TLS port: nobody could use the engine")
		}
		return
	}
	if err := answers(ctx, g.Socket); err != nil {
		p.Refused = append(p.Refused, fmt.Sprintf("the guard does not answer on %s: %v", g.Socket, err))
	}
	if why := callerReaches(g.Socket); why != "" {
		p.Refused = append(p.Refused, why)
	}
}

// guardReaches says why the guard could not use the locked sockets.
func guardReaches(pid, group int) string {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return fmt.Sprintf("the guard (pid %d) can't be looked at: %v", pid, err)
	}
	st, err := proc.NewStatus()
	if err != nil {
		return fmt.Sprintf("the guard (pid %d) can't be looked at: %v", pid, err)
	}
	if st.UIDs[1] == 0 || group > 0 && (st.GIDs[1] == uint64(group) || slices.Contains(supplementary(pid), group)) {
		return ""
	}
	return fmt.Sprintf("the guard (pid %d) runs as %s and would be locked out: give it a group of its own and set guard.group", pid, userName(int(st.UIDs[1])))
}

// supplementary are a process's further groups.
func supplementary(pid int) []int {
	b, err := readFile(procPath(pid, "status"), mostProcFile)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Groups:"); ok {
			var list []int
			for _, f := range strings.Fields(rest) {
				if n, err := strconv.Atoi(f); err == nil {
					list = append(list, n)
				}
			}
			return list
		}
	}
	return nil
}

// answers asks the guard whether it is there. Whatever it says about who asks, it serves.
func answers(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://guard/_ping", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return errors.Unwrap(err)
	}
	return res.Body.Close()
}

// callerReaches says why the person who calls through sudo could not use the guard. Root itself always can.
func callerReaches(socket string) string {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil || uid == 0 {
		return ""
	}
	gid, _ := strconv.Atoi(os.Getenv("SUDO_GID"))
	groups := append(groupsOf(uid), gid)
	for p, bit := socket, fs.FileMode(0o2); p != "/"; p, bit = filepath.Dir(p), 0o1 {
		info, err := os.Stat(p)
		if err != nil {
			return fmt.Sprintf("the guard's socket: %v", err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return ""
		}
		want := bit
		switch {
		case int(st.Uid) == uid:
			want <<= 6
		case slices.Contains(groups, int(st.Gid)):
			want <<= 3
		}
		if info.Mode().Perm()&want == 0 {
			return fmt.Sprintf("you (%s) could not use the guard: %s is closed to you. Change guard.socket_group or its mode first", userName(uid), p)
		}
	}
	return ""
}
