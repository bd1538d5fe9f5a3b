// Package inventory tells what is inside an image: setuid and world-writable files, programs that do not belong into an
// application's image, the operating system, the number of packages, and secrets that were left in files.
//
// It reads the stream of `docker save` or the directories of the overlay2 store, unpacks nothing to disk and keeps no
// secret: what it finds goes through the detector that the caller gives. Images come from strangers; what is too large
// or not well formed ends in an error. It may import model and pure packages.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"

	"github.com/bulkhead-security/bulkhead/model"
)

// ErrLimit says that an image is larger or more densely packed than is examined.
var ErrLimit = errors.New("the image is over the limit of what is examined")

// Secrets finds secrets in the text of a file and never returns them.
type Secrets interface {
	Text(place, s string) (redacted string, found []model.SecretSighting)
}

// limits bound what one image may cost.
type limits struct {
	files    int   // entries of all layers
	bytes    int64 // of all layers, unpacked
	ratio    int64 // unpacked to packed, once slack bytes are unpacked
	slack    int64
	listed   int   // setuid files, tools, secrets and so on
	name     int   // length of a path
	document int64 // a manifest
	layers   int
}

func defaultLimits() limits {
	return limits{
		files: 2_000_000, bytes: 8 << 30, ratio: 1000, slack: 256 << 20, listed: 20_000, name: 4096, document: 4 << 20,
		layers: 512,
	}
}

// Inventory looks into images. It remembers the layer directories that it has walked, since images share them; make a
// new one for each snapshot. It may be used by many goroutines at once.
type Inventory struct {
	secrets Secrets
	lim     limits
	seed    maphash.Seed

	mu         sync.Mutex
	walked     map[string]*layer
	walkedSize int
}

// New returns an Inventory that has secrets found by det.
func New(det Secrets) *Inventory {
	return &Inventory{secrets: det, lim: defaultLimits(), seed: maphash.MakeSeed(), walked: map[string]*layer{}}
}

// budget is what is left of the limits while one image is read.
type budget struct {
	ctx           context.Context
	lim           limits
	files, listed int
	bytes         int64
}

func (v *Inventory) newBudget(ctx context.Context) *budget { return &budget{ctx: ctx, lim: v.lim} }

// entry counts one file or directory.
func (b *budget) entry(name string) error {
	if b.files++; b.files > b.lim.files {
		return fmt.Errorf("%w: more than %d files", ErrLimit, b.lim.files)
	}
	if len(name) > b.lim.name {
		return fmt.Errorf("%w: a path of %d bytes", ErrLimit, len(name))
	}
	if b.files%256 == 0 {
		return b.ctx.Err()
	}
	return nil
}

func (b *budget) list(n int) error {
	if b.listed += n; b.listed > b.lim.listed {
		return fmt.Errorf("%w: more than %d setuid files, tools and secrets", ErrLimit, b.lim.listed)
	}
	return nil
}

// unpacked counts what comes out of a layer and stops bombs.
type unpacked struct {
	r      io.Reader
	b      *budget
	packed *int64 // bytes of the layer that were read so far
	n      int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	if err := u.b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := u.r.Read(p)
	u.n += int64(n)
	u.b.bytes += int64(n)
	if u.b.bytes > u.b.lim.bytes {
		return n, fmt.Errorf("%w: more than %d bytes unpacked", ErrLimit, u.b.lim.bytes)
	}
	if u.n > u.b.lim.slack && u.n/max(*u.packed, 1) > u.b.lim.ratio {
		return n, fmt.Errorf("%w: a layer unpacks to more than %d times its size", ErrLimit, u.b.lim.ratio)
	}
	return n, err
}

// counter counts what is read of a packed layer.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
