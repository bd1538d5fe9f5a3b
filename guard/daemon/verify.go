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

// verified holds what was made to what was judged, and waits for its record. Where a name came to mean something else in between, or the
// record can't be written, what was made is taken away. A container does not run yet when it is made: it is looked at by settle, after
// the caller was answered, and whoever names it waits for that.
func (d *Door) verified(ctx context.Context, a *call.Ask, res *http.Response) (_ *http.Response, settle func() error, err error) {
	settle = func() error { return nil }
	path := undo(a.Call.Route.Action)
	if path == "" || d.p.Objects == nil || res.StatusCode >= http.StatusBadRequest {
		if err := recorded(a); err != nil {
			res.Body.Close()
			return nil, nil, err
		}
		return res, settle, nil
	}
	text, err := small(res)
	if err != nil {
		return nil, nil, errors.Join(err, recorded(a))
	}
	var made struct {
		ID string `json:"ID"` // also "Id"
	}
	if err := json.Unmarshal(text, &made); err != nil || !plainID(made.ID) {
		return nil, nil, fmt.Errorf("the engine does not say what it made: %.200q", text)
	}
	verify := func() error {
		if err := d.p.Objects.Verify(ctx, a, made.ID); err != nil {
			return errors.Join(err, d.takeBack(context.WithoutCancel(ctx), fmt.Sprintf(path, made.ID)))
		}
		return nil
	}
	if err := recorded(a); err != nil {
		return nil, nil, errors.Join(err, d.takeBack(context.WithoutCancel(ctx), fmt.Sprintf(path, made.ID)))
	}
	if a.Call.Route.Action == "ContainerCreate" {
		over := d.held.begin(made.ID)
		settle = func() error {
			err := verify()
			over(err)
			return err
		}
	} else if err := verify(); err != nil {
		return nil, nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, settle, nil
}

// recorded waits for the record of a call.
func recorded(a *call.Ask) error {
	if a.Recorded == nil {
		return nil
	}
	return a.Recorded()
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
