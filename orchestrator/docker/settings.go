package docker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

const maxConfig = 1 << 20

// settings are the daemon's settings by key as daemon.json names them, nested keys joined with dots. Of a list that is
// given more than once, the values are joined with commas.
type settings struct {
	file   string // daemon.json that was read, empty if there is none
	values map[string]setting
	// complete is false when the file or the command line could not be read, so that a missing key says nothing.
	complete bool
}

type setting struct{ value, source string }

// plural maps flags to their key in daemon.json.
var plural = map[string]string{
	"host": "hosts", "insecure-registry": "insecure-registries", "registry-mirror": "registry-mirrors",
	"authorization-plugin": "authorization-plugins", "log-opt": "log-opts", "default-ulimit": "default-ulimits",
	"exec-opt": "exec-opts", "storage-opt": "storage-opts", "label": "labels", "dns-opt": "dns-opts",
	"default-address-pool": "default-address-pools", "add-runtime": "runtimes", "feature": "features", "graph": "data-root",
}

var short = map[string]string{"H": "host", "D": "debug", "G": "group", "b": "bridge", "g": "data-root", "l": "log-level", "s": "storage-driver"}

// switches are the flags that take no value of their own.
var switches = map[string]bool{
	"cri-containerd": true, "debug": true, "experimental": true, "icc": true, "init": true, "ip-forward": true,
	"ip-forward-no-drop": true, "ip-masq": true, "ip6tables": true, "iptables": true, "ipv6": true, "live-restore": true,
	"no-new-privileges": true, "raw-logs": true, "rootless": true, "selinux-enabled": true, "tls": true, "tlsverify": true,
	"userland-proxy": true, "validate": true, "version": true, "help": true, "allow-direct-routing": true,
	"disable-legacy-registry": true, "cluster-tls": true,
}

// parseFlags reads dockerd's arguments (without its own name).
func parseFlags(args []string) map[string]setting {
	out := map[string]setting{}
	for i := 0; i < len(args); i++ {
		name, value, has := strings.Cut(args[i], "=")
		switch {
		case strings.HasPrefix(name, "--"):
			name = name[2:]
		case len(name) > 1 && name[0] == '-':
			// -H unix:///x, -Hunix:///x and -D
			rest := name[2:]
			name = short[name[1:2]]
			if rest != "" && !switches[name] {
				value, has = strings.TrimPrefix(args[i][2:], "="), true
			}
		default:
			continue
		}
		if name == "" {
			continue
		}
		if !has {
			value = "true"
			if !switches[name] {
				if i+1 >= len(args) {
					continue
				}
				i++
				value = args[i]
			}
		}
		add(out, name, value)
	}
	return out
}

// add puts a flag's value under daemon.json's key. Flags of the form key=value become a key of their own.
func add(out map[string]setting, name, value string) {
	key := name
	if p, ok := plural[name]; ok {
		key = p
	}
	switch key {
	case "log-opts", "default-ulimits", "runtimes", "features":
		if k, v, ok := strings.Cut(value, "="); ok {
			key, value = key+"."+k, v
		}
	}
	if old, ok := out[key]; ok && key != name {
		value = old.value + "," + value
	}
	out[key] = setting{value, "flag"}
}

// parseConfig reads daemon.json.
func parseConfig(body []byte) (map[string]setting, error) {
	out := map[string]setting{}
	if len(bytes.TrimSpace(body)) == 0 {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the configuration", errMalformed)
	}
	flatten("", doc, out)
	return out, nil
}

func flatten(prefix string, v any, out map[string]setting) {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			key := k
			if prefix != "" {
				key = prefix + "." + k
			}
			flatten(key, sub, out)
		}
	case []any:
		parts := make([]string, 0, len(v))
		for _, one := range v {
			parts = append(parts, scalar(one))
		}
		out[prefix] = setting{strings.Join(parts, ","), "file"}
	default:
		out[prefix] = setting{scalar(v), "file"}
	}
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case nil:
		return ""
	}
	body, err := json.Marshal(v) // keys are sorted
	if err != nil {
		return ""
	}
	return string(body)
}

// readSettings joins daemon.json with the flags; the daemon refuses the same key in both.
func (e *Collector) readSettings(d daemon) (settings, []model.Gap) {
	s := settings{values: map[string]setting{}, complete: true}
	var gaps []model.Gap
	path, asked := "/etc/docker/daemon.json", false
	if d.args == nil {
		s.complete = false
		if e.c.product == "docker" {
			gaps = append(gaps, model.Gap{
				Path: "/engine/config/command_line", Reason: d.reason, Detail: d.detail,
				Remedy: "run as root on the engine's host",
			})
		}
	} else {
		maps.Copy(s.values, parseFlags(d.args[1:]))
		if f, ok := s.values["config-file"]; ok {
			path, asked = f.value, true
		}
	}
	if !d.local || e.podman() {
		return s, gaps // Podman does not read daemon.json
	}
	body, err := readLimited(e.host(path), maxConfig)
	if errors.Is(err, os.ErrNotExist) && !asked {
		return s, gaps
	}
	var file map[string]setting
	if err == nil {
		file, err = parseConfig(body)
	}
	if err != nil {
		s.complete = false
		return s, append(gaps, gap("/engine/config/settings", fmt.Errorf("%s: %w", path, err), "run as root, or mend the file"))
	}
	s.file = path
	maps.Copy(s.values, file)
	return s, gaps
}

// text is a setting's value; ok is false when it is not known.
func (s settings) text(key, standard string) (value string, ok bool) {
	if v, set := s.values[key]; set {
		return v.value, true
	}
	return standard, s.complete
}

// flag is a setting's truth; nil when it is not known.
func (s settings) flag(key string, standard bool) *bool {
	text, ok := s.text(key, strconv.FormatBool(standard))
	on, err := strconv.ParseBool(text)
	if !ok || err != nil {
		return nil
	}
	return &on
}

func (s settings) items(key string) []string {
	v := s.values[key].value
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// below lists the settings under a prefix, sorted.
func (s settings) below(prefix string) []model.KeyVal {
	var list []model.KeyVal
	for _, k := range slices.Sorted(maps.Keys(s.values)) {
		if rest, ok := strings.CutPrefix(k, prefix+"."); ok {
			list = append(list, model.KeyVal{Key: rest, Value: s.values[k].value})
		}
	}
	return list
}

// readLimited reads a file and refuses one that is larger than the limit or no regular file.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: no regular file", errMalformed)
	}
	body, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	return body, err
}
