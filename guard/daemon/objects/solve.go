package objects

import (
	"context"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// solve is what a build by BuildKit names: images that it begins with, and names that it gives; or what its own file does, when that comes.
func (v *visit) solve(ctx context.Context) error {
	s, ok := v.ask.Body.(*call.Solve)
	if !ok {
		return nil
	}
	for _, n := range s.Names {
		if err := v.newTag(ctx, n.Name, "", n.Field); err != nil {
			return err
		}
	}
	if err := v.bases(ctx, s); err != nil {
		return err
	}
	for _, n := range s.CacheRefs {
		if err := v.takenFrom(ctx, n, "ImageRead", "ImagePull"); err != nil {
			return err
		}
	}
	for _, n := range s.Pushes {
		if err := v.takenFrom(ctx, n, "ImagePush", "ImagePush"); err != nil {
			return err
		}
	}
	return nil
}

// bases are images that a build takes from: what those that are here do once they are built upon is noted, and which are not.
func (v *visit) bases(ctx context.Context, s *call.Solve) error {
	s.Triggers, s.Elsewhere = map[string][]string{}, nil
	for _, n := range s.Images {
		if err := v.takenFrom(ctx, n, "ImageRun", "ImagePull"); err != nil {
			return err
		}
		switch o, err := v.look(ctx, route.Image, n.Name); {
		case err != nil:
			s.Elsewhere = append(s.Elsewhere, n)
		case len(o.OnBuild) > 0:
			s.Triggers[n.Name] = o.OnBuild
		}
	}
	return nil
}

// takenFrom notes the use of an image: of one that is here, or else of one that the builder has from, or brings to, a registry.
func (v *visit) takenFrom(ctx context.Context, n call.Named, here, elsewhere string) error {
	_, err := v.named(ctx, route.Image, n.Name, here, n.Field)
	if err == nil || !isMissing(err) {
		return err
	}
	o, err := newImage(n.Name, "")
	if err != nil {
		return at(n.Field, err)
	}
	return v.use(o, elsewhere, n.Field)
}
