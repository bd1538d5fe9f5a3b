package docker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/guard/workload"
	"github.com/bulkhead-security/bulkhead/model"
)

// security reads the options that harden or open a container, with the engine's defaults.
func security(w *model.Workload, in container.InspectResponse, h *hostView) {
	d := h.workloadDefaults()
	d.AppArmor = in.AppArmorProfile
	if d.AppArmor == "" && h.apparmor && in.HostConfig.Privileged {
		d.AppArmor = "unconfined"
	}
	workload.Security(w, in.HostConfig, d)
	w.Weakened, w.Unknown = nil, nil // a collector says what is, and not what was asked for
}

// user decides whether the container runs as uid 0: by number, by the name root, or by its own passwd.
func (e *Collector) user(w *model.Workload, in container.InspectResponse, h *hostView, c *model.Container) {
	var known bool
	if w.Root, known = workload.IsRoot(w.UserEffective); known {
		return
	}
	name, _, _ := strings.Cut(w.UserEffective, ":")
	body, err := e.readInContainer(in, h, "etc/passwd")
	if err == nil {
		err = fmt.Errorf("user %q is not in the container's /etc/passwd", name)
		for f := range fields(body, 4) {
			if f[0] == name {
				w.Root, err = f[2] == "0", nil
				break
			}
		}
	}
	if err != nil {
		c.Gaps = append(c.Gaps, gap("/workload/root", err, "run as root on the engine's host, or give the user as a number"))
	}
}

// readInContainer reads a file of the container's root file system, and never one outside of it.
func (e *Collector) readInContainer(in container.InspectResponse, h *hostView, path string) ([]byte, error) {
	if !h.local {
		return nil, errors.New("the container's files are on another host")
	}
	var roots []string
	if in.State.Pid > 0 {
		roots = append(roots, e.proc(in.State.Pid, "root"))
	}
	upper, lower := overlay(in)
	for _, dir := range append([]string{upper}, lower...) {
		if dir != "" {
			roots = append(roots, e.host(dir))
		}
	}
	err := fs.ErrNotExist
	for _, root := range roots {
		var body []byte
		if body, err = readBeneath(root, path); err == nil {
			return body, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, fmt.Errorf("/%s of the container: %w", path, err)
}

// readBeneath reads a regular file below root; the container's links are followed inside of root only.
func readBeneath(root, path string) ([]byte, error) {
	dir, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat2(int(dir.Fd()), path, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(root, path), Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: no regular file", errMalformed)
	}
	var buf bytes.Buffer
	_, err = io.Copy(&buf, io.LimitReader(f, maxConfig))
	return buf.Bytes(), err
}
