package drill

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// imageDrills take, replace or read somebody else's images, and build with more than one has.
func imageDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	rename := func(id, title string, do func(ctx context.Context, w *EngineWorld, mine string) error) Drill {
		return guardDrill(id, "T1525", title, renames(do), both...)
	}
	return []Drill{
		rename("image-tag", "Another image gets the name of somebody else's", func(ctx context.Context, w *EngineWorld, mine string) error {
			repo, tag := w.victimsTag()
			a, err := w.mallory.send(ctx, http.MethodPost, "/images/"+mine+"/tag?repo="+repo+"&tag="+tag, nil)
			return errOr(err, w.fairIf(a))
		}),
		rename("image-import", "Files become an image with the name of somebody else's", func(ctx context.Context, w *EngineWorld, _ string) error {
			repo, tag := w.victimsTag()
			archive, err := ground.Tar(ground.File{Name: "evil", Body: []byte("evil")})
			if err != nil {
				return err
			}
			a, err := w.mallory.sendAs(ctx, http.MethodPost, "/images/create?fromSrc=-&repo="+repo+"&tag="+tag, "application/x-tar", archive)
			return errOr(err, w.fairIf(a))
		}),
		rename("image-build", "A build gives its image the name of somebody else's", func(ctx context.Context, w *EngineWorld, mine string) error {
			repo, tag := w.victimsTag()
			return w.builds(ctx, "t="+url.QueryEscape(repo+":"+tag), "FROM "+mine+"\nENV EVIL=1\n")
		}),
		rename("image-load", "An archive of images brings one with the name of somebody else's", loadsOver),
		guardDrill("image-save", "T1005", "All files and secrets of somebody else's image are read", readsImage("/get"), both...),
		guardDrill("image-inspect", "T1552", "The environment of somebody else's image is read", readsImage("/json"), both...),
		guardDrill("image-history", "T1552", "The commands that made somebody else's image are read", readsImage("/history"), both...),
		guardDrill("image-run", "T1552", "Somebody else's image is run, and its files and secrets read", runsImage(func(w *EngineWorld, _ string) string {
			repo, tag := w.victimsTag()
			return repo + ":" + tag
		}), both...),
		guardDrill("image-run-by-id", "T1552", "The same, by the image's id", runsImage(func(_ *EngineWorld, id string) string { return id }), both...),
		guardDrill("image-run-left", "T1552", "A container of somebody else's image that was left unlooked at is started", runsLeft, both...),
		guardDrill("image-copy-left", "T1552", "Files are copied out of such a container, which never ran", copiesLeft, both...),
		guardDrill("image-from", "T1552", "An image is built on top of somebody else's, and read", buildsOnVictims, both...),
		guardDrill("image-copy-from", "T1552", "A build copies files out of somebody else's image", copiesFromVictims, both...),
		guardDrill("image-remove", "T1485", "Somebody else's image is removed", removesImage, both...),
		guardDrill("build-host-network", "T1611", "A program of a build runs in the host's network", buildsWith("networkmode=host", hostNetwork)),
		guardDrill("build-network-of-another", "T1046", "A program of a build runs in the network of somebody else's container", buildsInVictims, both...),
		guardDrill("build-remote", "T1090", "The engine fetches what a build is made of from an address that only the host reaches", reachesHost(func(w *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/build?remote=" + url.QueryEscape("http://"+address+"/Dockerfile") + "&t=" + w.name + "/remote:1", nil
		})),
		guardDrill("image-import-url", "T1090", "The engine fetches an image from an address that only the host reaches", reachesHost(func(w *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/images/create?fromSrc=" + url.QueryEscape("http://"+address+"/image.tar") + "&repo=" + w.name + "/remote&tag=1", nil
		})),
	}
}

// builds makes a build as mallory; an error says that the engine itself did not want it.
func (w *EngineWorld) builds(ctx context.Context, query, dockerfile string) error {
	archive, err := ground.Tar(ground.File{Name: "Dockerfile", Body: []byte(dockerfile)})
	if err != nil {
		return err
	}
	a, err := w.mallory.sendAs(ctx, http.MethodPost, "/build?"+query, "application/x-tar", archive)
	return errOr(err, w.fairIf(a))
}

// loadsOver saves the own image, and loads it under the other's name.
func loadsOver(ctx context.Context, w *EngineWorld, mine string) error {
	saved, err := w.root.ImageSave(ctx, []string{mine})
	if err != nil {
		return err
	}
	defer saved.Close()
	repo, tag := w.victimsTag()
	archive, err := renamedArchive(saved, mine, repo+":"+tag)
	if err != nil {
		return err
	}
	a, err := w.mallory.sendAs(ctx, http.MethodPost, "/images/load?quiet=1", "application/x-tar", archive)
	return errOr(err, w.fairIf(a))
}

