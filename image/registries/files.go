package registries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	maxFile    = 1 << 20
	maxEntries = 1000 // of one directory
)

// Names of the sources of what files say.
const (
	sourceHosts    = "containerd:hosts.toml"
	sourceCRI      = "containerd:config.toml"
	sourcePodman   = "podman:registries.conf"
	sourceCertsDir = "certs.d"
)

// certsDirs hold a directory for each registry with its certificates and, for containerd, its hosts.toml.
var certsDirs = []string{"etc/containerd/certs.d", "etc/docker/certs.d", "etc/containers/certs.d"}

// reader reads configuration files and keeps what could not be read.
type reader struct {
	root fs.FS
	gaps []model.Gap
}

// addFiles reads the configuration files of the node.
func (s *set) addFiles(ctx context.Context, root fs.FS) []model.Gap {
	r := &reader{root: root}
	for _, dir := range certsDirs {
		for _, name := range r.names(dir) {
			if ctx.Err() != nil {
				r.gap(dir, ctx.Err())
				return r.gaps
			}
			s.addCertsDir(r, path.Join(dir, name), certsHost(name))
		}
	}
	parse := func(file string, f func([]byte) error) {
		if data, ok := r.read(file); ok {
			if err := f(data); err != nil {
				r.gap(file, err)
			}
		}
	}
	parse("etc/containerd/config.toml", s.addCRI)
	parse("etc/containers/registries.conf", s.addPodman)
	for _, name := range r.names("etc/containers/registries.conf.d") {
		if path.Ext(name) == ".conf" {
			parse(path.Join("etc/containers/registries.conf.d", name), s.addPodman)
		}
	}
	return r.gaps
}

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

// criConfig is the part of containerd's config.toml about registries, in the form that hosts.toml replaced.
type criConfig struct {
	Plugins map[string]struct {
		Registry struct {
			Mirrors map[string]struct {
				Endpoint []string `toml:"endpoint"`
			} `toml:"mirrors"`
			Configs map[string]struct {
				TLS struct {
					InsecureSkipVerify bool `toml:"insecure_skip_verify"`
				} `toml:"tls"`
			} `toml:"configs"`
		} `toml:"registry"`
	} `toml:"plugins"`
}

func (s *set) addCRI(data []byte) error {
	var f criConfig
	if err := decode(data, &f); err != nil {
		return err
	}
	for _, p := range f.Plugins {
		for host, m := range p.Registry.Mirrors {
			for _, endpoint := range m.Endpoint {
				if e := s.addURL(endpoint, sourceCRI, false); e != nil {
					e.Mirror = e.Mirror || e.Host != host
				}
			}
		}
		for host, c := range p.Registry.Configs {
			if e := s.at(host, sourceCRI); e != nil {
				e.Insecure = e.Insecure || c.TLS.InsecureSkipVerify
			}
		}
	}
	return nil
}

// podmanFile is registries.conf in its second version, and the tables of the first.
type podmanFile struct {
	Search   []string         `toml:"unqualified-search-registries"`
	Registry []podmanRegistry `toml:"registry"`
	Old      struct {
		Search   podmanList `toml:"search"`
		Insecure podmanList `toml:"insecure"`
	} `toml:"registries"`
}

type podmanList struct {
	Registries []string `toml:"registries"`
}

type podmanRegistry struct {
	Prefix   string           `toml:"prefix"`
	Location string           `toml:"location"`
	Insecure bool             `toml:"insecure"`
	Blocked  bool             `toml:"blocked"`
	Mirror   []podmanRegistry `toml:"mirror"`
}

func (s *set) addPodman(data []byte) error {
	var f podmanFile
	if err := decode(data, &f); err != nil {
		return err
	}
	for _, host := range slices.Concat(f.Search, f.Old.Search.Registries) {
		s.addURL(host, sourcePodman, false)
	}
	for _, host := range f.Old.Insecure.Registries {
		if e := s.addURL(host, sourcePodman, false); e != nil {
			e.Insecure = true
		}
	}
	for _, reg := range f.Registry {
		if reg.Blocked {
			continue
		}
		location := reg.Location
		if location == "" {
			location = strings.TrimPrefix(reg.Prefix, "*.")
		}
		if e := s.addURL(location, sourcePodman, false); e != nil {
			e.Insecure = e.Insecure || reg.Insecure
		}
		for _, m := range reg.Mirror {
			if e := s.addURL(m.Location, sourcePodman, true); e != nil {
				e.Insecure = e.Insecure || m.Insecure
			}
		}
	}
	return nil
}

// decode reads TOML and turns a panic of the reader on hostile input into an error.
func decode(data []byte, into any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not understood: %v", p)
		}
	}()
	return toml.Unmarshal(data, into)
}

// names lists a directory; a missing one is empty.
func (r *reader) names(dir string) []string {
	f, err := r.root.Open(dir)
	if err != nil {
		r.missing(dir, err)
		return nil
	}
	defer f.Close() //nolint:errcheck // read only
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return nil
	}
	entries, err := d.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		if info, serr := f.Stat(); serr == nil && info.IsDir() {
			r.gap(dir, err)
		}
		return nil
	}
	if len(entries) > maxEntries {
		r.gaps = append(r.gaps, model.Gap{Path: "/registries", Reason: model.GapLimit, Detail: fmt.Sprintf("/%s has more than %d entries", dir, maxEntries)})
		entries = entries[:maxEntries]
	}
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out
}

// read returns a file; a missing one is not there without a gap.
func (r *reader) read(file string) ([]byte, bool) {
	// A pipe with the name of a file would block the open.
	if info, err := fs.Stat(r.root, file); err == nil && !info.Mode().IsRegular() {
		r.gap(file, errors.New("not a regular file"))
		return nil, false
	}
	f, err := r.root.Open(file)
	if err != nil {
		r.missing(file, err)
		return nil, false
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		r.gaps = append(r.gaps, model.Gap{Path: "/registries", Reason: model.GapLimit, Detail: fmt.Sprintf("/%s is larger than %d bytes", file, maxFile)})
		return nil, false
	}
	if err != nil {
		r.gap(file, err)
		return nil, false
	}
	return data, true
}

func (r *reader) missing(name string, err error) {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
		r.gap(name, err)
	}
}

func (r *reader) gap(name string, err error) {
	g := model.Gap{Path: "/registries", Reason: model.GapMalformed, Detail: fmt.Sprintf("/%s: %v", name, err), Remedy: "correct the file"}
	switch {
	case errors.Is(err, fs.ErrPermission):
		g.Reason, g.Remedy = model.GapPermission, "run as root"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		g.Reason, g.Remedy = model.GapTimeout, ""
	}
	r.gaps = append(r.gaps, g)
}
