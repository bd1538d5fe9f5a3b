package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rpmdb "github.com/erikvarga/go-rpmdb/pkg"
	_ "modernc.org/sqlite" // the driver that rpmdb opens rpmdb.sqlite with

	"github.com/bulkhead-security/bulkhead/model"
)

const limitRPM = 512 << 20

// rpmDatabases are the places of rpm's database: SQLite, NDB (SUSE) and Berkeley DB (before Fedora 33 and RHEL 9).
var rpmDatabases = []string{
	"/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite",
	"/var/lib/rpm/Packages.db", "/usr/lib/sysimage/rpm/Packages.db",
	"/var/lib/rpm/Packages",
	"/usr/share/rpm/rpmdb.sqlite", // image-based systems (rpm-ostree)
}

// RPMPackage is what is read of a package in rpm's database.
type RPMPackage struct {
	Name         string   `json:"name"`
	Version      string   `json:"version"` // with epoch and release
	Architecture string   `json:"architecture,omitempty"`
	Source       string   `json:"source,omitempty"` // "" when it is the package's own name
	Files        []string `json:"files,omitempty"`
}

// rpmPackages lists what the database holds.
func (h *Host) rpmPackages(ctx context.Context, name string) ([]model.Package, error) {
	list, err := recall(ctx, h, name, "packages", func() ([]model.Package, error) {
		var list []model.Package
		err := h.eachRPM(ctx, name, false, func(p RPMPackage) {
			list = append(list, model.Package{Name: p.Name, Version: p.Version, Architecture: p.Architecture, Source: p.Source})
		})
		return list, err
	})
	if err != nil {
		return nil, err // what came before the damage says nothing about the rest
	}
	return slices.Clone(list), nil
}

// errNotRead is in the chain of an error that says nothing of a database: it was not looked at.
var errNotRead = errors.New("it was not read")

// eachRPM calls f for each package in a copy of the database: opening SQLite in place would write beside it.
// After an error, f may have been called for some.
func (h *Host) eachRPM(ctx context.Context, name string, files bool, f func(RPMPackage)) error {
	dir, err := os.MkdirTemp("", "bulkhead-rpm-")
	if err != nil {
		return fmt.Errorf("copy of %s: %w: %w", name, errNotRead, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	at := filepath.Join(dir, filepath.Base(name))
	if err := h.copyFile(name, at); err != nil {
		return fmt.Errorf("%w: %w", errNotRead, err)
	}
	if wal := name + "-wal"; h.exists(wal) {
		if err := h.copyFile(wal, at+"-wal"); err != nil {
			return fmt.Errorf("%w: %w", errNotRead, err)
		}
	}
	if err := h.rpm(ctx, at, files, f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (h *Host) copyFile(name, to string) error {
	in, err := h.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy of %s: %w", name, err)
	}
	if _, err := io.Copy(out, &limited{r: in, left: limitRPM}); err != nil {
		out.Close()
		return fmt.Errorf("copy of %s: %w", name, err)
	}
	return out.Close()
}

// ReadRPM calls each for each package of a database, with its files where they are asked for. It reads in this process,
// where the library leaves a goroutine and an open file behind at damage, and can end the process: what lives long reads
// through an RPMChild.
func ReadRPM(ctx context.Context, file string, files bool, each func(RPMPackage)) error {
	err := readRPM(ctx, file, files, each)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("rpm database: %w: %w", errMalformed, err)
}

func readRPM(ctx context.Context, file string, files bool, each func(RPMPackage)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	db, err := rpmdb.Open(file)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { _ = db.Close() }()
	found, err := db.ListPackagesWithContext(ctx)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for _, info := range found {
		if info.Name == "gpg-pubkey" {
			continue
		}
		p := RPMPackage{
			Name: info.Name, Version: evr(info.Epoch, info.Version, info.Release),
			Architecture: info.Arch, Source: sourceName(info.SourceRpm, info.Name),
		}
		if files {
			if p.Files, err = info.InstalledFileNames(); err != nil {
				return fmt.Errorf("files of %s: %w", info.Name, err)
			}
		}
		each(p)
	}
	return nil
}

func evr(epoch *int, version, release string) string {
	v := version + "-" + release
	if epoch != nil && *epoch != 0 {
		v = fmt.Sprintf("%d:%s", *epoch, v)
	}
	return v
}

// sourceName is the name in "openssl-3.0.7-27.el9.src.rpm", "" when it is the package's own.
func sourceName(file, own string) string {
	s := strings.TrimSuffix(file, ".src.rpm")
	for range 2 {
		i := strings.LastIndexByte(s, '-')
		if i < 0 {
			return ""
		}
		s = s[:i]
	}
	if s == own {
		return ""
	}
	return s
}
