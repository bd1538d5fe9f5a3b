package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// controlsFact is the key of what a node says of its controls.
const controlsFact = "controls"

// GetControls implements DrillService.
func (s *Drills) GetControls(ctx context.Context, r *bulkheadv1.GetControlsRequest) (*bulkheadv1.Controls, error) {
	return s.Modes(ctx, gate.Scope(ctx, r.GetTenant()))
}

// Modes are the controls with their modes on the nodes of a tenant, "" for all. A node that has facts has told of its controls, if only
// that there are none.
func (s *Drills) Modes(ctx context.Context, tenant string) (*bulkheadv1.Controls, error) {
	counts, err := s.Facts.CountNodes(ctx, tenant)
	if err != nil {
		return nil, err
	}
	all := 0
	for _, n := range counts {
		all += n
	}
	nodes, facts, err := s.Facts.NodesWithFacts(ctx, tenant, []string{"schema", controlsFact}, []string{controlsFact})
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.Controls{Told: int32(min(len(nodes), all)), Nodes: int32(all)}
	known := s.servedBy()
	for i := range nodes {
		var running []model.Control
		// What can't be read is of another version of the agent; its controls count as missing.
		_ = json.Unmarshal(facts[nodes[i].ID][controlsFact], &running)
		for _, c := range running {
			at := slices.IndexFunc(known, func(k *bulkheadv1.Control) bool { return k.GetName() == c.Name })
			switch {
			case at < 0:
			case c.Mode == model.ModeEnforce:
				known[at].Enforce++
			case c.Mode == model.ModeObserve:
				known[at].Observe++
			}
		}
	}
	for _, k := range known {
		if k.GetName() == model.ControlPlane { // it works for every node of the fleet, wherever it runs
			k.Enforce, k.Observe = out.GetNodes(), 0
		}
		k.Missing = max(0, out.GetTold()-k.GetEnforce()-k.GetObserve())
	}
	out.Controls = known
	return out, nil
}

// servedBy are the controls by name, with the requirements that each serves.
func (s *Drills) servedBy() []*bulkheadv1.Control {
	served := map[string]*bulkheadv1.Control{}
	for i := range s.Catalogue.Requirements {
		r := &s.Catalogue.Requirements[i]
		for _, name := range r.Controls {
			if served[name] == nil {
				served[name] = &bulkheadv1.Control{Name: name, There: slices.Contains(s.Controls, name)}
			}
			served[name].Requirements = append(served[name].Requirements, r.ID)
		}
	}
	names := make([]string, 0, len(served))
	for name := range served {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]*bulkheadv1.Control, len(names))
	for i, name := range names {
		out[i] = served[name]
	}
	return out
}
