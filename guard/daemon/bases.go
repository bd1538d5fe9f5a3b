package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/builds"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// mostOfAny is the most of a context of whoever may see the whole host, who could fill the disk anyway.
const mostOfAny = 1 << 40

// buildsOnAny looks for labels of the guard in a build of whoever may see the whole host, and has it go on as it came: the containers of its
// steps have the labels of the image that they begin with, and would be whose these say. What the engine fetches by itself is not seen.
func (d *Door) buildsOnAny(w http.ResponseWriter, r *http.Request, a *call.Ask) (end func(), err error) {
	end = func() {}
	q := &a.Call.Query
	if q.Texts["version"] != "" && q.Texts["version"] != "1" || q.Texts["remote"] != "" {
		return end, nil
	}
	if err := d.p.Judge.Holds(r.Context(), a); err != nil {
		return end, nil //nolint:nilerr // the judge says so, with a record
	}
	var args map[string]*string
	if text := q.Texts["buildargs"]; text != "" && json.Unmarshal([]byte(text), &args) != nil {
		return end, unjudged("buildargs that are no set of arguments")
	}
	kept, end, err := d.context(w, r, a, mostOfAny)
	if err != nil {
		return end, err
	}
	bases, err := builds.Bases(kept.Dockerfile, args)
	if err != nil {
		return end, understood(err)
	}
	for _, name := range bases {
		if err := d.unlabelled(r.Context(), name); err != nil {
			return end, err
		}
	}
	return end, instead(r, kept)
}

// unlabelled refuses an image that would have labels of the guard on what is built upon it.
func (d *Door) unlabelled(ctx context.Context, name string) error {
	o, err := d.p.Objects.Object(ctx, route.Image, name)
	if errors.Is(err, objects.ErrNotFound) || errors.Is(err, objects.ErrInvalid) {
		return nil // the engine finds it no better, or pulls it
	}
	if err != nil {
		return err
	}
	c, err := d.config(ctx, o)
	if err != nil {
		return err
	}
	for _, t := range c.OnBuild {
		if err := builds.TriggerLabels(t); err != nil {
			return understood(err)
		}
	}
	return c.labelled()
}

// imageConfig is what of an image's configuration counts when it is built upon.
type imageConfig struct {
	OnBuild []string
	Labels  map[string]string
}

func (d *Door) config(ctx context.Context, o *call.Object) (*imageConfig, error) {
	status, text, err := d.p.Engine.Get(ctx, "/images/"+url.PathEscape(o.ID)+"/json")
	if err != nil {
		return nil, err
	}
	var said struct{ Config imageConfig }
	if err := json.Unmarshal(text, &said); err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the engine does not say what the image %s does when it is built upon: %d", o.ID, status)
	}
	return &said.Config, nil
}

// labelled refuses labels of the guard, but for whose step it is.
func (c *imageConfig) labelled() error {
	for k := range c.Labels {
		if strings.HasPrefix(strings.ToLower(k), call.LabelPrefix) && k != call.LabelBuild {
			return unjudged("an image with the label " + k + ", which is the guard's")
		}
	}
	return nil
}
