package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/builds"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// build reads what a build would take, and has it asked about: the images that its Dockerfile begins with or copies from, and what those do
// when they are built upon.
func (d *Door) build(w http.ResponseWriter, r *http.Request, a *call.Ask) (end func(), err error) {
	end = func() {}
	q := &a.Call.Query
	switch {
	case q.Texts["version"] != "" && q.Texts["version"] != "1":
		return end, unjudged("a builder of that version: set DOCKER_BUILDKIT=0")
	case q.Texts["remote"] != "":
		return end, unjudged("a context that the engine fetches itself: fetch it, and build from the directory")
	case q.Texts["platform"] != "":
		return end, unjudged("a build for another platform, for which the engine may pull another image")
	case strings.Contains(strings.ToLower(q.Texts["labels"]), call.LabelPrefix) || strings.Contains(q.Texts["labels"], `\u`):
		return end, unjudged("labels that begin with " + call.LabelPrefix + ", which are the guard's")
	case q.Bools["pull"]:
		return end, unjudged("images that the engine pulls while it builds: pull them first, and leave --pull out")
	}
	// Whoever may not build has nothing kept, and those who may only so much at a time.
	if err := d.p.Judge.Holds(r.Context(), a); err != nil {
		return end, nil //nolint:nilerr // the judge says so, with a record
	}
	kept, end, err := d.context(w, r, a, mostContext)
	if err != nil {
		return end, err
	}
	sources, err := builds.Sources(kept.Dockerfile)
	if err != nil {
		return end, understood(err)
	}
	for _, s := range sources {
		if s.Where == builds.AtFrom && !s.Maybe {
			a.Bases = append(a.Bases, s.Ref)
		}
	}
	pins, triggers, err := d.sources(r.Context(), a, sources)
	if err != nil {
		return end, err
	}
	p := &a.Subject.Principal
	if err := kept.Pin(pins, call.LabelBuild, call.BuiltBy(p.Tenant, p.ID)); err != nil {
		return end, understood(err)
	}
	if triggers { // they run before the label is there that tells one's steps from others'
		if q.Bools == nil {
			q.Bools = map[string]bool{}
		}
		q.Bools["nocache"] = true
	}
	return end, instead(r, kept)
}

func unjudged(what string) error {
	return &objects.Fault{Status: http.StatusForbidden, Kind: route.Image, Message: "bulkhead: the guard can't judge " + what, Reason: objects.ErrInvalid}
}

// understood makes what builds refuses an answer.
func understood(err error) error {
	if errors.Is(err, builds.ErrNoRoom) {
		return &objects.Fault{Status: http.StatusInsufficientStorage, Kind: route.Image, Message: "bulkhead: " + builds.ErrNoRoom.Error(), Reason: objects.ErrInvalid}
	}
	if errors.Is(err, builds.ErrRefused) {
		return &objects.Fault{Status: http.StatusBadRequest, Kind: route.Image, Message: "bulkhead: " + err.Error(), Reason: objects.ErrInvalid}
	}
	return err
}

// sources notes the images that are taken from as used. It gives which image each name stands for, and whether one of them does something of
// its own when it is built upon.
func (d *Door) sources(ctx context.Context, a *call.Ask, list []builds.Source) (pins builds.Pins, triggers bool, err error) {
	done, pins := map[string]bool{}, builds.Pins{}
	for len(list) > 0 {
		s := list[0]
		list = list[1:]
		if done[s.Ref] {
			continue
		}
		done[s.Ref] = true
		o, err := d.p.Objects.Object(ctx, route.Image, s.Ref)
		switch {
		case err != nil && s.Maybe && (errors.Is(err, objects.ErrNotFound) || errors.Is(err, objects.ErrInvalid)):
			continue
		case errors.Is(err, objects.ErrNotFound):
			return nil, false, unjudged(fmt.Sprintf("the image %.200q (%s), which is not on this host: pull it first", s.Ref, s.Where))
		case err != nil:
			return nil, false, err
		}
		a.Uses = append(a.Uses, call.Use{Object: *o, Action: "ImageRun", Field: s.Where, Named: s.Ref})
		pins[s.Ref] = o.ID
		more, does, err := d.onBuild(ctx, o)
		if err != nil {
			return nil, false, err
		}
		list, triggers = append(list, more...), triggers || does
	}
	return pins, triggers, nil
}

// onBuild is what an image takes when it is built upon, and whether it does anything then.
func (d *Door) onBuild(ctx context.Context, o *call.Object) (list []builds.Source, triggers bool, err error) {
	c, err := d.config(ctx, o)
	if err != nil {
		return nil, false, err
	}
	if err := c.labelled(); err != nil {
		return nil, false, err
	}
	if list, err = builds.OnBuild(c.OnBuild); err != nil {
		return nil, false, understood(err)
	}
	for _, s := range list {
		if !builds.IsID(s.Ref) { // it is in the image, where it can't be written in another way
			return nil, false, unjudged(fmt.Sprintf("a trigger of the image %s that copies from %.200q, which can be another image when the build gets there: name it by its digest", cmp.Or(o.Name, o.ID), s.Ref))
		}
	}
	return list, len(c.OnBuild) > 0, nil
}
