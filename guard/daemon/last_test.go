package daemon

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/daemon/forward"
	"github.com/bulkhead-security/bulkhead/guard/lasting"
)

// leaving is a judge before whom a right ends.
type leaving struct {
	judge
	gone   atomic.Bool
	failed chan string
}

func (l *leaving) Holds(context.Context, *call.Ask) error {
	if l.gone.Load() {
		return errors.New("alice left")
	}
	return nil
}

func (l *leaving) Failed(_ context.Context, _ *call.Ask, why string) error {
	l.failed <- why
	return nil
}

// A log that is followed breaks off when the right to it ends, and the engine is no longer asked; what had no answer yet is told why.
func TestWhatLastsEndsWithItsRight(t *testing.T) {
	left := make(chan struct{}, 3)
	j := &leaving{judge: everything, failed: make(chan string, 3)}
	engine := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/logs") {
			_, _ = w.Write([]byte("first\n"))
			_ = http.NewResponseController(w).Flush()
		} else {
			j.gone.Store(true) // the log's right ends when its first line was read
		}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		left <- struct{}{}
	}
	for path, method := range map[string]string{
		"/v1.41/containers/c1/logs?follow=1&stdout=1": "GET", "/v1.41/containers/c1/wait": "POST", "/v1.41/build?version=2&remote=https://h.test/x&buildid=b1": "POST",
	} {
		j.gone.Store(false)
		d := New(Parts{Engine: before(t, engine), Judge: j, Who: root{}})
		d.holdsEvery = 20 * time.Millisecond
		front := httptest.NewServer(d)
		defer front.Close()
		r, err := http.NewRequestWithContext(t.Context(), method, front.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		lines.Scan()
		j.gone.Store(true)
		if first := lines.Text(); method == "GET" && (res.StatusCode != http.StatusOK || first != "first") ||
			method == "POST" && (res.StatusCode != http.StatusForbidden || !strings.Contains(first, "the call was ended: alice left")) {
			t.Errorf("%s: %d %q", path, res.StatusCode, first)
		}
		if lines.Scan() || method == "GET" && lines.Err() == nil {
			t.Errorf("%s: it is taken for whole: %q %v", path, lines.Text(), lines.Err())
		}
		select {
		case why := <-j.failed:
			if !strings.Contains(why, "alice left") {
				t.Errorf("%s: the record says %q", path, why)
			}
		case <-time.After(soon):
			t.Errorf("%s: it is not recorded", path)
		}
		select {
		case <-left:
		case <-time.After(soon):
			t.Errorf("%s: the engine goes on", path)
		}
	}
}

// falling is a judge that falls over when it is asked again.
type falling struct{ leaving }

func (f *falling) Holds(context.Context, *call.Ask) error { panic("who falls over") }

// asking is who looks after terminals, and asks once.
type asking struct{ err error }

func (s *asking) Run(ctx context.Context, w http.ResponseWriter, _ *call.Ask, holds func(context.Context) error, _ func(context.Context, http.ResponseWriter, forward.Tap) error) error {
	asked := make(chan error, 1)
	go func() { asked <- holds(ctx) }() // as it is done beside what goes over the terminal
	s.err = <-asked
	w.WriteHeader(http.StatusTeapot)
	return nil
}

func (*asking) Resized(*call.Ask, int, int) {}

// A judge that falls over while a call or a terminal lasts ends that, and the guard goes on; the log says why.
func TestWhoFallsOverEndsWhatLasts(t *testing.T) {
	engine := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	var said safe
	j, terminals := &falling{leaving{judge: everything, failed: make(chan string, 3)}}, &asking{}
	d := New(Parts{Engine: before(t, engine), Judge: j, Who: root{}, Sessions: terminals, Log: slog.New(slog.NewTextHandler(&said, nil))})
	d.holdsEvery = 20 * time.Millisecond
	front := httptest.NewServer(d)
	defer front.Close()
	for path, status := range map[string]int{"/v1.41/containers/c1/wait": http.StatusForbidden, "/v1.41/containers/c1/attach?stream=1": http.StatusTeapot} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if status == http.StatusTeapot {
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "tcp")
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%s: %d %s", path, res.StatusCode, text)
		}
	}
	if why := <-j.failed; !strings.Contains(why, "fell over") {
		t.Errorf("the record says %q", why)
	}
	if !errors.Is(terminals.err, lasting.ErrFell) {
		t.Errorf("the terminal's right: %v", terminals.err)
	}
	if n := strings.Count(said.String(), "who falls over"); n < 2 || !strings.Contains(said.String(), "last_test.go") {
		t.Errorf("the log says %q", said.String())
	}
}

// safe is a text that many write to.
type safe struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *safe) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
