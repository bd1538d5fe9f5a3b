// Command bulkhead is the whole product in one binary. It picks a role by the command line and wires the parts: this
// is the only place where they meet.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	_ "time/tzdata" // windows name zones, and an image without files has none

	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/host"
)

// Set by the linker; see Makefile.
var (
	version = "dev"
	commit  = "none"
	date    = "unknown"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == rpmVerb {
		os.Exit(host.ServeRPM(os.Args[2:], os.Stderr)) // no command line, no settings: see rpmReader
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	app := &cli.App{
		Node:       &node{version: buildVersion()},
		Drills:     &drills{version: buildVersion()},
		Server:     &server{version: buildVersion()},
		Agent:      &member{version: buildVersion()},
		Guard:      guard{version: buildVersion()},
		EngineLock: openLock,
		Database:   openDatabase,
		Build:      cli.Build{Version: buildVersion(), Commit: commit, Date: date, Go: runtime.Version()},
		In:         os.Stdin,
		Out:        os.Stdout,
		Err:        os.Stderr,
		Environ:    os.Environ(),
	}
	code := app.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func buildVersion() string { return guarded.BuildVersion(version) }
