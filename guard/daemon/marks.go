package daemon

import (
	"context"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// marks notes in an image that is made of a container or of files whose it is, as steps of builds are marked: a container of somebody's build
// would hand that one's mark on. Whoever may see the whole host takes nothing from anybody; labels of the guard are set by nobody.
func (d *Door) marks(ctx context.Context, a *call.Ask) error {
	q := &a.Call.Query
	makes := a.Call.Route.Action == "ContainerCommit" || a.Call.Route.Action == "ImagePull" && q.Texts["fromSrc"] != ""
	if !makes {
		return nil
	}
	for _, change := range q.Lists["changes"] {
		// Escapes and variables could put the words together later.
		if lower := strings.ToLower(change); strings.Contains(lower, "label") && strings.ContainsAny(change, `\$`) || strings.Contains(lower, call.LabelPrefix) {
			return unjudged("labels that begin with " + call.LabelPrefix + ", which are the guard's, or are not written as they are")
		}
	}
	if d.p.Judge.Whole(ctx, a) {
		return nil
	}
	if q.Lists == nil {
		q.Lists = map[string][]string{}
	}
	p := &a.Subject.Principal
	q.Lists["changes"] = append(q.Lists["changes"], "LABEL "+call.LabelBuild+"="+call.BuiltBy(p.Tenant, p.ID))
	return nil
}
