package api_test

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/guard/sessions"
	"github.com/bulkhead-security/bulkhead/model"
)

// fleet are the services of nodes, with what they publish and decide in memory.
func (w *world) fleet(s *api.Services, c *catalogue.Catalogue) {
	w.told = &told{store: w.store}
	s.Nodes = &api.Nodes{
		Store: w.store, Joins: w.store, Events: w.store, Facts: w.store, Assessments: w.store, Bundles: w.store, Pools: w.store,
		Catalogue: c, Tell: w.told, Upkeep: w.told, JoinURL: func() string { return "https://plane.example#ca=sha256:00" },
		SPIFFE: func(id string) string { return "spiffe://example/node/" + id }, Now: time.Now,
	}
	s.Findings = &api.Findings{
		Store: w.store, Exceptions: w.store, Requests: w.store, People: w.store, Nodes: w.store, Tenants: w.store, Now: time.Now,
	}
	s.Inventory = &api.Inventory{Store: w.store, Now: time.Now}
	s.Guards = &api.Guards{
		Store: w.store, Rules: w.engine, Actions: calls.Actions(w.engine.Schema().ActionsAt(calls.Door)), Recorded: sessions.SealAction, Now: time.Now,
	}
	w.proofs(s, c)
	s.Pools = &api.Pools{Store: w.store, Rollouts: w.store, Bundles: w.store, Publisher: w.told, Decider: w.told, Now: time.Now}
}

// told is what the handlers told the fleet of.
type told struct {
	store   rolloutStore
	changed []model.Pool
	authors []string
	events  []model.Event
	fail    error
}

type rolloutStore interface {
	Rollout(ctx context.Context, id string) (*model.Rollout, error)
	UpdateRollout(ctx context.Context, r *model.Rollout) error
}

// Maintenance implements api.Upkeep: there is no orchestrator.
func (x *told) Maintenance(_ context.Context, of []model.Member) (map[string]*maintenance.Told, error) {
	out := map[string]*maintenance.Told{}
	for i := range of {
		m := maintenance.MemberOf(&of[i], nil)
		if t := maintenance.Tell(&m, nil); t != nil {
			out[m.ID] = t
		}
	}
	return out, x.fail
}

// SettingsChanged implements api.Publisher.
func (x *told) SettingsChanged(_ context.Context, p *model.Pool, author string) error {
	x.changed, x.authors = append(x.changed, *p), append(x.authors, author)
	return x.fail
}

// Decide implements api.Rollouts.
func (x *told) Decide(ctx context.Context, id, decision, reason, by string) (*model.Rollout, error) {
	r, err := x.store.Rollout(ctx, id)
	if err != nil {
		return nil, err
	}
	if decision == "halt" {
		r.State = model.RolloutHalted
	}
	r.Reason = reason + " (" + by + ")"
	return r, x.store.UpdateRollout(ctx, r)
}

// Event implements api.Teller.
func (x *told) Event(_ context.Context, e model.Event) error {
	x.events = append(x.events, e)
	return nil
}

func poolOf(tenant string) string { return tenant + "/" + named(tenant, "pool") }

