// Package judge decides on calls to a container engine: it makes the questions for Cedar out of a call, asks all of them, sets the labels
// of tenant and owner, and has the outcome recorded before the call is made.
//
// It is pure: it knows neither HTTP nor the engine, and what it can't decide, it refuses.
package judge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// Decider decides; *authz.Engine is one.
type Decider interface {
	Decide(ctx context.Context, r model.Request) model.Decision
}

// Recorder keeps records. Append returns when the record is safe; Later may lose the last ones.
type Recorder interface {
	Append(ctx context.Context, r model.Record) error
	Later(ctx context.Context, r model.Record) error
}

// Workloads says what a call would run, as facts of the context, after it made that harder where this is wanted and said what it
// changed. It is asked for calls that run or change a workload only; what it can't say is an error, and the call is refused.
type Workloads interface {
	Harden(ctx context.Context, a *call.Ask) (changed []string, err error)
	Facts(ctx context.Context, a *call.Ask) (map[string]any, error)
}

// Approvals knows what a second person approved for a time.
type Approvals interface {
	Approved(user, action string, on model.Ref, now time.Time) bool
}

// Images knows who brought an image to the host: an image can't be labelled afterwards, and its own labels are its maker's.
type Images interface {
	// Of gives whom an image belongs to, as far as the given caller is concerned; empty for the host's own.
	Of(o *call.Object, p *model.Principal) (tenant, owner string, err error)
}

// Mode says whether the profile refuses or only tells what it would have refused.
type Mode string

// The modes.
const (
	Enforce Mode = "enforce"
	Observe Mode = "observe"
)

// Parts are what a judge is made of.
type Parts struct {
	Decider   Decider
	Log       Recorder
	Workloads Workloads // nil: calls that run something are refused
	Images    Images    // nil: images belong to the host
	Approvals Approvals // nil: nobody approved anything
	// StepUp are actions that need a second factor shown just now, FourEyes those that need a second person's approval.
	StepUp, FourEyes []string
	// Tenant is the host's own, Host its id.
	Tenant, Host string
	// Profile is "baseline", "restricted", "custom", or empty for none; Mode is how it is applied.
	Profile string
	// HasProfile says whether the profile has rules that are in force; nil for a shipped one. What has none must not be a hole.
	HasProfile func() bool
	Mode       Mode
	// Registries are those that the engine may be made to call; none means any, but those that Addresses has something against.
	Registries []string
	Addresses  Addresses // nil: nothing is looked up
	// NoBuild refuses builds, whoever asks.
	NoBuild bool
	Now     func() time.Time
}

// Judge implements call.Judge.
type Judge struct {
	p         Parts
	here      []model.Object          // the host
	now       atomic.Pointer[Demands] // in place of those of p
	questions map[route.Action]question
}

var _ call.Judge = (*Judge)(nil)

// New makes a judge.
func New(p Parts) *Judge {
	if p.Now == nil {
		p.Now = time.Now
	}
	j := &Judge{p: p, here: hostOf(&p), questions: questions()}
	j.Demand(Demands{Mode: p.Mode, StepUp: p.StepUp, FourEyes: p.FourEyes, Registries: p.Registries})
	return j
}

// Judge implements call.Judge.
func (j *Judge) Judge(ctx context.Context, a *call.Ask) error {
	q, known := j.questions[a.Call.Route.Action]
	if !known {
		return j.unasked(ctx, a, fmt.Sprintf("the guard has no question for %s", a.Call.Route.Action))
	}
	if j.p.NoBuild && builds(a.Call.Route.Action) {
		return j.unasked(ctx, a, "builds are off on this host (guard.build): build elsewhere, and pull the image")
	}
	if t := a.Call.Query.Texts; a.Call.Route.Action == "ImagePull" && t["fromSrc"] == "" && t["tag"] == "" && !call.Tagged(t["fromImage"]) && !j.Whole(ctx, a) {
		return j.unasked(ctx, a, "a pull without a tag moves all tags of a repository: name the tag")
	}
	if err := j.registries(ctx, a); err != nil {
		return j.unasked(ctx, a, err.Error())
	}
	undecided := j.swarm(ctx, a) // told last: it is about what the caller may see
	facts, err := j.facts(ctx, a)
	if err != nil {
		return j.unasked(ctx, a, err.Error())
	}
	if err := j.images(a); err != nil {
		return j.unasked(ctx, a, err.Error())
	}
	if err := j.own(ctx, a); err != nil {
		return j.unasked(ctx, a, err.Error())
	}
	list, err := j.list(a, q, facts)
	if err != nil {
		return j.unasked(ctx, a, err.Error())
	}
	w, observes := &would{}, j.Observes()
	for i := range list {
		// What the call names comes first: of a thing that one may not know nothing else is said, either.
		one := &list[(i+1)%len(list)]
		one.decision = j.p.Decider.Decide(ctx, one.request)
		if one.decision.Allowed {
			continue
		}
		if observes && one.request.Facts["profile"] != nil && j.withoutProfile(ctx, one, w) {
			continue
		}
		return j.refused(ctx, a, one)
	}
	if undecided != nil {
		return j.unasked(ctx, a, undecided.Error())
	}
	a.Warnings = append(a.Warnings, w.warnings...)
	a.RecordSession = list[0].decision.RecordSession
	return j.allowed(ctx, a, &list[0], w)
}

// Holds implements call.Judge.
func (j *Judge) Holds(ctx context.Context, a *call.Ask) error {
	q, known := j.questions[a.Call.Route.Action]
	if !known || j.p.NoBuild && builds(a.Call.Route.Action) {
		return fmt.Errorf("%s is not open", a.Call.Route.Action)
	}
	if err := j.images(a); err != nil {
		return err
	}
	mine(a)
	list, err := j.list(a, q, map[string]any{"door": "engine", "address": a.Subject.Address})
	if err != nil {
		return err
	}
	for i := range list {
		if d := j.p.Decider.Decide(ctx, list[i].request); !d.Allowed {
			return errors.New(d.Reason)
		}
	}
	return nil
}

// withoutProfile asks again without the profile, which is only observed, and keeps what the profile would have refused.
func (j *Judge) withoutProfile(ctx context.Context, one *asked, w *would) bool {
	r := one.request
	r.Facts = map[string]any{}
	for k, v := range one.request.Facts {
		if k != "profile" {
			r.Facts[k] = v
		}
	}
	d := j.p.Decider.Decide(ctx, r)
	if !d.Allowed {
		one.request, one.decision = r, d
		return false
	}
	w.add(one)
	one.decision = d
	return true
}

// runs are calls that run or change a workload.
func runs(a route.Action) bool {
	switch a {
	case "ContainerCreate", "ContainerStart", "ContainerRestart", "ContainerUpdate", "ContainerExec", "ServiceCreate", "ServiceUpdate", "ImageBuild", "BuildSolve", "VolumeCreate":
		return true
	}
	return false
}

// builds are calls that build, or prepare it.
func builds(a route.Action) bool {
	return a == "ImageBuild" || a == "BuildSolve" || a == "BuildSession" || a == "BuildGRPC" || a == "BuildPart"
}

// Profiled are the actions that profiles decide about, as records name them, sorted.
func Profiled() []string {
	var list []string
	for a, q := range questions() {
		if runs(a) {
			list = append(list, q.action)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// NewID is a name for a record.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("an id for the record: %w", err)
	}
	return id.String(), nil
}

// rule is a policy's name for people.
func rule(d model.Decision) string { return strings.Join(d.Policies, ", ") }
