package ground

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"

	"github.com/moby/moby/client"
)

// Image is the image that every ground has: a shell and its tools, and a user "app" (1000).
const Image = "bulkhead-drill/base:1"

const busybox = "/bin/busybox"

// applets are the commands of busybox that the image has.
func applets() []string {
	return []string{
		"sh", "ls", "cat", "cp", "mkdir", "rm", "sleep", "id", "grep", "head", "mount", "mknod", "true", "echo", "dd", "wget", "nc", "ln", "readlink",
	}
}

// rootfs is the image's file system as a tar archive.
func rootfs() ([]byte, error) {
	program, err := os.ReadFile(busybox)
	if err != nil {
		return nil, fmt.Errorf("%w: images are made of busybox (apt-get install busybox-static): %w", ErrMissing, err)
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMissing, busybox, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%w: %s needs libraries, which an image has not: apt-get install busybox-static", ErrMissing, busybox)
		}
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	entries := []entry{
		{tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil},
		{tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, program},
		{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n")},
		{tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, []byte("root:x:0:\napp:x:1000:\n")},
	}
	for _, a := range applets() {
		entries = append(entries, entry{tar.Header{Name: "bin/" + a, Typeflag: tar.TypeSymlink, Linkname: busybox, Mode: 0o777}, nil})
	}
	for _, e := range entries {
		if err := e.write(w); err != nil {
			return nil, fmt.Errorf("make an image: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("make an image: %w", err)
	}
	return out.Bytes(), nil
}

type entry struct {
	tar.Header
	body []byte
}

func (e *entry) write(w *tar.Writer) error {
	e.Size = int64(len(e.body))
	if err := w.WriteHeader(&e.Header); err != nil {
		return err
	}
	_, err := w.Write(e.body)
	return err
}

func (e *Engine) importBase(ctx context.Context, base []byte) error {
	cli, err := e.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	res, err := cli.ImageImport(ctx, client.ImageImportSource{Source: bytes.NewReader(base), SourceName: "-"}, Image, client.ImageImportOptions{})
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
