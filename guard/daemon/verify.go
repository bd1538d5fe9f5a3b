package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
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
	path = fmt.Sprintf(path, made.ID)
	if a.Call.Route.Action != "ContainerCreate" {
		if err := errors.Join(recorded(a), d.p.Objects.Verify(ctx, a, made.ID)); err != nil {
			return nil, nil, errors.Join(err, d.takeBack(ctx, path))
		}
		res.Body = io.NopCloser(bytes.NewReader(text))
		return res, settle, nil
	}
	hold := d.held.begin(made.ID)
	if err := recorded(a); err != nil {
		hold.settle(err)
		return nil, nil, errors.Join(err, d.away(ctx, made.ID, path, hold))
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, func() error { return d.settled(ctx, a, made.ID, path, hold) }, nil
}

// settled looks at a container that was made, and takes away what is not what was judged.
func (d *Door) settled(ctx context.Context, a *call.Ask, id, path string, hold *hold) error {
	err := d.look(ctx, a, id)
	hold.settle(err)
	if err == nil {
		d.held.end(id, hold)
		return nil
	}
	return errors.Join(err, d.away(ctx, id, path, hold))
}

// look holds a container that was made to what was judged. Whoever waits for it must not wait for ever, so that a panic is an error.
func (d *Door) look(ctx context.Context, a *call.Ask, id string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			d.p.Log.ErrorContext(ctx, "a container made the guard fall over", "container", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errors.New("it could not be held to what was judged: the guard fell over")
		}
	}()
	err = d.p.Objects.Verify(ctx, a, id)
	if errors.Is(err, objects.ErrGone) {
		d.p.Log.WarnContext(ctx, "a container was gone before it was held to what was judged", "container", id)
		return d.p.Judge.Failed(ctx, a, err.Error())
	}
	return err
}

// Tries to take away what may not stay, and the first pause between them, which doubles.
const (
	awayTries = 5
	awayPause = time.Second
)

// away takes away what was made and may not stay. As long as it is there, nobody may use it.
func (d *Door) away(ctx context.Context, id, path string, hold *hold) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	for i, pause := 0, d.awayPause; i < awayTries; i, pause = i+1, 2*pause {
		if err = d.takeBack(ctx, path); err == nil {
			d.held.end(id, hold)
			return nil
		}
		d.p.Log.WarnContext(ctx, "a container that is not what was judged can't be taken away", "container", id, "try", i+1, "error", err)
		if i+1 < awayTries {
			time.Sleep(pause)
		}
	}
	return err
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

// takeBackTime is how long the engine may take to take something away.
const takeBackTime = 30 * time.Second

func (d *Door) takeBack(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeBackTime)
	defer cancel()
	res, err := d.p.Engine.Send(ctx, &forward.Call{Method: http.MethodDelete, Target: target, Header: http.Header{}})
	if err != nil {
		return fmt.Errorf("and it could not be taken away: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest && res.StatusCode != http.StatusNotFound {
		return fmt.Errorf("and it could not be taken away: %s", res.Status)
	}
	return nil
}
