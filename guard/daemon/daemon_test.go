package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/model"
)

// judge is a function that decides.
type judge func(a *call.Ask) error

// Judge implements Judge.
func (j judge) Judge(_ context.Context, a *call.Ask) error { return j(a) }

// Sees implements Judge.
func (j judge) Sees(_ context.Context, _ *call.Ask, objects []call.Object) ([]bool, error) {
	seen := make([]bool, len(objects))
	for i := range seen {
		seen[i] = true
	}
	return seen, nil
}

// Holds implements Judge.
func (judge) Holds(context.Context, *call.Ask) error { return nil }

// Whole implements Judge.
func (judge) Whole(context.Context, *call.Ask) bool { return true }

// NotUnderstood implements Judge.
func (judge) NotUnderstood(context.Context, *call.Subject, string, string, error) (string, error) {
	return "record", nil
}

// Failed implements Judge.
func (judge) Failed(context.Context, *call.Ask, string) error { return nil }

// root is everybody.
type root struct{}

// Identify implements Identifier.
func (root) Identify(*http.Request) (*call.Subject, error) {
	return &call.Subject{Principal: model.Principal{Ref: model.Ref{Type: "User", ID: "root"}, Tenant: model.SystemTenant}}, nil
}

func everything(*call.Ask) error { return nil }

// door puts a door before an engine that is only a handler, and gives an HTTP client of it.
func door(t *testing.T, j judge, engine http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(New(Parts{Engine: before(t, engine), Judge: j, Who: root{}, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(s.Close)
	return s
}

// before is the way to an engine that is only a handler.
func before(t *testing.T, engine http.HandlerFunc) *forward.Engine {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "e.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	said := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "/version" {
			_, _ = io.WriteString(w, `{"ApiVersion":"1.41"}`)
			return
		}
		engine(w, r)
	})
	behind := &httptest.Server{Listener: l, Config: &http.Server{Handler: said}}
	behind.Start()
	t.Cleanup(behind.Close)
	e := forward.New(socket)
	t.Cleanup(e.Close)
	return e
}

func send(t *testing.T, s *httptest.Server, method, path, kind, text string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("X-Registry-Auth", "secret")
	r.Header.Set("X-Other", "other")
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestWhatTheEngineGets(t *testing.T) {
	var got *http.Request
	var text []byte
	s := door(t, everything, func(w http.ResponseWriter, r *http.Request) {
		got = r
		var err error
		if text, err = io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Api-Version", "1.41")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"Id":"1"}`)
	})
	status, answer := send(t, s, "POST", "/v1.41/containers/create?name=web&platform=", "application/json", `{ "Image":"a", "Old":null, "HostConfig":{"Privileged":true} }`)
	if status != http.StatusCreated || answer != `{"Id":"1"}` {
		t.Errorf("%d %s", status, answer)
	}
	if got.RequestURI != "/v1.41/containers/create?name=web&platform=" || got.Header.Get("X-Registry-Auth") != "" || got.Header.Get("X-Other") != "" {
		t.Errorf("%s %v", got.RequestURI, got.Header)
	}
	var r container.CreateRequest
	if err := json.Unmarshal(text, &r); err != nil || r.Image != "a" || !r.HostConfig.Privileged || strings.Contains(string(text), "Old") {
		t.Errorf("%v %s", err, text)
	}
	if status, _ = send(t, s, "POST", "/images/create?fromImage=a&tag=1", "", ""); status != http.StatusCreated || got.Header.Get("X-Registry-Auth") != "secret" {
		t.Errorf("%d %v", status, got.Header)
	}
}

func TestRefusedBeforeTheEngine(t *testing.T) {
	s := door(t, func(a *call.Ask) error {
		if r, ok := a.Body.(*container.CreateRequest); ok && r.HostConfig != nil && r.HostConfig.Privileged {
			return &call.Refusal{Rule: "no-privileged", Why: "privileged containers are root on the host", Remedy: "run it without --privileged", Record: "node/7"}
		}
		return nil
	}, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the engine got %s %s", r.Method, r.RequestURI) })
	const js = "application/json"
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		why                      string
	}{
		{"POST", "/containers/create", js, `{"HostConfig":{"Privileged":true}}`, 403, "rule: no-privileged; what would pass: run it without --privileged; audit record: node/7"},
		{"POST", "/containers/create", js, `{"HostConfig":{"privileged":true}}`, 400, "/HostConfig/privileged: the engine has no such field"},
		{"POST", "/containers/create", js, `{"HostConfig":{},"HostConfig":{"Privileged":true}}`, 400, "/HostConfig: it is there twice"},
		{"POST", "/containers/create", "application/x-www-form-urlencoded", `name=x`, 415, "no application/json"},
		{"POST", "/containers/create", js, strings.Repeat(" ", 5<<20), 413, "more than"},
		{"GET", "/containers/json", js, `{}`, 400, "the call has none"},
		{"POST", "/containers/a/start", js, `{"Binds":["/:/host"]}`, 400, "the call has none"},
		{"GET", "/containers/a/../json", "", "", 400, `".."`},
		{"POST", "/unheard/of", "", "", 404, "knows no such call"},
	} {
		status, answer := send(t, s, c.method, c.path, c.kind, c.body)
		var told struct{ Message string }
		if err := json.Unmarshal([]byte(answer), &told); err != nil {
			t.Errorf("%s %s: %s: %v", c.method, c.path, answer, err)
		}
		if status != c.status || !strings.Contains(told.Message, c.why) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, told.Message)
		}
	}
}

func TestUpgradesToElsewhere(t *testing.T) {
	s := door(t, everything, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the engine got %s %s", r.Method, r.RequestURI) })
	for _, c := range []struct{ method, path, to string }{
		{"GET", "/containers/json", "h2c"}, {"POST", "/containers/a/attach", "h2c"}, {"POST", "/session", "tcp"}, {"GET", "/containers/a/attach/ws", "tcp"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", c.to)
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %s to %s: %d", c.method, c.path, c.to, res.StatusCode)
		}
	}
}

// An answer that the engine breaks off is broken off for the caller, too.
func TestTruncatedAnswer(t *testing.T) {
	s := door(t, everything, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	res, err := s.Client().Get(s.URL + "/images/json")
	if err == nil {
		defer res.Body.Close()
		if _, err = io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("half an answer was taken for whole: %v", err)
		}
	}
}
