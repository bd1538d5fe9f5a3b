package main

import (
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/fleet"
	"github.com/bulkhead-security/bulkhead/control/gate"
	serverpkg "github.com/bulkhead-security/bulkhead/control/server"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/guard/sessions"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authn"
	"github.com/bulkhead-security/bulkhead/model"
)

// openFleet makes what nodes join, report to and take from.
func (p *plane) openFleet(ctx context.Context) error {
	var err error
	if p.alarms, err = newAlarms(p.c, p.store, p.slog); err != nil {
		return err
	}
	if p.nodeCA, err = p.keys.NodeAuthority(ctx, p.now); err != nil {
		return err
	}
	signer, _, err := p.keys.NoteSigner(ctx, policyKey, policyOrigin)
	if err != nil {
		return err
	}
	if p.catalogue, err = catalogue.Load(); err != nil {
		return fmt.Errorf("catalogue: %w", err)
	}
	times := p.o.times
	times.PingLag = serverpkg.PingLag
	o := fleet.Options{
		Store: p.store, Policies: p.signed, People: p.store, Signer: signer, Catalogue: p.catalogue, Settings: p.o.assess, Log: p.slog, Now: p.now,
		Replica: p.c.Name, Alarm: p.alarms.raise, Times: times,
	}
	if p.fleet, err = fleet.New(o); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	count := func(name, help string, of func(s fleet.Stats) float64) {
		p.metrics.Gauge(name, help, func() float64 { return of(p.fleet.Stats()) })
	}
	count("bulkhead_nodes_connected", "Nodes whose stream is open here.", func(s fleet.Stats) float64 { return float64(s.Streams) })
	count("bulkhead_nodes_silent", "Nodes of the whole fleet that nobody hears of.", func(s fleet.Stats) float64 { return float64(s.Silent) })
	count("bulkhead_reports_waiting", "Reports of nodes that wait to be written.", func(s fleet.Stats) float64 { return float64(s.Queue) })
	count("bulkhead_assessments_waiting", "Nodes that wait to be assessed.", func(s fleet.Stats) float64 { return float64(s.Dirty) })
	count("bulkhead_assessments_made", "Assessments of nodes that this replica made since its start.", func(s fleet.Stats) float64 { return float64(s.Assessed) })
	count("bulkhead_assessments_late_seconds", "For how long the first node in the line could have been assessed.", func(s fleet.Stats) float64 { return s.Late.Seconds() })
	return nil
}

// nodeDoor tells nodes by their certificates. One that shows an old certificate is told of.
func (p *plane) nodeDoor() (gate.NodeAuthenticator, error) {
	return authn.NewNodes(authn.NodeOptions{
		Store: p.store, Authority: p.nodeCA, Grace: p.c.Nodes.Grace, Clock: p.now,
		Reused: func(ctx context.Context, m *model.Member, serial string) {
			err := p.fleet.Event(ctx, model.Event{
				Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: model.EventReuse, Severity: string(model.High), Requirement: "8.5.c",
				Before: serial, After: m.Serial,
				Text: model.Text{
					EN: "an old certificate of the node was shown: it was restored from an old copy, or its key was stolen; if in doubt, revoke it and join it anew",
					ZH: "出示了该节点的旧证书：节点可能由旧副本恢复，或其密钥已被盗；如有疑问，请吊销并重新加入",
				},
			})
			if err != nil {
				p.slog.ErrorContext(ctx, "a node's old certificate could not be told of", "node", m.ID, "error", err)
			}
		},
	})
}

// fleetServices are those of nodes, and of the people who look after them.
func (p *plane) fleetServices(s *api.Services, policyKey string) error {
	agents, err := api.NewAgents(api.AgentOptions{
		Joins: p.store, Nodes: p.store, Authority: p.nodeCA, Audit: p.log, Fleet: agentFleet{p.fleet}, Logs: p.store, Transfers: p.store,
		Reader:    api.NodeLogReader{Decode: audit.Decode, Checkpoint: audit.ParseCheckpoint, Extend: audit.Extend, Covers: audit.Covers},
		PolicyKey: policyKey, Life: p.c.Nodes.Certificate, Log: p.slog, Now: p.now,
	})
	if err != nil {
		return err
	}
	s.Agents = agents
	s.Nodes = &api.Nodes{
		Store: p.store, Joins: p.store, Events: p.store, Facts: p.store, Assessments: p.store, Bundles: p.store, Pools: p.store,
		Catalogue: p.catalogue, Targets: p.fleet, Upkeep: p.fleet, Tell: p.fleet, JoinURL: p.joinURL, SPIFFE: p.nodeCA.SPIFFEID, Now: p.now,
	}
	s.Pools = &api.Pools{Store: p.store, Rollouts: p.store, Bundles: p.store, Publisher: p.fleet, Decider: p.fleet, Now: p.now}
	s.Inventory = &api.Inventory{Store: p.store, Now: p.now}
	s.Guards = &api.Guards{
		Store: p.store, Rules: p.engine, Actions: calls.Actions(p.engine.Schema().ActionsAt(calls.Door)), Recorded: sessions.SealAction, Now: p.now,
	}
	s.Findings = &api.Findings{
		Store: p.store, Exceptions: p.store, Requests: p.store, People: p.store, Nodes: p.store, Tenants: p.store, Now: p.now,
	}
	s.Recordings = &api.Recordings{Records: p.store, Nodes: p.store, Transfers: p.store, Fleet: p.fleet, Log: p.slog, Now: p.now}
	return p.proofServices(s)
}

// joinURL is where nodes join, with the fingerprint of the own CA, where there is one.
func (p *plane) joinURL() string {
	if ca := p.certs.CAFingerprint(); ca != "" {
		return p.c.PublicURL + "#ca=" + ca
	}
	return p.c.PublicURL
}

// agentFleet is the fleet as the service for agents knows it.
type agentFleet struct{ f *fleet.Fleet }

// Report implements api.AgentFleet.
func (a agentFleet) Report(ctx context.Context, node *model.Member, r api.AgentReport) (api.AgentAnswer, error) {
	out := fleet.Report{Run: r.Run, Time: r.Time, State: r.State, Facts: r.Facts, Findings: r.Findings}
	for _, p := range r.Probes {
		out.Probes = append(out.Probes, fleet.ProbeAnswer(p))
	}
	answer, err := a.f.Report(ctx, node, out)
	return api.AgentAnswer(answer), err
}

// Follow implements api.AgentFleet.
func (a agentFleet) Follow(ctx context.Context, node *model.Member, have api.AgentHave, send func(api.AgentItem) error) error {
	return a.f.Follow(ctx, node, fleet.Have(have), func(i fleet.Item) error {
		return send(api.AgentItem{Alive: i.Alive, Document: i.Document, Probe: (*api.AgentProbe)(i.Probe), Resync: i.Resync, Renew: i.Renew, Wanted: i.Wanted})
	})
}

// Event implements api.AgentFleet.
func (a agentFleet) Event(ctx context.Context, e model.Event) error { return a.f.Event(ctx, e) }
