package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
	"github.com/bulkhead-security/bulkhead/model"
)

// Engines makes throw-away container engines, and guards in front of them.
type Engines interface {
	// Ground gives an engine that nobody else has just now: it is started where there is none.
	Ground(ctx context.Context) (*ground.Engine, error)
	// Free gives an engine back that Ground gave: another drill may have it.
	Free(e *ground.Engine)
	// Guard puts a guard before it.
	Guard(ctx context.Context, e *ground.Engine, o GuardOptions) (*Guard, error)
	// Lock makes the engine's sockets reachable for root alone, and keeps them so.
	Lock(ctx context.Context, e *ground.Engine) (*Lock, error)
}

// Lock is a lock of an engine's sockets that lives for one half of a drill.
type Lock struct {
	// Locked says whether everything is still locked.
	Locked func(ctx context.Context) (bool, error)
	// Found says whether a finding of this kind was made.
	Found func(kind string) bool
	Stop  func(ctx context.Context) error
}

// GuardOptions say what a guard knows.
type GuardOptions struct {
	People []Person
	// Policies says what became of the guard's policies. One that does not start because of them has a socket that nobody listens at.
	Policies PolicyState
	// NoLog says that its audit log can't be written any more.
	NoLog bool
}

// PolicyState is what became of policies.
type PolicyState string

// The states of policies.
const (
	PoliciesShipped PolicyState = ""
	PoliciesMissing PolicyState = "missing"
	PoliciesBroken  PolicyState = "broken"
	// PoliciesBuilders let developers use BuildKit.
	PoliciesBuilders PolicyState = "builders"
)

// Guard is a guard that lives for one half of a drill.
type Guard struct {
	// Socket is what people talk to.
	Socket string
	// Records counts what a person asked for, by the audit log, or only what was refused.
	Records func(ctx context.Context, person string, refused bool) (int, error)
	Stop    func(ctx context.Context) error
}

// Person is somebody who may use the host's containers.
type Person struct {
	Name, Tenant, Role string
	User               ground.User
}

// The people of a ground. Their ids are those of no package and no person of a machine.
func mallory() Person {
	return Person{"mallory", own, model.RoleDeveloper, ground.User{UID: 640001, GID: 640001}}
}

func victor() Person {
	return Person{"victor", other, model.RoleDeveloper, ground.User{UID: 640002, GID: 640002}}
}

// everybody may use a socket: here it stands for a group "docker" that all are in.
const everybody = 0o666

// EngineWorld is an engine, and the door that people have to it.
type EngineWorld struct {
	engine   *ground.Engine
	guard    *Guard // nil without the control
	lock     *Lock  // of drills that need one
	launcher Engines
	door     string
	root     *client.Client // sees and does everything: the witness
	// dir is the host's, with a file "secret" that only root may read; home is mallory's.
	dir, home, secret string
	name              string // begins the names of all that is made
	here              *here  // a guard in use, where nothing may be started; nil for a throw-away engine
	listens           bool   // at an address beside its socket
	pluginName        string // where it is another than the usual
	mallory, victor   *caller
}

func newEngineWorld(ctx context.Context, l Engines, off Control, c *closing, policies PolicyState) (*EngineWorld, error) {
	e, err := l.Ground(ctx)
	if err != nil {
		return nil, err
	}
	w := &EngineWorld{engine: e, launcher: l, door: e.Socket, name: "d" + uuid.NewString()[:8], secret: uuid.NewString()}
	if w.root, err = e.Client(); err != nil {
		return w, err
	}
	if err := w.openSocket(off); err != nil {
		return w, err
	}
	if err := w.furnish(); err != nil {
		return w, err
	}
	if off != ControlGuard {
		o := GuardOptions{People: []Person{mallory(), victor()}, Policies: policies}
		if c != nil {
			o.Policies, o.NoLog = c.policies, c.log
		}
		if w.guard, err = l.Guard(ctx, e, o); err != nil {
			return w, fmt.Errorf("start a throw-away guard: %w", err)
		}
		w.door = w.guard.Socket
	}
	if w.mallory, err = newCaller(mallory(), w.door); err != nil {
		return w, err
	}
	if w.victor, err = newCaller(victor(), w.door); err == nil && c != nil {
		err = w.shut(ctx, c)
	}
	return w, err
}

// openSocket lets everybody use the engine's own socket where there is no guard, and root alone where there is one.
func (w *EngineWorld) openSocket(off Control) error {
	mode := os.FileMode(0o600)
	if off == ControlGuard {
		mode = everybody
	}
	return os.Chmod(w.engine.Socket, mode)
}

// furnish makes the host's files and a home.
func (w *EngineWorld) furnish() error {
	w.dir = filepath.Join(w.engine.Host, w.name)
	w.home = filepath.Join(w.dir, "home")
	m := mallory().User
	return errors.Join(
		os.Mkdir(w.dir, 0o755), //nolint:gosec // people go through it
		os.WriteFile(filepath.Join(w.dir, "secret"), []byte(w.secret), 0o600),
		os.Mkdir(w.home, 0o755), //nolint:gosec // as homes are
		os.Chown(w.home, m.UID, m.GID),
	)
}

// close takes everything away that this half made. The engine is nobody else's, so all that is there goes.
func (w *EngineWorld) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 40*time.Second)
	defer cancel()
	var errs []error
	for _, c := range []*caller{w.mallory, w.victor} {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	if w.lock != nil {
		errs = append(errs, w.lock.Stop(ctx))
	}
	if w.guard != nil {
		errs = append(errs, w.guard.Stop(ctx))
	}
	if w.listens {
		errs = append(errs, w.engine.Again(ctx))
	}
	if w.root != nil {
		errs = append(errs, w.engine.Sweep(ctx), w.root.Close())
	}
	if w.dir != "" {
		errs = append(errs, os.RemoveAll(w.dir))
	}
	w.launcher.Free(w.engine)
	return errors.Join(errs...)
}

// door runs one half of an attack on an engine.
func door(ctx context.Context, l Launcher, d Drill, off Control) (out outcome, err error) {
	out.result = model.AttackNotRun
	w, err := newEngineWorld(ctx, l, off, d.closing, d.policies)
	if w != nil {
		defer func() { err = errors.Join(err, w.close(ctx)) }()
	}
	if err != nil {
		return out, err
	}
	before, err := w.records(ctx, !d.Quiet)
	if err != nil {
		return out, err
	}
	succeeded, err := d.Door(ctx, w)
	if err != nil {
		return out, err
	}
	if succeeded {
		out.result = model.AttackSucceeded
		return out, nil
	}
	out.result = model.AttackFailed
	switch {
	case off != ControlNone:
	case d.Seen != nil:
		out.recorded, err = d.Seen(ctx, w)
	default:
		out.recorded, err = w.recorded(ctx, before, !d.Quiet)
	}
	return out, err
}

// records counts what the attacker asked for so far, or what of it was refused.
func (w *EngineWorld) records(ctx context.Context, refused bool) (int, error) {
	if w.guard == nil {
		return 0, nil
	}
	return w.guard.Records(ctx, mallory().Name, refused)
}

// recorded waits until there are more records than before: those of reads are written in batches.
func (w *EngineWorld) recorded(ctx context.Context, before int, refused bool) (bool, error) {
	return becomes(ctx, 50, func() (bool, error) {
		n, err := w.records(ctx, refused)
		return n > before, err
	})
}
