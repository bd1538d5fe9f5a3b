package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// enginePrograms are the programs that run containers, as globs; enginePlaces are where they lie.
var (
	enginePrograms = []string{
		"dockerd", "containerd", "containerd-shim*", "runc", "crun", "docker-init", "docker-proxy", "podman", "conmon", "kubelet", "crio",
	}
	enginePlaces = []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/libexec", "/usr/libexec/docker", "/usr/libexec/podman"}
)

// purposeProgram marks a program of an engine.
const purposeProgram = "engine-program"

const dpkgInfo = "/var/lib/dpkg/info"

var errNoFileLists = errors.New("the package database has no lists of files")

// programs adds the programs of engines that are there, each with the package that owns it. Without the lists of files
// a gap says that the owners are not known.
func (f *fileReader) programs(ctx context.Context) {
	start := len(f.list)
	for _, dir := range enginePlaces {
		entries, err := f.h.list(dir)
		if err != nil && !missing(err) {
			f.gaps = append(f.gaps, gap("/host/files/"+purposeProgram, err))
		}
		for _, e := range entries {
			if slices.ContainsFunc(enginePrograms, func(glob string) bool { ok, _ := path.Match(glob, e.Name()); return ok }) {
				f.add(purposeProgram, path.Join(dir, e.Name()))
			}
		}
	}
	found := f.list[start:]
	if len(found) == 0 {
		return
	}
	o := owners{h: f.h, dirs: map[string]string{}, of: map[string]string{}, names: map[string]bool{}}
	for _, fact := range found {
		o.want(fact.Path)
	}
	if err := o.read(ctx); err != nil {
		f.gaps = append(f.gaps, gap("/host/files/"+purposeProgram+"/package", err))
		return
	}
	for i := range found {
		found[i].Package = o.of[o.target(found[i].Path)]
	}
}

// owners finds the packages of some files. Paths are compared with the links of the host followed, since a package's
// list may say /bin where the file lies in /usr/bin, and a link belongs to whom its target belongs.
type owners struct {
	h     *Host
	dirs  map[string]string // real paths of directories
	of    map[string]string // package by real path, "" while not found
	names map[string]bool   // last parts of the wanted paths, to pass over other files cheaply
}

func (o *owners) want(name string) {
	at := o.target(name)
	o.of[at] = ""
	o.names[path.Base(at)] = true
}

// target is what a path finally leads to, for this process.
func (o *owners) target(name string) string {
	at := o.h.path(name)
	if resolved, err := filepath.EvalSymlinks(at); err == nil {
		return resolved
	}
	return at
}

// owned notes that a package's list names the file.
func (o *owners) owned(pkg, name string) {
	base := path.Base(name)
	if !o.names[base] {
		return
	}
	dir := path.Dir(name)
	at, ok := o.dirs[dir]
	if !ok {
		at = o.target(dir)
		o.dirs[dir] = at
	}
	at = path.Join(at, base)
	if owner, wanted := o.of[at]; wanted && owner == "" {
		o.of[at] = pkg
	}
}

func (o *owners) read(ctx context.Context) error {
	apk, rpm := o.h.firstExisting(apkInstalled...), o.h.firstExisting(rpmDatabases...)
	switch {
	case apk != "":
		return o.apk(ctx, apk)
	case rpm != "":
		return o.rpm(ctx, rpm)
	}
	return o.dpkg(ctx)
}

// dpkg reads the lists of installed packages, one file a package: NAME.list or NAME:ARCHITECTURE.list.
func (o *owners) dpkg(ctx context.Context) error {
	entries, err := o.h.list(dpkgInfo)
	if missing(err) {
		return fmt.Errorf("%s: %w", dpkgInfo, errNoFileLists)
	}
	if err != nil {
		return err
	}
	left := int64(limitDpkg)
	lists := 0
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".list")
		if !ok {
			continue
		}
		lists++
		name, _, _ = strings.Cut(name, ":")
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", dpkgInfo, err)
		}
		b, err := o.h.read(path.Join(dpkgInfo, e.Name()), left)
		if err != nil {
			return err
		}
		left -= int64(len(b))
		lines(b, func(line string) { o.owned(name, line) })
	}
	if lists == 0 {
		return fmt.Errorf("%s: %w", dpkgInfo, errNoFileLists)
	}
	return nil
}

// candidate is a file of a package that has the name of a wanted one; where it really lies is looked at each time.
type candidate struct{ pkg, file string }

func (o *owners) rpm(ctx context.Context, name string) error {
	names := slices.Sorted(maps.Keys(o.names))
	list, err := recall(ctx, o.h, name, "owners of "+strings.Join(names, "\x00"), func() ([]candidate, error) {
		var list []candidate
		lists := 0
		err := o.h.eachRPM(ctx, name, true, func(p RPMPackage) {
			for _, file := range p.Files {
				lists++
				if o.names[path.Base(file)] {
					list = append(list, candidate{p.Name, file})
				}
			}
		})
		if err == nil && lists == 0 {
			err = fmt.Errorf("%s: %w", name, errNoFileLists)
		}
		return list, err
	})
	for _, c := range list {
		o.owned(c.pkg, c.file)
	}
	return err
}

func (o *owners) apk(ctx context.Context, name string) error {
	f, err := o.h.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := o.parseAPK(ctx, &limited{r: f, left: limitDpkg}); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// parseAPK reads the files of each package: F: names a directory, R: a file in it.
func (o *owners) parseAPK(ctx context.Context, r io.Reader) error {
	pkg, dir, files := "", "", 0
	err := records(ctx, r, func(key, value []byte) {
		switch string(key) {
		case "P":
			pkg, dir = string(value), ""
		case "F":
			dir = string(value)
		case "R":
			files++
			if pkg != "" {
				o.owned(pkg, path.Join("/", dir, string(value)))
			}
		}
	}, func() { pkg, dir = "", "" })
	if err == nil && files == 0 {
		err = errNoFileLists
	}
	return err
}
