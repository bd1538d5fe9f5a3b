package drill

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
)

// checkpointCreates has the engine make directories of root's wherever somebody likes. Writing the memory of the container into them takes
// CRIU beside, which need not be on this machine: what is proved is what the engine does itself.
func checkpointCreates(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victim(ctx)
	if err != nil {
		return false, err
	}
	made := filepath.Join(w.dir, "made", "by")
	a, err := w.mallory.send(ctx, http.MethodPost, "/containers/"+id+"/checkpoints", fields{"CheckpointID": "mine", "CheckpointDir": made, "Exit": false})
	if err != nil {
		return false, err
	}
	if isDirectory(made) {
		return true, nil // whatever the engine said then
	}
	return false, w.fair(a)
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func removesDirectory(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.own(ctx)
	if err != nil {
		return false, err
	}
	precious := filepath.Join(w.dir, "precious")
	if err := errors.Join(os.Mkdir(precious, 0o700), os.WriteFile(filepath.Join(precious, "file"), nil, 0o600)); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodDelete, "/containers/"+id+"/checkpoints/precious?dir="+w.dir, nil)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(precious)
	return errors.Is(err, os.ErrNotExist), w.fair(a)
}

func listsDirectory(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.own(ctx)
	if err != nil {
		return false, err
	}
	hidden := filepath.Join(w.dir, "closed")
	if err := errors.Join(os.Mkdir(hidden, 0o700), os.MkdirAll(filepath.Join(hidden, w.secret), 0o700)); err != nil {
		return false, err
	}
	if err := os.WriteFile(filepath.Join(hidden, w.secret, "config.json"), []byte("{}"), 0o600); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodGet, "/containers/"+id+"/checkpoints?dir="+hidden, nil)
	if err != nil {
		return false, err
	}
	return bytes.Contains(a.body, []byte(w.secret)), w.fair(a)
}
