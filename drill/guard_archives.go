package drill

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/bulkhead-security/bulkhead/drill/ground"
)

func copiesIn(f ground.File, path string) attack {
	return onVictim(func(ctx context.Context, w *EngineWorld, id string) (bool, error) {
		archive, err := ground.Tar(f)
		if err != nil {
			return false, err
		}
		return w.plants(ctx, id, archive, path)
	})
}

func (w *EngineWorld) plants(ctx context.Context, id string, archive []byte, path string) (bool, error) {
	a, err := w.mallory.sendAs(ctx, http.MethodPut, "/containers/"+id+"/archive?path=/", "application/x-tar", archive)
	if err != nil {
		return false, err
	}
	text, err := w.inside(ctx, id, "/bin/cat", path)
	return strings.Contains(text, "planted\n"), errOr(err, w.fair(a))
}

func copiesInThroughLink(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	var archive bytes.Buffer
	t := tar.NewWriter(&archive)
	body := []byte("planted\n")
	err = errors.Join(
		t.WriteHeader(&tar.Header{Name: "way", Typeflag: tar.TypeSymlink, Linkname: "data", Mode: 0o777}),
		t.WriteHeader(&tar.Header{Name: "way/planted", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(body))}),
	)
	if err == nil {
		_, err = t.Write(body)
	}
	if err := errors.Join(err, t.Close()); err != nil {
		return false, err
	}
	return w.plants(ctx, id, archive.Bytes(), "/data/planted")
}
