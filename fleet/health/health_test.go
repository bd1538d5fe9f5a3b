package health_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/health"
	"github.com/bulkhead-security/bulkhead/model"
)

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestJudge(t *testing.T) {
	now := start()
	heard := func(ago time.Duration) health.Contact { return health.Contact{LastSeen: now.Add(-ago)} }
	with := func(c health.Contact, f func(*health.Contact)) health.Contact { f(&c); return c }
	for name, k := range map[string]struct {
		was    model.Health
		c      health.Contact
		is     model.Health
		reason string
	}{
		"just heard":            {model.HealthUp, heard(time.Second), model.HealthUp, ""},
		"at the limit":          {model.HealthUp, heard(health.SilentAfter), model.HealthUp, ""},
		"after the limit":       {model.HealthUp, heard(health.SilentAfter + 1), model.HealthSilent, model.ReasonUnknown},
		"never heard":           {model.HealthUp, health.Contact{}, model.HealthSilent, model.ReasonUnknown},
		"open, long unheard":    {model.HealthUp, with(heard(time.Hour), func(c *health.Contact) { c.Open = true }), model.HealthUp, ""},
		"closed":                {model.HealthUp, with(heard(time.Minute), func(c *health.Contact) { c.End = health.EndClosed }), model.HealthSilent, model.ReasonProcessGone},
		"timed out":             {model.HealthUp, with(heard(time.Minute), func(c *health.Contact) { c.End = health.EndTimeout }), model.HealthSilent, model.ReasonUnknown},
		"stopping":              {model.HealthUp, with(heard(0), func(c *health.Contact) { c.Stopping = true }), model.HealthStopped, model.ReasonSaidSo},
		"stopping, still open":  {model.HealthUp, health.Contact{LastSeen: now, Stopping: true, Open: true}, model.HealthStopped, model.ReasonSaidSo},
		"stopped stays stopped": {model.HealthStopped, heard(time.Hour), model.HealthStopped, model.ReasonSaidSo},
		"stopped comes back":    {model.HealthStopped, heard(time.Second), model.HealthUp, ""},
		"silent comes back":     {model.HealthSilent, heard(time.Second), model.HealthUp, ""},
		"silent stays silent":   {model.HealthSilent, heard(time.Hour), model.HealthSilent, model.ReasonUnknown},
		"revoked stays":         {model.HealthRevoked, health.Contact{LastSeen: now, Open: true}, model.HealthRevoked, ""},
	} {
		if is, reason := health.Judge(k.was, k.c, now); is != k.is || reason != k.reason {
			t.Errorf("%s: %s (%q), want %s (%q)", name, is, reason, k.is, k.reason)
		}
	}
}

func TestWhy(t *testing.T) {
	for _, k := range []struct {
		end  health.End
		p    health.Peers
		want string
	}{
		{health.EndClosed, health.Peers{Asked: 3, Reached: 1, Unreached: 2}, model.ReasonProcessGone},
		{health.EndTimeout, health.Peers{Asked: 1, Reached: 1}, model.ReasonNetworkCut},
		{health.EndUnknown, health.Peers{Asked: 1, Reached: 1}, model.ReasonUnknown},
		{health.EndTimeout, health.Peers{Asked: 2, Unreached: 2}, model.ReasonHostGone},
		{health.EndClosed, health.Peers{Asked: 2, Unreached: 1}, model.ReasonHostGone},
		{health.EndClosed, health.Peers{}, model.ReasonProcessGone},
		{health.EndTimeout, health.Peers{}, model.ReasonUnknown},
		{health.EndTimeout, health.Peers{Asked: 3}, model.ReasonUnknown}, // nobody answered
	} {
		if got := health.Why(k.end, k.p); got != k.want {
			t.Errorf("%d %+v: %q, want %q", k.end, k.p, got, k.want)
		}
	}
}

func TestEndOf(t *testing.T) {
	for _, k := range []struct {
		err  error
		want health.End
	}{
		{nil, health.EndUnknown},
		{context.Canceled, health.EndUnknown},
		{fmt.Errorf("x: %w", health.ErrClosed), health.EndClosed},
		{fmt.Errorf("x: %w", health.ErrTimeout), health.EndTimeout},
		{io.EOF, health.EndClosed},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, health.EndClosed},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ETIMEDOUT)}, health.EndTimeout},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, health.EndTimeout},
	} {
		if got := health.EndOf(k.err); got != k.want {
			t.Errorf("%v: %d, want %d", k.err, got, k.want)
		}
	}
}