func readsImage(rest string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if _, err := w.victimsImage(ctx); err != nil {
			return false, err
		}
		repo, tag := w.victimsTag()
		a, err := w.mallory.send(ctx, http.MethodGet, "/images/"+repo+":"+tag+rest, nil)
		if err != nil {
			return false, err
		}
		return a.ok() && bytes.Contains(a.body, []byte(w.secret)), w.fair(a)
	}
}

// runsImage runs victor's image and reads the secret in its environment.
func runsImage(name func(w *EngineWorld, id string) string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		id, err := w.victimsImage(ctx)
		if err != nil {
			return false, err
		}
		return w.tells(ctx, name(w, id))
	}
}

// tells runs an image as mallory, and says whether it has victor's secret.
func (w *EngineWorld) tells(ctx context.Context, image string) (bool, error) {
	return runs(func(w *EngineWorld) fields {
		c := of("/bin/sh", "-c", "echo $SECRET; cat /proc/self/environ /secret 2>/dev/null")
		c["Image"] = image
		return c
	}, saysSecret())(ctx, w)
}

// leftover is a container of mallory's that was made of victor's image: as one is left where a name moved while it was made, and the guard was
// killed before it looked.
func (w *EngineWorld) leftover(ctx context.Context) (string, error) {
	if _, err := w.victimsImage(ctx); err != nil {
		return "", err
	}
	labels := map[string]string{"io.bulkhead.owner": mallory().Name, "io.bulkhead.tenant": mallory().Tenant}
	repo, tag := w.victimsTag()
	made, err := w.root.ContainerCreate(ctx, client.ContainerCreateOptions{Name: w.name + "-m", Config: &container.Config{
		Image: repo + ":" + tag, Cmd: []string{"/bin/sh", "-c", "echo $SECRET"}, Labels: labels,
	}})
	return made.ID, err
}

func runsLeft(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.leftover(ctx)
	if err != nil {
		return false, err
	}
	return w.startAndProve(ctx, id, saysSecret())
}

func copiesLeft(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.leftover(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, "/containers/"+id+"/archive?path=/bin", nil)
	return err == nil && a.ok(), errOr(err, w.fairIf(a))
}

func buildsOnVictims(ctx context.Context, w *EngineWorld) (bool, error) {
	if _, err := w.victimsImage(ctx); err != nil {
		return false, err
	}
	repo, tag := w.victimsTag()
	if err := w.builds(ctx, "t="+w.name+"/stolen:1", "FROM "+repo+":"+tag+"\nENV MINE=1\n"); err != nil {
		return false, err
	}
	if _, err := w.root.ImageInspect(ctx, w.name+"/stolen:1"); err != nil {
		return false, nil //nolint:nilerr // it was not built
	}
	return w.tells(ctx, w.name+"/stolen:1")
}

func copiesFromVictims(ctx context.Context, w *EngineWorld) (bool, error) {
	repo, tag := w.victimsTag()
	archive, err := ground.Tar(ground.File{Name: "Dockerfile", Body: []byte("FROM " + ground.Image + "\nCOPY s /secret\n")}, ground.File{Name: "s", Body: []byte(w.secret)})
	if err != nil {
		return false, err
	}
	if _, err := w.victor.sendAs(ctx, http.MethodPost, "/build?t="+url.QueryEscape(repo+":"+tag), "application/x-tar", archive); err != nil {
		return false, err
	}
	if _, err := w.root.ImageInspect(ctx, repo+":"+tag); err != nil {
		return false, err
	}
	if err := w.builds(ctx, "t="+w.name+"/stolen:1", "FROM "+ground.Image+"\nCOPY --from="+repo+":"+tag+" /secret /secret\n"); err != nil {
		return false, err
	}
	if _, err := w.root.ImageInspect(ctx, w.name+"/stolen:1"); err != nil {
		return false, nil //nolint:nilerr // it was not built
	}
	return w.tells(ctx, w.name+"/stolen:1")
}

func removesImage(ctx context.Context, w *EngineWorld) (bool, error) {
	if _, err := w.victimsImage(ctx); err != nil {
		return false, err
	}
	repo, tag := w.victimsTag()
	a, err := w.mallory.send(ctx, http.MethodDelete, "/images/"+repo+":"+tag+"?force=1", nil)
	if err != nil {
		return false, err
	}
	_, err = w.root.ImageInspect(ctx, repo+":"+tag)
	return err != nil, w.fair(a)
}
