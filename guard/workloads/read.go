package workloads

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/moby/moby/api/types/image"
)

// shownImage is what the engine said of an image, and when.
type shownImage struct {
	image.InspectResponse
	at time.Time
}

const mostImages = 256

// image is an image by its id, which an engine takes long to show. What an id stands for does not change; its digests may.
func (k *Workloads) image(ctx context.Context, id string) (*image.InspectResponse, error) {
	now := k.p.Now()
	k.mu.Lock()
	known, ok := k.images[id]
	k.mu.Unlock()
	if ok && now.Sub(known.at) < fresh {
		return &known.InspectResponse, nil
	}
	got := shownImage{at: now}
	if err := k.get(ctx, "/images/"+url.PathEscape(id)+"/json", &got.InspectResponse); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.images == nil || len(k.images) >= mostImages {
		k.images = map[string]shownImage{}
	}
	k.images[id] = got
	return &got.InspectResponse, nil
}

func (k *Workloads) get(ctx context.Context, target string, into any) error {
	status, text, err := k.p.Engine.Get(ctx, target)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the engine answered %d to %s", status, target)
	}
	return decode(target, text, into)
}

func decode(target string, text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the engine's answer to %s: %w", target, err)
	}
	return nil
}
