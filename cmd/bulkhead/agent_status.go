package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

// agentFileEvery is how soon `bulkhead assess` sees that the agent's connection came or went.
const agentFileEvery = 2 * time.Second

// publishAgent says in a status file of controls that the agent runs, and whether it is connected, until ctx ends; then it takes that
// back. Only root's word counts there.
func publishAgent(ctx context.Context, dir string, status func() model.AgentStatus, log *slog.Logger) {
	if os.Geteuid() != 0 {
		return
	}
	path := filepath.Join(dir, model.ControlAgent+".json")
	var last []byte
	tick := time.NewTicker(agentFileEvery)
	defer tick.Stop()
	told := false
	for ctx.Err() == nil {
		b, err := agentFile(status())
		if err == nil && string(b) != string(last) {
			if err = os.MkdirAll(dir, 0o755); err == nil { //nolint:gosec // it is there to be read
				err = whole.Write(path, b, 0o644)
			}
			if err == nil {
				last = b
			}
		}
		if err != nil && !told {
			log.Warn("`bulkhead assess` will not see that the agent runs", "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	// Another agent on this machine may have written its own meanwhile.
	if now, err := os.ReadFile(path); err != nil || string(now) != string(last) {
		return
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		log.Warn("the status file stays behind", "error", err)
	}
}

// agentFile is the status file. What changes all the time is not in it: it is a fact of the node, and each change is sent.
func agentFile(s model.AgentStatus) ([]byte, error) {
	facts := []model.KeyVal{{Key: "node", Value: s.Node}}
	if s.Connected {
		facts = append(facts, model.KeyVal{Key: "connected", Value: "yes"}, model.KeyVal{Key: "server", Value: s.Server})
	} else {
		facts = append(facts, model.KeyVal{Key: "connected", Value: "no"})
	}
	return json.Marshal(map[string]any{
		"name": model.ControlAgent, "mode": model.ModeEnforce, "version": s.Version, "since": s.Started.UTC().Format(time.RFC3339), "pid": os.Getpid(),
		"facts": facts,
	})
}
