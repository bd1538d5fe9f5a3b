package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// GetCatalogue implements AssessmentService.
func (s *Assessments) GetCatalogue(context.Context, *bulkheadv1.Empty) (*bulkheadv1.Catalogue, error) {
	out := &bulkheadv1.Catalogue{}
	for i := range s.Catalogue.Sections {
		one := &s.Catalogue.Sections[i]
		out.Sections = append(out.Sections, &bulkheadv1.CatalogueSection{Id: one.ID, Title: words(one.Title)})
	}
	for i := range s.Catalogue.Requirements {
		r := &s.Catalogue.Requirements[i]
		out.Requirements = append(out.Requirements, &bulkheadv1.CatalogueRequirement{
			Id: r.ID, Keyword: string(r.Keyword), Title: words(r.Title), Asks: words(r.Asks), Why: words(r.Why), Evidence: words(r.Evidence),
			Control: words(r.Control), Drill: words(r.Drill), Threats: r.Threats, Controls: r.Controls,
		})
	}
	for i := range s.Catalogue.Threats {
		t := &s.Catalogue.Threats[i]
		out.Threats = append(out.Threats, &bulkheadv1.CatalogueThreat{Id: t.ID, Title: words(t.Title), Techniques: t.Techniques})
	}
	return out, nil
}

func words(t model.Text) *bulkheadv1.Words { return &bulkheadv1.Words{En: t.EN, Zh: t.ZH} }
