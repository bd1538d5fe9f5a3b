package api

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Bounds of what one request reads of the index: so many records, and as long as this.
const (
	firstPart    = 2_000 // of a list, most often enough
	largestPart  = 50_000
	mostOfList   = 500_000
	listTime     = 4 * time.Second
	defaultCalls = 50
	mostCalls    = 1000
)

// ListGuardCalls implements GuardService.
func (s *Guards) ListGuardCalls(ctx context.Context, r *bulkheadv1.ListGuardCallsRequest) (*bulkheadv1.ListGuardCallsResponse, error) {
	sc, pick, err := s.scan(ctx, r)
	if err != nil {
		return nil, err
	}
	size, began, seen := sc.Size, s.Now(), int64(0)
	out, byRecord := &bulkheadv1.ListGuardCallsResponse{}, map[string]*bulkheadv1.GuardCall{}
	for sc.Most = firstPart; ; sc.Most = min(4*sc.Most, largestPart) {
		sc.Size = size - len(out.GetCalls())
		part, err := s.Store.ScanRecords(ctx, sc)
		if err != nil {
			return nil, err
		}
		for i := range part.Records {
			if c := calls.Of(&part.Records[i]); c != nil && pick.Takes(c) {
				out.Calls = append(out.Calls, c)
				byRecord[part.Records[i].Record.ID] = c
			}
		}
		seen += part.Seen
		out.NextPage, sc.Token = part.Next, part.Next
		if part.Next == "" || len(out.GetCalls()) >= size || seen >= mostOfList || s.Now().Sub(began) > listTime {
			break
		}
	}
	if err := s.complete(ctx, sc.Tenant, out.GetCalls()); err != nil {
		return nil, err
	}
	if err := s.recordings(ctx, sc.Tenant, byRecord); err != nil {
		return nil, err
	}
	return out, gate.MaskAll(out.GetCalls(), r.GetPage().GetReadMask())
}

// scan is what the store looks for, and what is to be looked for in what it finds.
func (s *Guards) scan(ctx context.Context, r *bulkheadv1.ListGuardCallsRequest) (model.RecordScan, calls.Pick, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"actor", "actor_name", "action", "resource_type", "resource", "node", "rule", "outcome"})
	if err != nil {
		return model.RecordScan{}, calls.Pick{}, err
	}
	if q.Size == 0 {
		q.Size = defaultCalls
	}
	q.Size = min(q.Size, mostCalls)
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	if t := r.GetSince(); t != nil {
		q.Since = t.AsTime()
	}
	if t := r.GetUntil(); t != nil {
		q.Until = t.AsTime()
	}
	sc := model.RecordScan{Query: q, Log: model.NodeLogs, Actions: s.Actions}
	sc.Where = nil
	var pick calls.Pick
	for _, c := range q.Where {
		to, own := map[string]*string{"node": &pick.Node, "rule": &pick.Rule, "outcome": &pick.Outcome}[c.Field]
		switch {
		case !own:
			sc.Where = append(sc.Where, c)
			continue
		case c.Op != "=" || *to != "" || c.Value == "" || strings.ContainsRune(c.Value, 0):
			return sc, pick, badPick(c.Field + ` is compared once, with "=", and not with nothing`)
		}
		*to = c.Value
	}
	if pick.Node != "" {
		if sc.Log, err = logOf(pick.Node); err != nil {
			return sc, pick, err
		}
	}
	sc.Refusals = pick.Rule != "" || pick.Outcome == string(model.OutcomeRefused) || pick.Outcome == calls.OutcomeWouldRefuse
	sc.Any, err = matching(pick)
	return sc, pick, err
}

// logOf is the log of one node.
func logOf(node string) (string, error) {
	if strings.Contains(node, "/") || strings.ContainsRune(node, 0) { // it would be the beginning of others'
		return "", &model.Error{Code: model.CodeInvalid, Message: "a node's id has no such characters", Field: "node", Remedy: "`bulkhead nodes list` shows the ids."}
	}
	return model.NodeLogs + node, nil
}

func badPick(text string) error {
	return &model.Error{
		Code: model.CodeInvalid, Message: "page.filter: " + text, Field: "page.filter",
		Remedy: `Write e.g. outcome = "refused" AND rule = "profile_baseline/privileged"; outcomes are ` + strings.Join(calls.Outcomes(), ", ") + ".",
	}
}

