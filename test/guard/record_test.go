//go:build e2e

package guard

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorded is a call as a client sent it.
type recorded struct {
	Client string `json:"client"`
	Method string `json:"method"`
	Target string `json:"target"`
	Type   string `json:"type,omitempty"`
	Body   string `json:"body,omitempty"` // of JSON bodies
}

// recorder keeps one call of each form, for the seeds of the fuzz tests (guard/daemon/testdata/calls). It writes them with BULKHEAD_RECORD=1.
type recorder struct {
	client string
	mu     sync.Mutex
	forms  map[string]bool
	calls  []recorded
}

func newRecorder(t *testing.T, name string) *recorder {
	r := &recorder{forms: map[string]bool{}}
	if os.Getenv("BULKHEAD_RECORD") != "" {
		t.Cleanup(func() {
			if err := r.write(filepath.Join("..", "..", "guard", "daemon", "testdata", "calls", name+".jsonl")); err != nil {
				t.Error(err)
			}
		})
	}
	return r
}

// between puts the recorder on the way to the guard; where nothing is recorded, clients call the guard itself.
func (r *recorder) between(t *testing.T, at, guard string) {
	t.Helper()
	if os.Getenv("BULKHEAD_RECORD") == "" {
		if err := os.Symlink(guard, at); err != nil {
			t.Fatal(err)
		}
		return
	}
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	pass.FlushInterval, pass.Transport = -1, plain(guard).Transport
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.see(req)
		pass.ServeHTTP(w, req)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

// see takes a request's JSON body out and puts it back.
func (r *recorder) see(req *http.Request) {
	c := recorded{Client: r.client, Method: req.Method, Target: req.RequestURI, Type: req.Header.Get("Content-Type")}
	if strings.HasPrefix(c.Type, "application/json") && req.ContentLength != 0 {
		b, err := io.ReadAll(io.LimitReader(req.Body, 64<<10))
		if err != nil {
			return
		}
		c.Body = string(b)
		req.Body = io.NopCloser(io.MultiReader(bytes.NewReader(b), req.Body))
	}
	for _, v := range sensitive {
		c.Target, c.Body = v.ReplaceAllString(c.Target, "${1}0123456789ab"), v.ReplaceAllString(c.Body, "${1}0123456789ab")
	}
	if guesses.MatchString(c.Target) {
		return
	}
	form := anyName.ReplaceAllString(c.Method+" "+c.Target+" "+c.Body, "*")
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forms[form] {
		r.forms[form] = true
		r.calls = append(r.calls, c)
	}
}

var (
	// What belongs to the machine that recorded.
	sensitive = []*regexp.Regexp{regexp.MustCompile(`()/tmp/bhg\d+`), regexp.MustCompile(`(SWMTKN-1-)[0-9a-z-]+`), regexp.MustCompile(`(SWMKEY-1-)[0-9A-Za-z+/]+`)}
	// guesses are what "docker inspect" tries with names of images, which no other thing can have: the engine knows no such thing, either.
	guesses = regexp.MustCompile(`^(/v[0-9.]+)?/(containers|networks|volumes|nodes|services|secrets|configs|tasks|plugins)/lab/`)
	anyName = regexp.MustCompile(`[0-9a-f]{64}|[0-9a-z]{25}|docker-[0-9a-z]+(-\w+)?|\b[0-9a-f]{12}\b|\d+`)
)

func (r *recorder) write(path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b bytes.Buffer
	lines := make([]string, 0, len(r.calls))
	for _, c := range r.calls {
		b.Reset()
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(c); err != nil {
			return err
		}
		lines = append(lines, b.String())
	}
	slices.Sort(lines)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644)
}
