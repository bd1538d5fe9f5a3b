package host

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	debversion "github.com/knqyf263/go-deb-version"
	"github.com/pierrec/lz4/v4"

	"github.com/bulkhead-security/bulkhead/model"
)

const aptLists = "/var/lib/apt/lists"

// unpack chooses the reader by the ending of the name.
func unpack(name string, r io.Reader) (io.Reader, error) {
	switch path.Ext(name) {
	case ".lz4":
		return lz4.NewReader(r), nil
	case ".gz":
		return gzip.NewReader(r)
	case ".xz", ".zst", ".bz2":
		return nil, errFormat
	}
	return r, nil
}

// aptArchive is what a Release file says of an archive.
type aptArchive struct {
	prefix   string // of the names of its lists
	origin   string
	security bool
	// manual archives (NotAutomatic) are not upgraded to unless asked for.
	manual bool
}

func (h *Host) aptUpdates(ctx context.Context, list []model.Package) ([]model.Update, time.Time, []model.Gap) {
	const command = "apt-get update"
	entries, err := h.list(aptLists)
	if err != nil {
		return nil, time.Time{}, []model.Gap{updatesGap(fmt.Errorf("%w: %w", errNoLists, err), command)}
	}
	var archives []aptArchive
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, "_InRelease") || strings.HasSuffix(name, "_Release") {
			b, err := h.read(path.Join(aptLists, name), 8<<20)
			if err != nil {
				return nil, time.Time{}, []model.Gap{updatesGap(err, command)}
			}
			archives = append(archives, parseRelease(ctx, name, b))
		}
		if strings.HasSuffix(withoutPacking(name), "_Packages") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, time.Time{}, []model.Gap{updatesGap(fmt.Errorf("%w in %s", errNoLists, aptLists), command)}
	}
	o := newOffers(list, debNewer)
	var gaps []model.Gap
	secure := false
	for _, name := range names {
		a := archiveOf(archives, name)
		secure = secure || a.security
		if a.manual {
			continue
		}
		if err := h.aptList(ctx, name, a, o); err != nil {
			gaps = append(gaps, updatesGap(err, command))
		}
	}
	if release, err := h.osRelease(); err == nil && !secure && (release.ID == "debian" || release.ID == "ubuntu") {
		gaps = append(gaps, model.Gap{
			Path: "/host/updates", Reason: model.GapAbsent, Detail: "apt's sources have no security archive of " + release.ID,
			Remedy: "add the security archive to apt's sources and run " + command,
		})
	}
	return o.updates(), h.modified("/var/lib/apt/periodic/update-success-stamp", aptLists, aptLists+"/partial"), gaps
}

// parseRelease reads the head of a Release file; the signature around an InRelease file holds no such fields.
func parseRelease(ctx context.Context, name string, b []byte) aptArchive {
	a := aptArchive{prefix: strings.TrimSuffix(strings.TrimSuffix(name, "InRelease"), "Release")}
	v := map[string]string{}
	// A Release file in memory can't fail to be read; after the deadline the lists report it.
	_ = records(ctx, strings.NewReader(string(b)), func(key, value []byte) {
		switch k := string(key); k {
		case "Origin", "Label", "Suite", "Codename", "NotAutomatic":
			v[k] = first(v[k], string(value))
		}
	}, func() {})
	a.origin = strings.Trim(v["Origin"]+":"+first(v["Codename"], v["Suite"]), ":")
	a.manual = v["NotAutomatic"] == "yes"
	a.security = strings.HasSuffix(v["Suite"], "-security") || strings.HasSuffix(v["Codename"], "-security") ||
		strings.HasSuffix(v["Label"], "-Security")
	return a
}

// archiveOf finds the archive that a list belongs to: the one with the longest prefix.
func archiveOf(archives []aptArchive, name string) aptArchive {
	var best aptArchive
	for _, a := range archives {
		if strings.HasPrefix(name, a.prefix) && len(a.prefix) > len(best.prefix) {
			best = a
		}
	}
	return best
}

func (h *Host) aptList(ctx context.Context, name string, a aptArchive, o *offers) error {
	r, err := h.openList(path.Join(aptLists, name))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := offerDeb(ctx, r, a, o); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// offerDeb reads a Packages list. Only entries of installed packages are kept, as the lists are large.
func offerDeb(ctx context.Context, r io.Reader, a aptArchive, o *offers) error {
	var name, version, arch string
	known := false
	return records(ctx, r, func(key, value []byte) {
		switch string(key) {
		case "Package":
			if _, known = o.installed[string(value)]; known {
				name = string(value)
			}
		case "Version":
			if known {
				version = string(value)
			}
		case "Architecture":
			if known {
				arch = string(value)
			}
		}
	}, func() {
		if known && version != "" {
			o.add(name, version, arch, a.origin, a.security)
		}
		known, version, arch = false, "", ""
	})
}

func debNewer(a, b string) bool {
	if a == b {
		return false
	}
	va, err := debversion.NewVersion(a)
	if err != nil {
		return false
	}
	vb, err := debversion.NewVersion(b)
	return err == nil && va.GreaterThan(vb)
}
