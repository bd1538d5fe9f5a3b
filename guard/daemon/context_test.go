package daemon

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// partly is a judge before whom a right ends, of somebody who does not see the whole host.
type partly struct{ leaving }

func (*partly) Whole(context.Context, *call.Ask) bool { return false }

// sendContext sends a context, and gives what it is told.
func sendContext(t *testing.T, s *httptest.Server, context io.Reader) string {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1.41/build", context)
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", "application/x-tar")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return res.Status + " " + string(text)
}

// A context that does not come any more keeps its place no longer than the right to the build, and one account does not have all places.
func TestContextsOfBuilds(t *testing.T) {
	j := &partly{leaving{judge: everything}}
	d := New(Parts{Objects: slow{}, Engine: before(t, func(http.ResponseWriter, *http.Request) {}), Judge: j, Who: root{}, Dir: t.TempDir()})
	d.holdsEvery = 20 * time.Millisecond
	s := httptest.NewServer(d)
	defer s.Close()
	answers := make(chan string, keptAtOnceEach)
	for range keptAtOnceEach {
		body, writer := io.Pipe()
		defer writer.Close()
		go func() { answers <- sendContext(t, s, body) }()
	}
	all := func() int {
		d.kept.mu.Lock()
		defer d.kept.mu.Unlock()
		return d.kept.all
	}
	for end := time.Now().Add(soon); all() < keptAtOnceEach; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d contexts are kept", all())
		}
	}
	if told := sendContext(t, s, strings.NewReader("")); !strings.HasPrefix(told, "429") {
		t.Errorf("one more than an account may have: %s", told)
	}
	j.gone.Store(true)
	for range keptAtOnceEach {
		if told := <-answers; !strings.HasPrefix(told, "403") || !strings.Contains(told, "alice left") {
			t.Errorf("without the right: %s", told)
		}
	}
	if all() != 0 || len(d.kept.each) != 0 {
		t.Errorf("%d contexts are kept, of %v", all(), d.kept.each)
	}
	for _, c := range []struct {
		who string
		has int
	}{{"a", 4}, {"b", 2}, {"c", 1}, {"d", 1}, {"e", 0}} {
		for i := range c.has + 1 {
			if _, ok := d.kept.begin(c.who); ok != (i < c.has) {
				t.Errorf("%s has %d: %v", c.who, i, ok)
			}
		}
	}
}

// stuck is a caller who does not read.
type stuck struct {
	http.ResponseWriter
	once  sync.Once
	began chan struct{}
	read  chan struct{}
}

// Unwrap is for http.ResponseController.
func (s *stuck) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *stuck) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.began) })
	<-s.read
	return s.ResponseWriter.Write(p)
}

// TestMakerDoesNotRead: what somebody made who does not read the answer is looked at all the same, and nobody waits for the maker.
func TestMakerDoesNotRead(t *testing.T) {
	s := slow{make(chan error)}
	d := New(Parts{Objects: s, Judge: judge(everything), Who: root{}, Engine: before(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/create") {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"Id":"`+container64+`","Warnings":[]}`)
		}
	})})
	w := &stuck{ResponseWriter: httptest.NewRecorder(), began: make(chan struct{}), read: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r := httptest.NewRequest(http.MethodPost, "/v1.41/containers/create", strings.NewReader(`{"Image":"a"}`))
		r.Header.Set("Content-Type", "application/json")
		d.ServeHTTP(w, r)
	}()
	<-w.began
	s.outcome <- nil
	server := httptest.NewServer(d)
	defer server.Close()
	if status, text := send(t, server, http.MethodPost, "/v1.41/containers/web/start", "", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	close(w.read)
	<-ended
}
