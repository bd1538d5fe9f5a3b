package objects

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// really is what the engine says of a container, as far as it is asked about again.
type really struct {
	Mounts     []struct{ Type, Name string }
	HostConfig struct {
		Binds  []string
		Mounts []struct{ Source string }
	}
	NetworkSettings struct {
		Networks map[string]*struct{ NetworkID string }
	}
}

// really is the image and the volumes that a container has, since nobody may have held it to what was judged when it was made (Verify). One that
// ran was asked about when it began to, and has the same for ever.
func (v *visit) really(ctx context.Context) (*really, error) {
	var c really
	if err := v.get(ctx, route.Container, path("containers", v.ask.Object.ID, "json"), &c); err != nil || v.ask.Object.Ran {
		return &c, err
	}
	if err := v.madeOf(v.ask.Object); err != nil {
		return nil, err
	}
	for _, m := range c.Mounts {
		if m.Type != string(mount.TypeVolume) || m.Name == "" || c.unnamed(m.Name) {
			continue
		}
		if err := v.volumeOf(ctx, m.Name); err != nil {
			return nil, beside(err)
		}
	}
	return &c, nil
}

// starts is what a container that is to run has and takes: what it really is made of, and the networks that it joins by name, because it was
// made past the guard or before they were there. Networks that it joins by id are what was judged.
func (v *visit) starts(ctx context.Context) error {
	c, err := v.really(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.NetworkSettings.Networks)) {
		e := c.NetworkSettings.Networks[name]
		if !container.NetworkMode(name).IsUserDefined() || e != nil && e.NetworkID != "" {
			continue
		}
		o, err := v.networkOf(ctx, name)
		if err != nil {
			return beside(at("/NetworkSettings/Networks/"+pointer(name), err))
		}
		if err := v.use(o, "NetworkConnect", "/NetworkSettings/Networks/"+pointer(name)); err != nil {
			return err
		}
	}
	return nil
}

// fresh is for calls that show what is in a container: one that never ran shows what it was made of, and no start asked about that.
func (v *visit) fresh(ctx context.Context) error {
	if v.ask.Object == nil || v.ask.Object.Ran {
		return nil
	}
	_, err := v.really(ctx)
	return err
}

// madeOf notes the image that a container was really made of. It is meant by its id: it may have lost its name since, which another may have
// now, or be gone from the host's list, and the container works as before.
func (v *visit) madeOf(c *call.Object) error {
	if c.ImageID == "" {
		return nil // the engine knows none, and shows none
	}
	if err := v.sane(route.Image, c.ImageID); err != nil {
		return err
	}
	return v.use(&call.Object{Kind: route.Image, ID: c.ImageID, Name: calledOnce(c), ByID: true, Had: true}, "ImageRun", imageField)
}

// calledOnce is what the image of a container was called when that was made, as a create shows it to policies.
func calledOnce(c *call.Object) string {
	if c.Image == "" {
		return c.ImageID
	}
	if ref, err := reference.ParseNormalizedNamed(c.Image); err == nil && !isHex(c.Image) && !strings.HasPrefix(c.Image, "sha256:") {
		return reference.FamiliarString(reference.TagNameOnly(ref))
	}
	return c.Image
}

// unnamed says whether the engine made a volume for a container, because its image or its body wants one and names none: it is whose the
// container is, and carries no labels.
func (c *really) unnamed(name string) bool {
	const size = 64
	if len(name) != size || !isHex(name) {
		return false
	}
	for _, b := range c.HostConfig.Binds {
		if source, _, _ := strings.Cut(b, ":"); source == name {
			return false
		}
	}
	return !slices.ContainsFunc(c.HostConfig.Mounts, func(m struct{ Source string }) bool { return m.Source == name })
}

// volumeOf is a volume that a container has. Of one that is gone the engine says so itself.
func (v *visit) volumeOf(ctx context.Context, name string) error {
	o, err := v.look(ctx, route.Volume, name)
	if isMissing(err) {
		return nil
	}
	field := "/Mounts/" + pointer(name)
	if err != nil {
		return at(field, err)
	}
	return v.use(o, "VolumeMount", field)
}
