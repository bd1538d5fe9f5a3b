// Package drill attacks the product on demand, harmlessly, to prove that its controls hold: each attack runs once with
// the control off, where it must succeed, and once with it on, where it must fail and be recorded. Taking a part away is an
// attack, too: on what should go on without it.
//
// It attacks only what a launcher made for it and throws away afterwards; it never touches the installation, the
// engine or the network that are in use.
package drill

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-security/bulkhead/model"
)

// limit bounds one half of a drill.
const limit = 90 * time.Second

// Control is what a launcher can leave out.
type Control string

// The controls of the control plane.
const (
	ControlNone              Control = ""
	ControlAuthorization     Control = "authorization"      // without: everything is permitted
	ControlAuthentication    Control = "authentication"     // without: the header X-Forwarded-User is believed
	ControlConfinement       Control = "policy-confinement" // without: a tenant's policies hold everywhere
	ControlRevocation        Control = "revocation"         // without: a credential that was good once stays good
	ControlSecondFactor      Control = "second-factor"      // without: a password counts as two factors
	ControlReplay            Control = "replay"             // without: a code is good again
	ControlPhishingResistant Control = "phishing-resistant" // without: any second factor will do
	ControlStepUp            Control = "step-up"            // without: every factor counts as fresh
	ControlReplicas          Control = "replicas"           // without: there is one replica only
	ControlNodeWatch         Control = "node-watch"         // without: nobody looks for silent nodes
	ControlStandby           Control = "standby"            // without: the database is one server only
)

// ControlGuard is the guard of the engine. Without: people talk straight to the engine's socket, as members of a group "docker" do.
const ControlGuard Control = "daemon-guard"

// Plane is a control plane that lives for one half of a drill.
type Plane struct {
	URL       string
	HTTP      *http.Client // trusts the plane's CA
	Roots     *x509.CertPool
	Enrolment string // one-time code of the first administrator; empty where there is one already
	Now       func() time.Time
	Advance   func(time.Duration) // moves the plane's clock
	// DemandPhishingResistant turns the demand for a phishing-resistant factor of administrators on, unless that is the
	// control that is left out.
	DemandPhishingResistant func()
	// Kill ends it as a power cut would; only a replica, which is a process of its own, has it.
	Kill func() error
	Stop func(context.Context) error
}

// Replica says how to start a replica of a control plane.
type Replica struct {
	Name      string
	Database  string // URL of a PostgreSQL database
	MasterKey string // path of the file, the same for all replicas
}

// Launcher makes throw-away control planes.
type Launcher interface {
	Launch(ctx context.Context, off Control) (*Plane, error)
	// Replica starts a control plane as a process of its own, with the machine's clock and all controls.
	Replica(ctx context.Context, r Replica) (*Plane, error)
	Engines
}

// Drill is an attack with what it proves.
type Drill struct {
	model.Drill
	// Control is what the attack is against.
	Control Control
	// Action is what the refusal is recorded as.
	Action string
	// Attack says whether it succeeded. An error means that it could not be run at all.
	Attack func(ctx context.Context, w *World) (succeeded bool, err error)
	// Outage is there instead of Action and Attack where something is taken away rather than asked for: it makes what it needs,
	// takes it away, and says what was seen.
	Outage func(ctx context.Context, l Launcher, off Control) (Half, error)
	// Door is there instead where the attack is on a container engine, through whatever door there is.
	Door func(ctx context.Context, w *EngineWorld) (succeeded bool, err error)
	// Quiet is for an attack of which nothing is refused: what the attacker may not see is left out of the answer. The call is recorded.
	Quiet bool
	// Seen is for an attack that no guard can record, since none is asked: it says whether what stopped it can be seen otherwise.
	Seen func(ctx context.Context, w *EngineWorld) (bool, error)

	closing *closing
	// policies say what the guard's policies give beside the shipped ones.
	policies PolicyState
}

// Half is what an outage did, with its control off or on.
type Half struct {
	// Lost says that the service was lost, which is what the attack wants.
	Lost bool
	// Recorded says that the loss and the recovery can be seen afterwards. It counts with the control on.
	Recorded bool
	// Seen is what was seen, when, and what went on working.
	Seen string
}

// All lists the drills.
func All() []Drill { return titled(slices.Concat(outages(), rights(), factors(), guards())) }

// Progress is told of each result.
type Progress func(r model.DrillResult, done, all int)

// enginesAtOnce are the engines on which drills run at a time: these mostly wait for them.
const enginesAtOnce = 4

// Run runs drills: those of container engines several at a time, each on an engine that it has for itself, and the others one after the
// other. Results are told as they come, and reported in the order of the drills.
func Run(ctx context.Context, l Launcher, drills []Drill, tell Progress) model.DrillReport {
	report := model.DrillReport{Schema: model.DrillSchema, Results: make([]model.DrillResult, len(drills))}
	var mu sync.Mutex
	done := 0
	one := func(i int) {
		r := run(ctx, l, drills[i])
		mu.Lock()
		defer mu.Unlock()
		done++
		report.Results[i] = r
		if tell != nil {
			tell(r, done, len(drills))
		}
	}
	var doors errgroup.Group
	doors.SetLimit(enginesAtOnce)
	for i := range drills {
		if drills[i].Door == nil {
			one(i)
		}
	}
	for i := range drills {
		if drills[i].Door != nil {
			doors.Go(func() error { one(i); return nil })
		}
	}
	_ = doors.Wait() // what went wrong is in the results
	return report
}

