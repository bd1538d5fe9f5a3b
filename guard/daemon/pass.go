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
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/answers"
	"github.com/bulkhead-security/bulkhead/guard/daemon/body"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// passing is what goes with a call that is made.
type passing struct {
	made volumes
	said io.Writer // is shown the answer; nil for nobody
}

// shown is an answer that somebody is shown as it goes by.
type shown struct {
	io.Reader
	io.Closer
}

// makeTime is the longest that the engine may take to make something that is looked at afterwards.
const makeTime = 10 * time.Minute

// answerTime is how long a maker may take to read the answer before what was made is looked at.
const answerTime = 100 * time.Millisecond

// pass makes the call that was judged.
func (d *Door) pass(w http.ResponseWriter, r *http.Request, a *call.Ask, p passing) error {
	if a.OneByOne {
		return d.pruneOwn(w, r, a)
	}
	c, err := d.request(r, a)
	if err != nil {
		return err
	}
	switch a.Call.Route.Body {
	case route.Stream, route.Socket:
		return d.session(w, r, a, c)
	case route.HTTP2:
		return d.buildKit(w, r, a, c)
	}
	switch {
	case undo(a.Call.Route.Action) != "":
		// A caller who leaves must not leave something behind that nobody held to what was judged.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), makeTime)
		defer cancel()
		return d.send(ctx, w, r, a, p, c)
	case lasts(a.Call.Route.Action):
		return d.sendWhile(w, r, a, p, c)
	}
	return d.send(r.Context(), w, r, a, p, c)
}

// send has the engine do it, and gives the caller its answer.
func (d *Door) send(ctx context.Context, w http.ResponseWriter, r *http.Request, a *call.Ask, p passing, c *forward.Call) error {
	res, err := d.p.Engine.Send(ctx, c)
	if err != nil {
		return d.failed(r.Context(), a, errors.Join(err, p.made.takeBack(r.Context(), d)))
	}
	if p.said != nil {
		res.Body = shown{io.TeeReader(res.Body, p.said), res.Body}
	}
	if res.StatusCode >= http.StatusBadRequest {
		if err := p.made.takeBack(r.Context(), d); err != nil {
			d.p.Log.WarnContext(r.Context(), "a volume was made for a container that was not", "error", err)
		}
		if err := d.p.Judge.Failed(r.Context(), a, fmt.Sprintf("the engine answered %s", res.Status)); err != nil {
			d.p.Log.ErrorContext(r.Context(), "a call that failed could not be recorded", "error", err)
		}
	}
	d.resized(a, res)
	res, settle, err := d.verified(ctx, a, res)
	if err != nil {
		return d.failed(r.Context(), a, errors.Join(err, p.made.takeBack(r.Context(), d)))
	}
	once := sync.OnceFunc(func() {
		if err := settle(); err != nil {
			err = d.failed(ctx, a, errors.Join(err, p.made.takeBack(ctx, d)))
			d.p.Log.WarnContext(ctx, "what was made is not what was judged", "error", err)
		}
	})
	defer once()
	if undo(a.Call.Route.Action) != "" { // whoever waits for it does not wait for a maker that does not read
		defer time.AfterFunc(answerTime, func() { d.careful(ctx, once) }).Stop()
	}
	if res, err = d.conflict(ctx, a, res); err != nil { //nolint:bodyclose // who answers closes it
		return err
	}
	if err := d.answer(ctx, w, a, res); err != nil {
		return fmt.Errorf("%w: %w", forward.ErrBegun, err)
	}
	return nil
}

