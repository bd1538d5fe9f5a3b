// Command lab starts a container engine and a fleet for `make run` and removes them for `make clean`.
//
//	lab up --dir DIR [--kind debian|current]   prints the engine's socket and leaves it running
//	lab down --dir DIR                         stops it and removes DIR
//	lab demo --dir DIR                         prints the endpoint of this host's engine, or of one started as by up;
//	                                           an engine without containers gets a fleet
//	lab clean --dir DIR                        removes the fleet, then does what down does
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: lab up|down|demo|clean --dir DIR [--kind debian|current]")
	}
	flags := flag.NewFlagSet("lab "+args[0], flag.ContinueOnError)
	dir := flags.String("dir", "", "directory for everything that the engine writes")
	kind := flags.String("kind", string(lab.Debian), "debian or current")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("--dir is missing")
	}
	switch args[0] {
	case "up":
		return up(ctx, *dir, lab.Kind(*kind))
	case "down":
		return down(ctx, *dir)
	case "demo":
		return demo(ctx, *dir)
	case "clean":
		return clean(ctx, *dir)
	}
	return fmt.Errorf("unknown command %q: use up, down, demo or clean", args[0])
}

// up is the same whether an engine runs in dir already or not.
func up(ctx context.Context, dir string, kind lab.Kind) error {
	if kind != lab.Debian && kind != lab.Current {
		return fmt.Errorf("unknown kind %q: use %s or %s", kind, lab.Debian, lab.Current)
	}
	e, err := start(ctx, dir, kind)
	if err != nil {
		return err
	}
	fmt.Println(e.Socket)
	return nil
}

// start opens the engine that runs in dir, or starts one there.
func start(ctx context.Context, dir string, kind lab.Kind) (*lab.Engine, error) {
	if e, err := lab.OpenEngine(dir); err == nil {
		if e.Alive() {
			return e, nil
		}
		if err := e.Stop(ctx); err != nil { // left over from a crash
			return nil, err
		}
	}
	return lab.StartEngine(ctx, lab.EngineOptions{Kind: kind, Dir: dir})
}

// down removes dir only when an engine was started in it, so that a mistyped path is never removed.
func down(ctx context.Context, dir string) error {
	e, err := lab.OpenEngine(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := e.Stop(ctx); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
