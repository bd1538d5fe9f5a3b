package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// builderDrills take what others built by way of the builder: its cache, its steps, and the time that a build takes.
func builderDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	return []Drill{
		quiet(guardDrill("build-name-moves", "T1552", "A build comes to a name when it stands for somebody else's image", buildsWhenNameMoves, both...)),
		quiet(guardDrill("build-copy-from-moves", "T1552", "The same, of a name that the build copies from", copiesWhenNameMoves, both...)),
		quiet(guardDrill("build-cache-of-another", "T1552", "A build takes a step of somebody else's out of the builder's cache", takesFromCache, both...)),
		guardDrill("image-step-by-id", "T1552", "A step of somebody else's build, which has no name, is run by its id", runsStep, both...),
		guardDrill("build-label", "T1036", "A build says to be somebody else's", buildsAsVictor),
	}
}

// slowly builds while something else happens: it comes to its second part when that is over.
func (w *EngineWorld) slowly(ctx context.Context, name, then string, meanwhile func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- w.builds(ctx, "nocache=1&t="+url.QueryEscape(name), "FROM "+ground.Image+"\nRUN sleep 3; echo "+w.name+"\n"+then)
	}()
	if err := w.running(ctx, "sleep 3; echo "+w.name); err != nil {
		cancel()
		<-done
		return err
	}
	if err := meanwhile(ctx); err != nil {
		cancel()
		<-done
		return err
	}
	return <-done
}

// running waits until there is a container with a command, which builders make for each step.
func (w *EngineWorld) running(ctx context.Context, command string) error {
	for range 200 {
		list, err := w.root.ContainerList(ctx, client.ContainerListOptions{})
		if err != nil {
			return err
		}
		for _, c := range list.Items {
			if strings.Contains(c.Command, command) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("no build runs %q", command)
}

// moves gives mallory's own name to victor's image, as a pull of a newer one by victor does.
func (w *EngineWorld) moves(to string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := w.root.ImageTag(ctx, client.ImageTagOptions{Source: to, Target: w.name + "-mallory/app:1"})
		return err
	}
}

func buildsWhenNameMoves(ctx context.Context, w *EngineWorld) (bool, error) {
	victims, err := w.victimsImage(ctx)
	if err != nil {
		return false, err
	}
	mine, err := w.ownImage(ctx)
	if err != nil {
		return false, err
	}
	if err := w.slowly(ctx, w.name+"/stolen:1", "FROM "+mine+"\nRUN true\n", w.moves(victims)); err != nil {
		return false, err
	}
	return w.tellsIfThere(ctx, w.name+"/stolen:1")
}

// tellsIfThere is tells for an image that may not have been built.
func (w *EngineWorld) tellsIfThere(ctx context.Context, image string) (bool, error) {
	if _, err := w.root.ImageInspect(ctx, image); err != nil {
		return false, nil //nolint:nilerr // it was not built
	}
	return w.tells(ctx, image)
}

func copiesWhenNameMoves(ctx context.Context, w *EngineWorld) (bool, error) {
	repo, tag := w.victimsTag()
	victims, err := w.built(ctx, w.victor, repo+":"+tag, "FROM "+ground.Image+"\nRUN echo "+w.secret+" > /secret\n")
	if err != nil {
		return false, err
	}
	name := w.name + "-mallory/app:1"
	if _, err := w.built(ctx, w.mallory, name, "FROM "+ground.Image+"\nRUN echo none > /secret\n"); err != nil {
		return false, err
	}
	if err := w.slowly(ctx, w.name+"/stolen:1", "COPY --from="+name+" /secret /secret\n", w.moves(victims)); err != nil {
		return false, err
	}
	return w.tellsIfThere(ctx, w.name+"/stolen:1")
}

// takesFromCache writes the steps of victor's build, of which one made a key: a builder that finds them in its cache gives the very key.
func takesFromCache(ctx context.Context, w *EngineWorld) (bool, error) {
	dockerfile := "FROM " + ground.Image + "\nRUN cat /proc/sys/kernel/random/uuid > /seen; echo " + w.name + "\n"
	repo, tag := w.victimsTag()
	if _, err := w.built(ctx, w.victor, repo+":"+tag, dockerfile); err != nil {
		return false, err
	}
	if _, err := w.built(ctx, w.mallory, w.name+"/seen:1", dockerfile); err != nil {
		return false, err
	}
	body := of("/bin/cat", "/seen")
	body["Image"] = repo + ":" + tag
	id, err := w.asRoot(ctx, body)
	if err != nil {
		return false, err
	}
	theirs, err := w.output(ctx, id)
	if err != nil {
		return false, err
	}
	return w.builtSaw(ctx, func(_ *EngineWorld, text string) bool { return text != "" && text == strings.TrimSpace(theirs) })
}

// runsStep finds, as somebody who was told of it, the step of victor's build before the last.
func runsStep(ctx context.Context, w *EngineWorld) (bool, error) {
	repo, tag := w.victimsTag()
	last, err := w.built(ctx, w.victor, repo+":"+tag, "FROM "+ground.Image+"\nENV SECRET="+w.secret+"\nENV SECRET=gone\n")
	if err != nil {
		return false, err
	}
	root, err := newCaller(Person{Name: "root"}, w.engine.Socket)
	if err != nil {
		return false, err
	}
	defer func() { _ = root.close() }()
	a, err := root.send(ctx, http.MethodGet, "/images/"+last+"/json", nil)
	if err != nil {
		return false, err
	}
	var in struct{ Parent string }
	if err := json.Unmarshal(a.body, &in); err != nil || in.Parent == "" {
		return false, fmt.Errorf("the engine does not say what the image %s was made of: %w", last, err)
	}
	return w.tells(ctx, in.Parent)
}

// buildsAsVictor has an image with a label that only a guard gives.
func buildsAsVictor(ctx context.Context, w *EngineWorld) (bool, error) {
	name := w.name + "/mine:1"
	if err := w.builds(ctx, "t="+url.QueryEscape(name), "FROM "+ground.Image+"\nLABEL io.bulkhead.build=victor\n"); err != nil {
		return false, err
	}
	im, err := w.root.ImageInspect(ctx, name)
	return err == nil && im.Config != nil && im.Config.Labels["io.bulkhead.build"] == "victor", nil
}
