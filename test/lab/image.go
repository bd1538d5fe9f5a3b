package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/moby/moby/client"
)

// File is a file of an image. Its mode is that of tar (0o4755 is setuid). With Link it is a symbolic link.
type File struct {
	Body []byte
	Mode int64
	Link string
	UID  int
	Dir  bool
}

// Layer is a layer of an image: its files by absolute path and the command that is said to have made it.
type Layer struct {
	Files     map[string]File
	CreatedBy string
}

// Image is an image to make. The first layer is busybox with a small /etc unless Bare is set.
type Image struct {
	Tag     string
	Layers  []Layer
	Config  v1.Config
	Created time.Time
	Bare    bool
}

// applets are the commands of busybox that images have.
var applets = []string{
	"sh", "ls", "cat", "cp", "chmod", "chown", "mkdir", "rm", "touch", "sleep", "id", "ps", "ip",
	"wget", "httpd", "ping", "grep", "sed", "head", "tail", "env", "mount", "true", "false", "date", "kill",
}

// Busybox is the layer that images start with: the host's static busybox and users root (0) and app (1000).
func Busybox() (Layer, error) {
	body, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return Layer{}, fmt.Errorf("images are made from busybox (install busybox-static): %w", err)
	}
	files := map[string]File{
		"/bin/busybox": {Body: body, Mode: 0o755},
		"/etc/passwd":  {Body: []byte("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n"), Mode: 0o644},
		"/etc/group":   {Body: []byte("root:x:0:\napp:x:1000:\n"), Mode: 0o644},
		"/tmp":         {Dir: true, Mode: 0o1777},
	}
	for _, a := range applets {
		files["/bin/"+a] = File{Link: "/bin/busybox"}
	}
	return Layer{Files: files, CreatedBy: "COPY busybox /"}, nil
}

// Load makes the image and gives it to the engine. It returns the image's id.
func Load(ctx context.Context, cli *client.Client, im Image) (string, error) {
	img, err := Build(im)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", im.Tag, err)
	}
	tag, err := name.NewTag(im.Tag)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", im.Tag, err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(tarball.Write(tag, img, w)) }()
	defer func() { _ = r.Close() }()
	res, err := cli.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fmt.Errorf("loading %s: %w", im.Tag, err)
	}
	defer res.Close()
	said, err := io.ReadAll(io.LimitReader(res, 1<<20))
	if err != nil {
		return "", fmt.Errorf("loading %s: %w", im.Tag, err)
	}
	got, err := cli.ImageInspect(ctx, im.Tag)
	if err != nil {
		return "", fmt.Errorf("loading %s: %w (the engine said %s)", im.Tag, err, said)
	}
	return got.ID, nil
}

// Build makes the image without an engine.
func Build(im Image) (v1.Image, error) {
	layers := im.Layers
	if !im.Bare {
		base, err := Busybox()
		if err != nil {
			return nil, err
		}
		layers = append([]Layer{base}, layers...)
	}
	created := v1.Time{Time: im.Created}
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		Architecture: "amd64", OS: "linux", Config: im.Config, Created: created, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		body, err := l.tar()
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil })
		if err != nil {
			return nil, err
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: l.CreatedBy, Created: created}})
		if err != nil {
			return nil, err
		}
	}
	return img, nil
}

// tar writes the layer with the directories that its files need, always in the same order.
func (l Layer) tar() ([]byte, error) {
	files := maps.Clone(l.Files)
	for p := range l.Files {
		for d := path.Dir(p); d != "/" && d != "."; d = path.Dir(d) {
			if _, ok := files[d]; !ok {
				files[d] = File{Dir: true, Mode: 0o755}
			}
		}
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, p := range slices.Sorted(maps.Keys(files)) {
		f := files[p]
		h := &tar.Header{Name: strings.TrimPrefix(p, "/"), Mode: f.Mode, Uid: f.UID, Size: int64(len(f.Body)), Typeflag: tar.TypeReg}
		switch {
		case f.Dir:
			h.Typeflag, h.Size = tar.TypeDir, 0
			h.Name += "/"
		case f.Link != "":
			h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, f.Link, 0o777, 0
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if h.Size > 0 {
			if _, err := w.Write(f.Body); err != nil {
				return nil, err
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
