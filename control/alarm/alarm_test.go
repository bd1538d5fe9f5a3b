package alarm

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func event(id, severity string) model.Event {
	return model.Event{
		ID: id, Tenant: "acme", Node: "n-1", NodeName: "web-1", Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Kind: model.EventSilent,
		Severity: severity, Requirement: "8.5.b", Before: "up", After: "silent",
		Text: model.Text{EN: "web-1 is silent: host gone", ZH: "web-1 失联:主机不可达"},
	}
}

// authority is a certificate for 127.0.0.1 with the file that trusts it.
func authority(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s, caOf(t, s)
}

func caOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	return file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sender(t *testing.T, c ...Config) *Sender {
	t.Helper()
	s, err := New(Options{Receivers: c, Host: "replica-1"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMatches(t *testing.T) {
	hook := func(name string, change func(*Config)) Config {
		c := Config{Name: name, Kind: "webhook", To: "https://h/x", SecretFile: file(t, "0123456789abcdef")}
		change(&c)
		return c
	}
	s := sender(t,
		hook("default", func(*Config) {}),
		hook("all", func(c *Config) { c.Severity = "info" }),
		hook("acme", func(c *Config) { c.Severity = "info"; c.Tenants = []string{"acme", "beta"} }),
		hook("kinds", func(c *Config) { c.Severity = "low"; c.Kinds = []string{model.EventReuse, model.EventSilent} }),
	)
	for _, c := range []struct {
		change func(*model.Event)
		want   []string
	}{
		{func(*model.Event) {}, []string{"default", "all", "acme", "kinds"}},
		{func(e *model.Event) { e.Severity = "critical" }, []string{"default", "all", "acme", "kinds"}},
		{func(e *model.Event) { e.Severity = "medium" }, []string{"all", "acme", "kinds"}},
		{func(e *model.Event) { e.Severity = "info" }, []string{"all", "acme"}},
		{func(e *model.Event) { e.Tenant = "other" }, []string{"default", "all", "kinds"}},
		{func(e *model.Event) { e.Kind = model.EventBack }, []string{"default", "all", "acme"}},
		{func(e *model.Event) { e.Severity = "loud" }, nil},
	} {
		e := event("1", "high")
		c.change(&e)
		if got := s.Matches(e); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", e, got, c.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	key, short := file(t, "0123456789abcdef\n"), file(t, "short")
	mail := Config{Name: "m", Kind: "mail", To: "smtp://mail.example.com:587", From: "a@example.com", Recipients: []string{"b@example.com"}}
	with := func(f func(*Config)) Config { c := mail; f(&c); return c }
	for name, c := range map[string]struct {
		c    Config
		want string
	}{
		"no name":             {Config{Kind: "webhook"}, "name of its own"},
		"kind":                {Config{Name: "x", Kind: "pager"}, "webhook, mail or syslog"},
		"severity":            {Config{Name: "x", Kind: "webhook", Severity: "loud"}, "no severity"},
		"no key":              {Config{Name: "x", Kind: "webhook", To: "https://h"}, "secret_file"},
		"short key":           {Config{Name: "x", Kind: "webhook", To: "https://h", SecretFile: short}, "less than 16"},
		"in the clear":        {Config{Name: "x", Kind: "webhook", To: "http://h", SecretFile: key}, "https://"},
		"no CA":               {Config{Name: "x", Kind: "webhook", To: "https://h", SecretFile: key, CAFile: key}, "no certificate"},
		"syslog without port": {Config{Name: "x", Kind: "syslog", To: "h"}, "host:port"},
		"mail scheme":         {with(func(c *Config) { c.To = "mail.example.com:25" }), "smtps://"},
		"mail, no sender":     {with(func(c *Config) { c.From = "" }), "from"},
		"mail, no recipient":  {with(func(c *Config) { c.Recipients = nil }), "recipients"},
		"mail, recipient":     {with(func(c *Config) { c.Recipients = []string{"x"} }), "no mail address"},
		"mail, no password":   {with(func(c *Config) { c.Username = "u" }), "both"},
		"mail, no file":       {with(func(c *Config) { c.Username, c.SecretFile = "u", key+"x" }), "no such file"},
	} {
		if _, err := New(Options{Receivers: []Config{c.c}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{Receivers: []Config{mail, mail}}); err == nil {
		t.Error("two of one name")
	}
}

func TestJobs(t *testing.T) {
	e := event("0198a7c0-0000-7000-8000-000000000001", "high")
	e.Text.EN = "a\nb\x1b[31m" + strings.Repeat("界", 5000)
	e.Before = strings.Repeat("x", 1000)
	args, unique, err := Job{"ops", Of(e)}.Encode()
	if err != nil || unique != "ops/"+e.ID || len(args) > 64<<10 {
		t.Fatal(err, unique, len(args))
	}
	j, err := DecodeJob(args)
	if err != nil || j.Receiver != "ops" || !strings.HasPrefix(j.Event.Text.EN, "a b [31m界") || len([]rune(j.Event.Text.EN)) != mostText+1 || len([]rune(j.Event.Before)) != mostField+1 {
		t.Errorf("%v %+v", err, j)
	}
	if d := cmp.Diff(Of(e), j.Event); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "[]", "{}", `{"receiver":"x"}`, `{"event":{"id":"x"}}`} {
		if _, err := DecodeJob([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	s := sender(t)
	if err := s.Deliver(t.Context(), "gone", j.Event); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Error(err)
	}
	if err := s.Send(t.Context(), "gone", nil); err == nil {
		t.Error("sent to nobody")
	}
}

// held is a receiver that says when it is asked, and answers when it may.
type held struct {
	mu    sync.Mutex
	got   [][]string
	asked chan struct{}
	go_   chan error
	each  bool
}

func (h *held) send(_ context.Context, events []Event) error {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	h.mu.Lock()
	h.got = append(h.got, ids)
	h.mu.Unlock()
	h.asked <- struct{}{}
	return <-h.go_
}

func (h *held) split(waiting []Event) [][]Event {
	if h.each {
		return (&mailer{}).split(waiting)
	}
	return [][]Event{waiting}
}

// waitFor is until so many wait for the receiver.
func waitFor(t *testing.T, l *line, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		l.mu.Lock()
		have := len(l.waiting)
		l.mu.Unlock()
		if have == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("they never waited")
}

func TestWhatWaitsGoesTogether(t *testing.T) {
	h := &held{asked: make(chan struct{}, 10), go_: make(chan error)}
	l := &line{c: Config{Name: "x"}, to: h}
	s := sender(t)
	s.lines = []*line{l}
	results := map[string]chan error{}
	give := func(ctx context.Context, id string) {
		results[id] = make(chan error, 1)
		r := results[id]
		go func() { r <- s.Deliver(ctx, "x", Event{ID: id}) }()
	}
	give(t.Context(), "first")
	<-h.asked
	ctx, cancel := context.WithCancel(t.Context())
	give(ctx, "gave-up")
	waitFor(t, l, 1)
	cancel()
	if err := <-results["gave-up"]; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for i := range 3 {
		give(t.Context(), fmt.Sprint(i))
		waitFor(t, l, i+1)
	}
	h.go_ <- nil
	<-h.asked
	h.go_ <- errors.New("no room\n" + strings.Repeat("x", 9999))
	if err := <-results["first"]; err != nil {
		t.Error(err)
	}
	for i := range 3 {
		if err := <-results[fmt.Sprint(i)]; err == nil || !strings.Contains(err.Error(), "no room x") || len(err.Error()) > 600 {
			t.Errorf("%d: %v", i, err)
		}
	}
	if d := cmp.Diff([][]string{{"first"}, {"0", "1", "2"}}, h.got); d != "" {
		t.Error(d)
	}
}

// One that is refused does not take the others with it; where nobody is there, the others are not tried.
func TestEachHasItsOwnOutcome(t *testing.T) {
	h := &held{asked: make(chan struct{}, 10), go_: make(chan error, 10), each: true}
	l := &line{c: Config{Name: "x"}, to: h}
	var ws []*waiter
	for i := range 5 {
		ws = append(ws, &waiter{Event{ID: fmt.Sprint(i)}, make(chan error, 1)})
	}
	l.waiting, l.busy = slices.Clone(ws), true
	h.go_ <- nil
	h.go_ <- errors.New("not this one")
	h.go_ <- nil
	h.go_ <- context.DeadlineExceeded
	l.drain(t.Context())
	for i, want := range []string{"", "not this one", "", "deadline", "deadline"} {
		if err := <-ws[i].done; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, want %q", i, err, want)
		}
	}
	if len(h.got) != 4 {
		t.Errorf("sent %v", h.got)
	}
}
