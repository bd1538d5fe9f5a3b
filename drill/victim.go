package drill

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// victim makes a container of victor's with a volume "data", both with a secret, and waits until the secret is there.
func (w *EngineWorld) victim(ctx context.Context) (string, error) {
	if _, err := w.must(ctx, w.victor, http.MethodPost, "/volumes/create", fields{"Name": w.name + "-data"}); err != nil {
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
