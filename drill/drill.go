// Package drill attacks the product on demand, harmlessly, to prove that its controls hold: each attack runs once with
// the control off, where it must succeed, and once with it on, where it must fail and be recorded.
//
// It attacks only what a launcher made for it and throws away afterwards; it never touches the installation, the
// engine or the network that are in use.
package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

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
)

// Plane is a control plane that lives for one half of a drill.
type Plane struct {
	URL       string
	HTTP      *http.Client // trusts the plane's CA
	Enrolment string       // one-time code of the first administrator
	Now       func() time.Time
	Advance   func(time.Duration) // moves the plane's clock
	// DemandPhishingResistant turns the demand for a phishing-resistant factor of administrators on, unless that is the
	// control that is left out.
	DemandPhishingResistant func()
	Stop                    func(context.Context) error
}

// Launcher makes throw-away control planes.
type Launcher interface {
	Launch(ctx context.Context, off Control) (*Plane, error)
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
}

// All lists the drills.
func All() []Drill { return slices.Concat(rights(), factors()) }

// Progress is told of each result.
type Progress func(r model.DrillResult, done, all int)

// Run runs drills one after the other.
func Run(ctx context.Context, l Launcher, drills []Drill, tell Progress) model.DrillReport {
	report := model.DrillReport{Schema: model.DrillSchema, Results: []model.DrillResult{}}
	for i, d := range drills {
		r := run(ctx, l, d)
		report.Results = append(report.Results, r)
		if tell != nil {
			tell(r, i+1, len(drills))
		}
	}
	return report
}

// outcome is one half of a drill.
type outcome struct {
	result   model.AttackResult
	recorded bool
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
	switch {
	case without.result != model.AttackSucceeded:
		return model.VerdictNotProved, "the attack failed although the control was off: it proves nothing"
	case with.result != model.AttackFailed:
		return model.VerdictNotProved, "the attack succeeded although the control was on"
	case !with.recorded:
		return model.VerdictNotProved, fmt.Sprintf("the attack was refused, but no refusal of %s is in the audit log", d.Action)
	}
	return model.VerdictProved, "the attack succeeded without the control, failed with it, and the refusal was recorded"
}

// half launches a plane, attacks it and throws it away.
func half(ctx context.Context, l Launcher, d Drill, off Control) (out outcome, err error) {
	out.result = model.AttackNotRun
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
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