// fillFleet makes in a tenant one object of each type of the fleet.
func (w *world) fillFleet(t string, now time.Time) {
	ctx := w.t.Context()
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(w.store.CreatePool(ctx, &model.Pool{ID: poolOf(t), Tenant: t, Name: named(t, "pool"), Description: named(t, "description"), Created: now}))
	must(w.store.CreateNode(ctx, w.member(t, id(t, "node"), named(t, "nodename"), now)))
	must(w.store.CreateJoinToken(ctx, &model.JoinToken{
		ID: id(t, "jointoken"), Tenant: t, Name: named(t, "join"), SecretHash: hash("join" + t), Pool: named(t, "pool"),
		Labels: map[string]string{"l": named(t, "label")}, Creator: id(t, "user"), Created: now, Expires: now.Add(time.Hour),
	}))
	w.facts(id(t, "node"), now, container(named(t, "container"), named(t, "image"), "running"))
	must(w.store.PutFindings(ctx, []model.Finding{{
		ID: id(t, "finding"), Tenant: t, Node: id(t, "node"), NodeName: named(t, "nodename"), Kind: "8.1.c/socket-mode", Requirement: "8.1.c",
		Severity: model.High, Subject: named(t, "subject"), Text: model.Text{EN: named(t, "text"), ZH: named(t, "text")}, First: now, Last: now,
		Count: 1, Source: model.SourceServer,
	}}))
	for _, kind := range []string{model.EventJoined, model.EventSilent} {
		must(w.store.AddEvents(ctx, []model.Event{{
			ID: id(t, "event-"+kind), Tenant: t, Node: id(t, "node"), NodeName: named(t, "nodename"), Time: now, Kind: kind, Severity: "info",
			Text: model.Text{EN: named(t, "text"), ZH: named(t, "text")},
		}}))
	}
	must(w.store.CreateException(ctx, &model.StoredException{
		ID: id(t, "exception"), Tenant: t, Node: id(t, "node"), Creator: id(t, "user"), Created: now,
		Exception: model.Exception{Check: "8.1.c", Subject: named(t, "subject"), Owner: named(t, "owner"), Reason: named(t, "reason"), Expires: "2099-01-01"},
	}))
	must(w.proofsOf(t, now))
	must(w.store.CreateRollout(ctx, &model.Rollout{
		ID: id(t, "rollout"), Tenant: t, Pool: poolOf(t), From: 0, To: 1, State: model.RolloutRunning, Share: 5, Reason: named(t, "reason"),
		Author: id(t, "user"), Created: now, StepSince: now,
	}))
	for kind, scope := range map[model.BundleKind]string{model.BundlePolicies: t, model.BundleSettings: poolOf(t)} {
		must(w.store.PutBundle(ctx, &model.Bundle{Kind: kind, Scope: scope, Digest: named(t, "digest"), Document: []byte("{}"), Created: now},
			func(*model.Bundle) error { return nil }))
	}
}

func (w *world) member(tenant, id, name string, now time.Time) *model.Member {
	return &model.Member{
		ID: id, Tenant: tenant, Name: name, Machine: id, Pool: named(tenant, "pool"), Labels: map[string]string{"l": named(tenant, "label")},
		KeyHash: hash("key" + id), Serial: "0a", CertificateEnds: now.Add(time.Hour), Joined: now, Health: model.HealthUp, HealthSince: now, LastSeen: now,
		Addresses: []string{"10.0.0.1"},
	}
}

func container(name, image, state string) model.Container {
	return model.Container{ID: "c-" + name, Name: name, State: state, Workload: model.Workload{Image: model.ImageRef{Ref: image + ":1", ID: "sha256:" + image}}}
}

// facts makes a node say that it runs containers.
func (w *world) facts(node string, now time.Time, containers ...model.Container) {
	w.t.Helper()
	set, err := facts.Split(&model.Snapshot{Schema: model.SnapshotSchema, Node: model.Node{ID: node, Name: node}, Containers: containers})
	if err != nil {
		w.t.Fatal(err)
	}
	have, err := w.store.FactDigests(w.t.Context(), node)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, u := range facts.Diff(have, set, now, 1<<20) {
		if err := w.store.ApplyFacts(w.t.Context(), node, &u, now); err != nil {
			w.t.Fatal(err)
		}
	}
}

// fleetOf is all that a tenant has of the fleet.
func (w *world) fleetOf(tenant string, add func(v any, err error)) {
	ctx, q := w.t.Context(), model.Query{Tenant: tenant, Size: 1000}
	nodes, _, err := w.store.Nodes(ctx, q)
	add(nodes, err)
	for i := range nodes {
		add(w.store.Facts(ctx, nodes[i].ID))
	}
	tokens, _, err := w.store.JoinTokens(ctx, q)
	add(tokens, err)
	findings, _, err := w.store.Findings(ctx, q)
	add(findings, err)
	events, _, err := w.store.Events(ctx, q)
	add(events, err)
	exceptions, _, err := w.store.Exceptions(ctx, q)
	add(exceptions, err)
	pools, _, err := w.store.Pools(ctx, q)
	add(pools, err)
	rollouts, _, err := w.store.Rollouts(ctx, q)
	add(rollouts, err)
	requests, _, err := w.store.ExceptionRequests(ctx, q)
	add(requests, err)
	drills, _, err := w.store.Drills(ctx, q, false)
	add(drills, err)
	reports, _, err := w.store.Reports(ctx, q)
	add(reports, err)
}

// tomorrow is a day on which an exception can end.
func tomorrow() string { return time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly) }
