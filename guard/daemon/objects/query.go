package objects

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// query is what the parameters name.
func (v *visit) query(ctx context.Context) error {
	c := v.ask.Call
	q := &c.Query
	switch c.Route.Action {
	case "ContainerList":
		return v.beforeSince(ctx, route.Container, "ContainerRead")
	case "ImageList":
		return v.beforeSince(ctx, route.Image, "ImageRead")
	case "ContainerStart", "ContainerRestart":
		return v.starts(ctx)
	case "ContainerCopyIn", "ContainerCopyOut", "ContainerExport":
		return v.fresh(ctx)
	case "ContainerRename":
		return v.taken(ctx, route.Container, strings.TrimPrefix(q.Texts["name"], "/"), "query name")
	case "ContainerCommit":
		return v.commit(ctx)
	case "ImageSave":
		return v.save(ctx)
	case "ImageTag":
		return v.newTag(ctx, q.Texts["repo"], q.Texts["tag"], "query repo")
	case "ImagePull":
		return v.pull(ctx)
	case "ImageLoad":
		v.made(route.Image, "", nil)
	case "ImageBuild":
		return v.build(ctx)
	case "BuildSolve":
		return v.solve(ctx)
	case "PluginInstall":
		return v.install()
	case "PluginInspect":
		if remote := q.Texts["remote"]; v.ask.Object == nil {
			v.made(route.Plugin, remote, nil)
		}
	case "RegistrySearch":
		v.ask.Object = &call.Object{Kind: route.Registry, ID: call.RegistryOf(q.Texts["term"]), Name: q.Texts["term"]}
	}
	return nil
}

// beforeSince are containers or images that a list is to begin or end at; the engine says whether they exist.
func (v *visit) beforeSince(ctx context.Context, kind route.Object, action string) error {
	q := &v.ask.Call.Query
	for _, param := range []string{"before", "since"} {
		var list []*string
		if t := q.Texts[param]; t != "" {
			text := t
			list = append(list, &text)
			defer func() { q.Texts[param] = text }()
		}
		for i := range q.Filters[param] {
			list = append(list, &q.Filters[param][i])
		}
		for _, text := range list {
			o, err := v.named(ctx, kind, *text, action, "query "+param)
			if err != nil {
				return plain(err)
			}
			if kind == route.Image {
				*text = imageTarget(*text, o)
			} else {
				*text = o.ID
			}
		}
	}
	return nil
}

func (v *visit) commit(ctx context.Context) error {
	q := &v.ask.Call.Query
	o, err := v.look(ctx, route.Container, q.Texts["container"])
	if err != nil {
		return err
	}
	v.ask.Object = o
	q.Texts["container"] = o.ID
	if err := v.fresh(ctx); err != nil {
		return err
	}
	if q.Texts["repo"] == "" {
		return nil
	}
	return v.newTag(ctx, q.Texts["repo"], q.Texts["tag"], "query repo")
}

// newTag is a name for an image. Where another image has it, that one loses it.
func (v *visit) newTag(ctx context.Context, repo, tag, field string) error {
	o, err := newImage(repo, tag)
	if err != nil {
		return at(field, err)
	}
	if ref, err := reference.ParseNormalizedNamed(o.Name); err == nil && reference.IsNameOnly(ref) {
		o.Name = reference.FamiliarString(reference.TagNameOnly(ref))
		o.ID = o.Name
		if err := v.taken(ctx, route.Image, repo, field); err != nil {
			return err
		}
	}
	if err := v.use(o, "ImageTag", field); err != nil {
		return err
	}
	return v.loses(ctx, o.Name, field)
}

// loses notes an image that has a name already.
func (v *visit) loses(ctx context.Context, name, field string) error {
	old, err := v.look(ctx, route.Image, name)
	switch {
	case err == nil:
		return v.use(old, "ImageTag", field)
	case errors.Is(err, ErrNotFound):
		return nil
	}
	return at(field, err)
}

// save is all images that go into an archive.
func (v *visit) save(ctx context.Context) error {
	names := v.ask.Call.Query.Lists["names"]
	for i, name := range names {
		field := "query names/" + strconv.Itoa(i)
		done, err := v.allTags(ctx, name, field)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		o, err := v.named(ctx, route.Image, name, "ImageSave", field)
		if err != nil {
			return plain(err)
		}
		names[i] = imageTarget(name, o)
		if v.ask.Object == nil {
			v.ask.Object = o
		}
	}
	return nil
}

// pull is an image that comes from a registry, or from a file at an address or in the body.
func (v *visit) pull(ctx context.Context) error {
	t := v.ask.Call.Query.Texts
	if t["fromImage"] == "" {
		if t["repo"] == "" {
			v.made(route.Image, "", nil)
			return nil
		}
		if err := v.newTag(ctx, t["repo"], t["tag"], "query repo"); err != nil {
			return err
		}
		made := v.ask.Uses[0].Object
		v.ask.Object = &made
		return nil
	}
	// Without a tag it is all of them.
	o, err := newImage(t["fromImage"], t["tag"])
	if err != nil {
		return at("query fromImage", err)
	}
	v.ask.Object = o
	return v.loses(ctx, o.Name, "query fromImage")
}

func (v *visit) build(ctx context.Context) error {
	q := &v.ask.Call.Query
	v.made(route.Image, "", nil)
	for i, name := range q.Lists["t"] {
		if err := v.newTag(ctx, name, "", "query t/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	if len(v.ask.Uses) > 0 {
		made := v.ask.Uses[0].Object
		v.ask.Object = &made
	}
	if err := v.caches(ctx, q); err != nil {
		return err
	}
	return v.buildNetwork(ctx)
}

// caches are images that steps are taken from. BuildKit has those that are not here from registries, and takes several in one.
func (v *visit) caches(ctx context.Context, q *route.Query) error {
	var caches []string
	if text := q.Texts["cachefrom"]; text != "" {
		if err := json.Unmarshal([]byte(text), &caches); err != nil {
			return at("query cachefrom", invalid(route.Image, "it is no list of images"))
		}
	}
	for i, name := range slices.Compact(caches) {
		field := "query cachefrom/" + strconv.Itoa(i)
		if q.Texts["version"] == "2" {
			for one := range strings.SplitSeq(name, ",") {
				if err := v.takenFrom(ctx, call.Named{Name: one, Field: field}, "ImageRead", "ImagePull"); err != nil {
					return err
				}
			}
			continue
		}
		if _, err := v.named(ctx, route.Image, name, "ImageRead", field); err != nil && !isMissing(err) {
			return err
		}
	}
	return nil
}

// install is a plugin that is pulled or made.
func (v *visit) install() error {
	c := v.ask.Call
	name := c.Query.Texts["name"]
	if name == "" {
		name = c.Query.Texts["remote"]
	}
	if v.ask.Object != nil {
		return nil // an upgrade
	}
	if !v.wide.MatchString(name) {
		return &Fault{Status: http.StatusBadRequest, Kind: route.Plugin, Message: "the call names no plugin", Reason: ErrInvalid}
	}
	v.made(route.Plugin, name, nil)
	return nil
}
