package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// unwritten are records that nobody keeps.
type unwritten struct{}

func (unwritten) Append(context.Context, model.Record) error { return nil }
func (unwritten) Later(context.Context, model.Record) error  { return nil }

// TestAgentToldWhatItCannotRead: an agent's guard that can't read its configuration any more says so to the later one that told it to, which has it
// end what it carries; what it can read is in force.
func TestAgentToldWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	fine := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "engine.sock"))
	fine(err)
	engine := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) })}
	go func() { _ = engine.Serve(at) }()
	defer engine.Close()
	c := config.Default()
	c.Guard.Engine, c.Guard.Socket, c.Guard.SocketGroup = filepath.Join(dir, "engine.sock"), filepath.Join(dir, "g.sock"), ""
	log := slog.New(slog.DiscardHandler)
	r, err := guarded.Raise(c, guarded.Parts{Decider: refusing{}, Log: unwritten{}, Tenant: "system", Host: "h1", Dir: dir, Slog: log})
	fine(err)
	defer r.Close()
	r.HandOver(dir, guarded.Handover{Records: guarded.NewPassedOn(nil), Log: log})
	unsound := c
	unsound.Guard.Accounts = []config.GuardAccount{{ID: "", Roles: []string{"x"}}}
	for name, c := range map[string]struct {
		c     config.Config
		err   error
		sound bool
	}{
		"sound":           {c: c, sound: true},
		"not readable":    {c: c, err: errors.New(`unknown field "later"`)},
		"unsound account": {c: unsound},
	} {
		of := &agentGuard{now: r, log: log}
		if err := of.told(func() (config.Config, error) { return c.c, c.err }); (err == nil) != c.sound {
			t.Errorf("%s: %v", name, err)
		}
	}
}
