package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// undo says what takes back what a call made; empty for calls whose names are all replaced by ids.
func undo(a route.Action) string {
	switch a {
	case "ContainerCreate":
		return "/containers/%s?force=1&v=1"
	case "ServiceCreate":
		return "/services/%s"
	}
	return ""
}

// verified holds what was made to what was judged. Where a name came to mean something else in between, what was made is taken away.
func (d *Door) verified(ctx context.Context, a *call.Ask, res *http.Response) (*http.Response, error) {
	path := undo(a.Call.Route.Action)
	if path == "" || d.p.Objects == nil || res.StatusCode >= http.StatusBadRequest {
		return res, nil
	}
	text, err := small(res)
	if err != nil {
		return nil, err
	}
	var made struct {
		ID string `json:"ID"` // also "Id"
	}
	if err := json.Unmarshal(text, &made); err != nil || !plainID(made.ID) {
		return nil, fmt.Errorf("the engine does not say what it made: %.200q", text)
	}
	if err := d.p.Objects.Verify(ctx, a, made.ID); err != nil {
		return nil, errors.Join(err, d.takeBack(context.WithoutCancel(ctx), fmt.Sprintf(path, made.ID)))
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, nil
}

func plainID(id string) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

func (d *Door) takeBack(ctx context.Context, target string) error {
	res, err := d.p.Engine.Send(ctx, &forward.Call{Method: http.MethodDelete, Target: target, Header: http.Header{}})
	if err != nil {
		return fmt.Errorf("and it could not be taken away: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("and it could not be taken away: %s", res.Status)
	}
	return nil
}
