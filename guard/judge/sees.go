package judge

import (
	"context"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// Sees implements call.Judge.
func (j *Judge) Sees(ctx context.Context, a *call.Ask, objects []call.Object) ([]bool, error) {
	list := make([]bool, len(objects))
	if err := j.imagesOf(a, objects); err != nil {
		return nil, err
	}
	facts := map[string]any{"door": "engine", "address": a.Subject.Address}
	named := a.Call.Route.Action == "ImageList" && (len(a.Call.Query.Filters["reference"]) > 0 || a.Call.Query.Texts["filter"] != "") && !j.Whole(ctx, a)
	for i := range objects {
		if o := &objects[i]; named && o.ByID && o.Name == "" {
			continue // it was found by a name that the caller may not know
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list[i] = j.may(ctx, a, listed(objects[i].Kind), &objects[i], facts)
	}
	return list, nil
}

// Whole says whether the caller may see the host as a whole, and not only what is the caller's own.
func (j *Judge) Whole(ctx context.Context, a *call.Ask) bool {
	return j.may(ctx, a, "HostRead", nil, map[string]any{"door": "engine", "address": a.Subject.Address})
}

func (j *Judge) may(ctx context.Context, a *call.Ask, action string, o *call.Object, facts map[string]any) bool {
	return j.p.Decider.Decide(ctx, model.Request{
		Principal: a.Subject.Principal, Action: action, Resource: j.entity(o), Objects: j.here, Time: j.p.Now(),
		FreshFactor: a.Subject.FreshFactor, Facts: facts,
	}).Allowed
}
