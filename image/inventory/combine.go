package inventory

import (
	"cmp"
	"hash/maphash"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// view is the image as the layers so far, from the top, show it.
type view struct {
	v      *Inventory
	files  map[uint64]bool // visible files and everything else that hides a name
	hidden map[uint64]bool // directories below which lower layers do not show
	count  int
	shown  []listed
	dirs   map[uint64]bool // directories of which an upper layer has an entry
}

// combine lays the layers over each other, the top one first.
func (v *Inventory) combine(top []*layer) (*model.ImageContents, []model.SecretSighting) {
	w := &view{v: v, files: map[uint64]bool{}, hidden: map[uint64]bool{}, dirs: map[uint64]bool{}}
	for _, l := range top {
		w.lay(l)
	}
	return w.contents()
}

// lay puts one more layer below. Its own whiteouts count for the layers below it only.
func (w *view) lay(l *layer) {
	covered := make([]bool, len(l.dirs))
	for i, d := range l.dirs {
		covered[i] = w.below(d)
	}
	var visible []uint64
	fresh := map[uint64]bool{}
	for _, f := range l.files {
		if !covered[f.dir] && !w.files[f.path] && !fresh[f.path] {
			fresh[f.path] = true
			visible = append(visible, f.path)
		}
	}
	w.count += len(visible)
	last := map[string]int{} // an archive may name a file twice; the last one counts
	for _, it := range l.listed {
		h := w.hash(it.path)
		if it.dir && (w.dirs[h] || w.files[h] || w.below(it.path)) || !it.dir && !fresh[h] {
			continue
		}
		if n, ok := last[it.path]; ok {
			w.shown[n] = it
			continue
		}
		last[it.path] = len(w.shown)
		w.shown = append(w.shown, it)
	}
	for _, h := range l.entries {
		w.dirs[h] = true
	}
	for _, h := range visible {
		w.files[h] = true
	}
	for _, p := range l.deleted {
		w.files[w.hash(p)] = true
	}
	for _, p := range l.opaque {
		w.hidden[w.hash(p)] = true
	}
}

// below says whether a directory is hidden: it, or a directory above it, is opaque, deleted or a file further up.
func (w *view) below(dir string) bool {
	for p := dir; p != "/" && p != "."; p = path.Dir(p) {
		if h := w.hash(p); w.hidden[h] || w.files[h] {
			return true
		}
	}
	return w.hidden[w.hash("/")]
}

func (w *view) hash(p string) uint64 { return maphash.String(w.v.seed, p) }

// contents sums up what is visible.
func (w *view) contents() (*model.ImageContents, []model.SecretSighting) {
	c := &model.ImageContents{Files: w.count, Packages: -1}
	var found []model.SecretSighting
	databases, counted := false, 0
	for _, it := range w.shown {
		if it.setuid {
			c.Setuid = append(c.Setuid, it.path)
		}
		if it.worldWritable {
			c.WorldWritable = append(c.WorldWritable, it.path)
		}
		if it.tool != "" && w.works(it) {
			c.Tools = append(c.Tools, model.ImageTool{Class: it.tool, Path: it.path})
		}
		if it.os != nil && (it.path == "/etc/os-release" || c.OS.ID == "") {
			c.OS = *it.os
		}
		if it.database && it.packages >= 0 {
			databases = true
			counted += it.packages
		}
		found = append(found, it.secrets...)
	}
	if databases {
		c.Packages = counted
	}
	slices.Sort(c.Setuid)
	slices.Sort(c.WorldWritable)
	slices.SortFunc(c.Tools, func(a, b model.ImageTool) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(found, func(a, b model.SecretSighting) int { return cmp.Compare(a.Place, b.Place) })
	return c, found
}

// works says whether the program can be run: a link to nowhere cannot, a busybox applet counts by its class.
func (w *view) works(it listed) bool {
	if it.link == "" {
		return true
	}
	target := it.link
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(it.path), target)
	}
	if base := path.Base(target); base == "busybox" || strings.HasPrefix(base, "busybox.") {
		return applet(it.tool)
	}
	// /bin is often a link to /usr/bin, so a target may be stored under the other name.
	other := strings.TrimPrefix(target, "/usr")
	return w.files[w.hash(path.Clean(target))] || w.files[w.hash(other)] || w.files[w.hash("/usr"+target)]
}
