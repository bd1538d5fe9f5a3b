package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestNodeSettings(t *testing.T) {
	base := config.Default()
	base.Agent.Parallel = 3
	s := &nodeSettings{base: base}
	if c := s.now(); c.Collect.Parallel != 3 || c.Assess.SensitivityLabel != base.Assess.SensitivityLabel {
		t.Errorf("%+v", c.Collect)
	}
	good := map[string]any{"sensitivity_label": "corp.level", "max_image_age_days": 30.0, "host_profile": map[string]any{"processes": []any{"sshd"}}}
	if err := s.set(good); err != nil {
		t.Fatal(err)
	}
	c := s.now()
	if c.Assess.SensitivityLabel != "corp.level" || c.Assess.MaxImageAgeDays != 30 || len(c.Assess.HostProfile.Processes) != 1 || c.Assess.TenantLabel != base.Assess.TenantLabel {
		t.Errorf("%+v", c.Assess)
	}
	for _, bad := range []map[string]any{{"wish": 1.0}, {"max_image_age_days": "many"}, {"accepted_os": []any{"["}}} {
		if err := s.set(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
		if s.now().Assess.SensitivityLabel != "corp.level" {
			t.Errorf("%v: what was in force is gone", bad)
		}
	}
	if err := s.set(nil); err != nil || s.now().Assess.SensitivityLabel != base.Assess.SensitivityLabel {
		t.Errorf("%v", err)
	}
	if base.Assess.MaxImageAgeDays != config.Default().Assess.MaxImageAgeDays {
		t.Error("the machine's own settings were changed")
	}
}

func TestAgentThatHasNotJoined(t *testing.T) {
	m, dir := &member{version: "1"}, filepath.Join(t.TempDir(), "agent")
	var out bytes.Buffer
	err := m.Run(t.Context(), config.Default(), nil, dir, nil, slog.New(slog.DiscardHandler), &out)
	if model.CodeOf(err) != model.CodeNotFound || out.Len() > 0 {
		t.Errorf("%v, %s", err, &out)
	}
	want := errors.New("no token")
	err = m.Run(t.Context(), config.Default(), nil, dir, &cli.AgentJoin{Token: func() (string, error) { return "", want }}, slog.New(slog.DiscardHandler), &out)
	if !errors.Is(err, want) {
		t.Errorf("%v", err)
	}
	if _, err := m.Status(filepath.Join(dir, "none")); model.CodeOf(err) != model.CodeNotFound {
		t.Errorf("%v", err)
	}
	found := false
	for _, p := range m.Doctor(context.Background(), config.Default(), dir) {
		if p.Part == "identity" {
			found = !p.Works && p.Needed && strings.Contains(p.Remedy, "--join")
		}
	}
	if !found {
		t.Error("the doctor does not say that it has not joined")
	}
	if kept, err := m.Leave(dir); err != nil || kept != "" {
		t.Errorf("%q, %v", kept, err)
	}
}