// damper plays a node's changes as the control plane does.
type damper struct {
	health   model.Health
	since    time.Time
	flapping bool
	told     []model.Event
}

func (d *damper) change(is model.Health, now time.Time) {
	kind := map[model.Health]string{model.HealthUp: model.EventBack, model.HealthSilent: model.EventSilent, model.HealthStopped: model.EventStopped}[is]
	var tell health.Tell
	d.flapping, tell = health.Damp(d.flapping, d.told, now)
	switch tell {
	case health.TellChange:
		d.told = append(d.told, model.Event{Kind: kind, Before: string(d.health), After: string(is), Time: now})
	case health.TellFlapping:
		d.told = append(d.told, model.Event{Kind: model.EventFlapping, Time: now})
	case health.TellNothing:
	}
	d.health, d.since = is, now
}

func (d *damper) tick(now time.Time) {
	if health.Steady(d.flapping, d.since, now) {
		d.flapping = false
		d.told = append(d.told, model.Event{Kind: model.EventSteady, Time: now})
	}
}

func (d *damper) kinds() []string {
	var out []string
	for _, e := range d.told {
		out = append(out, e.Kind)
	}
	return out
}

func TestFlapping(t *testing.T) {
	d := &damper{health: model.HealthUp}
	now := start()
	turn := func() {
		now = now.Add(30 * time.Second)
		if d.health == model.HealthUp {
			d.change(model.HealthSilent, now)
		} else {
			d.change(model.HealthUp, now)
		}
		d.tick(now)
	}
	for range 9 {
		turn()
	}
	if got, want := fmt.Sprint(d.kinds()), "[silent back silent back flapping]"; got != want {
		t.Fatalf("told %s, want %s", got, want)
	}
	d.tick(d.since.Add(health.Quiet - 1))
	if !d.flapping {
		t.Fatal("steady too early")
	}
	now = d.since.Add(health.Quiet)
	d.tick(now)
	turn()
	if got, want := fmt.Sprint(d.kinds()[5:]), "[steady back]"; got != want {
		t.Fatalf("afterwards told %s, want %s: what was before it was steady must not count", got, want)
	}
}

func TestSlowChangesAreTold(t *testing.T) {
	d := &damper{health: model.HealthUp}
	now := start()
	for i := range 40 {
		now = now.Add(health.Window/health.MostChanges + time.Second)
		d.change([]model.Health{model.HealthSilent, model.HealthUp}[i%2], now)
	}
	if len(d.told) != 40 || d.flapping {
		t.Fatalf("%d of 40 slow changes were told", len(d.told))
	}
}

// A reason that was found is no change, and does not make a node flap.
func TestReasonsAreNoChanges(t *testing.T) {
	e := model.Event{Kind: model.EventSilent, Before: model.ReasonAsking, After: model.ReasonHostGone}
	if health.IsChange(&e) {
		t.Fatal("a reason counts as a change")
	}
}

// Whatever a node does, no window has more events than MostTold.
func TestNoWindowTellsTooMuch(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := &damper{health: model.HealthUp}
		now := start()
		scale := []time.Duration{time.Second, 20 * time.Second, 2 * time.Minute, 5 * time.Minute}[seed%4]
		for range 500 {
			now = now.Add(time.Duration(r.Int64N(int64(scale)) + 1))
			if r.IntN(20) == 0 {
				now = now.Add(health.Quiet)
			}
			d.tick(now)
			next := []model.Health{model.HealthUp, model.HealthSilent, model.HealthStopped}[r.IntN(3)]
			if next != d.health {
				d.change(next, now)
			}
		}
		for i := range d.told {
			n := 0
			for j := i; j < len(d.told) && d.told[j].Time.Sub(d.told[i].Time) < health.Window; j++ {
				n++
			}
			if n > health.MostTold {
				t.Fatalf("seed %d: %d events within %s", seed, n, health.Window)
			}
		}
	}
}
