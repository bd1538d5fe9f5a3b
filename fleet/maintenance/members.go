package maintenance

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// Keys of the facts that say in which swarm a node is, and what its agent does there.
const (
	FactNodeID  = "swarm/node_id"
	FactCluster = "swarm/cluster"
	FactManager = "swarm/manager"
	FactNodes   = "swarm/nodes"
	FactReport  = "maintenance"
)

// Facts are the keys that MemberOf reads.
func Facts() []string { return []string{FactNodeID, FactCluster, FactManager, FactNodes, FactReport} }

// Member is a node of the fleet, with what its facts tell of its orchestrator.
type Member struct {
	ID, Name string
	Want     string
	Up       bool
	SwarmID  string // "" where it is in none
	Cluster  string // "" where it is not known
	Manager  bool
	Knows    []string // ids of the swarm's nodes, as a manager sees them
	Report   *model.Maintenance
}

// Longest names of a swarm: Docker's ids have 25 letters.
const mostID = 64

// MemberOf reads facts of a node. What can't be read is as if it was not there.
func MemberOf(m *model.Member, facts map[string][]byte) Member {
	out := Member{ID: m.ID, Name: m.Name, Want: m.Want(), Up: m.Health == model.HealthUp}
	read := func(key string, into any) {
		if data, ok := facts[key]; ok {
			_ = json.Unmarshal(data, into)
		}
	}
	read(FactNodeID, &out.SwarmID)
	read(FactCluster, &out.Cluster)
	read(FactManager, &out.Manager)
	read(FactReport, &out.Report)
	if !isID(out.SwarmID) {
		out.SwarmID = ""
	}
	if !isID(out.Cluster) {
		out.Cluster = ""
	}
	if out.Manager = out.Manager && out.Cluster != ""; out.Manager {
		var nodes []struct {
			ID string `json:"id"`
		}
		read(FactNodes, &nodes)
		for _, n := range nodes {
			out.Knows = append(out.Knows, n.ID)
		}
	}
	return out
}

// isID holds ids to letters and digits: they become part of a bundle's scope.
func isID(s string) bool {
	return s != "" && len(s) <= mostID && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// Swarm is a swarm that nodes of a tenant are in.
type Swarm struct {
	Cluster  string
	Managers []Member
	Nodes    []Member
	// Twice are ids of the swarm that more than one node says is its own: whose it is can't be told, so nobody acts on it.
	Twice map[string]bool
}

// Swarms puts the nodes of one tenant together by their swarm. One whose swarm is not known is found by the managers that know it.
func Swarms(members []Member) map[string]*Swarm {
	known := map[string]string{} // id of a swarm's node to the swarm
	for i := range members {
		if m := &members[i]; m.Manager {
			for _, id := range m.Knows {
				known[id] = m.Cluster
			}
		}
	}
	out := map[string]*Swarm{}
	seen := map[string]bool{}
	for _, m := range members {
		if m.SwarmID == "" {
			continue
		}
		if m.Cluster = cmp.Or(m.Cluster, known[m.SwarmID]); m.Cluster == "" {
			continue
		}
		s := out[m.Cluster]
		if s == nil {
			s = &Swarm{Cluster: m.Cluster, Twice: map[string]bool{}}
			out[m.Cluster] = s
		}
		if at := m.Cluster + " " + m.SwarmID; seen[at] {
			s.Twice[m.SwarmID] = true
		} else {
			seen[at] = true
		}
		s.Nodes = append(s.Nodes, m)
		if m.Manager {
			s.Managers = append(s.Managers, m)
		}
	}
	return out
}

// MostNodes bounds a document; Docker's own limits are below it.
const MostNodes = 10_000

// Document is what the managers of a swarm take. It is the same however the nodes are sorted.
func (s *Swarm) Document(tenant string) bundle.Maintenance {
	d := bundle.Maintenance{Schema: bundle.Schema, Tenant: tenant, Cluster: s.Cluster, Managers: []string{}, Nodes: []bundle.MaintenanceNode{}}
	for i := range s.Managers {
		d.Managers = append(d.Managers, s.Managers[i].ID)
	}
	slices.Sort(d.Managers)
	for i := range s.Nodes {
		if n := &s.Nodes[i]; !s.Twice[n.SwarmID] {
			d.Nodes = append(d.Nodes, bundle.MaintenanceNode{ID: n.SwarmID, Name: n.Name, Want: n.Want})
		}
	}
	// Those of which something is wanted first: they are the ones to keep where there are too many.
	slices.SortFunc(d.Nodes, func(a, b bundle.MaintenanceNode) int {
		return cmp.Or(-cmp.Compare(a.Want, b.Want), cmp.Compare(a.ID, b.ID))
	})
	d.Nodes = d.Nodes[:min(len(d.Nodes), MostNodes)]
	return d
}
