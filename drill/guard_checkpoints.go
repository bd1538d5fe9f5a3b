package drill

import (
	"context"
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
