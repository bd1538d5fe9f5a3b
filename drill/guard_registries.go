package drill

import (
	"context"
	"net/http"
	"strings"

	"github.com/moby/moby/client"
)

// registryDrills have the engine call what only its host reaches, as if it were a registry.
func registryDrills() []Drill {
	const technique = "T1090"
	return []Drill{
		guardDrill("registry-login", technique, "The engine signs in at an address that only the host reaches", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/auth", fields{"username": "u", "password": "p", "serveraddress": "http://" + address}
		})),
		guardDrill("registry-search", technique, "The engine searches at an address that only the host reaches", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodGet, "/images/search?term=" + address + "/x", nil
		})),
		guardDrill("registry-inspect", technique, "The engine asks about an image at an address that only the host reaches", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodGet, "/distribution/" + address + "/x/json", nil
		})),
		guardDrill("registry-pull", technique, "The engine pulls from an address that only the host reaches", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/images/create?fromImage=" + address + "/x&tag=1", nil
		})),
		guardDrill("registry-pull-by-name", technique, "The engine pulls from a name that leads to its own host", reachesHost(func(_ *EngineWorld, address string) (string, string, any) {
			return http.MethodPost, "/images/create?fromImage=" + strings.Replace(address, "127.0.0.1", "localhost", 1) + "/x&tag=1", nil
		})),
		guardDrill("registry-push", technique, "The engine pushes an image to an address that only the host reaches", pushesInside),
	}
}

func pushesInside(ctx context.Context, w *EngineWorld) (bool, error) {
	mine, err := w.ownImage(ctx)
	if err != nil {
		return false, err
	}
	return reaches(func(ctx context.Context, w *EngineWorld, address string) error {
		if _, err := w.root.ImageTag(ctx, client.ImageTagOptions{Source: mine, Target: address + "/x:1"}); err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker/images/"+address+"/x/push?tag=1", nil)
		if err != nil {
			return err
		}
		r.Header.Set("X-Registry-Auth", "e30=") // {}
		_, err = w.mallory.do(r)
		return err
	})(ctx, w)
}