// refusals are records of what was refused and, where profiles are only observed, of what would have been.
func refusals() []model.RecordMatch {
	return []model.RecordMatch{
		{Outcome: model.OutcomeRefused},
		{Outcome: model.OutcomeAllowed, Actions: judge.Profiled(), Text: `"` + call.SaidWould + `":`},
	}
}

// matching are conditions that hold for all calls of a pick, and leave out most others.
func matching(p calls.Pick) ([]model.RecordMatch, error) {
	refused := refusals()
	var list []model.RecordMatch
	switch p.Outcome {
	case "":
		if p.Rule == "" {
			return nil, nil
		}
		list = refused
	case string(model.OutcomeRefused):
		list = refused[:1]
	case calls.OutcomeWouldRefuse:
		list = refused[1:]
	case string(model.OutcomeAllowed), string(model.OutcomeFailed):
		list = []model.RecordMatch{{Outcome: model.Outcome(p.Outcome)}}
	default:
		return nil, badPick("there is no outcome " + strings.ToValidUTF8(p.Outcome[:min(len(p.Outcome), 40)], ""))
	}
	if p.Rule == "" {
		return list, nil
	}
	text, err := json.Marshal(p.Rule)
	if err != nil {
		return nil, badPick("the rule can't be read")
	}
	for i := range list {
		list[i].Text = strings.Trim(string(text), `"`)
	}
	return list, nil
}

// complete adds what records of calls don't say themselves.
func (s *Guards) complete(ctx context.Context, tenant string, list []*bulkheadv1.GuardCall) error {
	names := map[string]string{}
	for _, c := range list {
		if rules := calls.Rules(c); len(rules) > 0 {
			c.Requirement = s.rule(tenant)(rules[0]).Requirement
		}
		if _, known := names[c.GetNode()]; known || c.GetNode() == "" {
			continue
		}
		m, err := s.Store.Node(ctx, c.GetNode())
		switch {
		case model.CodeOf(err) == model.CodeNotFound:
			names[c.GetNode()] = ""
		case err != nil:
			return err
		case tenant == "" || m.Tenant == tenant: // a tenant does not learn what others' nodes are called
			names[c.GetNode()] = m.Name
		default:
			names[c.GetNode()] = ""
		}
	}
	for _, c := range list {
		c.NodeName = names[c.GetNode()]
	}
	return nil
}

// rule tells what the policies say of one of them, to somebody of a tenant. A record has whatever rule its node wrote into it.
func (s *Guards) rule(tenant string) func(name string) calls.Rule {
	return func(name string) calls.Rule {
		if ofOthers(tenant, name) {
			return calls.Rule{}
		}
		for _, p := range s.Rules.Sources([]string{name}) {
			return calls.Rule{Reason: p.Reason, Remedy: p.Remedy, Requirement: p.Requirement}
		}
		return calls.Rule{}
	}
}

// Where the record of a terminal's recording is looked for: it is written when the terminal ends, after the call.
const (
	recordedWithin = 24 * time.Hour
	mostRecorded   = 20_000 // records that are looked at
)

// recordings adds which terminals were recorded, as far as that is found soon after the calls. The calls are by the ids of their records.
func (s *Guards) recordings(ctx context.Context, tenant string, list map[string]*bulkheadv1.GuardCall) error {
	sc := model.RecordScan{
		Query: model.Query{Tenant: tenant, Size: mostCalls, Oldest: true}, Log: model.NodeLogs, Actions: []string{s.Recorded}, Most: mostRecorded,
	}
	for _, c := range list {
		if a := c.GetAction(); c.GetOutcome() != string(model.OutcomeAllowed) || a != "ContainerExec" && a != "ContainerAttach" {
			continue
		}
		at := c.GetTime().AsTime()
		if sc.Since.IsZero() || at.Before(sc.Since) {
			sc.Since = at
		}
		if until := at.Add(recordedWithin); until.After(sc.Until) {
			sc.Until = until
		}
	}
	if sc.Since.IsZero() || s.Recorded == "" {
		return nil
	}
	found, err := s.Store.ScanRecords(ctx, sc)
	if err != nil {
		return err
	}
	for i := range found.Records {
		r := &found.Records[i]
		if c := list[r.Record.Of]; c != nil && r.Origin == model.NodeLogs+c.GetNode() && recordingID(r.Record.Resource.ID) {
			c.Recording = r.Record.Resource.ID
		}
	}
	return nil
}
