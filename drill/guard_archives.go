package drill

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
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

// linked is victor's container with a link to his volume, as programs make them for what is current.
func (w *EngineWorld) linked(ctx context.Context) (string, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return "", err
	}
	_, err = w.inside(ctx, id, "/bin/ln", "-s", "/data", "/current")
	return id, err
}

func copiesOutThroughLink(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.linked(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, "/containers/"+id+"/archive?path=/current/", nil)
	if err != nil {
		return false, err
	}
	return a.ok() && bytes.Contains(a.body, []byte(w.secret)), w.fair(a)
}

// statsLink reads what is answered beside a file, by a call that has no answer but that.
func statsLink(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.linked(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodHead, "/containers/"+id+"/archive?path=/current", nil)
	if err != nil {
		return false, err
	}
	said, err := base64.StdEncoding.DecodeString(a.header.Get("X-Docker-Container-Path-Stat"))
	return bytes.Contains(said, []byte(`"linkTarget":"/data"`)), errOr(err, w.fair(a))
}
