package answers

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// names takes out of images the names that the caller may not see: one that many may use has names that others gave it.
func (k *work) names(ctx context.Context, values []value, read []element) error {
	if k.whole() {
		return nil
	}
	var all []call.Object
	for _, e := range read {
		o := e.object(route.Image)
		for _, name := range e.RepoTags {
			all = append(all, call.Object{Kind: route.Image, ID: o.ID, Name: name, Labels: o.Labels})
		}
	}
	seen, err := k.sees(ctx, all)
	if err != nil {
		return err
	}
	for i, v := range values {
		e := &read[i] // which it was read as
		n := len(e.RepoTags)
		shown := naming{seen: map[string]bool{}}
		for at, name := range e.RepoTags {
			if noName(name) || seen[at] {
				shown.seen[name] = true
			} else {
				shown.hidden = append(shown.hidden, name)
			}
		}
		if seen = seen[n:]; len(shown.hidden) == 0 {
			continue
		}
		if v, err = edit(v, shown.member); err != nil {
			return err
		}
		values[i] = v //nolint:gosec // i is one of theirs
	}
	return nil
}

// noName is what older versions of the API say in place of a name.
func noName(name string) bool { return strings.HasPrefix(name, "<none>") }

// inspected is one image, or its history, in which each layer has the names of the image that it ends.
func (k *work) inspected(ctx context.Context, text value) (value, error) {
	if text.Kind() == '[' {
		return k.history(ctx, text)
	}
	var i struct {
		ID       string `json:"Id"`
		RepoTags []string
	}
	if text.Kind() != '{' || k.whole() {
		return text, nil
	}
	if err := read(text, &i); err != nil {
		return nil, err
	}
	one := []value{text}
	err := k.names(ctx, one, []element{{Id: i.ID, RepoTags: i.RepoTags}})
	return one[0], err
}

func (k *work) history(ctx context.Context, text value) (value, error) {
	list, err := elements(text)
	if err != nil || len(list) == 0 || k.whole() {
		return text, err
	}
	layers := make([]element, len(list))
	for i, v := range list {
		var l struct {
			ID   string `json:"Id"`
			Tags []string
		}
		if v.Kind() == '{' {
			if err := read(v, &l); err != nil {
				return nil, err
			}
		}
		layers[i] = element{Id: l.ID, RepoTags: l.Tags}
	}
	left := slices.Clone(list)
	if err := k.names(ctx, left, layers); err != nil {
		return nil, err
	}
	if slices.EqualFunc(left, list, func(a, b value) bool { return bytes.Equal(a, b) }) {
		return text, nil
	}
	return array(left), nil
}

// naming are the names of an image that has some that the caller may not see.
type naming struct {
	seen   map[string]bool
	hidden []string
}

// member takes them out of a member of the image.
func (n *naming) member(name string, v value) (value, error) {
	switch name {
	case "RepoTags", "Tags":
		return texts(v, func(tag string) bool { return n.seen[tag] })
	case "RepoDigests":
		return texts(v, n.digest)
	case "Descriptor":
		return edit(v, func(name string, v value) (value, error) {
			if name != "annotations" {
				return v, nil
			}
			return n.annotations(v)
		})
	}
	return v, nil
}

// digest says whether a name with a digest may be seen: engines make one of each tag.
func (n *naming) digest(name string) bool {
	repo, _, _ := strings.Cut(name, "@")
	in := func(tag string) bool {
		rest, ok := strings.CutPrefix(tag, repo)
		return ok && strings.HasPrefix(rest, ":")
	}
	for tag := range n.seen {
		if in(tag) {
			return true
		}
	}
	return !slices.ContainsFunc(n.hidden, in)
}

// annotations leaves out under which name an archive had the image, unless the caller sees it under that.
func (n *naming) annotations(v value) (value, error) {
	const full, short = "io.containerd.image.name", "org.opencontainers.image.ref.name"
	var a map[string]string
	if v.Kind() != '{' {
		return v, nil
	}
	if err := read(v, &a); err != nil {
		return nil, err
	}
	if ref, err := reference.ParseNormalizedNamed(a[full]); err == nil && n.seen[reference.FamiliarString(ref)] {
		return v, nil
	}
	return edit(v, func(name string, v value) (value, error) {
		if name == full || name == short {
			return nil, nil
		}
		return v, nil
	})
}

// texts keeps some of an array of texts.
func texts(v value, keep func(string) bool) (value, error) {
	list, err := elements(v)
	if err != nil || len(list) == 0 {
		return v, err
	}
	var left []value
	for _, one := range list {
		var text string
		if err := read(one, &text); err != nil {
			return nil, err
		}
		if keep(text) {
			left = append(left, one)
		}
	}
	if len(left) == len(list) {
		return v, nil
	}
	return array(left), nil
}
