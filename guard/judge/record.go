package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// record is what the log keeps of a call; what was decided goes with it, so that it can be explained and decided again.
func (j *Judge) record(a *call.Ask, one *asked) (model.Record, error) {
	id, err := NewID()
	if err != nil {
		return model.Record{}, err
	}
	p := a.Subject.Principal
	r := model.Record{
		ID: id, Time: j.p.Now(), Actor: p.ID, ActorName: p.Name, Tenant: j.p.Tenant, Action: string(a.Call.Route.Action), Resource: j.host().Ref,
		Address: a.Subject.Address, UserAgent: a.Subject.UserAgent, Credential: p.Credential.String(), AMR: p.Auth.AMR,
		Changes: saidOf(a),
	}
	if one != nil {
		r.Action, r.Resource = one.request.Action, one.request.Resource.Ref
		if t := tenantOf(one.request.Resource); t != "" {
			r.Tenant = t
		}
		d := one.decision
		r.Reason, r.Policies, r.PolicyVersion, r.PolicySets = d.Reason, d.Policies, d.PolicyVersion, d.PolicySets
		request := one.request
		r.Request = &request
		if one.field != "" {
			r.Changes[call.SaidField] = one.field
		}
	}
	if len(a.Warnings) > 0 {
		r.Changes[call.SaidWarnings] = call.Said(strings.Join(a.Warnings, "; "))
	}
	return r, nil
}

// saidOf says which call it is.
func saidOf(a *call.Ask) map[string]string {
	said := map[string]string{call.SaidCall: a.Call.Route.Method + " " + a.Call.Route.Path}
	if a.Call.Name != "" {
		said[call.SaidName] = a.Call.Name
	}
	return said
}

func tenantOf(o model.Object) string {
	for _, p := range o.Parents {
		if p.Type == "Tenant" {
			return p.ID
		}
	}
	return ""
}

// would is what a profile that is only observed would have refused, over all questions about a call.
type would struct{ rules, why, remedies, warnings []string }

// mostWarnings bounds how often an answer says what enforcement would refuse.
const mostWarnings = 5

func (w *would) add(one *asked) {
	d := one.decision
	names := d.Policies
	if len(names) == 0 {
		names = []string{"profile"} // no rule of it refused, and without it the call passes
	}
	for _, r := range names {
		if !slices.Contains(w.rules, r) {
			w.rules = append(w.rules, r)
		}
	}
	why := d.Reason
	if one.field != "" {
		why = one.field + ": " + why
	}
	w.why = append(w.why, why)
	if len(w.warnings) < mostWarnings {
		w.warnings = append(w.warnings, "enforcement would refuse this: "+why+" ("+names[0]+")")
	}
	if m := remedy(one); m != "" && !slices.Contains(w.remedies, m) {
		w.remedies = append(w.remedies, m)
	}
}

// say puts it into a record.
func (w *would) say(r *model.Record) {
	if len(w.rules) == 0 {
		return
	}
	r.Changes[call.SaidWould] = call.JoinNames(w.rules)
	r.Changes[call.SaidWouldWhy] = call.Said(strings.Join(w.why, "; "))
	if len(w.remedies) > 0 {
		r.Changes[call.SaidRemedy] = call.Said(strings.Join(w.remedies, "; "))
	}
}

// allowed records a permission. A change is not made unless its record is safe.
func (j *Judge) allowed(ctx context.Context, a *call.Ask, one *asked, w *would) error {
	r, err := j.record(a, one)
	if err != nil {
		return err
	}
	r.Outcome = model.OutcomeAllowed
	w.say(&r)
	a.Record = r.ID
	if a.Call.Route.Effect == route.Reads {
		if err := j.p.Log.Later(ctx, r); err != nil {
			return fmt.Errorf("the record of the call can't be written: %w", err)
		}
		return nil
	}
	// A caller who leaves does not take the record of what was begun along.
	safe := context.WithoutCancel(ctx)
	write := func() error {
		if err := j.p.Log.Append(safe, r); err != nil {
			return fmt.Errorf("the record of the call can't be written, so it is not made: %w", err)
		}
		return nil
	}
	if a.Call.Route.Action == "ContainerCreate" {
		// What is made does not run yet, and is taken away where the record can't be written: the two need not wait for each other.
		a.Recorded = meanwhile(write)
		return nil
	}
	return write()
}

// meanwhile begins something, and gives what waits for its end. A panic is an error: it must not end what else goes on.
func meanwhile(do func() error) func() error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("the record of the call: %v", p)
			}
		}()
		done <- do()
	}()
	return sync.OnceValue(func() error { return <-done })
}