// outcome is one half of a drill.
type outcome struct {
	result   model.AttackResult
	recorded bool
	seen     string
}

func run(ctx context.Context, l Launcher, d Drill) model.DrillResult {
	start := time.Now()
	r := model.DrillResult{ID: d.ID, WithoutControl: model.AttackNotRun, WithControl: model.AttackNotRun, Verdict: model.VerdictCannotRun}
	without, err := half(ctx, l, d, d.Control)
	r.WithoutControl = without.result
	if err != nil {
		r.Why = fmt.Sprintf("with the control %q off: %s", d.Control, err)
		return finish(r, start)
	}
	with, err := half(ctx, l, d, ControlNone)
	r.WithControl = with.result
	if err != nil {
		r.Why = fmt.Sprintf("with the control %q on: %s", d.Control, err)
		return finish(r, start)
	}
	r.Verdict, r.Why = judge(d, without, with)
	return finish(r, start)
}

func finish(r model.DrillResult, start time.Time) model.DrillResult {
	r.DurationMS = time.Since(start).Milliseconds()
	return r
}

func judge(d Drill, without, with outcome) (model.Verdict, string) {
	verdict, why := model.VerdictProved, "the attack succeeded without the control, failed with it, and the refusal was recorded"
	switch {
	case without.result != model.AttackSucceeded:
		verdict, why = model.VerdictNotProved, "the attack failed although the control was off: it proves nothing"
	case with.result != model.AttackFailed:
		verdict, why = model.VerdictNotProved, "the attack succeeded although the control was on"
	case !with.recorded && d.Outage != nil:
		verdict, why = model.VerdictNotProved, "the service went on, but the loss and the recovery can't be seen afterwards"
	case !with.recorded && d.Seen != nil:
		verdict, why = model.VerdictNotProved, "the attack failed, but what stopped it can't be seen"
	case d.Seen != nil:
		why = "the attack succeeded without the control and failed with it, and what stopped it can be seen"
	case !with.recorded && d.Quiet:
		verdict, why = model.VerdictNotProved, "the attack failed, but no call of the attacker is in the audit log"
	case !with.recorded && d.Door != nil:
		verdict, why = model.VerdictNotProved, "the attack failed, but no refusal of the attacker is in the audit log"
	case d.Quiet:
		why = "the answer had without the control what it had not with it, and the call was recorded"
	case !with.recorded:
		verdict, why = model.VerdictNotProved, fmt.Sprintf("the attack was refused, but no refusal of %s is in the audit log", d.Action)
	case d.Outage != nil:
		why = "the loss ended the service without the control and not with it, and is recorded"
	}
	if d.Outage != nil {
		why = fmt.Sprintf("%s. Without %s: %s. With it: %s", why, d.Control, without.seen, with.seen)
	}
	return verdict, why
}

// half launches a plane, attacks it and throws it away.
func half(ctx context.Context, l Launcher, d Drill, off Control) (out outcome, err error) {
	out.result = model.AttackNotRun
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch {
	case d.Outage != nil:
		return outage(ctx, l, d, off)
	case d.Door != nil:
		return door(ctx, l, d, off)
	}
	plane, err := l.Launch(ctx, off)
	if err != nil {
		return out, fmt.Errorf("start a throw-away control plane: %w", err)
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, plane.Stop(stop))
	}()
	w, err := newWorld(ctx, plane)
	if err != nil {
		return out, fmt.Errorf("people a throw-away control plane: %w", err)
	}
	succeeded, err := d.Attack(ctx, w)
	if err != nil {
		return out, err
	}
	if succeeded {
		out.result = model.AttackSucceeded
		return out, nil
	}
	out.result = model.AttackFailed
	if off == ControlNone {
		out.recorded, err = w.refusalRecorded(ctx, d.Action)
	}
	return out, err
}

func outage(ctx context.Context, l Launcher, d Drill, off Control) (outcome, error) {
	h, err := d.Outage(ctx, l, off)
	if err != nil {
		return outcome{result: model.AttackNotRun}, err
	}
	out := outcome{result: model.AttackFailed, recorded: h.Recorded, seen: h.Seen}
	if h.Lost {
		out.result = model.AttackSucceeded
	}
	return out, nil
}

// Pick gives the drills with these ids or of this requirement; neither means all.
func Pick(drills []Drill, ids []string, requirement string) ([]Drill, error) {
	var picked []Drill
	for _, id := range ids {
		i := slices.IndexFunc(drills, func(d Drill) bool { return d.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no drill %q; `bulkhead drill list` shows them", id)
		}
		picked = append(picked, drills[i])
	}
	if len(ids) > 0 {
		return picked, nil
	}
	for _, d := range drills {
		if requirement == "" || d.Requirement == requirement {
			picked = append(picked, d)
		}
	}
	return picked, nil
}
