//go:build e2e

package plane

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// fault breaks one thing, and heals it after a while.
type fault struct {
	what string
	lane int // what it breaks: one thing has one fault at a time
	do   func(ctx context.Context, hold time.Duration) error
	hold time.Duration
}

// hostFaults are those of a cable, for nodes and replicas.
func hostFaults(h *lab.Host, name string, lane int, r *rand.Rand) []fault {
	percent := 10 + r.IntN(31)
	return []fault{
		{what: "unplug " + name, lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := h.Unplug(ctx)
			sleepFor(ctx, hold)
			return errors.Join(err, h.Plug(context.WithoutCancel(ctx)))
		}},
		{what: fmt.Sprintf("%s loses %d %% of its packets", name, percent), lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := h.Loss(ctx, percent)
			sleepFor(ctx, hold)
			return errors.Join(err, h.Loss(context.WithoutCancel(ctx), 0))
		}},
	}
}

func (n *faultNode) faults(lane int, r *rand.Rand) []fault {
	killed := func() error {
		if !n.kill() {
			return fmt.Errorf("the agent of %s had ended by itself", n.name)
		}
		return nil
	}
	return append(hostFaults(n.host, n.name, lane, r),
		fault{what: "kill the agent of " + n.name, lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := killed()
			sleepFor(ctx, hold)
			return errors.Join(err, n.start())
		}},
		fault{what: "kill the engine of " + n.name, lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			n.engine.Kill()
			sleepFor(ctx, hold)
			return n.engine.Restart(ctx)
		}},
		fault{what: "stop the agent of " + n.name + " for a while", lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := n.signal(syscall.SIGSTOP)
			sleepFor(ctx, hold)
			return errors.Join(err, n.signal(syscall.SIGCONT))
		}},
		fault{what: "the clock of " + n.name + " is 20 minutes ahead", lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := os.WriteFile(n.clock, []byte("20m"), 0o600)
			sleepFor(ctx, hold+10*time.Second) // the clocks are compared with each report
			return errors.Join(err, os.Remove(n.clock))
		}},
		fault{what: "the clock of " + n.name + " is a year ahead at a start", lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := killed()
			if err == nil {
				err = os.WriteFile(n.clock, []byte("8760h"), 0o600)
			}
			err = errors.Join(err, n.start())
			sleepFor(ctx, hold)
			return errors.Join(err, os.Remove(n.clock))
		}},
		fault{what: "fill the disk of " + n.name, lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			file := filepath.Join(n.dir, "fill")
			from := time.Now()
			err := lab.Fill(file)
			sleepFor(ctx, hold)
			err = errors.Join(err, os.Remove(file))
			// What waited in memory is on the disk with the next facts.
			n.full = append(n.full, span{from, time.Now().Add(30 * time.Second)})
			return err
		}},
	)
}

func (r *faultReplica) faults(w *faultWorld, name string, lane int, d *rand.Rand) []fault {
	return append(hostFaults(r.host, name, lane, d),
		fault{what: "kill " + name, lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			r.now.Load().Kill()
			sleepFor(ctx, hold)
			return r.start(ctx, w.t)
		}},
		fault{what: "stop " + name + " for a while", lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			pid := r.now.Load().PID()
			err := syscall.Kill(pid, syscall.SIGSTOP)
			sleepFor(ctx, hold)
			return errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
		}},
	)
}

func (d *faultDatabase) faults(lane int) []fault {
	return []fault{
		{what: "lose the primary, promote the standby", lane: lane, do: func(ctx context.Context, _ time.Duration) error {
			if err := d.primary.Kill(); err != nil {
				return err
			}
			if err := d.standby.Promote(ctx); err != nil {
				return err
			}
			d.primary, d.standby = d.standby, d.primary
			if err := d.standby.Rejoin(ctx, d.primary); err != nil {
				return err
			}
			return d.primary.Following(ctx)
		}},
		{what: "restart the primary", lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := d.primary.Halt()
			sleepFor(ctx, hold/2)
			return errors.Join(err, d.primary.Start(ctx), d.primary.Following(ctx))
		}},
		{what: "kill the standby", lane: lane, do: func(ctx context.Context, hold time.Duration) error {
			err := d.standby.Kill()
			sleepFor(ctx, hold)
			return errors.Join(err, d.standby.Start(ctx), d.primary.Following(ctx))
		}},
	}
}

func sleepFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
