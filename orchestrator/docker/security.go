package docker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
)

// security reads the options that harden or open a container, with the engine's defaults.
func security(w *model.Workload, in container.InspectResponse, h *hostView) {
	w.NoNewPrivileges = h.noNewPrivileges
	w.Seccomp = h.seccomp
	w.AppArmor = in.AppArmorProfile
	if w.AppArmor == "" && h.apparmor && in.HostConfig.Privileged {
		w.AppArmor = "unconfined"
	}
	if in.HostConfig.Privileged {
		w.Seccomp = "unconfined"
	}
	for _, o := range in.HostConfig.SecurityOpt {
		// Old clients wrote "key:value".
		i := strings.IndexAny(o, "=:")
		key, value := o, ""
		if i >= 0 {
			key, value = o[:i], o[i+1:]
		}
		switch key {
		case "no-new-privileges":
			w.NoNewPrivileges = value == "" || value == "true"
		case "seccomp":
			switch value {
			case "unconfined", "builtin":
				w.Seccomp = value
			default:
				w.Seccomp = "custom"
			}
		case "apparmor":
			w.AppArmor = value
		case "label":
			if value == "disable" {
				value = "disabled"
			}
			w.SELinux = append(w.SELinux, value)
		case "systempaths":
			w.MaskedPathsOff = w.MaskedPathsOff || value == "unconfined"
		}
	}
	slices.Sort(w.SELinux)
	// The engine shows an opened list as an empty one; no list at all means its defaults.
	masked, readonly := in.HostConfig.MaskedPaths, in.HostConfig.ReadonlyPaths
	if in.HostConfig.Privileged || (masked != nil && !slices.Contains(masked, "/proc/kcore")) ||
		(readonly != nil && !slices.Contains(readonly, "/proc/sys")) {
		w.MaskedPathsOff = true
	}
}

// user decides whether the container runs as uid 0: by number, by the name root, or by its own passwd.
func (e *Collector) user(w *model.Workload, in container.InspectResponse, h *hostView, c *model.Container) {
	name, _, _ := strings.Cut(w.UserEffective, ":")
	if name == "" || name == "root" {
		w.Root = true
		return
	}
	if uid, err := strconv.ParseInt(name, 10, 64); err == nil {
		w.Root = uid == 0
		return
	}
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
