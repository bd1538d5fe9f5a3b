package docker

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/detect/secret"
)

// fakeEngine answers by path, without the API's version; what it does not know is not found.
type fakeEngine map[string]json.RawMessage

var apiVersion = regexp.MustCompile(`^/v1\.\d+`)

// recorded is what a real engine answered.
func recorded(t testing.TB, name string) fakeEngine {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var f fakeEngine
	if err := json.Unmarshal(body, &f); err != nil {
		t.Fatal(err)
	}
	var nets []struct{ Id, Name string }
	if err := json.Unmarshal(f["/networks"], &nets); err != nil {
		t.Fatal(err)
	}
	for _, n := range nets {
		f["/networks/"+n.Name] = f["/networks/"+n.Id] // an engine takes either
	}
	return f
}

func (f fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := apiVersion.ReplaceAllString(r.URL.Path, "")
	if path == "/_ping" {
		var v string
		_ = json.Unmarshal(f["/_ping"], &v)
		w.Header().Set("Api-Version", v)
		if _, ok := f["libpod"]; ok {
			w.Header().Set("Libpod-Api-Version", "4.3.1")
		}
		return
	}
	if path == "/containers/json" {
		path += "?all=1"
	}
	body, ok := f[path]
	if path == "/volumes" && r.URL.Query().Has("filters") {
		body = json.RawMessage(`{"Volumes":[]}`)
	}
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		body = json.RawMessage(`{"message":"no such thing: ` + path + `"}`)
	}
	_, _ = w.Write(body)
}

// serve answers on a socket of its own.
func serve(t testing.TB, h http.Handler) (endpoint string) {
	t.Helper()
	path := filepath.Join(shortDir(t), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "unix://" + path
}

// shortDir has a short name: a socket's path may have 107 bytes only.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func connect(t testing.TB, h http.Handler) *Client {
	t.Helper()
	c, err := Connect(context.Background(), serve(t, h), ConnectOptions{Getenv: noenv})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// direct is a client that calls the handler without a connection, for fuzzing.
func direct(t testing.TB, h http.Handler) *Client {
	t.Helper()
	api, err := client.New(client.WithHost("unix:///run/docker.sock"), client.WithAPIVersion("1.41"),
		client.WithHTTPClient(&http.Client{Transport: handlerTransport{h}}))
	if err != nil {
		t.Fatal(err)
	}
	return &Client{api: api, endpoint: "unix:///run/docker.sock", product: "docker"}
}

type handlerTransport struct{ h http.Handler }

func (d handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func noenv(string) string { return "" }

// hostRoot is a host without anything.
func hostRoot(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	write(t, root, "/etc/group", "root:x:0:\n")
	for p, body := range files {
		write(t, root, p, body)
	}
	return root
}

func write(t testing.TB, root, path, body string) {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if target, ok := strings.CutPrefix(body, "-> "); ok {
		if err := os.Symlink(target, full); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.WriteFile(full, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

// collector is one on a host of the test's own, without an engine behind it.
func collector(root string, c *Client) *Collector {
	if c == nil {
		c = &Client{endpoint: "unix:///run/docker.sock", product: "docker"}
	}
	return New(c, Options{Root: root, Secrets: secret.New([]byte("test")), Getenv: noenv})
}
