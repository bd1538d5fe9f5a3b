package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// TestLocalAgentStaysOut: where this host or its name is a node's, no second one is made, and it is said what to do.
func TestLocalAgentStaysOut(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer p.close()
	l := newLocalAgent(p, config.Default(), io.Discard)
	ctx := t.Context()
	if err := l.free(ctx, "m1", "host1"); err != nil {
		t.Fatal(err)
	}
	node := &model.Member{
		ID: "m1", Tenant: model.SystemTenant, Name: "host1", Machine: "m1", Pool: model.DefaultPool, KeyHash: []byte("k"), Serial: "1",
		CertificateEnds: time.Now().Add(time.Hour), Joined: time.Now(), Health: model.HealthUp, LastSeen: time.Now(), Version: 1,
	}
	if err := p.store.CreateNode(ctx, node); err != nil {
		t.Fatal(err)
	}
	if err := l.free(ctx, "m1", "another"); !errors.Is(err, errOwnAgent) {
		t.Errorf("this host has an agent: %v", err)
	}
	for _, id := range []string{"m2", ""} {
		var e *model.Error
		if err := l.free(ctx, id, "host1"); !errors.As(err, &e) || e.Code != model.CodeExists || !strings.Contains(e.Remedy, "--name") {
			t.Errorf("another machine has the name: %v", err)
		}
	}
	if err := p.store.RevokeNode(ctx, "m1", "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	var e *model.Error
	if err := l.free(ctx, "m1", "host1"); !errors.As(err, &e) || errors.Is(err, errOwnAgent) || !strings.Contains(e.Remedy, "nodes delete m1") {
		t.Errorf("the node of this host was revoked: %v", err)
	}
}

// TestLocalAgentTokenIsRecorded: no token without its record.
func TestLocalAgentTokenIsRecorded(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer p.close()
	l := newLocalAgent(p, config.Default(), io.Discard)
	before := p.log.Size()
	made, secret, err := l.token(t.Context(), "host1")
	if err != nil || !strings.HasPrefix(secret, "bhj_") {
		t.Fatal(err)
	}
	if p.log.Size() != before+1 {
		t.Errorf("%d records before, %d after", before, p.log.Size())
	}
	r, err := p.log.Read(t.Context(), before, 1)
	if err != nil || len(r) != 1 || r[0].Record.Actor != "local" || r[0].Record.Action != "JoinTokenCreate" || r[0].Record.Resource.ID != made.ID {
		t.Errorf("%+v, %v", r, err)
	}
	l.revoke(t.Context(), made)
	kept, err := p.store.JoinToken(t.Context(), made.ID)
	if err != nil || kept.Revoked.IsZero() || kept.Tenant != model.SystemTenant {
		t.Errorf("%+v, %v", kept, err)
	}
}

// TestLocalAgentThatPanics: the server goes on, and the agent is started again.
func TestLocalAgentThatPanics(t *testing.T) {
	p := mustOpen(t, planeConfig(t.TempDir(), "a"))
	defer p.close()
	var logged bytes.Buffer
	p.slog = slog.New(slog.NewTextHandler(&logged, nil))
	l := newLocalAgent(p, config.Default(), io.Discard)
	l.again = time.Millisecond
	tries, runs := 0, make(chan struct{})
	l.try = func(ctx context.Context) error {
		if tries++; tries < 4 {
			panic("a mistake")
		}
		close(runs)
		<-ctx.Done()
		return nil
	}
	l.start(t.Context())
	select {
	case <-runs:
	case <-time.After(30 * time.Second):
		t.Error("it was not started again")
	}
	l.stop()
	if text := logged.String(); strings.Count(text, "this host's agent panicked") != 3 || !strings.Contains(text, "local_agent_test.go") || !strings.Contains(text, "a mistake") {
		t.Errorf("log: %s", text)
	}
}
