package host

import (
	"archive/tar"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	apkversion "github.com/knqyf263/go-apk-version"
	rpmversion "github.com/knqyf263/go-rpm-version"

	"github.com/bulkhead-security/bulkhead/model"
)

// apkCaches are where apk keeps its indexes. dnfCaches hold one directory for each repository.
var (
	apkCaches = []string{"/etc/apk/cache", "/var/cache/apk"}
	dnfCaches = []string{"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"}
)

func (h *Host) apkUpdates(ctx context.Context, list []model.Package) ([]model.Update, time.Time, []model.Gap) {
	o := newOffers(list, apkNewer)
	var asOf time.Time
	gaps := []model.Gap{{
		Path: "/host/updates/*/security", Reason: model.GapUnsupported,
		Detail: "apk's index does not say which updates fix vulnerabilities",
	}}
	seen := false
	for _, dir := range apkCaches {
		entries, err := h.list(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "APKINDEX.") || !strings.HasSuffix(e.Name(), ".tar.gz") {
				continue
			}
			name := path.Join(dir, e.Name())
			if err := h.apkIndex(ctx, name, o); err != nil {
				gaps = append(gaps, updatesGap(err, "apk update"))
				continue
			}
			seen = true
			if t := h.modified(name); t.After(asOf) {
				asOf = t
			}
		}
		if seen {
			break // the second place is usually a link from the first
		}
	}
	if !seen {
		gaps = append(gaps, updatesGap(fmt.Errorf("%w in %s", errNoLists, strings.Join(apkCaches, " or ")), "apk update"))
	}
	return o.updates(), asOf, gaps
}

func (h *Host) apkIndex(ctx context.Context, name string, o *offers) error {
	r, err := h.openList(name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := offerAPK(ctx, r, o); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// offerAPK reads the unpacked archive of an index: DESCRIPTION, then APKINDEX.
func offerAPK(ctx context.Context, r io.Reader, o *offers) error {
	archive := tar.NewReader(r)
	origin := ""
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		switch header.Name {
		case "DESCRIPTION":
			b, err := io.ReadAll(io.LimitReader(archive, 256))
			if err != nil {
				return fmt.Errorf("%w: %w", errMalformed, err)
			}
			origin = strings.TrimSpace(string(b))
		case "APKINDEX":
			list, err := parseAPK(ctx, archive)
			if err != nil {
				return err
			}
			for _, p := range list {
				o.add(p.Name, p.Version, p.Architecture, origin, false)
			}
		}
	}
}

func apkNewer(a, b string) bool {
	return a != b && apkversion.Valid(a) && apkversion.Valid(b) && apkversion.Version(b).LessThan(apkversion.Version(a))
}

// advisory is one entry of a repository's updateinfo.xml.
type advisory struct {
	Type     string `xml:"type,attr"`
	ID       string `xml:"id"`
	Packages []struct {
		Name    string `xml:"name,attr"`
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"version,attr"`
		Release string `xml:"release,attr"`
		Arch    string `xml:"arch,attr"`
	} `xml:"pkglist>collection>package"`
}

// dnfUpdates reads the advisories of the repositories in dnf's cache.
func (h *Host) dnfUpdates(ctx context.Context, list []model.Package) ([]model.Update, time.Time, []model.Gap) {
	o := newOffers(list, rpmNewer)
	var asOf time.Time
	var gaps []model.Gap
	seen := false
	for _, name := range h.dnfAdvisories() {
		r, err := h.openList(name)
		if err == nil {
			err = offerAdvisories(ctx, r, o)
			r.Close()
		}
		if err != nil {
			gaps = append(gaps, updatesGap(fmt.Errorf("%s: %w", name, err), "dnf makecache"))
			continue
		}
		seen = true
		if t := h.modified(path.Dir(path.Dir(name))); t.After(asOf) {
			asOf = t
		}
	}
	if !seen && len(gaps) == 0 {
		gaps = append(gaps, model.Gap{
			Path: "/host/updates", Reason: model.GapUnsupported, Detail: "dnf's cache holds no list of advisories (updateinfo.xml)",
			Remedy: "run dnf makecache; `dnf updateinfo list --security` says whether the repositories publish advisories",
		})
	}
	return o.updates(), asOf, gaps
}

func (h *Host) dnfAdvisories() []string {
	var names []string
	for _, cache := range dnfCaches {
		repos, err := h.list(cache)
		if err != nil {
			continue
		}
		for _, repo := range repos {
			dir := path.Join(cache, repo.Name(), "repodata")
			files, err := h.list(dir)
			if err != nil {
				continue
			}
			for _, f := range files {
				if strings.HasSuffix(withoutPacking(f.Name()), "updateinfo.xml") {
					names = append(names, path.Join(dir, f.Name()))
				}
			}
		}
	}
	return names
}

func offerAdvisories(ctx context.Context, r io.Reader, o *offers) error {
	d := xml.NewDecoder(r)
	for n := 0; ; n++ {
		if n%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "update" {
			continue
		}
		var a advisory
		if err := d.DecodeElement(&a, &start); err != nil {
			return fmt.Errorf("%w: %w", errMalformed, err)
		}
		for _, p := range a.Packages {
			version := p.Version + "-" + p.Release
			if p.Epoch != "" && p.Epoch != "0" {
				version = p.Epoch + ":" + version
			}
			o.add(p.Name, version, p.Arch, a.ID, a.Type == "security")
		}
	}
}

func rpmNewer(a, b string) bool {
	return a != b && rpmversion.NewVersion(b).LessThan(rpmversion.NewVersion(a))
}
