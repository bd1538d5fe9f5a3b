package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
)

// become has the small program that is the guard alone take this process, with the same arguments: it needs less memory. It comes back where there
// is none that can be trusted as this program is, and says why; what it gives then ends as ctx does, and at the signals that end a program.
func become(ctx context.Context, version string, log *slog.Logger) (context.Context, context.CancelFunc) {
	// What was told to this program, the next one would not know.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	if ctx.Err() == nil {
		err := becomeBeside(version)
		log.Warn("the guard runs in the whole program, with about 15 MiB more of memory than it needs", "why", err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // as in main
	return ctx, stop
}

func becomeBeside(version string) error {
	own, err := os.Executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return fmt.Errorf("where this program is: %w", err)
	}
	path, err := smallBeside(own)
	if err != nil {
		return err
	}
	env := append(os.Environ(), guarded.VersionEnv+"="+version, guarded.ProgramEnv+"="+own)
	return fmt.Errorf("start %s: %w", path, syscall.Exec(path, append([]string{path}, os.Args[1:]...), env))
}

// smallBeside finds the small program beside a file. What others may write to than root, and whoever owns this file, is not taken: it would run as
// whoever runs this.
func smallBeside(own string) (string, error) {
	path := filepath.Join(filepath.Dir(own), guarded.Small)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no %s beside it: install both", path)
	}
	if err != nil {
		return "", err
	}
	this, err := os.Stat(own)
	if err != nil {
		return "", err
	}
	is, ok1 := info.Sys().(*syscall.Stat_t)
	mine, ok2 := this.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not taken: it is no regular file", path)
	case !ok1 || !ok2 || is.Uid != 0 && is.Uid != mine.Uid:
		return "", fmt.Errorf("%s is not taken: it is neither root's nor of the owner of %s", path, own)
	case info.Mode().Perm()&0o022 != 0:
		return "", fmt.Errorf("%s is not taken: others than its owner may write to it (chmod 755)", path)
	case info.Mode().Perm()&0o111 == 0:
		return "", fmt.Errorf("%s is not taken: nobody may execute it (chmod 755)", path)
	}
	return path, nil
}
