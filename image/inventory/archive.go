package inventory

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxWindow is the largest zstd window that is allocated.
const maxWindow = 128 << 20

// archive is what is kept of the stream of `docker save`. Layers may come before the manifest that orders them.
type archive struct {
	v         *Inventory
	b         *budget
	layers    map[string]*layer // by name in the archive
	links     map[string]string // a layer that is stored under another name
	documents map[string][]byte // small JSON files
	kept      int64
}

// Tar reads the stream of `docker save` of one image: the archive of Docker 20.10 and the OCI layout of later engines,
// with layers plain or packed by gzip or zstd. Nothing is unpacked to disk.
func (v *Inventory) Tar(ctx context.Context, r io.Reader) (*model.ImageContents, []model.SecretSighting, error) {
	a := &archive{
		v: v, b: v.newBudget(ctx),
		layers: map[string]*layer{}, links: map[string]string{}, documents: map[string][]byte{},
	}
	if err := a.read(r); err != nil {
		return nil, nil, fmt.Errorf("reading the image's archive: %w", err)
	}
	names, err := a.order()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the image's archive: %w", err)
	}
	top := make([]*layer, 0, len(names))
	for i := len(names) - 1; i >= 0; i-- {
		l, err := a.layer(names[i])
		if err != nil {
			return nil, nil, fmt.Errorf("reading the image's archive: %w", err)
		}
		top = append(top, l)
	}
	contents, found := v.combine(top)
	return contents, found, nil
}

func (a *archive) read(r io.Reader) error {
	tr := tar.NewReader(&ctxReader{a.b.ctx, r})
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.b.entry(h.Name); err != nil {
			return err
		}
		name := strings.TrimPrefix(clean(h.Name), "/")
		switch h.Typeflag {
		case tar.TypeSymlink:
			a.links[name] = strings.TrimPrefix(clean(name+"/../"+h.Linkname), "/")
		case tar.TypeLink:
			a.links[name] = strings.TrimPrefix(clean(h.Linkname), "/")
		case tar.TypeReg:
			if err := a.file(name, tr); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
}

// file keeps a document, reads a layer, and passes over the rest. The names of blobs do not tell which they are.
func (a *archive) file(name string, r io.Reader) error {
	packed := &counter{r: r}
	br := bufio.NewReaderSize(packed, 64<<10)
	head, err := br.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	unpack, err := unpacker(head, br)
	if err != nil {
		return err
	}
	if unpack == nil {
		return a.document(name, head, br)
	}
	defer unpack.Close()
	if len(a.layers) >= a.b.lim.layers {
		return fmt.Errorf("%w: more than %d layers", ErrLimit, a.b.lim.layers)
	}
	l, err := a.v.readLayer(a.b, &unpacked{r: unpack, b: a.b, packed: &packed.n})
	a.layers[name] = l
	return err
}

// document keeps JSON files for later; they are small.
func (a *archive) document(name string, head []byte, r io.Reader) error {
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(r, a.b.lim.document+1))
	if err != nil {
		return err
	}
	a.kept += int64(len(raw))
	if int64(len(raw)) > a.b.lim.document || a.kept > 4*a.b.lim.document {
		return fmt.Errorf("%w: manifests of more than %d bytes", ErrLimit, a.b.lim.document)
	}
	a.documents[name] = raw
	return nil
}

// unpacker tells a layer by its first bytes and returns nil for anything else.
func unpacker(head []byte, r io.Reader) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case len(head) == 512 && (bytes.HasPrefix(head[257:], []byte("ustar")) || len(bytes.Trim(head, "\x00")) == 0):
		return io.NopCloser(r), nil // zeros are the end of a tar without entries: an empty layer
	}
	return nil, nil
}

// readLayer reads the tar of one layer.
func (v *Inventory) readLayer(b *budget, r io.Reader) (*layer, error) {
	l := newLayer()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			l.seal()
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		f := file{path: clean(h.Name), mode: h.FileInfo().Mode()}
		switch h.Typeflag {
		case tar.TypeSymlink:
			f.link = h.Linkname
		case tar.TypeLink:
			f.hardLink = clean(h.Linkname)
		case tar.TypeReg:
			f.open = func() (io.ReadCloser, error) { return io.NopCloser(tr), nil }
		}
		if err := v.add(b, l, f); err != nil {
			return nil, err
		}
	}
}

// ctxReader ends a stream when the context does.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
