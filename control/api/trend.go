package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const (
	trendDays   = 7
	trendEvents = 20000 // most that one answer looks at
	trendPage   = 1000
)

// GetTrend implements AssessmentService. It begins with where the nodes stand now and goes back through what changed.
func (s *Assessments) GetTrend(ctx context.Context, r *bulkheadv1.GetTrendRequest) (*bulkheadv1.Trend, error) {
	days := int(r.GetDays())
	if days == 0 {
		days = trendDays
	}
	tenant, now := gate.Scope(ctx, r.GetTenant()), s.Now()
	latest, err := s.Store.LatestAssessments(ctx, tenant)
	if err != nil {
		return nil, err
	}
	past := newPast(s.requirements(), latest)
	out := &bulkheadv1.Trend{Points: []*bulkheadv1.TrendPoint{past.point(now)}}
	times := trendTimes(now, days)
	token, seen := "", 0
	for {
		events, next, err := s.Events.Events(ctx, model.Query{
			Tenant: tenant, Size: trendPage, Token: token,
			Where: []model.Condition{{Field: "time", Op: ">=", Value: times[len(times)-1].Format(time.RFC3339)}},
		})
		if err != nil {
			return nil, err
		}
		for i := range events {
			for len(times) > 0 && events[i].Time.Before(times[0]) {
				out.Points = append(out.Points, past.point(times[0]))
				times = times[1:]
			}
			past.undo(&events[i])
		}
		seen += len(events)
		if token = next; token == "" || seen >= trendEvents || len(times) == 0 {
			break
		}
	}
	for ; token == "" && len(times) > 0; times = times[1:] {
		out.Points = append(out.Points, past.point(times[0]))
	}
	out.Points = oldestFirst(out.GetPoints())
	return out, nil
}

// requirements are their ids.
func (s *Assessments) requirements() []string {
	out := make([]string, len(s.Catalogue.Requirements))
	for i := range s.Catalogue.Requirements {
		out[i] = s.Catalogue.Requirements[i].ID
	}
	return out
}

// trendTimes are the ends of the days before now, the newest first; a short time is looked at more closely.
func trendTimes(now time.Time, days int) []time.Time {
	step := 24 * time.Hour
	switch {
	case days <= 2:
		step = time.Hour
	case days <= 14:
		step = 6 * time.Hour
	}
	var out []time.Time
	first := now.Add(-time.Duration(days) * 24 * time.Hour)
	for at := now.Truncate(step); at.After(first); at = at.Add(-step) {
		out = append(out, at)
	}
	return append(out, first)
}

// oldestFirst turns the points round and leaves out what is before the first node.
func oldestFirst(points []*bulkheadv1.TrendPoint) []*bulkheadv1.TrendPoint {
	var out []*bulkheadv1.TrendPoint
	for i := len(points) - 1; i >= 0; i-- {
		if points[i].GetNodes() > 0 || len(out) > 0 || i == 0 {
			out = append(out, points[i])
		}
	}
	return out
}

// past is where nodes stood at a time that moves back. For each requirement it counts nodes by status.
type past struct {
	requirements []string
	nodes        map[string]map[string]string // node, requirement, status
	counts       map[string]map[string]int32  // requirement, status
}

func newPast(requirements []string, latest []model.Published) *past {
	p := &past{requirements: requirements, nodes: map[string]map[string]string{}, counts: map[string]map[string]int32{}}
	for _, r := range requirements {
		p.counts[r] = map[string]int32{}
	}
	for i := range latest {
		statuses := map[string]string{}
		for _, r := range requirements {
			statuses[r] = string(model.Unknown)
			if s, ok := latest[i].Statuses[r]; ok {
				statuses[r] = string(s)
			}
			p.counts[r][statuses[r]]++
		}
		p.nodes[latest[i].Tenant+"/"+latest[i].Node] = statuses
	}
	return p
}

// undo goes back to before the event.
func (p *past) undo(e *model.Event) {
	node := e.Tenant + "/" + e.Node
	statuses := p.nodes[node]
	switch {
	case statuses == nil:
	case e.Kind == model.EventJoined:
		for r, s := range statuses {
			p.counts[r][s]--
		}
		delete(p.nodes, node)
	case e.Kind == model.EventStatus && p.counts[e.Requirement] != nil:
		p.counts[e.Requirement][statuses[e.Requirement]]--
		statuses[e.Requirement] = e.Before
		p.counts[e.Requirement][e.Before]++
	}
}

// point is how all of them stood together.
func (p *past) point(at time.Time) *bulkheadv1.TrendPoint {
	out := &bulkheadv1.TrendPoint{Time: stamp(at), Summary: map[string]int32{}, Nodes: int32(len(p.nodes))}
	for _, r := range p.requirements {
		worst := model.Status("")
		for s, n := range p.counts[r] {
			if n > 0 && worse(model.Status(s)) > worse(worst) {
				worst = model.Status(s)
			}
		}
		if worst == "" {
			worst = model.Unknown
		}
		out.Summary[string(worst)]++
	}
	return out
}
