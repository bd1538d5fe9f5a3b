package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

func (v *visit) containerCreate(ctx context.Context, b *container.CreateRequest) error {
	name := strings.TrimPrefix(v.ask.Call.Query.Texts["name"], "/")
	if err := v.taken(ctx, route.Container, name, "query name"); err != nil {
		return err
	}
	made := &call.Object{Kind: route.Container, ID: name, Name: name, New: true}
	v.ask.Object = made
	if b.Config != nil {
		made.Image, made.Labels = b.Image, b.Labels
		if b.Image != "" { // what the engine has against none it says itself
			if o, ok := v.images.get(b.Image); ok {
				v.took(b.Image, o)
			}
			o, err := v.named(ctx, route.Image, b.Image, "ImageRun", imageField)
			if err != nil {
				return noImage(b.Image, err)
			}
			v.images.put(b.Image, o)
		}
	}
	if b.HostConfig != nil {
		made.Privileged = b.HostConfig.Privileged
		if err := v.hostConfig(ctx, b.HostConfig); err != nil {
			return beside(err)
		}
	}
	return beside(v.endpoints(ctx, b))
}

// plain is a fault as the engine words it: clients look for it.
func plain(err error) error { return at("", err) }

// noImage words a missing image as the engine does when it makes a container, which is not how it does when it shows an image.
func noImage(name string, err error) error {
	var f *Fault
	if !errors.As(err, &f) || !isMissing(err) {
		return plain(err)
	}
	if ref, err := reference.ParseAnyReference(name); err == nil {
		if named, ok := ref.(reference.Named); ok {
			name = reference.FamiliarString(reference.TagNameOnly(named))
		} else {
			name = ref.String()
		}
	}
	return &Fault{Status: f.Status, Kind: route.Image, Message: "No such image: " + name, Reason: ErrNotFound}
}

func (v *visit) hostConfig(ctx context.Context, h *container.HostConfig) error {
	modes := []struct {
		field string
		get   string
		set   func(string)
	}{
		{"NetworkMode", string(h.NetworkMode), func(s string) { h.NetworkMode = container.NetworkMode(s) }},
		{"IpcMode", string(h.IpcMode), func(s string) { h.IpcMode = container.IpcMode(s) }},
		{"PidMode", string(h.PidMode), func(s string) { h.PidMode = container.PidMode(s) }},
		{"Cgroup", string(h.Cgroup), func(s string) { h.Cgroup = container.CgroupSpec(s) }},
	}
	for _, m := range modes {
		// The engine itself shows these with the full id, whatever they were made with.
		if other, ok := strings.CutPrefix(m.get, "container:"); ok {
			o, err := v.named(ctx, route.Container, other, "ContainerShare", "/HostConfig/"+m.field)
			if err != nil {
				return err
			}
			m.set("container:" + o.ID)
		}
	}
	for i, text := range h.VolumesFrom {
		// As the engine reads it: what follows the first colon is a mode.
		other, mode, colon := strings.Cut(text, ":")
		o, err := v.named(ctx, route.Container, other, "ContainerShare", "/HostConfig/VolumesFrom/"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		h.VolumesFrom[i] = kept(other, o)
		if colon {
			h.VolumesFrom[i] += ":" + mode
		}
	}
	if err := v.links(ctx, h); err != nil {
		return err
	}
	for i, text := range h.Binds {
		source, _, two := strings.Cut(text, ":")
		if !two || strings.HasPrefix(source, "/") {
			continue // an anonymous volume, or a path
		}
		if err := v.volumeUse(ctx, source, "/HostConfig/Binds/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return v.mounts(ctx, h.Mounts, "/HostConfig/Mounts")
}

// kept is a name that the engine shows as it was given: it stays, unless it could also be the beginning of an id.
func kept(name string, o *call.Object) string {
	if isHex(name) {
		return o.ID
	}
	return name
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// links are those of the default bridge, which give a container the environment of another. On other networks they are names only.
func (v *visit) links(ctx context.Context, h *container.HostConfig) error {
	if h.NetworkMode != "" && h.NetworkMode.IsUserDefined() {
		return nil
	}
	for i, text := range h.Links {
		field := "/HostConfig/Links/" + strconv.Itoa(i)
		parts := strings.Split(text, ":")
		if text == "" || len(parts) > 2 {
			return at(field, invalid(route.Container, "bad format for links: %.80s", text))
		}
		other, alias := parts[0], parts[len(parts)-1]
		if len(parts) == 2 && strings.HasPrefix(other, "/") { // as inspections show it: "/foo:/c1/bar"
			alias = alias[strings.LastIndexByte(alias, '/')+1:]
		}
		o, err := v.named(ctx, route.Container, other, "ContainerShare", field)
		if err != nil {
			return err
		}
		h.Links[i] = o.ID + ":" + alias // they are shown with the name that the container has then
	}
	return nil
}

func (v *visit) mounts(ctx context.Context, list []mount.Mount, field string) error {
	for i, m := range list {
		here := fmt.Sprintf("%s/%d/Source", field, i)
		var err error
		switch {
		case !slices.Contains([]mount.Type{mount.TypeBind, mount.TypeVolume, mount.TypeTmpfs, mount.TypeCluster, mount.TypeImage}, m.Type):
			// Engines take some of these for a known one: written large, or nothing at all.
			return at(fmt.Sprintf("%s/%d/Type", field, i), invalid(route.Container, "mount type unknown: %.40q", m.Type))
		case m.Source == "":
		case m.Type == mount.TypeVolume:
			err = v.volumeUse(ctx, m.Source, here)
		case m.Type == mount.TypeCluster && strings.HasPrefix(m.Source, "group:"):
			err = v.use(&call.Object{Kind: route.Volume, ID: m.Source, Name: m.Source}, "VolumeMount", here)
		case m.Type == mount.TypeCluster:
			_, err = v.named(ctx, route.Volume, m.Source, "VolumeMount", here)
		case m.Type == mount.TypeImage:
			var o *call.Object
			if o, err = v.named(ctx, route.Image, m.Source, "ImageRun", here); err == nil && isHex(m.Source) {
				list[i].Source = imageTarget(m.Source, o)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// volumeUse is a volume by its name, which is what it is. One that does not exist the engine would make without labels.
func (v *visit) volumeUse(ctx context.Context, name, field string) error {
	o, err := v.look(ctx, route.Volume, name)
	if isMissing(err) {
		o, err := v.awaited(ctx, name)
		if err == nil && o == nil {
			o = &call.Object{Kind: route.Volume, ID: name, Name: name, New: true}
		}
		if err != nil {
			return at(field, err)
		}
		return v.use(o, "VolumeCreate", field)
	}
	if err != nil {
		return at(field, err)
	}
	return v.use(o, "VolumeMount", field)
}
