package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestAgentFile follows the file from the first connection to the agent's end.
func TestAgentFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's word counts there")
	}
	dir := filepath.Join(t.TempDir(), "controls")
	var connected atomic.Bool
	status := func() model.AgentStatus {
		return model.AgentStatus{Node: "n1", Started: time.Now().Truncate(time.Hour), Connected: connected.Load(), Server: "https://plane.example"}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); publishAgent(ctx, dir, status, slog.New(slog.DiscardHandler)) }()
	path := filepath.Join(dir, "agent.json")
	wait := func(what string) {
		t.Helper()
		for range 600 {
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), what) {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("the file does not say %s", what)
	}
	wait(`{"key":"connected","value":"no"}`)
	connected.Store(true)
	wait(`{"key":"connected","value":"yes"}`)
	wait(`"pid":`)
	stop()
	<-ended
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file stays behind: %v", err)
	}
}
