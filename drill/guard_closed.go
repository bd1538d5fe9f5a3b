package drill

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// closedDrills go past the guard, or wait until it or what it decides by is away. What refuses then is the kernel, or that nothing is there:
// no call can be recorded, and the lock's state or the guard's own word stands for it.
func closedDrills() []Drill {
	closed := func(id, technique, title string, o closing, do attack, seen attack) Drill {
		d := guardDrill(id, technique, title, do, "7.6.a", "7.6.b")
		d.closing, d.Seen = &o, seen
		return d
	}
	return []Drill{
		closed("direct-socket", "T1610", "The engine's own socket is used past the guard", closing{}, privilegedAt(engineSocket), isLocked),
		closed("containerd-socket", "T1610", "The socket of the engine's containerd is used past the engine", closing{}, seesInContainerd, isLocked),
		closed("socket-reopened", "T1222.002", "The engine's own socket was opened for everybody, and stays open", closing{reopen: true}, privilegedAt(engineSocket), isLocked),
		closed("tcp-listener", "T1133", "The engine listens on TCP as well, past the guard, and nobody is told", closing{}, listensOnTCP, isTold),
		closed("guard-stopped", "T1562.001", "The guard is stopped, and the engine is used", closing{stop: true}, privilegedAt(guardSocket, engineSocket), isDown),
		closed("policies-missing", "T1562.001", "The guard's policies are gone, and the engine is used", closing{policies: PoliciesMissing}, privilegedAt(guardSocket, engineSocket), isDown),
		closed("policies-broken", "T1562.001", "The guard's policies can't be read, and the engine is used", closing{policies: PoliciesBroken}, privilegedAt(guardSocket, engineSocket), isDown),
		closed("log-broken", "T1562.008", "The guard's audit log can't be written, and a container is made without a record", closing{log: true}, unrecorded, isDeaf),
	}
}

// closing says what became of the guard before the attack; the engine's sockets are locked in each.
type closing struct {
	policies          PolicyState
	stop, reopen, log bool
}

// shut locks the sockets, and takes away what is to be away.
func (w *EngineWorld) shut(ctx context.Context, c *closing) error {
	// As installations have it before the lock.
	below := filepath.Dir(w.engine.Containerd)
	if err := errors.Join(os.Chmod(filepath.Dir(below), 0o711), os.Chmod(below, 0o711), //nolint:gosec // as /run/docker
		os.Chmod(w.engine.Socket, everybody), os.Chmod(w.engine.Containerd, everybody)); err != nil {
		return err
	}
	if w.guard == nil {
		return nil
	}
	var err error
	if w.lock, err = w.launcher.Lock(ctx, w.engine); err != nil {
		return err
	}
	if c.reopen {
		if err := os.Chmod(w.engine.Socket, everybody); err != nil {
			return err
		}
		for range 100 { // it is not at once that it is seen
			info, err := os.Stat(w.engine.Socket)
			if err != nil || info.Mode().Perm() == 0o600 {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	if c.stop {
		return w.guard.Stop(ctx)
	}
	return nil
}

type where func(w *EngineWorld) string

func engineSocket(w *EngineWorld) string { return w.engine.Socket }

func guardSocket(w *EngineWorld) string { return w.door }

// privilegedAt makes a privileged container at any of these sockets.
func privilegedAt(sockets ...where) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		for _, s := range sockets {
			conn, err := w.mallory.User.Dial(ctx, s(w))
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || isRefused(err) {
				continue
			}
			if err != nil {
				return false, err
			}
			_ = conn.Close()
			c, err := newCaller(w.mallory.Person, s(w))
			if err != nil {
				return false, err
			}
			a, err := w.makesPrivileged(ctx, c)
			if err != nil {
				return false, err
			}
			in, err := w.look(ctx, w.name+"-m")
			if err == nil && a.ok() && in.HostConfig.Privileged {
				return true, nil
			}
		}
		return false, nil
	}
}

// makesPrivileged makes a privileged container, whose name ends in "-m", and hangs up.
func (w *EngineWorld) makesPrivileged(ctx context.Context, c *caller) (*answer, error) {
	a, err := c.send(ctx, http.MethodPost, "/containers/create?name="+w.name+"-m", with(plain(), "Privileged", true))
	return a, errors.Join(err, c.close())
}

func isRefused(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && strings.Contains(err.Error(), "connection refused")
}

// seesInContainerd lists the containers that containerd has, whoever they belong to.
func seesInContainerd(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	conn, err := w.mallory.User.Dial(ctx, w.engine.Containerd)
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer conn.Close()
	said, err := grpcCall(ctx, over(conn), "/containerd.services.containers.v1.Containers/List", http.Header{"Containerd-Namespace": {"moby"}})
	return strings.Contains(string(said), id), err
}

// unrecorded makes a container that one may have, which there must be no record of.
func unrecorded(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.make(ctx, plain())
	if err != nil && w.guard == nil {
		return false, err
	}
	return id != "", nil
}

func isLocked(ctx context.Context, w *EngineWorld) (bool, error) { return w.lock.Locked(ctx) }

// isDown says that nothing listens where the guard did, while the sockets stay locked.
func isDown(ctx context.Context, w *EngineWorld) (bool, error) {
	conn, err := w.mallory.User.Dial(ctx, w.door)
	if err == nil {
		return false, conn.Close()
	}
	return w.lock.Locked(ctx)
}

// isDeaf says that a call was refused for want of a record.
func isDeaf(ctx context.Context, w *EngineWorld) (bool, error) {
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/create?name="+w.name+"-n", plain())
	if err != nil {
		return false, err
	}
	return !a.ok() && strings.Contains(a.String(), "record"), nil
}

// listensOnTCP has the engine listen at an address beside its socket, as one line of its settings does, and uses it. A lock can't close
// that: it is seen, as a finding that raises an alarm.
func listensOnTCP(ctx context.Context, w *EngineWorld) (bool, error) {
	const address = "127.0.0.1:2375"
	w.listens = true
	if err := w.engine.Again(ctx, "tcp://"+address); err != nil {
		return false, err
	}
	c := &caller{Person: w.mallory.Person, door: address}
	c.dial = func(ctx context.Context) (conn net.Conn, err error) {
		err = w.engine.Within(func() error {
			conn, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
			return err
		})
		return conn, err
	}
	if err := c.open(); err != nil {
		return false, err
	}
	a, err := w.makesPrivileged(ctx, c)
	if err != nil {
		return false, err
	}
	if !a.ok() {
		return false, fmt.Errorf("the engine itself did not take it: %s", a)
	}
	if in, err := w.look(ctx, w.name+"-m"); err != nil || !in.HostConfig.Privileged {
		return false, errOr(err, errors.New("what was made is not privileged"))
	}
	told, err := isTold(ctx, w)
	return !told, err
}

// isTold says whether the listener is a finding of the lock's.
func isTold(ctx context.Context, w *EngineWorld) (bool, error) {
	if w.lock == nil {
		return false, nil
	}
	return becomes(ctx, 150, func() (bool, error) { return w.lock.Found(model.FindingTCPListener), nil })
}