// refused records a refusal and says it.
func (j *Judge) refused(ctx context.Context, a *call.Ask, one *asked) error {
	r, err := j.record(a, one)
	if err != nil {
		return err
	}
	r.Outcome = model.OutcomeRefused
	for key, value := range map[string]string{
		call.SaidRule: call.JoinNames(one.decision.Policies), call.SaidRemedy: call.Said(remedy(one)), call.SaidNeeds: needs(one.decision.Needs),
	} {
		if value != "" {
			r.Changes[key] = value
		}
	}
	if err := j.p.Log.Append(ctx, r); err != nil {
		return fmt.Errorf("the record of a refusal can't be written: %w", err)
	}
	no := &call.Refusal{Rule: rule(one.decision), Why: one.decision.Reason, Remedy: remedy(one), Record: r.ID}
	if one.field != "" {
		no.Why = one.field + ": " + no.Why
	}
	if w := a.Workload; w != nil && len(w.Unknown) > 0 && strings.Contains(no.Rule, "/understood") {
		no.Why += ": " + cut(w.Unknown[0], 300)
	}
	if o := one.object; o != nil && !o.New && !j.may(ctx, a, seen(o.Kind), o, one.request.Facts) && !j.another(ctx, a, one) {
		no.Hidden, no.Kind, no.Name, no.Field = true, o.Kind, o.Name, one.field
		if o.ByID && !o.Had {
			no.Name = o.ID
		}
		if one.named != "" {
			no.Name = one.named // whoever knows an id learns no name by it
		}
	}
	return no
}

// another says whether it is about another name of an image that the caller may see: that is there, and the name is not told.
func (j *Judge) another(ctx context.Context, a *call.Ask, one *asked) bool {
	o := a.Object
	return o != nil && o != one.object && o.Kind == route.Image && one.object.Kind == route.Image && o.ID == one.object.ID && !o.New &&
		j.may(ctx, a, seen(o.Kind), o, one.request.Facts)
}

// remedy is what would pass: what the rule says, or else what the caller lacks.
func remedy(one *asked) string {
	if one.decision.Remedy != "" {
		return one.decision.Remedy
	}
	var list []string
	for _, n := range one.decision.Needs {
		switch n {
		case model.NeedFactor, model.NeedPhishingResistant, model.NeedStepUp:
			list = append(list, "show your second factor to the control plane: bulkhead approve")
		case model.NeedApproval:
			list = append(list, fmt.Sprintf("have a second person approve it: bulkhead access request %s %s --reason ...", one.request.Action, one.request.Resource.Ref))
		}
	}
	if len(list) == 0 && one.request.Action == "BuildKitUse" && len(one.decision.Policies) == 0 {
		return "build with DOCKER_BUILDKIT=0 docker build, or with buildx and a builder of your own elsewhere (docker buildx create); a policy may permit BuildKitUse on this host"
	}
	return strings.Join(slices.Compact(list), ", and ")
}

func needs(all []model.Need) string {
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = string(n)
	}
	return call.JoinNames(names)
}

// unasked refuses a call about which no question could be made.
func (j *Judge) unasked(ctx context.Context, a *call.Ask, why string) error {
	r, err := j.record(a, nil)
	if err != nil {
		return err
	}
	r.Outcome, r.Reason = model.OutcomeRefused, why
	if err := j.p.Log.Append(ctx, r); err != nil {
		return fmt.Errorf("the record of a refusal can't be written: %w", err)
	}
	return &call.Refusal{Why: why, Record: r.ID}
}

// NotUnderstood records a call that was refused before it could be judged: an unknown route, a body that is not strict, an unknown caller.
func (j *Judge) NotUnderstood(ctx context.Context, s *call.Subject, method, target string, why error) (string, error) {
	id, err := NewID()
	if err != nil {
		return "", err
	}
	r := model.Record{
		ID: id, Time: j.p.Now(), Tenant: j.p.Tenant, Action: call.ActionNotUnderstood, Resource: j.host().Ref, Outcome: model.OutcomeRefused,
		Reason: why.Error(), Changes: map[string]string{call.SaidCall: cut(method, 20) + " " + cut(withoutQuery(target), 300)},
	}
	if s != nil {
		p := s.Principal
		r.Actor, r.ActorName, r.Address, r.UserAgent, r.Credential = p.ID, p.Name, s.Address, s.UserAgent, p.Credential.String()
	}
	return id, j.p.Log.Append(ctx, r)
}

// withoutQuery leaves the parameters out: arguments of a build are among them, and secrets among these.
func withoutQuery(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}

// Failed records that a call that was allowed did not work, or was not made.
func (j *Judge) Failed(ctx context.Context, a *call.Ask, why string) error {
	id, err := NewID()
	if err != nil {
		return err
	}
	p := a.Subject.Principal
	return j.p.Log.Later(ctx, model.Record{
		ID: id, Time: j.p.Now(), Actor: p.ID, ActorName: p.Name, Tenant: j.p.Tenant, Action: string(a.Call.Route.Action), Resource: j.entity(a.Object).Ref,
		Outcome: model.OutcomeFailed, Reason: cut(why, 500), Of: a.Record, Address: a.Subject.Address, Credential: p.Credential.String(),
		Changes: saidOf(a),
	})
}

func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
