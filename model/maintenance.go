package model

import "time"

// Orchestrators that move workloads.
const (
	OrchestratorSwarm      = "swarm"
	OrchestratorKubernetes = "kubernetes"
)

// Maintenance is what a node's agent did, or could not do, so that an orchestrator keeps workloads away from nodes.
type Maintenance struct {
	// Orchestrator is what this agent speaks to; "" where its host is in none.
	Orchestrator string `json:"orchestrator,omitempty"`
	// Cluster is the swarm's id.
	Cluster string `json:"cluster,omitempty"`
	// Acts says whether this agent can act. Detail says why not.
	Acts   bool            `json:"acts"`
	Detail string          `json:"detail,omitempty"`
	Nodes  []MaintenanceOf `json:"nodes,omitempty"`
}

// MaintenanceOf is how it stands with one node of the orchestrator.
type MaintenanceOf struct {
	ID    string           `json:"id"`             // the orchestrator's
	Name  string           `json:"name,omitempty"` // the fleet's
	Want  string           `json:"want,omitempty"` // "cordon", "drain", "" for neither
	State MaintenanceState `json:"state"`
	// Was is what the orchestrator's node had before, Is what it has now.
	Was    string    `json:"was,omitempty"`
	Is     string    `json:"is,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"` // the state and what is wanted
}

// MaintenanceState is how far something is.
type MaintenanceState string

// The states of maintenance.
const (
	MaintenanceApplied MaintenanceState = "applied" // it is as it should be
	MaintenancePending MaintenanceState = "pending" // on its way
	MaintenanceFailed  MaintenanceState = "failed"  // tried, and tried again
	MaintenanceByHand  MaintenanceState = "by_hand" // somebody changed it meanwhile, and that counts
	MaintenanceNobody  MaintenanceState = "nobody"  // nobody can act
	MaintenanceShown   MaintenanceState = "shown"   // there is no orchestrator: it is only shown
)

// The wishes for a node.
const (
	WantNothing = ""
	WantCordon  = "cordon" // no new workloads
	WantDrain   = "drain"  // and those that run are moved away
)

// Want is what is wanted of a node.
func (m *Member) Want() string {
	switch {
	case m.Drained:
		return WantDrain
	case m.Cordoned:
		return WantCordon
	}
	return WantNothing
}
