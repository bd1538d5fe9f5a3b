package objects

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// image is an image as the engine shows it. Its labels are its maker's: they don't say whose it is on this host.
type image struct {
	ID                    string `json:"Id"`
	RepoTags, RepoDigests []string
	Config                struct {
		Labels  map[string]string
		OnBuild []string
	}
}

func (r *Resolver) image(ctx context.Context, name string) (*call.Object, error) {
	if !r.wide.MatchString(name) {
		return nil, invalid(route.Image, "invalid reference format: %.80q", name)
	}
	var i image
	if err := r.get(ctx, route.Image, "/images/"+name+"/json", &i); err != nil {
		return nil, err
	}
	if err := r.sane(route.Image, i.ID); err != nil {
		return nil, err
	}
	o := &call.Object{Kind: route.Image, ID: i.ID, Name: i.named(name), Labels: i.Config.Labels, OnBuild: i.Config.OnBuild}
	if o.Name == "" { // anybody may have given it names
		o.ByID, o.Names = true, i.RepoTags
	}
	return o, nil
}

// named is the name by which the engine found the image, written so that it can't be the beginning of an id; empty where it was found by id.
func (i *image) named(asked string) string {
	ref, err := reference.ParseNormalizedNamed(asked)
	if err != nil {
		return ""
	}
	full := reference.FamiliarString(reference.TagNameOnly(ref))
	if slices.Contains(i.RepoTags, full) || slices.Contains(i.RepoDigests, full) {
		return full
	}
	if d, ok := ref.(reference.Digested); ok { // with a tag beside it, or in a store that lists it under its tag
		at := reference.FamiliarName(ref) + "@" + d.Digest().String()
		if slices.Contains(i.RepoDigests, at) {
			return at
		}
	}
	return ""
}

// repository are all images under one name, whatever their tag: what the engine takes a name without a tag for when it saves or pushes.
func (r *Resolver) repository(ctx context.Context, name string) ([]call.Object, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil || !reference.IsNameOnly(ref) {
		return nil, nil //nolint:nilerr // it is no name of a repository then
	}
	familiar := reference.FamiliarName(ref)
	query, err := filter("reference", familiar)
	if err != nil {
		return nil, err
	}
	var all []struct {
		ID       string `json:"Id"`
		RepoTags []string
		Labels   map[string]string
	}
	if err := r.get(ctx, route.Image, "/images/json?"+query, &all); err != nil {
		return nil, err
	}
	var out []call.Object
	for _, i := range all {
		if err := r.sane(route.Image, i.ID); err != nil {
			return nil, err
		}
		for _, tag := range i.RepoTags {
			if before, ok := strings.CutPrefix(tag, familiar); ok && strings.HasPrefix(before, ":") {
				out = append(out, call.Object{Kind: route.Image, ID: i.ID, Name: tag, Labels: i.Labels})
			}
		}
	}
	if len(out) > mostUses {
		return nil, invalid(route.Image, "%s has more than %d tags: name those that are wanted", familiar, mostUses)
	}
	return out, nil
}

// newImage is a name that a call gives to an image.
func newImage(repo, tag string) (*call.Object, error) {
	text := repo
	if tag != "" {
		sep := ":"
		if strings.Contains(tag, ":") { // a digest
			sep = "@"
		}
		text += sep + tag
	}
	ref, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil, invalid(route.Image, "invalid reference format: %.80q: %v", text, err)
	}
	name := reference.FamiliarString(ref)
	return &call.Object{Kind: route.Image, ID: name, Name: name, New: true}, nil
}

// imageTarget is an image as it is named to the engine: by the name that it was found by, since the engine does other things to a name than
// to an id when it removes, saves or pushes; else by its id.
func imageTarget(asked string, o *call.Object) string {
	ref, err := reference.ParseNormalizedNamed(asked)
	if err != nil {
		return o.ID
	}
	if full := reference.FamiliarString(reference.TagNameOnly(ref)); full == o.Name {
		return full
	}
	if d, ok := ref.(reference.Digested); ok && o.Name == fmt.Sprintf("%s@%s", reference.FamiliarName(ref), d.Digest()) {
		return o.Name
	}
	return o.ID
}

// Tags notes names that a call gives to images beside those in its query, as a tag does: where another image has one, that one loses it.
func (r *Resolver) Tags(ctx context.Context, a *call.Ask, names []string, field string) error {
	v := r.visit(a)
	for _, name := range names {
		if err := v.newTag(ctx, name, "", fmt.Sprintf("%s %.200q", field, name)); err != nil {
			return err
		}
	}
	return nil
}
