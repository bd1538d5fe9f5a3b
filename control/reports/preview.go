package reports

import (
	"context"
	"slices"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// Preview says what a report would cover.
func (m *Maker) Preview(ctx context.Context, r *model.Report) (Preview, error) {
	s, err := m.choose(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	b := report.NewFleet(m.o.Catalogue, r.Scope.Requirements)
	out := Preview{Requirements: len(b.Fleet().Requirements), Notes: m.notKnown(r, s, &witness{})}
	for _, n := range s.nodes {
		name := ""
		if n.at == nil {
			out.Unassessed++
			name = n.member.Name
		} else {
			out.Nodes++
			name = n.at.NodeName
		}
		out.Names = append(out.Names, name)
	}
	slices.Sort(out.Names)
	out.Names = out.Names[:min(len(out.Names), 50)]
	return out, nil
}

// Preview is what a report would cover.
type Preview struct {
	Nodes, Unassessed, Requirements int
	Names                           []string
	Notes                           []model.Text
}
