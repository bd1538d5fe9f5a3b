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
	"regexp"
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

// kind is something that an engine has: how it is listed, and how one is inspected.
type kind struct{ list, field, id, inspect string }

// own are what every engine has, swarms what the manager of a swarm has.
func own() []kind {
	return []kind{
		{"/containers/json?all=1", "", "Id", "/containers/%s/json"},
		{"/images/json?all=1", "", "Id", "/images/%s/json"},
		{"/networks", "", "Id", "/networks/%s"},
		{"/volumes", "Volumes", "Name", "/volumes/%s"},
		{"/plugins", "", "Name", "/plugins/%s/json"},
	}
}

func swarms() []kind {
	return []kind{
		{"/services", "", "ID", "/services/%s"},
		{"/secrets", "", "ID", "/secrets/%s"},
		{"/configs", "", "ID", "/configs/%s"},
	}
}

// compareState holds what one engine has to what the other has: both are asked directly. It gives how many things that are.
func compareState(t *testing.T, p *pair, kinds ...kind) int {
	t.Helper()
	var states [2][]string
	for i, s := range p.sides() {
		var err error
		if states[i], err = state(t.Context(), s, kinds); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(fmt.Sprint(states[0]), fmt.Sprint(states[1])); d != "" {
		t.Errorf("what calls leave behind directly, and through the door: %s", d)
	}
	return len(states[0])
}

// state is everything of these kinds that an engine has, as its inspections tell.
func state(ctx context.Context, s *side, kinds []kind) ([]string, error) {
	c := plain(s.engine.Socket)
	defer c.CloseIdleConnections()
	var all []string
	for _, k := range kinds {
		objects, err := k.all(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			text, err := k.one(ctx, c, fmt.Sprint(o[k.id]))
			if err != nil {
				return nil, err
			}
			all = append(all, k.inspect+"\n"+normal(text, s))
		}
	}
	slices.Sort(all)
	return all, nil
}

// all lists them. An engine that manages no swarm has none of a swarm's.
func (k kind) all(ctx context.Context, c *http.Client) ([]map[string]any, error) {
	res, b, err := fetch(ctx, c, http.MethodGet, k.list) //nolint:bodyclose // fetch closes it
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusServiceUnavailable && bytes.Contains(b, []byte("not a swarm manager")) {
		return nil, nil
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", k.list, res.Status, b)
	}
	if k.field != "" {
		var within map[string]json.RawMessage
		if err := json.Unmarshal(b, &within); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", k.list, err, b)
		}
		b = within[k.field]
	}
	var objects []map[string]any
	if err := json.Unmarshal(b, &objects); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", k.list, err, b)
	}
	return objects, nil
}

// underway is how far an engine is with the update of a service.
var underway = regexp.MustCompile(`,\s*"UpdateStatus": \{[^}]*\}`)

// one inspects one.
func (k kind) one(ctx context.Context, c *http.Client, id string) (string, error) {
	_, b, err := fetch(ctx, c, http.MethodGet, fmt.Sprintf(k.inspect, id)) //nolint:bodyclose // fetch closes it
	if err != nil {
		return "", err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, b, "", " "); err != nil {
		return "", fmt.Errorf("%s: %w: %s", k.inspect, err, b)
	}
	return underway.ReplaceAllString(pretty.String(), ""), nil
}
