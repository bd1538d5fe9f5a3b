package inventory

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// Dirs reads the directories of an image's layers in an overlay2 store, the top one first. It follows no links out of
// them. A directory that other images share is walked once.
func (v *Inventory) Dirs(ctx context.Context, dirs []string) (*model.ImageContents, []model.SecretSighting, error) {
	if len(dirs) > v.lim.layers {
		return nil, nil, fmt.Errorf("%w: more than %d layers", ErrLimit, v.lim.layers)
	}
	b := v.newBudget(ctx)
	top := make([]*layer, 0, len(dirs))
	for _, d := range dirs {
		l, err := v.walk(b, d)
		if err != nil {
			return nil, nil, fmt.Errorf("reading layer %s: %w", filepath.Base(filepath.Dir(d)), err)
		}
		top = append(top, l)
	}
	contents, found := v.combine(top)
	return contents, found, nil
}

// walk reads one layer directory or takes what it read before.
func (v *Inventory) walk(b *budget, dir string) (*layer, error) {
	v.mu.Lock()
	l, ok := v.walked[dir]
	v.mu.Unlock()
	if ok {
		b.files += len(l.files)
		return l, b.entry("")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	l = newLayer()
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return v.addFound(b, l, root, name, info)
	})
	if err != nil {
		return nil, err
	}
	l.seal()
	v.remember(dir, l)
	return l, nil
}

// remember keeps what was walked, up to the files of one largest image.
func (v *Inventory) remember(dir string, l *layer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.walkedSize+len(l.files) <= v.lim.files {
		v.walkedSize += len(l.files)
		v.walked[dir] = l
	}
}

// addFound adds a file of the store, in which overlayfs marks what a layer deletes by devices and attributes.
func (v *Inventory) addFound(b *budget, l *layer, root *os.Root, name string, info fs.FileInfo) error {
	f := file{path: clean(name), mode: info.Mode()}
	st, _ := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode()&fs.ModeCharDevice != 0 && st != nil && st.Rdev == 0:
		l.deleted = append(l.deleted, f.path)
		return b.entry(f.path)
	case info.IsDir():
		if opaque(filepath.Join(root.Name(), name)) {
			l.opaque = append(l.opaque, f.path)
		}
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}
		f.link = target
	case info.Mode().IsRegular():
		if st != nil && st.Nlink > 1 {
			f.hardLink = strconv.FormatUint(st.Ino, 10)
		}
		f.open = func() (io.ReadCloser, error) { return root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) }
	}
	return v.add(b, l, f)
}

// opaque says whether overlayfs hides what lower layers have below the directory; a rootless engine marks it otherwise.
func opaque(dir string) bool {
	for _, attr := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		var value [1]byte
		if n, err := unix.Lgetxattr(dir, attr, value[:]); err == nil && n == 1 && value[0] == 'y' {
			return true
		}
	}
	return false
}
