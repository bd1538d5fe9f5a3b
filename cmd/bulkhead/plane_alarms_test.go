package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/alarm"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

// A receiver that is down gets an alarm later and once, also when the server stopped meanwhile.
func TestAlarmsSurviveAndComeOnce(t *testing.T) {
	var mu sync.Mutex
	got, asked := map[string]int{}, 0
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var d struct{ Events []alarm.Event }
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		for _, e := range d.Events {
			got[e.ID]++
		}
	}))
	defer hook.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := planeConfig(dir, "one")
	c.Alarms = []config.Alarm{{
		Name: "ops", Kind: "webhook", To: hook.URL, SecretFile: write("key", "0123456789abcdef"),
		CAFile: write("ca", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}))),
	}}
	open := func() (*store.Store, *alarms) {
		s, err := store.Open(t.Context(), store.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		a, err := newAlarms(c, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s, a
	}
	high := model.Event{ID: "e-high", Tenant: "acme", Kind: model.EventSilent, Severity: "high", Time: time.Now(), Text: model.Text{EN: "silent"}}
	low := high
	low.ID, low.Severity = "e-low", "low"

	s, a := open()
	for _, e := range []model.Event{high, low, high} {
		if err := a.raise(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	undone := high
	undone.ID = "e-undone"
	if err := s.InTx(t.Context(), func(ctx context.Context) error {
		return errors.Join(a.raise(ctx, undone), errors.New("no"))
	}); err == nil {
		t.Fatal("it was kept")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s, a = open()
	if err := s.StartJobs(t.Context(), []model.Worker{a.worker()}); err != nil {
		t.Fatal(err)
	}
	var jobs []model.Job
	for done := false; !done; time.Sleep(20 * time.Millisecond) {
		var err error
		if jobs, _, err = s.Jobs(t.Context(), model.Query{}); err != nil {
			t.Fatal(err)
		}
		done = len(jobs) > 0 && jobs[0].State == "completed"
	}
	if err := a.raise(t.Context(), high); err != nil { // it has it
		t.Fatal(err)
	}
	if err := errors.Join(s.StopJobs(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 1 || jobs[0].Attempt != 2 || jobs[0].Kind != alarmJob || jobs[0].Result.EN != "ops has the event e-high (silent)" {
		t.Errorf("%+v", jobs)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || got["e-high"] != 1 || asked != 2 {
		t.Errorf("got %v in %d requests", got, asked)
	}
}

func TestAlarmsWithoutTheirFiles(t *testing.T) {
	c := planeConfig(t.TempDir(), "one")
	c.Alarms = []config.Alarm{{Name: "ops", Kind: "webhook", To: "https://h", SecretFile: filepath.Join(t.TempDir(), "key")}}
	if _, err := newAlarms(c, nil, nil); err == nil || !strings.Contains(err.Error(), "ops") || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
