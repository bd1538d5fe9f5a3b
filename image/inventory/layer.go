package inventory

import (
	"hash/maphash"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// layer is what is kept of one layer: of most files only a digest of the path, to know what hides what.
type layer struct {
	files   []fileRef
	dirs    []string // by number; absolute, clean
	entries []uint64 // directories that the layer has an entry of its own for
	deleted []string // whiteouts
	opaque  []string // directories that hide everything below them in lower layers
	listed  []listed

	dirNumber map[string]uint32
	busybox   map[string]bool // paths of the busybox program in this layer, as hard links name it
}

// fileRef stands for one file that is no directory.
type fileRef struct {
	path uint64
	dir  uint32
}

// listed is a file of interest.
type listed struct {
	path          string
	dir           bool
	setuid        bool
	worldWritable bool
	tool          string // class
	link          string // where a link leads, absolute
	hardLink      string // what a hard link is a link to
	os            *model.OSRelease
	packages      int // -1: a database that is not counted; 0: none
	database      bool
	secrets       []model.SecretSighting
}

// file is one entry of a layer as tar or the file system tells it.
type file struct {
	path     string // absolute, clean
	mode     fs.FileMode
	link     string // target of a symbolic link
	hardLink string // identity of a file with more names
	open     func() (io.ReadCloser, error)
}

func newLayer() *layer {
	return &layer{dirNumber: map[string]uint32{}, busybox: map[string]bool{}}
}

// clean makes a name of an archive an absolute path; "..", if any, ends at the root.
func clean(name string) string { return path.Clean("/" + name) }

const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// whiteout records names that are whiteouts and says whether this was one.
func (l *layer) whiteout(p string) bool {
	dir, base := path.Split(p)
	switch {
	case base == whiteoutOpaque:
		l.opaque = append(l.opaque, path.Clean(dir))
	case strings.HasPrefix(base, whiteoutPrefix):
		l.deleted = append(l.deleted, path.Join(dir, strings.TrimPrefix(base, whiteoutPrefix)))
	default:
		return false
	}
	return true
}

// add records one file.
func (v *Inventory) add(b *budget, l *layer, f file) error {
	if err := b.entry(f.path); err != nil {
		return err
	}
	if l.whiteout(f.path) || f.path == "/" {
		return nil
	}
	if f.mode.IsDir() {
		l.entries = append(l.entries, maphash.String(v.seed, f.path))
	} else {
		l.files = append(l.files, fileRef{maphash.String(v.seed, f.path), l.dirOf(f.path)})
	}
	it := listed{path: f.path, dir: f.mode.IsDir(), link: f.link, hardLink: f.hardLink}
	regular := f.mode.IsRegular()
	it.setuid = regular && f.mode&(fs.ModeSetuid|fs.ModeSetgid) != 0
	it.worldWritable = f.mode.Perm()&0o002 != 0 && (regular || f.mode.IsDir() && f.mode&fs.ModeSticky == 0)
	if regular && f.mode.Perm()&0o111 != 0 || f.link != "" {
		it.tool = toolClass(f.path)
		if path.Base(f.path) == "busybox" && regular {
			l.busybox[f.path] = true
			l.busybox[f.hardLink] = true
		}
	}
	if regular && f.open != nil {
		if err := v.look(f, &it); err != nil {
			return err
		}
	}
	if it.setuid || it.worldWritable || it.tool != "" || it.os != nil || it.database || len(it.secrets) > 0 {
		l.listed = append(l.listed, it)
		return b.list(1 + len(it.secrets))
	}
	return nil
}

func (l *layer) dirOf(p string) uint32 {
	dir := path.Dir(p)
	n, ok := l.dirNumber[dir]
	if !ok {
		n = uint32(len(l.dirs))
		l.dirs = append(l.dirs, dir)
		l.dirNumber[dir] = n
	}
	return n
}

// seal drops what is needed only while the layer is read and settles which links lead to busybox.
func (l *layer) seal() {
	for i := range l.listed {
		it := &l.listed[i]
		if it.hardLink != "" && l.busybox[it.hardLink] || l.busybox[it.path] {
			it.link = "/bin/busybox"
		}
	}
	l.dirNumber, l.busybox = nil, nil
}
