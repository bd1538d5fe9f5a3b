package guarded

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	guarddoor "github.com/bulkhead-security/bulkhead/guard/daemon"
	"github.com/bulkhead-security/bulkhead/guard/handover"
	"github.com/bulkhead-security/bulkhead/guard/images"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/guard/listen"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// noImages is an engine that has none.
type noImages struct{}

func (noImages) Get(context.Context, string) (int, []byte, error) {
	return http.StatusOK, []byte("[]"), nil
}

func (noImages) List(context.Context, string, func(*jsontext.Decoder) error) (int, error) {
	return http.StatusOK, nil
}

// stoodUp is a guard with doors and a memory of images, which nobody has called yet.
func stoodUp(t *testing.T) *handing {
	t.Helper()
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	doors, err := listen.Open(listen.Options{
		Unix: listen.Unix{Path: filepath.Join(dir, "s"), Mode: 0o600}, Handler: http.NotFoundHandler(),
		Limits: listen.Limits{Connections: 9, Each: 9, Header: 1 << 12, HeaderTime: time.Second, Idle: time.Second, Drain: time.Second, Outlast: time.Minute},
	})
	fine(t, err)
	kept, err := images.Open(filepath.Join(dir, "images.db"), noImages{}, model.SystemTenant)
	fine(t, err)
	t.Cleanup(func() { fine(t, kept.Close()) })
	who, err := accounts.New(accounts.Options{Log: log, Now: time.Now})
	fine(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- doors.Run(ctx) }()
	t.Cleanup(func() { stop(); fine(t, <-ended) })
	g := &Raised{who: who, doors: doors, engine: &guardedEngine{Door: guarddoor.New(guarddoor.Parts{Dir: dir}), images: kept, judge: judge.New(judge.Parts{})}, log: log, file: "/etc/guard.yaml"}
	g.hand = &handing{g: g, path: filepath.Join(dir, handoverSocket), records: NewPassedOn(nil), stop: stop, log: log}
	t.Cleanup(func() { stop() })
	return g.hand
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestToldWhatItCannotRead: an earlier guard that can't read the configuration any more, e.g. since it has what only a later version knows, or
// not all of what says who may do what, ends what it carries; nobody who was taken out goes on there.
func TestToldWhatItCannotRead(t *testing.T) {
	engine, err := authz.New(authz.Options{})
	fine(t, err)
	for name, c := range map[string]struct {
		c     config.Config
		err   error
		sound bool
	}{
		"sound":            {sound: true},
		"not readable":     {err: errors.New(`unknown field "later"`)},
		"unsound account":  {c: config.Config{Guard: config.Guard{Accounts: []config.GuardAccount{{ID: "", Roles: []string{"x"}}}}}},
		"unsound policies": {c: config.Config{Guard: config.Guard{Policies: "/nonexistent"}}},
	} {
		h := stoodUp(t)
		lost := false
		stop := h.stop
		h.stop = func() { lost = true; stop() }
		a := &alone{again: func() (config.Config, error) { return c.c, c.err }, engine: engine, ctx: t.Context(), log: h.log}
		h.told = func(context.Context, string, []byte) error { return a.told(h.g) }
		if err := h.Told(t.Context(), NewsReload, nil); (err == nil) != c.sound || lost == c.sound {
			t.Errorf("%s: %v, ended %v", name, err, lost)
		}
	}
}

// TestBack: what could not even begin leaves everything open; what the other one still holds is tried again; and what never comes back ends this
// guard.
func TestBack(t *testing.T) {
	h := stoodUp(t)
	tries, ended := 0, 0
	end := func() error { ended++; return errors.New("it was ended") }
	h.give = func(context.Context) error { return nil }
	h.back = func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("another process has it open")
		}
		return nil
	}
	fine(t, h.Give(t.Context()))
	fine(t, h.Back(t.Context(), end))
	if tries != 3 || ended != 1 {
		t.Errorf("it was tried %d times, and the other one ended %d times", tries, ended)
	}
	fine(t, h.g.doors.Pause()) // so that the next one fails before anything else is closed
	if err := h.Give(t.Context()); err == nil {
		t.Error("it gives what it does not have")
	}
	h.back = func(context.Context) error { return errors.New("it was never closed") }
	fine(t, h.Back(t.Context(), end))

	h.back, ended = nil, 0 // as of an agent, whose successor may go on
	fine(t, h.Give(t.Context()))
	if err := h.Back(t.Context(), end); !errors.Is(err, ErrNodeGiven) || ended != 0 {
		t.Errorf("%v; ended %d", err, ended)
	}
}

// TestReachWithOtherFile: who would tell an earlier guard to read a file that it does not change takes nothing over.
func TestReachWithOtherFile(t *testing.T) {
	h := stoodUp(t)
	fine(t, os.Chmod(filepath.Dir(h.path), 0o700))
	o, err := handover.Open(h.path, h, handover.About{Version: "1", Config: h.g.file}, h.log)
	fine(t, err)
	defer o.Close()
	c := config.Config{Guard: config.Guard{TakeOver: true}}
	for file, ok := range map[string]bool{"/etc/guard.yaml": true, "/etc/other.yaml": false, "": false} {
		c.File = file
		p, err := Reach(c, filepath.Dir(h.path), h.log)
		if (err == nil) != ok {
			t.Errorf("%q: %v", file, err)
		}
		if p != nil {
			fine(t, p.Close())
		}
	}
}

// TestGuardsBefore: connections of all guards that still carry something are guards' own, also after several upgrades.
func TestGuardsBefore(t *testing.T) {
	oldest := exec.CommandContext(t.Context(), "/bin/sleep", "60")
	fine(t, oldest.Start())
	t.Cleanup(func() { _ = oldest.Process.Kill(); _ = oldest.Wait() })
	first, second := stoodUp(t), stoodUp(t)
	first.before = &handover.Predecessor{PID: oldest.Process.Pid} // the oldest, as the middle one has it
	fine(t, os.Chmod(filepath.Dir(first.path), 0o700))
	o, err := handover.Open(first.path, first, handover.About{Version: "1"}, first.log)
	fine(t, err)
	defer o.Close()
	p, err := handover.Reach(first.path)
	fine(t, err)
	defer p.Close()
	second.before = p
	if got := second.pids(); !slices.Equal(got, []int{os.Getpid(), oldest.Process.Pid}) {
		t.Errorf("guards before: %v", got)
	}
}
