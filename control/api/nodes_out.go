package api

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// node is a node with its newest assessment, nil for none, and what it should have.
func (s *Nodes) node(ctx context.Context, m *model.Member, newest *model.Published, targets Targets) (*bulkheadv1.Node, error) {
	policies, settings, err := targets.Target(ctx, m)
	if err != nil {
		return nil, err
	}
	out := nodeOut(m)
	if s.SPIFFE != nil {
		out.SpiffeId = s.SPIFFE(m.ID)
	}
	out.PoliciesTarget, out.SettingsTarget = policies, settings
	if newest != nil {
		out.Assessed, out.Statuses = stamp(newest.Time), make(map[string]string, len(newest.Statuses))
		for id, status := range newest.Statuses {
			out.Statuses[id] = string(status)
		}
	}
	return out, nil
}

// upkeep adds how it stands with cordon and drain to nodes of which something is wanted, and to one that is looked at alone.
func (s *Nodes) upkeep(ctx context.Context, of []model.Member, out ...*bulkheadv1.Node) error {
	asked := slices.Clone(of)
	if len(of) > 1 {
		asked = slices.DeleteFunc(asked, func(m model.Member) bool { return m.Want() == model.WantNothing })
	}
	if s.Upkeep == nil || len(asked) == 0 {
		return nil
	}
	told, err := s.Upkeep.Maintenance(ctx, asked)
	if err != nil {
		return err
	}
	for _, n := range out {
		if t := told[n.GetId()]; t != nil {
			n.Maintenance = &bulkheadv1.Maintenance{
				Orchestrator: t.Orchestrator, State: string(t.State), By: t.By, Since: stamp(t.Since), Text: t.Text.EN, TextZh: t.Text.ZH,
			}
		}
	}
	return nil
}

func nodeOut(m *model.Member) *bulkheadv1.Node {
	return &bulkheadv1.Node{
		Id: m.ID, Tenant: m.Tenant, Name: m.Name, Pool: m.Pool, Labels: m.Labels, Sensitivity: m.Sensitivity,
		Cordoned: m.Cordoned, Drained: m.Drained,
		Health: string(m.Health), HealthSince: stamp(m.HealthSince), HealthReason: m.HealthReason, Flapping: m.Flapping,
		Joined: stamp(m.Joined), LastSeen: stamp(m.LastSeen), FactsTaken: stamp(m.FactsTaken), FactsReceived: stamp(m.FactsReceived),
		AgentVersion: m.AgentVersion, Addresses: m.Addresses,
		CertificateSerial: m.Serial, CertificateEnds: stamp(m.CertificateEnds),
		Revoked: stamp(m.Revoked), RevokedReason: m.RevokedReason,
		PoliciesVersion: m.Policies, SettingsVersion: m.Settings, Version: m.Version, Spooled: m.Spooled, Dropped: m.Dropped,
	}
}

// containers are those of a node's facts, by name. They are read one by one, because the rest may not be complete.
func containers(have map[string]model.Fact) []model.Container {
	var out []model.Container
	for key, f := range have {
		if !strings.HasPrefix(key, "containers/") {
			continue
		}
		var c model.Container
		if json.Unmarshal(f.Data, &c) == nil && c.ID != "" {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b model.Container) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return out
}

func workloadOut(c *model.Container) *bulkheadv1.Workload {
	return &bulkheadv1.Workload{Id: c.ID, Name: c.Name, Image: c.Workload.Image.Ref, State: c.State}
}
