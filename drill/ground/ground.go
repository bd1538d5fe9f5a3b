// Package ground starts a container engine that is thrown away, for drills that attack one: with namespaces, directories and sockets of
// its own, on images made of this machine's busybox. When its first process ends, the kernel ends everything that it started.
//
// It attacks nothing, uses no engine that runs already, and opens nothing to other machines. It needs root.
package ground

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// Options say which engine to start.
type Options struct {
	// Bin is a directory with dockerd, containerd and runc; empty takes those of PATH and of the places where packages put them.
	Bin string
	// Config is written as the engine's daemon.json.
	Config map[string]any
}

// Engine is a running engine.
type Engine struct {
	// Dir holds all that is the engine's; it is short, since sockets lie below it. Host is a directory that stands for the host's files.
	Dir, Host string
	// Socket is the engine's own, Containerd that of its containerd.
	Socket, Containerd string

	cmd     *exec.Cmd
	base    []byte
	exited  chan struct{}
	daemon  string
	options Options
}

// Start starts an engine and waits until it answers. Whoever starts it stops it; ctx bounds the start only.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: starting one needs root; run as root or with sudo", dockerd.ErrMissing)
	}
	daemon, err := find(o.Bin)
	if err != nil {
		return nil, err
	}
	base, err := rootfs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bh-")
	if err != nil {
		return nil, fmt.Errorf("directory of a throw-away engine: %w", err)
	}
	e := &Engine{
		Dir: dir, Host: filepath.Join(dir, "host"), Socket: dockerd.Socket(dir),
		Containerd: filepath.Join(dir, "exec", "containerd", "containerd.sock"), base: base, exited: make(chan struct{}),
		daemon: daemon, options: o,
	}
	if err := e.start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return nil, errors.Join(err, e.Stop(stop))
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context) error {
	for dir, mode := range map[string]os.FileMode{e.Dir: 0o710, e.Host: 0o755} {
		if err := errors.Join(os.MkdirAll(dir, mode), os.Chmod(dir, mode)); err != nil {
			return fmt.Errorf("directory of a throw-away engine: %w", err)
		}
	}
	// The engine is root, and its socket is open while it is attacked: nobody of the machine comes there but those whom drills make.
	if err := os.Chown(e.Dir, 0, insiders); err != nil {
		return fmt.Errorf("directory of a throw-away engine: %w", err)
	}
	if err := e.prepare(); err != nil {
		return err
	}
	if err := e.launch(); err != nil {
		return err
	}
	if err := dockerd.Wait(ctx, e.Dir, e.exited); err != nil {
		return err
	}
	return e.importBase(ctx)
}

// find looks for the engine's program.
func find(bin string) (string, error) {
	if bin != "" {
		path := filepath.Join(bin, "dockerd")
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w: no dockerd in %s: %w", dockerd.ErrMissing, bin, err)
		}
		return path, nil
	}
	if path, err := exec.LookPath("dockerd"); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/local/bin"} { // sbin is in the PATH of few
		if _, err := os.Stat(filepath.Join(dir, "dockerd")); err == nil {
			return filepath.Join(dir, "dockerd"), nil
		}
	}
	return "", fmt.Errorf("%w: no dockerd in PATH; install a container engine (apt-get install docker.io), or name the directory of one", dockerd.ErrMissing)
}

// enter is what the first process does before it becomes the engine: what it sees of processes are its own, and what it mounts may reach
// its own containers, as on other hosts, and nothing beyond.
const enter = `mount -t proc proc /proc && mount --make-rshared / && exec "$0" "$@"`

// prepare writes the engine's settings and command.
func (e *Engine) prepare(hosts ...string) error {
	settings := map[string]any{
		"debug": true, "experimental": true, // what can be open is open
		"default-cgroupns-mode": "private", // as on newer hosts: the host's is more then
	}
	maps.Copy(settings, e.options.Config)
	args, err := dockerd.Command(e.daemon, e.Dir, settings)
	if err != nil {
		return err
	}
	path := filepath.Dir(e.daemon) + ":" + os.Getenv("PATH") + ":/usr/sbin:/sbin"
	if own, err := dockerd.Runtime(path, e.Dir); err != nil {
		return err
	} else if own != "" {
		path = own + ":" + path
	}
	e.cmd = exec.Command("/bin/sh", append([]string{"-c", enter}, args...)...) //nolint:noctx // it lives until Stop
	e.cmd.Args = append(e.cmd.Args, "-G", "root", "--bip", "10.226.0.1/24", "--default-address-pool", "base=10.226.128.0/17,size=24")
	for _, h := range hosts {
		e.cmd.Args = append(e.cmd.Args, "-H", h)
	}
	e.cmd.Env = []string{"PATH=" + path, "HOME=" + e.Dir, "TMPDIR=" + e.Dir}
	e.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Unshareflags: unix.CLONE_NEWNS, // which also keeps mounts to itself
		Pdeathsig:    syscall.SIGKILL,
	}
	return nil
}

// launch starts the engine from a thread that stays until it ends: what dies with the parent dies with the thread that started it.
func (e *Engine) launch() error {
	log, err := os.OpenFile(dockerd.Log(e.Dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("log of a throw-away engine: %w", err)
	}
	defer log.Close()
	e.cmd.Stdout, e.cmd.Stderr = log, log
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(e.exited)
		err := e.cmd.Start()
		started <- err
		if err == nil {
			_ = e.cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", e.cmd.Args[3], err)
	}
	return e.loopback()
}

// Client gives a client of the engine, which the caller closes.
func (e *Engine) Client() (*client.Client, error) {
	return dockerd.Client(e.Dir)
}
