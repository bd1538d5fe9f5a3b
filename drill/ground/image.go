package ground

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// Image is the image that every ground has: a shell and its tools, and a user "app" (1000).
const Image = "bulkhead-drill/base:1"

// Busybox is the program that images are made of, on this machine and in them.
const Busybox = "/bin/busybox"

// applets are the commands of busybox that the image has.
func applets() []string {
	return []string{
		"sh", "ls", "cat", "cp", "mkdir", "rm", "sleep", "id", "grep", "head", "mount", "mknod", "true", "echo", "dd", "wget", "nc", "ln", "readlink",
	}
}

// rootfs is the image's file system as a tar archive.
func rootfs() ([]byte, error) {
	program, err := os.ReadFile(Busybox)
	if err != nil {
		return nil, fmt.Errorf("%w: images are made of busybox (apt-get install busybox-static): %w", dockerd.ErrMissing, err)
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", dockerd.ErrMissing, Busybox, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%w: %s needs libraries, which an image has not: apt-get install busybox-static", dockerd.ErrMissing, Busybox)
		}
	}
	files := []File{
		{Name: "bin/", Mode: 0o755},
		{Name: "etc/", Mode: 0o755},
		{Name: "tmp/", Mode: 0o1777},
		{Name: "bin/busybox", Mode: 0o755, Body: program},
		{Name: "etc/passwd", Body: []byte("root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n")},
		{Name: "etc/group", Body: []byte("root:x:0:\napp:x:1000:\n")},
	}
	for _, a := range applets() {
		files = append(files, File{Name: "bin/" + a, Link: Busybox})
	}
	return Tar(files...)
}

// File is an entry of a tar archive: a directory where its name ends with a slash, a symbolic link where Link is set.
type File struct {
	Name string
	Mode int64 // 0644 where it is not set
	Body []byte
	Link string
}

// Tar makes an archive.
func Tar(files ...File) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Mode: f.Mode, Size: int64(len(f.Body)), Typeflag: tar.TypeReg, Linkname: f.Link}
		switch {
		case f.Link != "":
			h.Typeflag = tar.TypeSymlink
		case strings.HasSuffix(f.Name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("make an archive: %w", err)
		}
		if _, err := w.Write(f.Body); err != nil {
			return nil, fmt.Errorf("make an archive: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("make an archive: %w", err)
	}
	return out.Bytes(), nil
}

// importBase imports the image, where it is not there.
func (e *Engine) importBase(ctx context.Context) error {
	cli, err := e.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	if _, err := cli.ImageInspect(ctx, Image); err == nil {
		return nil
	}
	res, err := cli.ImageImport(ctx, client.ImageImportSource{Source: bytes.NewReader(e.base), SourceName: "-"}, Image, client.ImageImportOptions{})
	if err != nil {
		return fmt.Errorf("import an image into the throw-away engine: %w", err)
	}
	defer res.Close()
	said, err := io.ReadAll(io.LimitReader(res, 1<<20))
	if err != nil {
		return fmt.Errorf("import an image into the throw-away engine: %w", err)
	}
	if _, err := cli.ImageInspect(ctx, Image); err != nil {
		return fmt.Errorf("import an image into the throw-away engine: %w (it said %s)", err, said)
	}
	return nil
}
