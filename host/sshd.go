package host

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// sshdDefaults are sshd's own for settings that matter, as sshd_config(5) gives them.
var sshdDefaults = map[string]string{
	"authenticationmethods": "any", "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2", "clientalivecountmax": "3",
	"clientaliveinterval": "0", "gssapiauthentication": "no", "hostbasedauthentication": "no", "ignorerhosts": "yes",
	"kbdinteractiveauthentication": "yes", "logingracetime": "120", "loglevel": "INFO", "maxauthtries": "6", "maxsessions": "10",
	"passwordauthentication": "yes", "permitemptypasswords": "no", "permitrootlogin": "prohibit-password", "permituserenvironment": "no",
	"port": "22", "pubkeyauthentication": "yes", "strictmodes": "yes", "syslogfacility": "AUTH", "usepam": "no", "x11forwarding": "no",
	"allowtcpforwarding": "yes", "allowagentforwarding": "yes",
}

// sshd computes the settings that hold for everybody. Blocks under Match are left out.
func (h *Host) sshd() ([]model.KeyVal, error) {
	c := sshdConfig{values: map[string]string{}}
	err := c.file(h, "/etc/ssh/sshd_config", 0)
	if err != nil && missing(err) {
		// Some distributions ship the file beside the program.
		err = c.file(h, "/usr/etc/ssh/sshd_config", 0)
	}
	if err != nil && !missing(err) {
		return nil, err
	}
	for key, value := range sshdDefaults {
		if _, ok := c.values[key]; !ok {
			c.values[key] = value
		}
	}
	var list []model.KeyVal
	for key, value := range c.values {
		list = append(list, model.KeyVal{Key: key, Value: value})
	}
	slices.SortFunc(list, func(a, b model.KeyVal) int { return cmp.Compare(a.Key, b.Key) })
	return list, nil
}

// sshdConfig holds settings; the first one of a name holds, as in sshd.
type sshdConfig struct {
	values map[string]string
	files  int
}

func (c *sshdConfig) file(h *Host, name string, depth int) error {
	b, err := h.read(name, limitConfig)
	if err != nil {
		return err
	}
	c.files++
	if depth > 16 || c.files > 1000 {
		return fmt.Errorf("%s: includes: %w", name, errTooLarge)
	}
	var errs []error
	c.parse(b, func(pattern string) {
		if !path.IsAbs(pattern) {
			pattern = path.Join("/etc/ssh", pattern)
		}
		names, err := h.glob(pattern)
		errs = append(errs, err)
		for _, n := range names {
			errs = append(errs, c.file(h, n, depth+1))
		}
	})
	return errors.Join(errs...)
}

// glob lists the files that match a pattern in the last part of its name.
func (h *Host) glob(pattern string) ([]string, error) {
	dir, base := path.Split(pattern)
	entries, err := h.list(dir)
	if err != nil {
		if missing(err) {
			return nil, nil
		}
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if ok, err := path.Match(base, e.Name()); ok && err == nil {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	return names, nil
}

// parse reads settings until the first Match, and calls include for included patterns in their place.
func (c *sshdConfig) parse(b []byte, include func(pattern string)) {
	matched := false
	lines(b, func(line string) {
		key, value, found := strings.Cut(strings.Replace(line, "\t", " ", 1), " ")
		if k, v, ok := strings.Cut(line, "="); ok && !strings.ContainsAny(strings.TrimSpace(k), " \t") {
			key, value, found = strings.TrimSpace(k), v, true
		}
		key = strings.ToLower(key)
		if key == "match" {
			// "Match all" ends a block.
			matched = !strings.EqualFold(strings.TrimSpace(value), "all")
			return
		}
		if !found || matched {
			return
		}
		value = sshdValue(value)
		switch key {
		case "include":
			for _, p := range strings.Fields(value) {
				include(p)
			}
			return
		case "challengeresponseauthentication", "skeyauthentication":
			key = "kbdinteractiveauthentication"
		}
		if _, ok := c.values[key]; !ok && value != "" {
			c.values[key] = value
		}
	})
}

// sshdValue cuts off quotes and a comment behind the value.
func sshdValue(s string) string {
	if i := strings.Index(s, " #"); i >= 0 {
		s = s[:i]
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(s, `"`, "")), " ")
}
