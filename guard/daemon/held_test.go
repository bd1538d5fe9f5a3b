package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/objects"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// slow are objects of which what is made is looked at when the test says so.
type slow struct{ outcome chan error }

// Complete implements Objects.
func (slow) Complete(_ context.Context, a *call.Ask) error {
	if a.Call.Route.Action == "ContainerStart" {
		a.Object = &call.Object{Kind: route.Container, ID: container64}
		a.Call.Name = container64
	}
	return nil
}

// Object implements Objects.
func (slow) Object(context.Context, route.Object, string) (*call.Object, error) { return nil, nil }

// Tags implements Objects.
func (slow) Tags(context.Context, *call.Ask, []string, string) error { return nil }

// Verify implements Objects.
func (s slow) Verify(context.Context, *call.Ask, string) error {
	err := <-s.outcome
	if errors.Is(err, errFalls) {
		panic(err)
	}
	return err
}

var errFalls = errors.New("it falls over")

// NoSuch implements Objects.
func (slow) NoSuch(context.Context, route.Object, string) error { return errors.New("no such thing") }

// Forget implements Objects.
func (slow) Forget() {}

const container64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// TestHeld: a container's maker is answered at once, and nobody does anything with it before it was held to what was judged.
func TestHeld(t *testing.T) {
	changed := &objects.Fault{Status: http.StatusConflict, Kind: route.Image, Message: "it meant another image", Reason: objects.ErrChanged}
	for _, verified := range []error{nil, changed} {
		var mu sync.Mutex
		var got []string
		s := slow{make(chan error)}
		server := httptest.NewServer(New(Parts{Objects: s, Judge: judge(everything), Who: root{}, Engine: before(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			got = append(got, r.Method+" "+r.URL.Path)
			mu.Unlock()
			if strings.HasSuffix(r.URL.Path, "/create") {
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"Id":"`+container64+`","Warnings":[]}`)
			}
		})}))
		defer server.Close()
		if status, text := send(t, server, http.MethodPost, "/v1.41/containers/create", "application/json", `{"Image":"a"}`); status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
		var starts sync.WaitGroup
		for _, name := range []string{container64, "web"} {
			starts.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1.41/containers/"+name+"/start", nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer res.Body.Close()
				text, err := io.ReadAll(res.Body)
				if err != nil {
					t.Error(err)
				}
				if want := map[bool]int{true: http.StatusOK, false: http.StatusConflict}[verified == nil]; res.StatusCode != want || verified != nil && !strings.Contains(string(text), "another image") {
					t.Errorf("the start of %s: %d %s", name, res.StatusCode, text)
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		mu.Lock()
		if len(got) != 1 {
			t.Errorf("before it was looked at, the engine got %q", got)
		}
		mu.Unlock()
		s.outcome <- verified
		starts.Wait()
		server.Close() // waits for the call
		want := "DELETE /containers/" + container64
		if all := strings.Join(got, ", "); strings.Contains(all, want) != (verified != nil) || strings.Contains(all, "/start") != (verified == nil) {
			t.Errorf("the engine got %s", all)
		}
	}
}

// TestHeldForGood: what can't be taken away, or was not looked at since the guard fell over, is used by nobody.
func TestHeldForGood(t *testing.T) {
	for name, verified := range map[string]error{"it stays": errors.New("another image"), "it falls over": errFalls} {
		t.Run(name, func(t *testing.T) {
			s := slow{make(chan error)}
			var deleted, started atomic.Int32
			d := New(Parts{Objects: s, Judge: judge(everything), Who: root{}, Engine: before(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/create"):
					w.WriteHeader(http.StatusCreated)
					_, _ = io.WriteString(w, `{"Id":"`+container64+`"}`)
				case r.Method == http.MethodDelete:
					deleted.Add(1)
					w.WriteHeader(http.StatusInternalServerError)
				default:
					started.Add(1)
				}
			})})
			d.awayPause = time.Millisecond
			server := httptest.NewServer(d)
			defer server.Close()
			if status, text := send(t, server, http.MethodPost, "/v1.41/containers/create", "application/json", `{"Image":"a"}`); status != http.StatusCreated {
				t.Fatalf("%d %s", status, text)
			}
			s.outcome <- verified
			for range 3 {
				if status, text := send(t, server, http.MethodPost, "/v1.41/containers/web/start", "", ""); status < http.StatusBadRequest {
					t.Errorf("%d %s", status, text)
				}
			}
			for end := time.Now().Add(soon); deleted.Load() != awayTries; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d tries to take it away", deleted.Load())
				}
			}
			if started.Load() > 0 {
				t.Error("it was started")
			}
		})
	}
}
