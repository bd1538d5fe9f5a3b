package host

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Places and limits of the package databases.
const (
	dpkgStatus  = "/var/lib/dpkg/status"
	dpkgStatusD = "/var/lib/dpkg/status.d" // one file a package, on systems without a package manager
	limitDpkg   = 64 << 20
	limitLine   = 64 << 10 // what is longer of a line is cut off
)

var apkInstalled = []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"}

// Packages reads the installed packages and their versions.
func (h *Host) Packages(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	manager, list, err := h.installed(ctx)
	if manager == "" {
		return nil, []model.Gap{{Path: "/host/packages", Reason: model.GapUnsupported, Detail: "no database of dpkg, rpm or apk was found"}}
	}
	var gaps []model.Gap
	if err != nil {
		gaps = append(gaps, gap("/host/packages", err))
	}
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.PackageManager, p.Packages = manager, list
	}, gaps
}

// installed returns the package manager and what it installed.
func (h *Host) installed(ctx context.Context) (manager string, list []model.Package, err error) {
	apk := h.firstExisting(apkInstalled...)
	rpm := h.firstExisting(rpmDatabases...)
	switch {
	case apk != "":
		list, err = h.readPackages(ctx, apk, parseAPK)
		manager = "apk"
	case rpm != "":
		list, err = h.rpmPackages(ctx, rpm)
		manager = "rpm"
	case h.exists(dpkgStatus), h.exists(dpkgStatusD):
		list, err = h.dpkg(ctx)
		manager = "dpkg"
	}
	slices.SortFunc(list, func(a, b model.Package) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Architecture, b.Architecture), strings.Compare(a.Version, b.Version))
	})
	return manager, list, err
}

func (h *Host) firstExisting(names ...string) string {
	for _, name := range names {
		if info, err := h.stat(name); err == nil && info.Size() > 0 {
			return name
		}
	}
	return ""
}

func (h *Host) dpkg(ctx context.Context) ([]model.Package, error) {
	var all []model.Package
	var errs []error
	if h.exists(dpkgStatus) {
		list, err := h.readPackages(ctx, dpkgStatus, parseDpkg)
		all, errs = list, append(errs, err)
	}
	entries, err := h.list(dpkgStatusD)
	if err != nil && !missing(err) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md5sums") {
			continue
		}
		list, err := h.readPackages(ctx, path.Join(dpkgStatusD, e.Name()), parseDpkg)
		all, errs = append(all, list...), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func (h *Host) readPackages(ctx context.Context, name string, parse func(context.Context, io.Reader) ([]model.Package, error)) ([]model.Package, error) {
	f, err := h.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := parse(ctx, &limited{r: f, left: limitDpkg})
	if err != nil {
		return list, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

// parseDpkg reads dpkg's status file: what is unpacked or installed, not what was removed with its configuration kept.
func parseDpkg(ctx context.Context, r io.Reader) ([]model.Package, error) {
	var list []model.Package
	var p model.Package
	var status string
	bad := 0
	err := records(ctx, r, func(key, value []byte) {
		switch string(key) {
		case "Package":
			p.Name = string(value)
		case "Version":
			p.Version = string(value)
		case "Architecture":
			p.Architecture = string(value)
		case "Status":
			status = string(value)
		case "Source":
			name, version, found := strings.Cut(string(value), " ")
			p.Source = name
			if found {
				p.SourceVersion = strings.Trim(version, "()")
			}
		}
	}, func() {
		words := strings.Fields(status)
		present := len(words) == 0 || !slices.Contains([]string{"not-installed", "config-files", "half-installed"}, words[len(words)-1])
		switch {
		case present && p.Name != "" && p.Version != "":
			list = append(list, p)
		case present:
			bad++
		}
		p, status = model.Package{}, ""
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d entries without name or version: %w", bad, errMalformed)
	}
	return list, err
}

// parseAPK reads apk's database of installed packages.
func parseAPK(ctx context.Context, r io.Reader) ([]model.Package, error) {
	var list []model.Package
	var p model.Package
	bad := 0
	err := records(ctx, r, func(key, value []byte) {
		switch string(key) {
		case "P":
			p.Name = string(value)
		case "V":
			p.Version = string(value)
		case "A":
			p.Architecture = string(value)
		case "o":
			p.Source = string(value)
		}
	}, func() {
		if p.Source == p.Name {
			p.Source = ""
		}
		if p.Name != "" && p.Version != "" {
			list = append(list, p)
		} else {
			bad++
		}
		p = model.Package{}
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d entries without name or version: %w", bad, errMalformed)
	}
	return list, err
}

// records reads "Key: value" blocks with an empty line between them. It calls field for each first line of a field and
// end after each block; the slices are valid during the call only.
func records(ctx context.Context, r io.Reader, field func(key, value []byte), end func()) error {
	br := bufio.NewReaderSize(r, limitLine)
	open := false
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := br.ReadSlice('\n')
		if trimmed := bytes.TrimRight(line, "\r\n"); len(trimmed) > 0 {
			takeField(trimmed, field)
			open = true
		} else if open {
			end()
			open = false
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = br.ReadSlice('\n')
		}
		if err == io.EOF {
			if open {
				end()
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// takeField passes on a line unless it continues the one before.
func takeField(line []byte, field func(key, value []byte)) {
	if line[0] == ' ' || line[0] == '\t' {
		return
	}
	if i := bytes.IndexByte(line, ':'); i > 0 {
		field(line[:i], bytes.TrimSpace(line[i+1:]))
	}
}

// limited fails when more than left bytes are read, where io.LimitReader would pretend that the file ends.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	return n, err
}
