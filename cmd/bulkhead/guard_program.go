package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
)

// become has the small program that is the guard alone take this process, with the same arguments: it needs less memory. It comes back where there
// is none that can be trusted as this program is, and says why; what it gives then ends as ctx does, and at the signals that end a program.
func become(ctx context.Context, version, file string, log *slog.Logger) (context.Context, context.CancelFunc) {
	path, own, err := beside(ctx, version, file)
	// What was told to this program, the next one would not know.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	if ctx.Err() == nil {
		if err == nil {
			env := append(os.Environ(), guarded.ProgramEnv+"="+own)
			err = fmt.Errorf("start %s: %w", path, syscall.Exec(path, append([]string{path}, os.Args[1:]...), env))
			raiseFiles()
		}
		log.Warn("the guard runs in the whole program, with about 15 MiB more of memory than it needs", "why", err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // as in main
	return ctx, stop
}

// raiseFiles has this process open as many files as it may, as the run-time does at the start, and takes back before another program is begun.
func raiseFiles() {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err == nil && l.Cur < l.Max {
		l.Cur = l.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l) // with fewer it works, too
	}
}

// versionTime is how long a program may take to say its version.
const versionTime = 10 * time.Second

// beside finds the small program, and where this one is. One of another version is not taken: an update that is half done must not stop the guard.
// Nor is a configuration that can be read once only, which the small program would find empty.
func beside(ctx context.Context, version, file string) (path, own string, err error) {
	if file != "" {
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			return "", "", fmt.Errorf("%s is no regular file, and can't be read again by another program", file)
		}
	}
	own, err = os.Executable()
	if err == nil {
		own, err = filepath.EvalSymlinks(own)
	}
	if err != nil {
		return "", "", fmt.Errorf("where this program is: %w", err)
	}
	if path, err = smallBeside(own); err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, versionTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("%s does not say its version: %w", path, err)
	}
	if f := strings.Fields(string(out)); len(f) < 3 || f[2] != version { // bulkhead-guard version 1.2.3 (…)
		return "", "", fmt.Errorf("%s is of another version than %s, which is %s: install both of one; it says %.200q", path, own, version, strings.TrimSpace(string(out)))
	}
	return path, own, nil
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
