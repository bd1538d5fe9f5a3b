package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"
)

// change is a file that keeps the lock when an engine starts again.
type change struct {
	path, why     string
	before, after []byte
	existed       bool
	unit          bool
}

const (
	dropIn      = "50-bulkhead-lock.conf"
	mostSetting = 1 << 20
)

// keepers are the changes that make each socket come locked when its engine, or the machine, starts again, by the socket's path. What has
// none is kept by the guard, which closes it within a second. notes say why there is none.
func (l *Lock) keepers(list []socket, t *table) (changes []change, by map[string]string, notes []string, err error) {
	by = map[string]string{}
	units := l.socketUnits()
	for _, s := range list {
		if name, ok := units[s.path]; ok {
			c, err := l.dropIn(name)
			if err != nil {
				return nil, nil, nil, err
			}
			changes = append(changes, c)
			by[s.path] = c.path
			continue
		}
		if s.engine != engineDocker || !l.isDaemons(s.path, t) {
			continue
		}
		c, why, err := l.daemonJSON(s.path, t)
		switch {
		case err != nil:
			return nil, nil, nil, err
		case why != "":
			notes = append(notes, why)
		default:
			by[s.path] = c.path
			if !slices.ContainsFunc(changes, func(o change) bool { return o.path == c.path }) {
				changes = append(changes, c)
			}
		}
	}
	return changes, by, notes, nil
}

// isDaemons says whether the socket is one that dockerd gives to its group.
func (l *Lock) isDaemons(at string, t *table) bool {
	return filepath.Base(at) != "control.sock" && slices.ContainsFunc(t.servers[at], func(p process) bool { return p.comm == "dockerd" })
}

// unitDirs is where systemd looks for units, the first before the others.
var unitDirs = []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// socketUnits are systemd's socket units of engines, by the path of the socket that they make. Without systemd there are none.
func (l *Lock) socketUnits() map[string]string {
	found := map[string]string{}
	if _, err := os.Stat(l.path("run/systemd/system")); err != nil {
		return found
	}
	for _, name := range []string{"docker.socket", "podman.socket"} {
		for _, dir := range unitDirs {
			b, err := readFile(l.path(dir, name), mostSetting)
			if err != nil {
				continue
			}
			if p := listens(b); p != "" {
				found[resolve(l.path(p))] = name
			}
			break
		}
	}
	return found
}

// listens is the path of the Unix socket that a unit makes.
func listens(unit []byte) string {
	for line := range strings.Lines(string(unit)) {
		k, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		v = strings.ReplaceAll(strings.TrimSpace(v), "%t", "/run")
		if ok && strings.TrimSpace(k) == "ListenStream" && path.IsAbs(v) {
			return v
		}
	}
	return ""
}

// dropIn makes systemd give the socket to nobody else.
func (l *Lock) dropIn(unit string) (change, error) {
	c := change{path: l.path("etc/systemd/system", unit+".d", dropIn), unit: true, why: "systemd makes the socket with these rights when " + unit + " starts again"}
	var err error
	if c.before, c.existed, err = readSetting(c.path); err != nil {
		return c, err
	}
	group := "root"
	if l.o.Group > 0 {
		group = groupName(l.o.Group)
	}
	c.after = fmt.Appendf(nil, "# The engine's socket is for Bulkhead's guard alone. `bulkhead docker unlock` takes this back.\n"+
		"[Socket]\nSocketMode=%04o\nSocketUser=root\nSocketGroup=%s\n", mode(l.o.Group), group)
	return c, nil
}

// daemonJSON gives the socket that dockerd makes to the group root, or the guard's. why says why that is not done.
func (l *Lock) daemonJSON(at string, t *table) (c change, why string, err error) {
	i := slices.IndexFunc(t.servers[at], func(p process) bool { return p.comm == "dockerd" })
	p := t.servers[at][i]
	file := l.path("etc/docker/daemon.json")
	for j, a := range p.args {
		flag, value, joined := strings.Cut(a, "=")
		if !joined && j+1 < len(p.args) {
			value = p.args[j+1]
		}
		switch {
		case flag == "--group" || flag == "-G" || strings.HasPrefix(a, "-G") && !strings.HasPrefix(a, "--"):
			return c, fmt.Sprintf("dockerd (pid %d) is started with %s: with the same setting in a file it would not start. The guard closes the socket within a second of each start; take the flag away to close that gap", p.pid, a), nil
		case flag == "--config-file":
			file = value
		}
	}
	if !filepath.IsAbs(file) {
		return c, fmt.Sprintf("the settings of dockerd (pid %d) are in %q, which is not an absolute path", p.pid, file), nil
	}
	c = change{path: file, why: "dockerd makes the socket for this group when it starts again"}
	if c.before, c.existed, err = readSetting(file); err != nil {
		return c, "", err
	}
	if !isDir(filepath.Dir(file)) {
		return c, fmt.Sprintf("there is no directory %s for the settings of dockerd", filepath.Dir(file)), nil
	}
	group := "root"
	if l.o.Group > 0 {
		group = groupName(l.o.Group)
	}
	c.after, err = withGroup(c.before, group)
	if err != nil {
		return c, fmt.Sprintf("%s is not changed: %v", file, err), nil
	}
	return c, "", nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// withGroup sets "group" and leaves everything else as it is.
func withGroup(before []byte, group string) ([]byte, error) {
	if len(bytes.TrimSpace(before)) == 0 {
		return fmt.Appendf(nil, "{\n  \"group\": %q\n}\n", group), nil
	}
	if !json.Valid(before) || !gjson.ParseBytes(before).IsObject() {
		return nil, errors.New("it is not a JSON object")
	}
	after, err := sjson.SetBytes(before, "group", group)
	if err != nil {
		return nil, fmt.Errorf("set the group: %w", err)
	}
	if groups(after) != 1 { // in other letters, which the engine takes as well, or escaped
		return nil, errors.New(`it has "group" more than once, or spelt in another way`)
	}
	return after, nil
}

// groups counts the keys that the engine reads as "group".
func groups(object []byte) (n int) {
	gjson.ParseBytes(object).ForEach(func(k, _ gjson.Result) bool {
		if strings.EqualFold(k.String(), "group") {
			n++
		}
		return true
	})
	return n
}

// readSetting reads a file that may not be there. A link or anything else is refused: it may be another's.
func readSetting(file string) (b []byte, existed bool, err error) {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("settings of the engine: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, false, fmt.Errorf("%s is no regular file: it is not changed", file)
	}
	b, err = readFile(file, mostSetting)
	if err != nil {
		return nil, false, fmt.Errorf("settings of the engine: %w", err)
	}
	return b, true, nil
}
