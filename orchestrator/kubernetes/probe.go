package kubernetes

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"k8s.io/client-go/rest"
)

type prober func(ctx context.Context) (status int, err error)

// newProbe asks for the list of API groups without credentials: 401 says that anonymous requests are refused, 403 that
// they are let in as system:anonymous without rights, 200 that they have rights.
func newProbe(rc *rest.Config) (prober, error) {
	anonymous := rest.AnonymousClientConfig(rc)
	client, err := rest.HTTPClientFor(anonymous)
	if err != nil {
		return nil, fmt.Errorf("client without credentials: %w", err)
	}
	target := strings.TrimSuffix(anonymous.Host, "/") + "/api"
	return func(ctx context.Context) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			return 0, fmt.Errorf("probing without credentials: %w", err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, fmt.Errorf("probing without credentials: %w", err)
		}
		defer resp.Body.Close()
		_, _ = io.CopyN(io.Discard, resp.Body, 4096) // only the status matters
		return resp.StatusCode, nil
	}, nil
}
