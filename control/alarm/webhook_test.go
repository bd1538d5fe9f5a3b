package alarm

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

// hook is a receiver that checks signatures as docs/alarms.md says, and answers what it is told to.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	answer http.HandlerFunc
}

func newHook(t *testing.T, key string) *hook {
	h := &hook{}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		at := r.Header.Get("Bulkhead-Timestamp")
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(at + "." + string(body)))
		secs, err := strconv.ParseInt(at, 10, 64)
		if err != nil || time.Since(time.Unix(secs, 0)).Abs() > 5*time.Minute ||
			!hmac.Equal([]byte("v1="+hex.EncodeToString(mac.Sum(nil))), []byte(r.Header.Get("Bulkhead-Signature"))) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.mu.Lock()
		h.bodies = append(h.bodies, r.Header.Get("Bulkhead-Delivery")+" "+string(body))
		answer := h.answer
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) set(f http.HandlerFunc) { h.mu.Lock(); h.answer = f; h.mu.Unlock() }

func (h *hook) count() int { h.mu.Lock(); defer h.mu.Unlock(); return len(h.bodies) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestWebhook(t *testing.T) {
	const key = "0123456789abcdef0123"
	h := newHook(t, key)
	s := sender(t, Config{Name: "ops", Kind: "webhook", To: h.URL + "/alarms", CAFile: caOf(t, h.Server), SecretFile: file(t, key+"\n")},
		Config{Name: "wrong", Kind: "webhook", To: h.URL, CAFile: caOf(t, h.Server), SecretFile: file(t, "another key of it")},
		Config{Name: "untrusted", Kind: "webhook", To: h.URL, SecretFile: file(t, key)})
	list := []model.Event{event("e1", "high"), event("e2", "critical")}

	h.set(status(http.StatusServiceUnavailable))
	if err := s.Send(t.Context(), "ops", list); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "ops") {
		t.Fatal(err)
	}
	h.set(status(http.StatusAccepted))
	if err := s.Send(t.Context(), "ops", list); err != nil {
		t.Fatal(err)
	}
	delivery, body, _ := strings.Cut(h.bodies[1], " ")
	var d document
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	if delivery != "ops/e1" || h.bodies[0] != h.bodies[1] {
		t.Errorf("sent again it is another: %q, then %q", h.bodies[0], h.bodies[1])
	}
	if diff := cmp.Diff(document{Schema, "ops", []Event{Of(list[0]), Of(list[1])}}, d); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"wrong", "untrusted"} {
		if err := s.Send(t.Context(), name, list); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestWebhookThatIsHostile(t *testing.T) {
	const key = "0123456789abcdef0123"
	h := newHook(t, key)
	s := sender(t, Config{Name: "ops", Kind: "webhook", To: h.URL, CAFile: caOf(t, h.Server), SecretFile: file(t, key)})
	send := func(ctx context.Context) error { return s.Send(ctx, "ops", []model.Event{event("e1", "high")}) }
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	h.set(endless)
	if err := send(t.Context()); err != nil { // 200, and nobody waits for the rest
		t.Errorf("endless body: %v", err)
	}
	h.set(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, h.URL+"/elsewhere", http.StatusTemporaryRedirect)
	})
	before := h.count()
	if err := send(t.Context()); err == nil || !strings.Contains(err.Error(), "redirect") || h.count() != before+1 {
		t.Errorf("redirect: %v", err)
	}
	h.set(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	if err := send(t.Context()); err == nil {
		t.Error("a megabyte of headers was read")
	}
	h.set(func(http.ResponseWriter, *http.Request) { <-over })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := send(ctx); !isAway(err) {
		t.Errorf("slow: %v", err)
	}
	h.set(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if err := send(t.Context()); err == nil {
		t.Error("a broken connection was an answer")
	}
}
