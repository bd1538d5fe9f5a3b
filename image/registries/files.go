package registries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

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
