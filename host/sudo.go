package host

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// sudoRules are what sudoers say that matters here: who may run commands, who without a password, and what is logged.
type sudoRules struct {
	installed  bool
	subjects   []string // "alice", "%wheel", "#1000", "ALL"
	noPassword []string
	log        bool
	aliases    map[string][]string
	// include lists names and directories to read next.
	include []string
}

// sudoers reads sudoers with what it includes.
func (h *Host) sudoers() (*sudoRules, error) {
	r := &sudoRules{aliases: map[string][]string{}, installed: h.exists("/usr/bin/sudo") || h.exists("/bin/sudo")}
	var errs []error
	r.include = []string{"/etc/sudoers"}
	for n := 0; len(r.include) > 0; n++ {
		if n > 500 {
			errs = append(errs, fmt.Errorf("sudoers include each other: %w", errTooLarge))
			break
		}
		name := r.include[0]
		r.include = r.include[1:]
		b, err := h.read(name, limitConfig)
		if err != nil {
			if !missing(err) {
				errs = append(errs, err)
			}
			continue
		}
		r.parse(b, func(dir string) []string {
			entries, err := h.list(dir)
			if err != nil && !missing(err) {
				errs = append(errs, err)
			}
			var names []string
			for _, e := range entries {
				// sudo skips names with a dot or a tilde at the end.
				if !strings.Contains(e.Name(), ".") && !strings.HasSuffix(e.Name(), "~") {
					names = append(names, path.Join(dir, e.Name()))
				}
			}
			return names
		})
	}
	r.resolve()
	return r, errors.Join(errs...)
}

// parse reads one file; list names the files of an included directory.
func (r *sudoRules) parse(b []byte, list func(dir string) []string) {
	text := strings.ReplaceAll(string(b), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.Trim(strings.TrimSpace(rest), `"`)
		switch {
		case word == "#include" || word == "@include":
			r.include = append(r.include, path.Join("/etc", relative(rest)))
		case word == "#includedir" || word == "@includedir":
			r.include = append(r.include, list(path.Join("/etc", relative(rest)))...)
		case line == "" || line[0] == '#' && !startsWithUID(line):
		case strings.HasPrefix(word, "Defaults"):
			_, subject, _ := strings.Cut(word, ":")
			r.defaults(first(subject, "ALL"), rest)
		case word == "User_Alias":
			name, members, _ := strings.Cut(rest, "=")
			r.aliases[strings.TrimSpace(name)] = splitList(members)
		case strings.HasSuffix(word, "_Alias"):
		default:
			r.rule(line)
		}
	}
}

// relative makes an absolute name fit below /etc when it lies there, so that path.Join gives the same name.
func relative(name string) string {
	if s, ok := strings.CutPrefix(name, "/etc/"); ok {
		return s
	}
	if strings.HasPrefix(name, "/") {
		return ".." + name
	}
	return name
}

func startsWithUID(line string) bool { return len(line) > 1 && line[1] >= '0' && line[1] <= '9' }

func (r *sudoRules) defaults(subject, settings string) {
	for _, s := range splitList(settings) {
		key, _, _ := strings.Cut(s, "=")
		switch strings.TrimSpace(key) {
		case "logfile", "log_output", "log_input", "log_servers", "iolog_dir":
			r.log = true
		case "!authenticate":
			r.noPassword = append(r.noPassword, subject)
		}
	}
}

// rule takes "subject hosts=(runas) TAGS: commands".
func (r *sudoRules) rule(line string) {
	who, what, ok := strings.Cut(line, "=")
	fields := strings.Fields(who)
	if !ok || len(fields) < 2 {
		return
	}
	// Only the last word before "=" is the host; subjects may be a list with spaces after the commas.
	subjects := splitList(strings.Join(fields[:len(fields)-1], " "))
	r.subjects = append(r.subjects, subjects...)
	if strings.Contains(what, "NOPASSWD:") {
		r.noPassword = append(r.noPassword, subjects...)
	}
}

func (r *sudoRules) resolve() {
	r.subjects = r.expand(r.subjects)
	r.noPassword = r.expand(r.noPassword)
}

// expand replaces aliases, sorted and each subject once.
func (r *sudoRules) expand(list []string) []string {
	var out []string
	for _, s := range list {
		if members, ok := r.aliases[s]; ok {
			out = append(out, members...)
			continue
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *sudoRules) allows(a account, groups []model.Group) bool {
	for _, s := range r.subjects {
		group, isGroup := strings.CutPrefix(s, "%")
		switch {
		case s == a.name, s == "ALL", s == "#"+strconv.Itoa(a.uid):
			return r.installed
		case isGroup:
			for _, g := range groups {
				if (g.Name == group || "#"+strconv.Itoa(g.GID) == group) && slices.Contains(g.Members, a.name) {
					return r.installed
				}
			}
		}
	}
	return false
}

func splitList(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