// careful does something beside the call, where a panic would end the process. The log tells of it.
func (d *Door) careful(ctx context.Context, do func()) {
	defer func() {
		if p := recover(); p != nil {
			d.p.Log.ErrorContext(ctx, "a container made the guard fall over", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	do()
}

// answer gives the engine's answer, without what the caller may not see, and with what the guard has to say.
func (d *Door) answer(ctx context.Context, w http.ResponseWriter, a *call.Ask, res *http.Response) error {
	good := res.StatusCode < http.StatusBadRequest
	switch {
	case good && d.p.Answers != nil && answers.Filters(a.Call.Route):
		sees := func(ctx context.Context, list []call.Object) ([]bool, error) { return d.p.Judge.Sees(ctx, a, list) }
		return d.p.Answers.Write(ctx, w, a, res, sees, func() bool { return d.p.Judge.Whole(ctx, a) })
	case good && len(a.Warnings) > 0 && warns(a.Call.Route.Action):
		return warned(w, a, res)
	}
	return forward.Answer(w, res)
}

// warns are calls whose answer has a place for warnings.
func warns(a route.Action) bool {
	return a == "ContainerCreate" || a == "ContainerUpdate" || a == "ServiceCreate" || a == "ServiceUpdate"
}

// warned adds warnings to an answer, which is small.
func warned(w http.ResponseWriter, a *call.Ask, res *http.Response) error {
	text, err := small(res)
	if err != nil {
		return err
	}
	var told map[string]any
	if err := json.Unmarshal(text, &told); err == nil && told != nil {
		list, _ := told["Warnings"].([]any)
		for _, one := range a.Warnings {
			list = append(list, "bulkhead: "+one)
		}
		told["Warnings"] = list
		if text, err = json.Marshal(told); err != nil {
			return fmt.Errorf("warn the caller: %w", err)
		}
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	res.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return forward.Answer(w, res)
}

// small reads an answer that is small.
func small(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the engine's answer: %w", err)
	}
	if len(text) > most {
		return nil, fmt.Errorf("the engine's answer has more than %d bytes", most)
	}
	return text, nil
}

// resized tells whoever looks after terminals of a new size that the engine took.
func (d *Door) resized(a *call.Ask, res *http.Response) {
	if d.p.Sessions == nil || res.StatusCode >= http.StatusBadRequest {
		return
	}
	switch a.Call.Route.Action {
	case "ContainerResize", "ExecResize":
		q := a.Call.Query.Ints
		d.p.Sessions.Resized(a, int(q["w"]), int(q["h"]))
	}
}

// request is what the engine gets.
func (d *Door) request(r *http.Request, a *call.Ask) (*forward.Call, error) {
	version := a.Call.Version
	if version == "" {
		// Without a version an engine takes its newest, which the guard may not know.
		var err error
		if version, err = d.p.Engine.Version(r.Context(), route.NewestVersion); err != nil {
			return nil, err
		}
	}
	target, err := a.Call.Target(version, a.Call.Name)
	if err != nil {
		return nil, err
	}
	c := &forward.Call{
		Method: r.Method, Target: target, Header: headers(a.Call.Route, r.Header), Large: large(a.Call.Route.Action) && r.ProtoAtLeast(1, 1),
	}
	switch {
	case a.Body != nil:
		text, err := body.Encode(together(a))
		if err != nil {
			return nil, err
		}
		c.Body, c.Length = strings.NewReader(string(text)), int64(len(text))
		c.Header.Set("Content-Type", "application/json")
	case a.Call.Route.Body == route.Tar:
		c.Body, c.Length = r.Body, r.ContentLength
		c.Header.Set("Content-Type", "application/x-tar")
	}
	return c, nil
}

// large are calls whose answers nobody looks at and may have gigabytes.
func large(a route.Action) bool { return a == "ImageSave" || a == "ContainerExport" }

// headers are those that reach the engine.
func headers(r *route.Route, from http.Header) http.Header {
	to := http.Header{}
	for _, name := range append([]string{"Accept", "User-Agent"}, r.Headers...) {
		if v := from.Values(name); len(v) > 0 {
			to.Set(name, v[0])
		}
	}
	if r.Body == route.Socket {
		for _, name := range []string{"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Origin"} {
			if v := from.Get(name); v != "" {
				to.Set(name, v)
			}
		}
	}
	return to
}
