package ground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/drill/ground/dockerd"
)

// Stop ends the engine with everything that it started, and removes its files.
func (e *Engine) Stop(ctx context.Context) error {
	var errs []error
	if e.Alive() {
		errs = append(errs, e.empty(ctx))
		errs = append(errs, e.end(ctx))
	}
	return errors.Join(append(errs, e.remove())...)
}

// Alive says whether the engine runs.
func (e *Engine) Alive() bool {
	if e.cmd == nil || e.cmd.Process == nil {
		return false
	}
	select {
	case <-e.exited:
		return false
	default:
		return true
	}
}

// empty removes containers through the engine, which then takes back their control groups itself.
func (e *Engine) empty(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cli, err := e.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	return dockerd.Empty(ctx, cli)
}

// end asks the engine to end, and then does not ask any more. All other processes are in its namespace and end with it.
func (e *Engine) end(ctx context.Context) error {
	_ = e.cmd.Process.Signal(unix.SIGTERM) // it may have ended by itself
	select {
	case <-e.exited:
		return nil
	case <-time.After(15 * time.Second):
	case <-ctx.Done():
	}
	_ = e.cmd.Process.Kill()
	select {
	case <-e.exited:
		return nil
	case <-time.After(10 * time.Second):
		return fmt.Errorf("the throw-away engine in %s does not end", e.Dir)
	}
}

// remove removes the engine's files, unless something is mounted there still: its mounts may be of the host's own files.
func (e *Engine) remove() error {
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(e.Dir))
	if err != nil {
		return fmt.Errorf("mounts of the throw-away engine: %w", err)
	}
	if len(mounts) > 0 {
		return fmt.Errorf("%s stays, since %s is mounted there: unmount and remove it", e.Dir, mounts[0].Mountpoint)
	}
	if err := os.RemoveAll(e.Dir); err != nil {
		return fmt.Errorf("files of the throw-away engine: %w", err)
	}
	return nil
}
