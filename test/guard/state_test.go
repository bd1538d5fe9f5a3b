//go:build e2e

package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plain is an HTTP client of a Unix socket.
func plain(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
}

// fetch gets a path of an engine.
func fetch(ctx context.Context, c *http.Client, method, path string) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, nil)
	if err != nil {
		return nil, nil, err
	}
	res, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, b, err
}

// compareState holds what one engine has to what the other has: both are asked directly.
func compareState(t *testing.T, p *pair) {
	t.Helper()
	var states [2]string
	for i, s := range p.sides() {
		var err error
		if states[i], err = state(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(states[0], states[1]); d != "" {
		t.Errorf("what calls leave behind directly, and through the door: %s", d)
	}
}

// state is everything that an engine has, as its inspections tell.
func state(ctx context.Context, s *side) (string, error) {
	c := plain(s.engine.Socket)
	defer c.CloseIdleConnections()
	var all []string
	for _, list := range []struct{ path, field, id, inspect string }{
		{"/containers/json?all=1", "", "Id", "/containers/%s/json"},
		{"/images/json?all=1", "", "Id", "/images/%s/json"},
		{"/networks", "", "Id", "/networks/%s"},
		{"/volumes", "Volumes", "Name", "/volumes/%s"},
	} {
		_, b, err := fetch(ctx, c, http.MethodGet, list.path) //nolint:bodyclose // fetch closes it
		if err != nil {
			return "", err
		}
		if list.field != "" {
			var within map[string]json.RawMessage
			if err := json.Unmarshal(b, &within); err != nil {
				return "", fmt.Errorf("%s: %w: %s", list.path, err, b)
			}
			b = within[list.field]
		}
		var objects []map[string]any
		if err := json.Unmarshal(b, &objects); err != nil {
			return "", fmt.Errorf("%s: %w: %s", list.path, err, b)
		}
		for _, o := range objects {
			_, b, err := fetch(ctx, c, http.MethodGet, fmt.Sprintf(list.inspect, o[list.id])) //nolint:bodyclose // fetch closes it
			if err != nil {
				return "", err
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, b, "", " "); err != nil {
				return "", fmt.Errorf("%s: %w: %s", list.inspect, err, b)
			}
			all = append(all, list.inspect+"\n"+normal(pretty.String(), s))
		}
	}
	slices.Sort(all)
	return fmt.Sprint(all), nil
}
