package fleet

import (
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

func statusesOf(a *model.Assessment) map[string]model.Status {
	out := make(map[string]model.Status, len(a.Requirements))
	for i := range a.Requirements {
		out[a.Requirements[i].ID] = a.Requirements[i].Status
	}
	return out
}

// statusEvents tell of each requirement whose status is another one than before.
func statusEvents(m *model.Member, j *judgement, before map[string]model.Status) []model.Event {
	var out []model.Event
	for i := range j.assessment.Requirements {
		r := &j.assessment.Requirements[i]
		was, ok := before[r.ID]
		if !ok || was == r.Status {
			continue
		}
		e := of(m, model.EventStatus, severityOf(r, was), model.Text{
			EN: fmt.Sprintf("%s (%s) is %s, it was %s: %s", r.ID, r.Title, r.Status, was, r.Reason),
			ZH: fmt.Sprintf("%s（%s）由 %s 变为 %s：%s", r.ID, r.TitleZH, was, r.Status, r.ReasonZH),
		})
		e.Requirement, e.Before, e.After, e.Time = r.ID, string(was), string(r.Status), j.now
		e.ID = eventID(j.now, m.ID, j.before.id, r.ID, string(r.Status), j.digest)
		out = append(out, e)
	}
	return out
}

// severityOf is info where the status got better.
func severityOf(r *model.RequirementResult, was model.Status) string {
	rank := func(s model.Status) int {
		switch s {
		case model.NotMet:
			return 3
		case model.Unknown:
			return 2
		case model.PartlyMet:
			return 1
		case model.Met, model.NotApplicable:
		}
		return 0
	}
	switch {
	case rank(r.Status) <= rank(was):
		return info
	case r.Status == model.NotMet && r.Keyword != model.Should:
		return string(model.High)
	case r.Status == model.PartlyMet || r.Keyword == model.Should:
		return string(model.Low)
	}
	return string(model.Medium)
}
