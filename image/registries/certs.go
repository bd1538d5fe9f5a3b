package registries

import (
	"path"
	"regexp"
	"strings"
)

// certsDirs hold a directory for each registry with its certificates and, for containerd, its hosts.toml.
var certsDirs = []string{"etc/containerd/certs.d", "etc/docker/certs.d", "etc/containers/certs.d"}

// addCertsDir reads the directory of one registry. An empty host stands for the directory of defaults.
func (s *set) addCertsDir(r *reader, dir, host string) {
	for _, name := range r.names(dir) {
		file := path.Join(dir, name)
		switch {
		case name == "hosts.toml":
			if data, ok := r.read(file); ok {
				if err := s.addHosts(host, dir, data); err != nil {
					r.gap(file, err)
				}
			}
		case path.Ext(name) == ".crt" && host != "":
			if e := s.at(host, sourceCertsDir); e != nil {
				e.authorities = append(e.authorities, file)
			}
		}
	}
}

var portSuffix = regexp.MustCompile(`^(.+)_(\d+)_$`)

// certsHost is the registry of a directory's name: "host", "host:5000", or "host_5000_" where a colon won't do.
func certsHost(name string) string {
	if name == "_default" {
		return ""
	}
	return portSuffix.ReplaceAllString(name, "$1:$2")
}

// hostsFile is containerd's hosts.toml.
type hostsFile struct {
	Server string `toml:"server"`
	hostConfig
	Host map[string]hostConfig `toml:"host"`
}

type hostConfig struct {
	SkipVerify bool `toml:"skip_verify"`
	CA         any  `toml:"ca"` // a path or a list of paths
}

// addHosts reads a hosts.toml: how the registry itself is reached, and through which others.
func (s *set) addHosts(host, dir string, data []byte) error {
	var f hostsFile
	if err := decode(data, &f); err != nil {
		return err
	}
	if host != "" {
		if e := s.at(host, sourceHosts); e != nil {
			e.apply(f.hostConfig, dir)
		}
	}
	if f.Server != "" {
		if e := s.addURL(f.Server, sourceHosts, false); e != nil {
			e.apply(f.hostConfig, dir)
		}
	}
	for url, config := range f.Host {
		if e := s.addURL(url, sourceHosts, false); e != nil {
			e.apply(config, dir)
			e.Mirror = e.Mirror || e.Host != host
		}
	}
	return nil
}

func (e *entry) apply(c hostConfig, dir string) {
	e.Insecure = e.Insecure || c.SkipVerify
	var paths []string
	switch ca := c.CA.(type) {
	case string:
		paths = []string{ca}
	case []any:
		for _, v := range ca {
			if p, ok := v.(string); ok {
				paths = append(paths, p)
			}
		}
	}
	for _, p := range paths {
		if path.IsAbs(p) {
			p = strings.TrimPrefix(path.Clean(p), "/")
		} else {
			p = path.Join(dir, p)
		}
		e.authorities = append(e.authorities, p)
	}
}
