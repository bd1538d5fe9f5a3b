package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/drill"
	"github.com/bulkhead-security/bulkhead/drill/ground"
	"github.com/bulkhead-security/bulkhead/guard/lock"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// engines makes the engines of a run of drills, and guards in front of them. Each drill has one for itself while it runs.
type engines struct {
	bin  string
	mu   sync.Mutex
	all  []*ground.Engine
	idle []*ground.Engine
	err  error // why there is none: it is asked for once
}

// Ground implements drill.Engines.
func (g *engines) Ground(ctx context.Context) (*ground.Engine, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.idle); n > 0 {
		e := g.idle[n-1]
		g.idle = g.idle[:n-1]
		return e, nil
	}
	if g.err != nil {
		return nil, g.err
	}
	e, err := ground.Start(ctx, ground.Options{Bin: g.bin})
	if err != nil {
		if ctx.Err() == nil {
			g.err = err
		}
		return nil, err
	}
	g.all = append(g.all, e)
	return e, nil
}

// Free implements drill.Engines.
func (g *engines) Free(e *ground.Engine) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.Alive() {
		g.idle = append(g.idle, e)
	}
}

// close stops the engines that were started.
func (g *engines) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	errs := make([]error, len(g.all))
	var wait sync.WaitGroup
	for i, e := range g.all {
		wait.Go(func() { errs[i] = e.Stop(ctx) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// Guard implements drill.Engines: the product's own guard, with its shipped policies and the profile that it has by default.
func (g *engines) Guard(ctx context.Context, e *ground.Engine, o drill.GuardOptions) (_ *drill.Guard, err error) {
	dir, err := os.MkdirTemp(e.Dir, "g")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	var undo []func() error
	r := &records{}
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		var errs []error
		for i := len(undo) - 1; i >= 0; i-- {
			errs = append(errs, undo[i]())
		}
		return errors.Join(append(errs, r.close(context.WithoutCancel(ctx)), os.RemoveAll(dir))...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop())
		}
	}()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the socket in it is for people
		return nil, err
	}
	c := guardOf(e, dir, o)
	quiet := slog.New(slog.DiscardHandler)
	l, err := guarded.OpenLog(ctx, filepath.Join(dir, "data"), "drill", quiet)
	if err != nil {
		return nil, err
	}
	if !o.NoLog {
		undo = append(undo, l.Close)
	}
	rules, err := authz.New(authz.Options{})
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	r.log = l
	if err := spoil(&c, o); err != nil {
		return nil, err
	}
	sound := o.Policies == drill.PoliciesShipped || o.Policies == drill.PoliciesBuilders
	if err := guarded.LoadPolicies(rules, c.Guard.Policies); err != nil && !sound {
		// As the guard itself: it does not start.
		return &drill.Guard{Socket: c.Guard.Socket, Records: r.count, Stop: func(context.Context) error { return stop() }}, nil
	} else if err != nil {
		return nil, err
	}
	if !sound {
		return nil, errors.New("the guard takes policies that are not there")
	}
	door, err := guarded.Raise(c, guarded.Parts{Version: buildVersion(), Decider: rules, Log: l, Dir: c.Guard.DataDir, Tenant: c.Guard.Tenant, Host: "drill", Slog: quiet})
	if err != nil {
		return nil, err
	}
	undo = append(undo, door.Close)
	run, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- door.Serve(run) }()
	undo = append(undo, func() error { end(); return <-done })
	if o.NoLog {
		if err := l.Log.Close(ctx); err != nil {
			return nil, err
		}
		r.closed = true
	}
	return &drill.Guard{Socket: c.Guard.Socket, Records: r.count, Stop: func(context.Context) error { return stop() }}, nil
}

// guardOf is the configuration of a drill's guard: the defaults but for its places and people.
func guardOf(e *ground.Engine, dir string, o drill.GuardOptions) config.Config {
	c := config.Default()
	c.Guard.Engine, c.Guard.Socket, c.Guard.SocketMode, c.Guard.DataDir = e.Socket, filepath.Join(dir, "guard.sock"), "0666", filepath.Join(dir, "data")
	c.Guard.Limits.Drain = time.Second
	for _, p := range o.People {
		c.Guard.Accounts = append(c.Guard.Accounts, config.GuardAccount{
			Name: p.Name, Tenant: p.Tenant, Roles: []string{p.Role}, Users: []string{strconv.Itoa(p.User.UID)},
		})
	}
	return c
}

