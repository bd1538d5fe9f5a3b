package daemon

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	control "github.com/moby/buildkit/api/services/control"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/buildkit"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/guard/solve"
)

// Where POST /build has BuildKit take its context from, if not from an address.
const (
	fromSession = "client-session"
	uploads     = "upload-request:" // before the name of a build that another call begins: this one only brings its context
)

// buildsByKit is a build by BuildKit that is asked for by a call of the engine's own API. Only who may use BuildKit may have it. Its Dockerfile is
// looked at where it comes: in a session, or in the context that is the call's body. What it gives is called at the end.
func (d *Door) buildsByKit(w http.ResponseWriter, r *http.Request, a *call.Ask) (end func(), err error) {
	end = func() {}
	a.Uses = append(a.Uses, call.Use{
		Object: call.Object{Kind: route.Engine, New: true}, Action: "BuildKitUse",
	})
	q := &a.Call.Query
	if strings.Contains(strings.ToLower(q.Texts["labels"]), call.LabelPrefix) || strings.Contains(q.Texts["labels"], `\u`) {
		return end, unjudged("labels that begin with " + call.LabelPrefix + ", which are the guard's")
	}
	if err := outputs(q.Texts["outputs"]); err != nil {
		return end, err
	}
	asks, err := asksKit(q)
	if err != nil {
		return end, err
	}
	// Who may not has no session to be asked for.
	if err := d.p.Judge.Holds(r.Context(), a); err != nil {
		return end, nil //nolint:nilerr // the judge says so, with a record
	}
	if err := d.ownOfKit(r, a); err != nil {
		return end, err
	}
	if err := d.frontends(r, a, asks); err != nil {
		return end, err
	}
	switch upload := strings.HasPrefix(q.Texts["buildid"], uploads); {
	case q.Texts["remote"] == fromSession:
		over, err := d.builder.File(r.Context(), a.Subject, q.Texts["session"], asks.File)
		var none *buildkit.NoFileError
		if errors.As(err, &none) {
			return end, notOwn(err)
		}
		if err != nil {
			return end, err
		}
		return over, nil
	case q.Texts["remote"] == "" && !upload:
		return d.bodyOfKit(w, r, a, asks)
	}
	return end, nil
}

// cancels has whoever ends a build that is not an own one be somebody who may clear the host.
func (d *Door) cancels(r *http.Request, a *call.Ask) {
	if a.Call.Route.Action != "BuildCancel" || d.builder.Began(d.builderCaller(r, a), a.Call.Query.Texts["id"]) {
		return
	}
	a.Uses = append(a.Uses, call.Use{Object: call.Object{Kind: route.Engine, New: true}, Action: "HostPrune", Field: "query id"})
}

// asksKit says what the parameters of a build tell BuildKit, as the engine would say it in the builder's own protocol.
func asksKit(q *route.Query) (*call.Solve, error) {
	attrs := map[string]string{"target": q.Texts["target"], "platform": q.Texts["platform"]}
	attrs["image-resolve-mode"] = "local" // as engines without containerd's store of images have it
	if q.Bools["pull"] {
		attrs["image-resolve-mode"] = "pull"
	}
	if name := q.Texts["dockerfile"]; name != "" && name != "." {
		attrs["filename"] = name
	}
	if text := q.Texts["buildargs"]; text != "" {
		args := map[string]*string{}
		if err := json.Unmarshal([]byte(text), &args); err != nil {
			return nil, unjudged("buildargs that are no set of arguments")
		}
		for k, v := range args {
			if v != nil {
				attrs["build-arg:"+k] = *v
			}
		}
	}
	asks, err := solve.Of(&control.SolveRequest{Frontend: "dockerfile.v0", FrontendAttrs: attrs})
	if err != nil {
		return nil, unjudged("the build: " + err.Error())
	}
	if len(asks.Unknown) > 0 { // no profile is asked about it here
		return nil, unjudged("the build: " + asks.Unknown[0])
	}
	return asks, nil
}

// ownOfKit makes sure that the session and the build that a call names are the caller's.
func (d *Door) ownOfKit(r *http.Request, a *call.Ask) error {
	q := &a.Call.Query
	by := d.builderCaller(r, a)
	if id := q.Texts["session"]; id != "" {
		if err := d.builder.Own(r.Context(), by, id); err != nil {
			return notOwn(err)
		}
	}
	if id := strings.TrimPrefix(q.Texts["buildid"], uploads); id != "" {
		if err := d.builder.Claim(by, id); err != nil {
			return notOwn(err)
		}
	}
	return nil
}

// frontends notes the images that would be run to read the build's file (BUILDKIT_SYNTAX) or to describe the result (BUILDKIT_ATTEST_…) as used.
func (d *Door) frontends(r *http.Request, a *call.Ask, asks *call.Solve) error {
	if d.p.Objects == nil || len(asks.Images) == 0 {
		return nil
	}
	kit := &call.Ask{Subject: a.Subject, Call: &route.Call{Route: solveRoute()}, Body: &call.Solve{Images: asks.Images}}
	if err := d.p.Objects.Complete(r.Context(), kit); err != nil {
		return err
	}
	a.Uses = append(a.Uses, kit.Uses...)
	return nil
}

// solveRoute is that of a build in the builder's own protocol.
func solveRoute() *route.Route {
	for _, r := range route.Services() {
		if r.Path == control.Control_Solve_FullMethodName {
			return &r
		}
	}
	return &route.Route{}
}

// bodyOfKit looks at the Dockerfile of a context that is the call's own body, and has the engine get what was looked at.
func (d *Door) bodyOfKit(w http.ResponseWriter, r *http.Request, a *call.Ask, asks *call.Solve) (end func(), err error) {
	kept, end, err := d.context(w, r, a, mostContext)
	if err != nil {
		return end, err
	}
	if err := d.builder.Judge(r.Context(), a.Subject, kept.Dockerfile, asks.File); err != nil {
		return end, err
	}
	return end, instead(r, kept)
}
