package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// limitLists bounds what one package list may unpack to.
const limitLists = 1 << 30

// errNoLists says that nothing was ever fetched, so that no update can be known.
var errNoLists = errors.New("no package lists")

// errFormat says that a list is packed in a way that is not read here.
var errFormat = errors.New("compression is not supported")

// offers collects what package lists offer for installed packages.
type offers struct {
	installed map[string][]model.Package
	// newer says that version a is higher than b; it is false where one of them is not a version.
	newer func(a, b string) bool
	best  map[string]*model.Update
}

func newOffers(list []model.Package, newer func(a, b string) bool) *offers {
	o := &offers{installed: make(map[string][]model.Package, len(list)), newer: newer, best: map[string]*model.Update{}}
	for _, p := range list {
		o.installed[p.Name] = append(o.installed[p.Name], p)
	}
	return o
}

// add takes an offer of a list into account. A package that a security list offers in a version higher than the
// installed one has a pending security update, whichever list has the highest version.
func (o *offers) add(name, version, arch, origin string, security bool) {
	for _, p := range o.installed[name] {
		if !sameArch(p.Architecture, arch) || !o.newer(version, p.Version) {
			continue
		}
		u := o.best[name]
		if u == nil {
			u = &model.Update{Name: name, Installed: p.Version}
			o.best[name] = u
		}
		u.Security = u.Security || security
		if u.Candidate == "" || o.newer(version, u.Candidate) {
			u.Candidate, u.Origin = version, origin
		}
	}
}

func sameArch(a, b string) bool {
	return a == b || a == "" || b == "" || a == "all" || b == "all" || a == "noarch" || b == "noarch"
}

func (o *offers) updates() []model.Update {
	list := make([]model.Update, 0, len(o.best))
	for _, u := range o.best {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b model.Update) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Updates compares the installed packages with the package lists that lie on the host. It fetches nothing: how old the
// lists are is a fact of its own.
func (h *Host) Updates(ctx context.Context) (func(*model.Snapshot), []model.Gap) {
	manager, list, err := h.installed(ctx)
	if err != nil {
		return nil, []model.Gap{gap("/host/updates", err)}
	}
	var found []model.Update
	var asOf time.Time
	var gaps []model.Gap
	switch manager {
	case "dpkg":
		found, asOf, gaps = h.aptUpdates(ctx, list)
	case "apk":
		found, asOf, gaps = h.apkUpdates(ctx, list)
	case "rpm":
		found, asOf, gaps = h.dnfUpdates(ctx, list)
	default:
		return nil, []model.Gap{{Path: "/host/updates", Reason: model.GapUnsupported, Detail: "no database of dpkg, rpm or apk was found"}}
	}
	return func(s *model.Snapshot) {
		p := s.HostPart()
		p.Updates, p.UpdatesAsOf = found, asOf
	}, gaps
}

// updatesGap is the gap of lists that are missing or can't be read.
func updatesGap(err error, command string) model.Gap {
	g := gap("/host/updates", err)
	switch {
	case errors.Is(err, errNoLists):
		g.Reason, g.Remedy = model.GapAbsent, "run "+command
	case errors.Is(err, errFormat):
		g.Reason = model.GapUnsupported
	}
	return g
}

// modified is the newest time of change of the names that exist.
func (h *Host) modified(names ...string) time.Time {
	var newest time.Time
	for _, name := range names {
		if info, err := h.stat(name); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest.UTC().Truncate(time.Second)
}

// openList opens a package list, unpacked.
func (h *Host) openList(name string) (io.ReadCloser, error) {
	f, err := h.open(name)
	if err != nil {
		return nil, err
	}
	r, err := unpack(name, f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{&limited{r: r, left: limitLists}, f}, nil
}

// withoutPacking cuts the ending of a compression off a file's name.
func withoutPacking(name string) string {
	for _, ending := range []string{".lz4", ".gz", ".xz", ".zst", ".bz2"} {
		if s, ok := strings.CutSuffix(name, ending); ok {
			return s
		}
	}
	return name
}
