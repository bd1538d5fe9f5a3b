// Package builds reads archives that decide something: what a build would take, by the Dockerfile of its context and the images that this begins
// with or copies from, and the names in an archive of images. The archive is kept in a file meanwhile, so that the engine gets the very bytes that
// were read.
//
// It decides nothing. What an engine could read in another way, it refuses.
package builds

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// Bounds of a context.
const (
	mostEntries    = 1_000_000
	mostDockerfile = 1 << 20
	mostLinks      = 100_000
	mostUnpacked   = 32 << 30
)

// ErrRefused is what every refusal of this package is.
var ErrRefused = errors.New("what was sent can't be judged")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Context is a build's context in a file.
type Context struct {
	file *os.File
	size int64
	// Dockerfile is what is in it, and at where it stands there.
	Dockerfile []byte
	at         string
	// end is where the last entry of the unpacked archive ends; instead is a Dockerfile that the engine gets in place of the one that is there.
	end     int64
	instead []byte
}

// done ends a reading when its caller is gone.
type done struct {
	ctx context.Context //nolint:containedctx // lives as long as the reading
	io.Reader
}

func (d done) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.Reader.Read(p)
}

// Keep takes a context into a file of a directory, no larger than most, and finds its Dockerfile: name as the engine is told it, empty for
// "Dockerfile".
func Keep(ctx context.Context, r io.Reader, dir, name string, most int64) (*Context, error) {
	f, err := nameless(dir)
	if err != nil {
		return nil, err
	}
	c := &Context{file: f}
	if c.size, err = take(f, done{ctx, r}, most); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the context of a build: %w", err), f.Close())
	}
	if c.size > most {
		return nil, errors.Join(refuse("its context has more than %d MiB; a .dockerignore leaves out what it does not need", most>>20), f.Close())
	}
	if c.Dockerfile, err = c.find(ctx, name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

// Reader gives the context from its beginning, and its size; -1 where that is not known.
func (c *Context) Reader() (io.Reader, int64, error) {
	if c.instead == nil {
		return c.whole()
	}
	r, err := c.over()
	return r, -1, err
}

func (c *Context) whole() (io.Reader, int64, error) {
	if _, err := c.file.Seek(0, io.SeekStart); err != nil {
		return nil, 0, fmt.Errorf("read the context of a build: %w", err)
	}
	return c.file, c.size, nil
}

// Close takes the file away.
func (c *Context) Close() error { return c.file.Close() }

// find reads the Dockerfile as the engine will find it once the context is unpacked.
func (c *Context) find(ctx context.Context, name string) ([]byte, error) {
	if name == "" {
		name = "Dockerfile"
	}
	if !solve.Plain(name) { // behind a link it is another file
		return nil, refuse("its Dockerfile is named %.100q: name it from the context's root, without . and ..", name)
	}
	want := clean(name)
	once, err := c.plain(ctx)
	if err != nil {
		return nil, err
	}
	in := &counted{r: once}
	s := &search{want: want, links: map[string]bool{}}
	if want == "/Dockerfile" {
		s.lower = "/dockerfile" // which an engine takes where there is no other
	}
	t := tar.NewReader(in)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, refuse("its context is no archive: %v", err)
		}
		if n >= mostEntries {
			return nil, refuse("its context has more than %d files", mostEntries)
		}
		if err := s.entry(h, t); err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.Discard, t); err != nil { //nolint:gosec // what is unpacked is bounded
			return nil, refuse("its context is no archive: %v", err)
		}
		c.end = (in.n + block - 1) / block * block
	}
	var text []byte
	text, c.at, err = s.result(name)
	return text, err
}

// plain reads the archive as an engine unpacks it.
func (c *Context) plain(ctx context.Context) (*bufio.Reader, error) {
	whole, _, err := c.whole()
	if err != nil {
		return nil, err
	}
	packed, err := unpacked(done{ctx, whole})
	if err != nil {
		return nil, err
	}
	once := bufio.NewReader(packed)
	if head, _ := once.Peek(magic); packing(head) != "" { // an engine would unpack it once more
		return nil, refuse("the archive is packed twice, with %s inside: send it plain or with gzip", packing(head))
	}
	return once, nil
}

// unpacked opens gzip, which the command line may send. Other packings the guard does not read.
func unpacked(r io.Reader) (io.Reader, error) {
	head := make([]byte, magic)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, refuse("the archive is empty")
	}
	head = head[:n]
	all := io.MultiReader(bytes.NewReader(head), r)
	switch kind := packing(head); kind {
	case "":
		return all, nil
	case "gzip":
		z, err := gzip.NewReader(all)
		if err != nil {
			return nil, refuse("the archive is no gzip: %v", err)
		}
		return io.LimitReader(z, mostUnpacked), nil
	default:
		return nil, refuse("the archive is packed with %s: send it plain or with gzip", kind)
	}
}

// magic is how many bytes tell a packing.
const magic = 10

// packing is what an engine would unpack what begins so with; empty for nothing.
func packing(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(head, []byte("BZh")):
		return "bzip2"
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z'}):
		return "xz"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(head) >= 4 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}): // a frame that zstd skips (RFC 8878 3.1.2)
		return "zstd"
	}
	return ""
}

func clean(name string) string { return path.Clean("/" + name) }

// search remembers what an archive would leave at the places where an engine looks.
type search struct {
	want, lower       string
	found, foundLower *[]byte
	links             map[string]bool
}

func (s *search) entry(h *tar.Header, r io.Reader) error {
	name := clean(h.Name)
	// Through a link an entry would land elsewhere than its name says.
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if s.links[dir] {
			return refuse("the archive has %.100q below a link", h.Name)
		}
	}
	delete(s.links, name)
	if h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink {
		if len(s.links) >= mostLinks {
			return refuse("the archive has more than %d links", mostLinks)
		}
		s.links[name] = true
	}
	for _, at := range []struct {
		path string
		to   **[]byte
	}{{s.want, &s.found}, {s.lower, &s.foundLower}} {
		if at.path == "" {
			continue
		}
		switch {
		case name == at.path && h.Typeflag == tar.TypeReg:
			text, err := io.ReadAll(io.LimitReader(r, mostDockerfile+1))
			if err != nil {
				return refuse("its context is no archive: %v", err)
			}
			if len(text) > mostDockerfile {
				return refuse("its Dockerfile has more than %d bytes", mostDockerfile)
			}
			*at.to = &text
		case name == at.path, s.links[name] && strings.HasPrefix(at.path, name+"/"):
			return refuse("its Dockerfile is a link, or behind one")
		}
	}
	return nil
}

func (s *search) result(name string) (text []byte, at string, err error) {
	switch {
	case s.found != nil:
		return *s.found, s.want, nil
	case s.foundLower != nil:
		return *s.foundLower, s.lower, nil
	}
	return nil, "", refuse("its context has no %.100q", name)
}
