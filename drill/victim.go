package drill

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// victim makes a container of victor's with a volume "data", both with a secret, and waits until the secret is there.
func (w *EngineWorld) victim(ctx context.Context) (string, error) {
	if _, err := w.must(ctx, w.victor, "/volumes/create", fields{"Name": w.name + "-data"}); err != nil {
		return "", err
	}
	body := with(of("/bin/sh", "-c", "echo $SECRET > /secret; echo $SECRET > /data/secret; echo $SECRET; sleep 600"), "Binds", []string{w.name + "-data:/data"})
	body["Env"] = []string{"SECRET=" + w.secret, "PATH=/bin"}
	body["Labels"] = fields{"drill.secret": w.secret}
	id, err := w.madeBy(ctx, w.victor, "victim", body)
	if err != nil {
		return "", err
	}
	text, err := w.eventually(ctx, id, "/data/secret")
	if err == nil && !strings.Contains(text, w.secret) {
		err = fmt.Errorf("the victim has no secret: %q", text)
	}
	return id, err
}

// victimsImage has victor build an image with a secret in it, and gives its id.
func (w *EngineWorld) victimsImage(ctx context.Context) (string, error) {
	repo, tag := w.victimsTag()
	return w.built(ctx, w.victor, repo+":"+tag, "FROM "+ground.Image+"\nENV SECRET="+w.secret+"\n")
}

// ownImage has mallory build one.
func (w *EngineWorld) ownImage(ctx context.Context) (string, error) {
	name := w.name + "-mallory/app:1"
	_, err := w.built(ctx, w.mallory, name, "FROM "+ground.Image+"\nENV WHO=mallory\n")
	return name, err
}

func (w *EngineWorld) built(ctx context.Context, c *caller, name, dockerfile string) (string, error) {
	archive, err := ground.Tar(ground.File{Name: "Dockerfile", Body: []byte(dockerfile)})
	if err != nil {
		return "", err
	}
	a, err := c.sendAs(ctx, http.MethodPost, "/build?t="+url.QueryEscape(name), "application/x-tar", archive)
	if err != nil {
		return "", err
	}
	im, err := w.root.ImageInspect(ctx, name)
	if err != nil {
		return "", fmt.Errorf("build an image as %s: %w: %s", c.Name, err, a)
	}
	return im.ID, nil
}
