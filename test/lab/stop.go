package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// OpenEngine returns the engine that was started in dir, by whatever process, so that it can be used or stopped.
func OpenEngine(dir string) (*Engine, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("engine directory: %w", err)
	}
	body, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return nil, fmt.Errorf("no engine was started in %s: %w", dir, err)
	}
	var st state
	if err := json.Unmarshal(body, &st); err != nil {
		return nil, fmt.Errorf("state of the engine in %s: %w", dir, err)
	}
	return handle(dir, st), nil
}

// Alive is true while the engine's dockerd runs.
func (e *Engine) Alive() bool {
	return e.state.PID > 0 && e.state.Start != "" && startTime(e.state.PID) == e.state.Start
}

// Stop removes the engine's containers and networks, ends what was started, and takes back mounts, bridge and firewall
// rules. The files below Dir stay.
func (e *Engine) Stop(ctx context.Context) error {
	var errs []error
	if e.Alive() {
		if err := e.empty(ctx); err != nil {
			errs = append(errs, fmt.Errorf("emptying the engine: %w", err))
		}
	}
	containerd := childPID(filepath.Join(e.dir, "exec", "containerd", "containerd.pid"))
	end(e.state.PID, e.state.Start)
	if containerd > 0 {
		end(containerd, startTime(containerd))
	}
	endShims(e.dir)
	errs = append(errs, unmountBelow(e.dir), takeBackNetwork(e.state))
	for _, name := range []string{"state.json", "docker.sock", "dockerd.pid"} {
		if err := os.Remove(filepath.Join(e.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Kill ends the engine and all that it started as a power cut would. Its files stay, for Restart.
func (e *Engine) Kill() {
	containerd := childPID(filepath.Join(e.dir, "exec", "containerd", "containerd.pid"))
	for _, pid := range append([]int{e.state.PID, containerd}, shimsBelow(e.dir)...) {
		if pid > 0 && startTime(pid) != "" {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	<-e.exited
}

// Restart starts an engine of this process again after Kill, and waits until it answers. Only an engine with a network of its own can
// be.
func (e *Engine) Restart(ctx context.Context) error {
	if !e.options.Private {
		return errors.New("an engine on this host's network can't be started again")
	}
	if err := unmountBelow(e.dir); err != nil {
		return err
	}
	for _, name := range []string{"docker.sock", "dockerd.pid", filepath.Join("exec", "containerd", "containerd.pid")} {
		if err := os.Remove(filepath.Join(e.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	cmd, st, err := prepared(ctx, e.options, e.dir)
	if err != nil {
		return err
	}
	again, err := launch(cmd, e.dir, st)
	if err != nil {
		return err
	}
	e.state, e.exited = again.state, again.exited
	return dockerd.Wait(ctx, e.dir, e.exited)
}

// empty removes containers and networks through the engine, which then takes back their rules and interfaces itself.
func (e *Engine) empty(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute) // a hundred containers on a busy machine
	defer cancel()
	cli, err := e.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	err = dockerd.Empty(ctx, cli)
	if e.state.Private {
		return err // its networks go with its namespace
	}
	return errors.Join(err, removeNetworks(ctx, cli))
}

// removeNetworks removes all but the engine's own networks.
func removeNetworks(ctx context.Context, cli *client.Client) error {
	nets, err := cli.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range nets.Items {
		if slices.Contains([]string{"bridge", "host", "none", "ingress"}, n.Name) {
			continue
		}
		in, err := cli.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
		if err != nil {
			continue // gone with the swarm
		}
		for id := range in.Network.Containers { // a swarm leaves its own endpoints behind
			_, err := cli.NetworkDisconnect(ctx, n.ID, client.NetworkDisconnectOptions{Container: id, Force: true})
			errs = append(errs, err)
		}
		_, err = cli.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// end asks a process to end and kills it when it does not within 15 seconds. A pid that another process has by now is
// left alone.
func end(pid int, start string) {
	alive := func() bool { return pid > 0 && start != "" && startTime(pid) == start }
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGTERM, 15 * time.Second}, {syscall.SIGKILL, 30 * time.Second}} {
		if !alive() {
			return
		}
		_ = syscall.Kill(pid, step.sig)
		for deadline := time.Now().Add(step.wait); alive() && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// startTime is field 22 of /proc/PID/stat; empty when there is no such process or it is a zombie.
func startTime(pid int) string {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(body), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
}

// childPID reads the pid file of the containerd that dockerd starts.
func childPID(file string) int {
	body, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil {
		return 0
	}
	return pid
}

// unmountBelow unmounts what is mounted below dir, the deepest first.
func unmountBelow(dir string) error {
	list, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return fmt.Errorf("reading mounts: %w", err)
	}
	slices.SortFunc(list, func(a, b *mountinfo.Info) int { return len(b.Mountpoint) - len(a.Mountpoint) })
	var errs []error
	for _, m := range list {
		if m.Mountpoint == dir {
			continue
		}
		if err := unix.Unmount(m.Mountpoint, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmounting %s: %w", m.Mountpoint, err))
		}
	}
	return errors.Join(errs...)
}
