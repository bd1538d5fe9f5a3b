// Package calls reads what the guard of an engine wrote into the audit log: which call a record is of, which of them somebody looks for,
// and, by rule, what enforcement refuses or would refuse. The control plane and the command line on a single host use it alike.
//
// It is pure: it is handed records, decides nothing, and reads and keeps nothing itself.
package calls

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// OutcomeWouldRefuse is told of calls that a guard in "observe" let through, and would refuse in "enforce".
const OutcomeWouldRefuse = "would_refuse"

// Outcomes are those by which calls can be picked.
func Outcomes() []string {
	return []string{string(model.OutcomeAllowed), string(model.OutcomeRefused), string(model.OutcomeFailed), OutcomeWouldRefuse}
}

// Door is the engine's door in the schema of the policies.
const Door = "engine"

// Actions are those that records of a guard can have: of the schema, the actions of the engine's door; those of the guard's own table of
// calls, which stand where Cedar was not asked; and that of calls that were not understood. They are sorted.
func Actions(ofDoor []string) []string {
	all := append(slices.Clone(ofDoor), call.ActionNotUnderstood)
	for _, r := range route.Table() {
		all = append(all, string(r.Action))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Of makes a call of a record; nil where the record is of something else. What only others know, such as the node's name, is left out.
func Of(l *model.LogRecord) *bulkheadv1.GuardCall {
	r := &l.Record
	said := r.Changes
	if said[call.SaidCall] == "" {
		return nil
	}
	out := &bulkheadv1.GuardCall{
		Id: fmt.Sprintf("%s/%d", l.Origin, l.Index), Time: timestamppb.New(r.Time), Actor: r.Actor, ActorName: r.ActorName, Tenant: r.Tenant,
		Action: r.Action, Call: said[call.SaidCall], Name: said[call.SaidName], Outcome: string(r.Outcome), Reason: r.Reason,
		Remedy: said[call.SaidRemedy], Of: r.Of, Needs: call.SplitNames(said[call.SaidNeeds]),
	}
	if node, is := strings.CutPrefix(l.Origin, model.NodeLogs); is {
		out.Node = node
	}
	if r.Resource != (model.Ref{}) {
		out.Resource = &bulkheadv1.ObjectRef{Type: r.Resource.Type, Id: r.Resource.ID}
	}
	if w := said[call.SaidWarnings]; w != "" {
		out.Warnings = strings.Split(w, "; ")
	}
	switch r.Outcome {
	case model.OutcomeRefused:
		out.Rule = said[call.SaidRule]
		if out.GetRule() == "" { // a record of an older release
			out.Rule = call.JoinNames(r.Policies)
		}
		if field := said[call.SaidField]; field != "" {
			out.Reason = field + ": " + r.Reason
		}
	case model.OutcomeAllowed:
		if out.WouldRefuse = wouldRefuse(said[call.SaidWould]); len(out.GetWouldRefuse()) > 0 && said[call.SaidWouldWhy] != "" {
			out.Reason = said[call.SaidWouldWhy]
		}
	}
	return out
}

// wouldRefuse are names of rules. Records of older releases had a sentence in their place, with the first name at its end.
func wouldRefuse(said string) []string {
	if at := strings.LastIndex(said, " ("); at >= 0 && strings.HasSuffix(said, ")") {
		said = said[at+2 : len(said)-1]
	}
	return call.SplitNames(said)
}

// Rules are those that refused a call, or would refuse it.
func Rules(c *bulkheadv1.GuardCall) []string {
	if len(c.GetWouldRefuse()) > 0 {
		return c.GetWouldRefuse()
	}
	return call.SplitNames(c.GetRule())
}

// Pick says which calls somebody looks for. What is empty does not matter.
type Pick struct {
	Actor, Action, Node, Rule, Outcome string // the actor by id or name
}

// Takes says whether a call is one of those.
func (p Pick) Takes(c *bulkheadv1.GuardCall) bool {
	is := func(want string, have ...string) bool { return want == "" || slices.Contains(have, want) }
	return is(p.Actor, c.GetActor(), c.GetActorName()) && is(p.Action, c.GetAction()) && is(p.Node, c.GetNode()) &&
		p.ends(c) && is(p.Rule, Rules(c)...)
}

func (p Pick) ends(c *bulkheadv1.GuardCall) bool {
	if p.Outcome == OutcomeWouldRefuse {
		return len(c.GetWouldRefuse()) > 0
	}
	return p.Outcome == "" || p.Outcome == c.GetOutcome()
}
