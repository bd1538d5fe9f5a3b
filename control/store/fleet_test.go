package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// member is a node that has joined.
func member(tenant, id string) *model.Member {
	return &model.Member{
		ID: id, Tenant: tenant, Name: "name-" + id, Machine: "m-" + id, Pool: model.DefaultPool, KeyHash: []byte("key of " + id),
		Serial: "1", CertificateEnds: now.Add(24 * time.Hour), Joined: now, Health: model.HealthUp, HealthSince: now, LastSeen: now,
	}
}

func node(t testing.TB, s *Store, tenant, id string) *model.Member {
	t.Helper()
	m := member(tenant, id)
	ok(t, s.CreateNode(t.Context(), m))
	return m
}

func joinToken(tenant, id string) *model.JoinToken {
	return &model.JoinToken{
		ID: id, Tenant: tenant, Name: "rack 4", SecretHash: []byte("secret of " + id), Pool: "edge", Labels: map[string]string{"a": "b"},
		Sensitivity: "high", Replaces: "n0", Creator: "u1", Created: now, Expires: now.Add(time.Hour),
	}
}

func finding(tenant, node, id string) model.Finding {
	return model.Finding{
		ID: id, Tenant: tenant, Node: node, NodeName: "name-" + node, Kind: "container.privileged", Requirement: "8.1.a",
		Severity: model.High, Subject: "web", Text: model.Text{EN: "it's privileged", ZH: "特权容器"}, First: now, Last: now,
		Count: 1, Source: model.SourceServer, State: model.FindingOpen,
	}
}

func event(tenant, node, id string) model.Event {
	return model.Event{
		ID: id, Tenant: tenant, Node: node, NodeName: "name-" + node, Time: now, Kind: model.EventStatus, Severity: "info",
		Requirement: "8.1.a", Before: "met", After: "unmet", Text: model.Text{EN: "changed", ZH: "变了"},
	}
}

func exception(tenant, id string) *model.StoredException {
	return &model.StoredException{
		ID: id, Tenant: tenant, Creator: "u1", Created: now,
		Exception: model.Exception{Check: "container.privileged", Subject: "web*", Owner: "ops", Reason: "it's old", Expires: "2026-12-31"},
	}
}

func pool(tenant, name string) *model.Pool {
	return &model.Pool{
		ID: tenant + "/" + name, Tenant: tenant, Name: name, Description: "the edge",
		Settings: model.PoolSettings{CollectEvery: time.Minute, Assess: map[string]any{"registries": []any{"r.example.org"}}},
		Plan:     model.RolloutPlan{Steps: []int{10, 100}, Soak: time.Hour, MostFindings: 5, MostFailures: 1, RollBack: true},
		Windows:  []model.Window{{Begins: "0 2 * * *", Lasts: time.Hour, Zone: "Europe/Berlin"}}, Created: now,
	}
}

func rollout(tenant, id string) *model.Rollout {
	return &model.Rollout{
		ID: id, Tenant: tenant, Pool: tenant + "/edge", From: 1, To: 2, State: model.RolloutRunning, Share: 10, Step: 1, StepSince: now,
		Reason: "r", Nodes: 9, Applied: 3, Failed: 2, Findings: 1, Author: "u1", Created: now,
	}
}

// signed is a signature for tests, which says what was signed.
func signed(b *model.Bundle) error {
	b.Signature = fmt.Sprintf("signed %s %s %d", b.Kind, b.Scope, b.Version)
	return nil
}

func bundle(kind model.BundleKind, scope, digest string) *model.Bundle {
	return &model.Bundle{Kind: kind, Scope: scope, Digest: digest, Document: []byte("document " + digest), Author: "u1", Created: now}
}

func update(base, digest string, facts ...string) *model.FactsUpdate {
	u := &model.FactsUpdate{Base: base, Digest: digest, Taken: now}
	for _, key := range facts {
		u.Set = append(u.Set, model.Fact{Key: key, Digest: "of " + key, Data: []byte(`{"k":"` + key + `"}`)})
	}
	return u
}

func populateFleet(t testing.TB, s *Store) {
	t.Helper()
	ctx := t.Context()
	ok(t, s.CreatePool(ctx, pool("acme", "edge")))
	ok(t, s.CreateJoinToken(ctx, joinToken("acme", "j1")))
	m := member("acme", "n1")
	m.Pool, m.Labels, m.Sensitivity = "edge", map[string]string{"zone": "a"}, "high"
	ok(t, s.CreateNode(ctx, m))
	ok(t, s.UseJoinToken(ctx, "j1", "n1", now))
	ok(t, s.RenewNode(ctx, "n1", "1", "2", now.Add(48*time.Hour)))
	ok(t, s.SetLogKey(ctx, "n1", "log key"))
	ok(t, s.TouchNodes(ctx, []model.Contact{{Node: "n1", Seen: now.Add(time.Second), Run: "r1", State: &model.AgentState{
		Version: "1.2.3", Addresses: []string{"192.0.2.1"}, Policies: 1, Settings: 2, Assignment: 3, Spooled: 4, Dropped: 5,
	}}}))
	_, err := s.SetHealth(ctx, model.HealthChange{Node: "n1", Was: model.HealthUp, Is: model.HealthSilent, Reason: model.ReasonHostGone, When: now, Flapping: true})
	ok(t, err)
	ok(t, s.ApplyFacts(ctx, "n1", update("", "d1", "host"), now))
	ok(t, s.ApplyFacts(ctx, "n1", update("d1", "d2", "containers/c1", "images/i1", "networks/w1"), now))
	ok(t, s.ApplyFacts(ctx, "n1", &model.FactsUpdate{Base: "d2", Digest: "d3", Removed: []string{"images/i1"}, Taken: now}, now))
	ok(t, s.SetAssessed(ctx, "n1", "d3", now))
	ok(t, s.PutFindings(ctx, []model.Finding{finding("acme", "n1", "x1")}))
	_, err = s.TriageFindings(ctx, []model.FindingRef{{Node: "n1", ID: "x1"}}, &model.Triage{
		Tenant: "acme", Time: now, Author: "u1", AuthorName: "alice", State: model.FindingInProgress,
		Owner: &model.FindingOwner{User: "u1", Name: "alice"}, Comment: "it's \"looked\" at 容器",
	})
	ok(t, err)
	_, err = s.write.NewRaw("UPDATE finding_notes SET id = 'm1'").Exec(ctx) // the store's own is another one each time
	ok(t, err)
	ok(t, s.AddEvents(ctx, []model.Event{event("acme", "n1", "e1")}))
	ok(t, s.CreateException(ctx, exception("acme", "q1")))
	ok(t, s.PutBundle(ctx, bundle(model.BundleSettings, "acme/edge", "d"), signed))
	ok(t, s.CreateRollout(ctx, rollout("acme", "o1")))
	populateProofs(t, s)
}
