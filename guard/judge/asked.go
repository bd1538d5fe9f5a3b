package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// asked is one question with its answer.
type asked struct {
	request  model.Request
	decision model.Decision
	object   *call.Object
	field    string // where the body names it
	named    string // what the caller calls it there
}

// list are all questions about a call: the call's own first, then one for each thing that it names beside.
func (j *Judge) list(a *call.Ask, q question, facts map[string]any) ([]asked, error) {
	own, err := j.about(a, q)
	if err != nil {
		return nil, err
	}
	list := []asked{own}
	for i := range a.Uses {
		u := &a.Uses[i]
		if u.Object.Had && u.Object.Tenant == "" {
			continue // a container of the host's own image: that is for all, and may have no name any more
		}
		list = append(list, asked{request: model.Request{Action: u.Action, Resource: j.entity(&u.Object)}, object: &u.Object, field: u.Field, named: u.Named})
	}
	if a.Call.Route.Action == "ImagePull" && a.Call.Query.Texts["fromSrc"] != "" {
		list = append(list, asked{request: model.Request{Action: "ImageLoad", Resource: j.entity(a.Object)}, object: a.Object, field: "fromSrc"})
	}
	now := j.now.Load()
	for i := range list {
		r := &list[i].request
		r.Principal, r.Time, r.FreshFactor = a.Subject.Principal, j.p.Now(), a.Subject.FreshFactor
		r.Objects = j.here
		r.Facts = facts
		r.Dangerous, r.FourEyes = slices.Contains(now.StepUp, r.Action), slices.Contains(now.FourEyes, r.Action)
		r.Approved = j.p.Approvals != nil && j.p.Approvals.Approved(r.Principal.ID, r.Action, r.Resource.Ref, r.Time)
	}
	return list, nil
}

func (j *Judge) about(a *call.Ask, q question) (asked, error) {
	r := model.Request{Action: q.action}
	switch q.on {
	case host:
		r.Resource = j.host()
		return asked{request: r}, nil
	case tenant:
		r.Resource = model.Object{Ref: model.Ref{Type: "Tenant", ID: a.Subject.Principal.Tenant}}
		return asked{request: r}, nil
	}
	if a.Object == nil {
		return asked{}, fmt.Errorf("the guard does not know what %s is about", a.Call.Route.Action)
	}
	r.Resource = j.entity(a.Object)
	return asked{request: r, object: a.Object}, nil
}

// facts are the context of all questions about a call.
func (j *Judge) facts(ctx context.Context, a *call.Ask) (map[string]any, error) {
	facts := map[string]any{"door": "engine", "address": a.Subject.Address}
	if n, ok := a.Body.(*call.NetworkCreate); ok {
		facts["network_driver"], facts["network_options"] = madeNetwork(n)
	}
	if !runs(a.Call.Route.Action) {
		return facts, nil
	}
	if j.p.Workloads == nil {
		return nil, fmt.Errorf("the guard can't say what the call would run")
	}
	changed, err := j.p.Workloads.Harden(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("the call can't be made safer: %w", err)
	}
	if len(changed) > 0 && rollsBack(a) {
		return nil, fmt.Errorf("what the service was before would have to be made harder (%s): update it instead", strings.Join(changed, "; "))
	}
	a.Warnings = append(a.Warnings, changed...)
	w, err := j.p.Workloads.Facts(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("what the call would run can't be told: %w", err)
	}
	if w != nil {
		if j.p.HasProfile != nil && !j.p.HasProfile() {
			return nil, fmt.Errorf("no rule of the profile %s is in force here: the operator puts one into guard.policies, or publishes it (`bulkhead guard profile custom` writes one to begin with)", j.p.Profile)
		}
		facts["workload"] = w
		if j.p.Profile != "" {
			facts["profile"] = j.p.Profile
		}
	}
	return facts, nil
}
