package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/policies"
)

// An agent's guard knows of a custom profile, too, although what shuts it stands before the policies.
func TestOwnProfileOfAnAgent(t *testing.T) {
	engine, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := state.Open(filepath.Join(t.TempDir(), "agent"))
	if err != nil {
		t.Fatal(err)
	}
	p := agent.Parts{Log: &audit.Log{}, Appliers: map[model.BundleKind][]agent.Applier{model.BundlePolicies: {&agent.Policies{Engine: engine}}}}
	var c config.Config
	c.Guard.Enabled = true
	g := (&member{}).guardOf(c, d, &state.Node{ID: "n1", Tenant: "acme"}, &p, nil, slog.New(slog.DiscardHandler), io.Discard)
	has := guarded.OwnProfile(policies.ProfileCustom, g.parts.Rules)
	if has() {
		t.Error("there are rules before any came")
	}
	text, err := policies.Custom("baseline", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Load([]model.Policies{{Tenant: model.SystemTenant, Version: 1, Files: []model.PolicyFile{{Name: "profile.cedar", Text: text}}}}); err != nil {
		t.Fatal(err)
	}
	if !has() {
		t.Error("its rules are not seen")
	}
	if guarded.OwnProfile("baseline", nil) != nil || guarded.OwnProfile(policies.ProfileCustom, nil)() {
		t.Error("a shipped profile is asked about, or one is there without policies")
	}
}
