package fleet

import (
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Report is what a node tells.
type Report struct {
	Run      string
	Time     time.Time // by the node's clock
	State    *model.AgentState
	Facts    *model.FactsUpdate
	Findings []model.Finding
	Probes   []ProbeAnswer
}

// ProbeAnswer is what a node saw of another one.
type ProbeAnswer struct {
	ID        string
	Reachable bool
	Text      string
}

// Answer says what the server has.
type Answer struct {
	Facts  string // digest
	Resync bool   // send all facts
}

// Have is what a node has when it opens its stream.
type Have struct {
	Run                                                   string
	Policies, Settings, Assignment, Maintenance, Accounts int64
	// Maintains says that the agent acts on its orchestrator.
	Maintains bool
	// Guards says that the agent guards its engine: it takes accounts.
	Guards bool
	// Recordings says that the agent sends recordings of its guard.
	Recordings bool
}

// Item is something for a node to take or to do: one of its fields is set.
type Item struct {
	Alive    bool
	Document *model.Bundle // shared by all: nobody changes it
	Probe    *Probe
	Resync   bool
	Renew    bool
	Wanted   *model.Transfer // of a recording; nobody changes it
}

// Probe asks whether another node's host can be reached.
type Probe struct {
	ID        string
	Addresses []string
}

func unavailable(message string) error {
	return &model.Error{Code: model.CodeUnavailable, Message: message, Remedy: "Try again in a moment."}
}

func revoked() error {
	return &model.Error{
		Code: model.CodeUnauthenticated, Message: "the node's identity was revoked",
		Remedy: "If the machine may be part of the fleet again, join it with a new join token.",
	}
}
