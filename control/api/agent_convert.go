package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// AgentReport is what a node says it sees.
type AgentReport struct {
	Run      string
	Time     time.Time // the node's
	State    *model.AgentState
	Facts    *model.FactsUpdate
	Findings []model.Finding
	Probes   []AgentProbeAnswer
}

// AgentProbeAnswer is what a node saw of another one.
type AgentProbeAnswer struct {
	ID        string
	Reachable bool
	Text      string
}

// AgentAnswer says what the server has of a node's facts.
type AgentAnswer struct {
	Facts  string
	Resync bool
}

// AgentHave is what a node has when it begins to follow.
type AgentHave struct {
	Run                                                   string
	Policies, Settings, Assignment, Maintenance, Accounts int64
	// Maintains says that the agent acts on its orchestrator.
	Maintains bool
	// Guards says that the agent guards its engine: it takes accounts.
	Guards bool
	// Recordings says that the agent sends recordings of its guard.
	Recordings bool
}

// AgentItem is one thing that a node has to take or to do.
type AgentItem struct {
	Alive    bool
	Document *model.Bundle
	Probe    *AgentProbe
	Resync   bool
	Renew    bool
	Wanted   *model.Transfer // of a recording
}

// AgentProbe asks whether another node can be reached.
type AgentProbe struct {
	ID        string
	Addresses []string
}

func itemOut(i AgentItem) *bulkheadv1.FollowResponse {
	switch {
	case i.Document != nil:
		d := i.Document
		return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Document{Document: &bulkheadv1.SignedDocument{
			Kind: string(d.Kind), Version: d.Version, Document: d.Document, Signature: d.Signature,
		}}}
	case i.Probe != nil:
		return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Probe{Probe: &bulkheadv1.Probe{
			Id: i.Probe.ID, Addresses: i.Probe.Addresses,
		}}}
	case i.Wanted != nil:
		x := i.Wanted
		return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Recording{Recording: &bulkheadv1.WantedRecording{
			Transfer: x.ID, Id: x.Recording, MostBytes: x.Bytes, Account: x.User, AccountName: x.UserName,
		}}}
	case i.Resync:
		return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Resync{Resync: &bulkheadv1.Empty{}}}
	case i.Renew:
		return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Renew{Renew: &bulkheadv1.Empty{}}}
	}
	return &bulkheadv1.FollowResponse{What: &bulkheadv1.FollowResponse_Alive{Alive: &bulkheadv1.Empty{}}}
}

// reportIn reads a report. The node's id, name and tenant are not in it: they are those of its certificate.
func reportIn(m *model.Member, r *bulkheadv1.ReportRequest, now time.Time) (AgentReport, error) {
	at, err := timeIn("time", r.GetTime())
	if err != nil {
		return AgentReport{}, err
	}
	out := AgentReport{Run: r.GetRun(), Time: at, State: stateIn(r.GetState())}
	if u := r.GetFacts(); u != nil {
		taken, err := timeIn("facts.taken", u.GetTaken())
		if err != nil {
			return AgentReport{}, err
		}
		out.Facts = &model.FactsUpdate{
			Base: u.GetBase(), Digest: u.GetDigest(), Removed: u.GetRemoved(), More: u.GetMore(), Taken: taken, Set: make([]model.Fact, len(u.GetSet())),
		}
		for i, f := range u.GetSet() {
			out.Facts.Set[i] = model.Fact{Key: f.GetKey(), Data: f.GetData()}
		}
	}
	for _, f := range r.GetFindings() {
		finding, err := findingIn(m, f, now)
		if err != nil {
			return AgentReport{}, err
		}
		out.Findings = append(out.Findings, finding)
	}
	for _, p := range r.GetProbes() {
		out.Probes = append(out.Probes, AgentProbeAnswer{ID: p.GetId(), Reachable: p.GetReachable(), Text: p.GetText()})
	}
	return out, nil
}

func stateIn(s *bulkheadv1.AgentState) *model.AgentState {
	if s == nil {
		return nil
	}
	out := &model.AgentState{
		Version: s.GetVersion(), Addresses: s.GetAddresses(), Policies: s.GetPoliciesVersion(), Settings: s.GetSettingsVersion(),
		Assignment: s.GetAssignmentVersion(), Spooled: max(s.GetSpooled(), 0), Dropped: max(s.GetDropped(), 0), Stopping: s.GetStopping(),
	}
	if t := s.GetStarted(); t.IsValid() {
		out.Started = t.AsTime()
	}
	return out
}

// findingIn reads a finding. Its times are the node's: what can't be, such as one of the future, is brought into order, since a node
// that can't send a finding would send it for ever.
func findingIn(m *model.Member, f *bulkheadv1.ReportedFinding, now time.Time) (model.Finding, error) {
	first, err := timeIn("findings.first", f.GetFirst())
	if err != nil {
		return model.Finding{}, err
	}
	last, err := timeIn("findings.last", f.GetLast())
	if err != nil {
		return model.Finding{}, err
	}
	if most := now.Add(mostSkew); last.After(most) {
		last = most
	}
	if first.After(last) {
		first = last
	}
	out := model.Finding{
		ID: f.GetId(), Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: f.GetKind(), Requirement: f.GetRequirement(),
		Severity: model.Severity(f.GetSeverity()), Subject: f.GetSubject(), Text: model.Text{EN: f.GetText(), ZH: f.GetTextZh()},
		First: first, Last: last, Count: f.GetCount(), Source: model.SourceNode,
	}
	if f.GetOver() {
		out.Over = last
	}
	return out, nil
}

func timeIn(field string, t *timestamppb.Timestamp) (time.Time, error) {
	if err := t.CheckValid(); err != nil {
		return time.Time{}, invalid(field, "this is no time")
	}
	return t.AsTime(), nil
}
