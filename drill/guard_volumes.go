package drill

import (
	"context"
	"net/http"
	"strings"

	"github.com/moby/moby/client"
)

// volumeDrills read and remove somebody else's volumes.
func volumeDrills() []Drill {
	both := []string{"7.6.a", "7.6.b"}
	return []Drill{
		guardDrill("volume-remove", "T1485", "Somebody else's volume is removed", removesVolume(http.MethodDelete, "/volumes/NAME-data?force=1"), both...),
		guardDrill("volume-inspect", "T1083", "Path and labels of somebody else's volume are read", func(ctx context.Context, w *EngineWorld) (bool, error) {
			if err := w.victimsVolume(ctx); err != nil {
				return false, err
			}
			a, err := w.mallory.send(ctx, http.MethodGet, "/volumes/"+w.name+"-data", nil)
			if err != nil {
				return false, err
			}
			return strings.Contains(string(a.body), "Mountpoint"), w.fair(a)
		}, both...),
		guardDrill("volume-take-over", "T1530", "A volume is made with the name of somebody else's, and then is one's own", takesOver, both...),
		quiet(guardDrill("prune-volumes", "T1485", "Others' volumes are removed by cleaning up", removesVolume(http.MethodPost, "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D"), both...)),
		quiet(guardDrill("prune-networks", "T1498", "Others' networks are removed by cleaning up", removesNetwork(func(*EngineWorld) string { return "/networks/prune" }, http.MethodPost), both...)),
		quiet(guardDrill("prune-images", "T1485", "Others' images are removed by cleaning up", prunesImages, both...)),
	}
}

func quiet(d Drill) Drill { d.Quiet = true; return d }

func (w *EngineWorld) victimsVolume(ctx context.Context) error {
	_, err := w.must(ctx, w.victor, "/volumes/create", fields{"Name": w.name + "-data"})
	return err
}

func removesVolume(method, target string) attack {
	return func(ctx context.Context, w *EngineWorld) (bool, error) {
		if err := w.victimsVolume(ctx); err != nil {
			return false, err
		}
		if !w.allVolumes(ctx) {
			target = strings.Split(target, "?")[0] // before 1.42 the filter "all" is not known, and all are meant
		}
		a, err := w.mallory.send(ctx, method, strings.ReplaceAll(target, "NAME", w.name), nil)
		if err != nil {
			return false, err
		}
		_, err = w.root.VolumeInspect(ctx, w.name+"-data", client.VolumeInspectOptions{})
		return err != nil, w.fair(a)
	}
}

// allVolumes says whether cleaning up leaves named volumes unless it is told.
func (w *EngineWorld) allVolumes(ctx context.Context) bool {
	v, err := w.root.ServerVersion(ctx, client.ServerVersionOptions{})
	return err == nil && strings.Compare(v.APIVersion, "1.42") >= 0
}

// takesOver makes a volume that is there already: the engine gives the one that is there, to whoever asks.
func takesOver(ctx context.Context, w *EngineWorld) (bool, error) {
	if _, err := w.victim(ctx); err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/volumes/create", fields{"Name": w.name + "-data"})
	if err != nil || !a.ok() {
		return false, errOr(err, w.fairIf(a))
	}
	return runs(func(w *EngineWorld) fields { return with(readSecret(w, "/v"), "Binds", []string{w.name + "-data:/v"}) }, saysSecret())(ctx, w)
}

func prunesImages(ctx context.Context, w *EngineWorld) (bool, error) {
	id, err := w.victimsImage(ctx)
	if err != nil {
		return false, err
	}
	a, err := w.mallory.send(ctx, http.MethodPost, "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D", nil)
	if err != nil {
		return false, err
	}
	_, err = w.root.ImageInspect(ctx, id)
	return err != nil, w.fair(a)
}