// spoil takes away what the guard decides by, or adds to it.
func spoil(c *config.Config, o drill.GuardOptions) error {
	switch o.Policies {
	case drill.PoliciesMissing:
		c.Guard.Policies = filepath.Join(c.Guard.DataDir, "gone")
	case drill.PoliciesBroken:
		return policiesOf(c, "permit (principal, action")
	case drill.PoliciesBuilders:
		return policiesOf(c, `@id("builders")
@reason("developers may build with BuildKit here")
permit (principal in Bulkhead::Role::"developer", action == Bulkhead::Action::"BuildKitUse", resource is Bulkhead::Host);
`)
	}
	return nil
}

// policiesOf gives a guard policies of its own.
func policiesOf(c *config.Config, text string) error {
	c.Guard.Policies = filepath.Join(c.Guard.DataDir, "policies")
	if err := os.Mkdir(c.Guard.Policies, 0o700); err != nil {
		return fmt.Errorf("policies of a drill: %w", err)
	}
	return os.WriteFile(filepath.Join(c.Guard.Policies, "own.cedar"), []byte(text), 0o600)
}

// Lock implements drill.Engines: the product's own lock, for the sockets of the throw-away engine.
func (g *engines) Lock(ctx context.Context, e *ground.Engine) (_ *drill.Lock, err error) {
	dir, err := os.MkdirTemp(e.Dir, "l")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	// A lock is made while a guard runs, which may be away afterwards.
	sound, err := g.Guard(ctx, e, drill.GuardOptions{})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, sound.Stop(ctx)) }()
	file := filepath.Join(dir, "guard.json")
	err = lock.WriteStatus(file, model.GuardStatus{
		PID: os.Getpid(), Started: clock.Now(), Mode: model.ModeEnforce, Engine: e.Socket, Socket: sound.Socket,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	l, err := lock.New(lock.Options{
		Root: dir, Sockets: []string{e.Socket, e.Containerd}, StateDir: filepath.Join(dir, "state"), GuardFile: file, Now: clock.Now,
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if _, err := l.Lock(ctx, "drill"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	var found sync.Map
	go func() {
		done <- l.Watch(watching, lock.Watcher{Keep: true, Every: time.Second, Found: func(f model.Finding) error {
			found.Store(f.Kind, true)
			return nil
		}})
	}()
	return &drill.Lock{
		Found: func(kind string) bool { _, ok := found.Load(kind); return ok },
		Locked: func(context.Context) (bool, error) {
			for _, s := range []string{e.Socket, e.Containerd} {
				info, err := os.Stat(s)
				if err != nil || info.Mode().Perm() != 0o600 {
					return false, err
				}
			}
			return true, nil
		},
		Stop: func(ctx context.Context) error {
			end()
			err := <-done
			_, _, uerr := l.Unlock(ctx, "drill")
			return errors.Join(err, uerr, os.RemoveAll(dir))
		},
	}, nil
}

// records reads the audit log of a drill's guard.
type records struct {
	log    *guarded.Log
	closed bool
	mu     sync.Mutex
	next   uint64
	all    map[string]int // by person
	no     map[string]int // of these, refused
}

// count counts what a person asked for, or what of it was refused.
func (r *records) count(ctx context.Context, person string, refused bool) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(ctx); err != nil {
		return 0, err
	}
	if refused {
		return r.no[person], nil
	}
	return r.all[person], nil
}

// close reads what is left, before the log is taken away.
func (r *records) close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.read(ctx)
	r.closed = true
	return err
}

// read reads what is new.
func (r *records) read(ctx context.Context) error {
	if r.closed || r.log == nil {
		return nil
	}
	if r.all == nil {
		r.all, r.no = map[string]int{}, map[string]int{}
	}
	for {
		list, err := r.log.Log.Read(ctx, r.next, 256)
		if err != nil {
			return fmt.Errorf("read the guard's audit log: %w", err)
		}
		if len(list) == 0 {
			return nil
		}
		for _, one := range list {
			r.all[one.Record.ActorName]++
			if one.Record.Outcome == model.OutcomeRefused {
				r.no[one.Record.ActorName]++
			}
		}
		r.next += uint64(len(list))
	}
}
