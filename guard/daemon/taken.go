package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// taken is the answer to whoever would give a name that somebody else has, whatever kind of thing has it: that it can't be had is all there
// is to know.
func taken(kind route.Object, name string) error {
	return &objects.Fault{
		Status: http.StatusConflict, Kind: kind, Reason: objects.ErrInvalid,
		Message: fmt.Sprintf("Conflict. The %s name %q is already in use. Take another name.", strings.ToLower(string(kind)), name),
	}
}

// gives says whether a refusal is about a name that the call would give, and not about a thing that it would use.
func gives(a *call.Ask, no *call.Refusal) bool {
	switch a.Call.Route.Action {
	case "VolumeCreate":
		return no.Kind == route.Volume
	case "ImageTag", "ImageBuild", "ContainerCommit", "ImagePull":
		for i := range a.Uses {
			if u := &a.Uses[i]; u.Action == "ImageTag" && u.Object.Name == no.Name {
				return true
			}
		}
	}
	return false
}

// besides says whether the call names the thing in its body, where it says of one that is not there in which field it stands. Of an image
// that is to be run clients want to hear that it is missing.
func besides(a *call.Ask, no *call.Refusal) bool {
	switch a.Call.Route.Action {
	case "ContainerStart", "ContainerRestart", "ContainerCopyIn", "ContainerCopyOut", "ContainerExport", "ContainerCommit":
		return strings.HasPrefix(no.Field, "/")
	case "ContainerCreate", "ServiceCreate", "ServiceUpdate":
		return no.Kind != route.Image && strings.HasPrefix(no.Field, "/")
	}
	return false
}

// conflict takes out of the engine's answer which container has the name that was asked for, where that is one that the caller may not know.
func (d *Door) conflict(ctx context.Context, a *call.Ask, res *http.Response) (*http.Response, error) {
	name := strings.TrimPrefix(a.Call.Query.Texts["name"], "/")
	switch a.Call.Route.Action {
	case "ContainerCreate", "ContainerRename":
	default:
		return res, nil
	}
	if res.StatusCode != http.StatusConflict || name == "" || d.p.Objects == nil {
		return res, nil
	}
	if o, err := d.p.Objects.Object(ctx, route.Container, name); err == nil {
		if seen, err := d.p.Judge.Sees(ctx, a, []call.Object{*o}); err == nil && len(seen) == 1 && seen[0] {
			return res, nil
		}
	}
	if err := res.Body.Close(); err != nil {
		return nil, fmt.Errorf("the engine's answer: %w", err)
	}
	text, err := body.Encode(struct {
		Message string `json:"message"`
	}{taken(route.Container, "/"+name).Error()})
	if err != nil {
		return nil, err
	}
	said := *res
	said.Header = http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(text))}}
	said.Body, said.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return &said, nil
}
