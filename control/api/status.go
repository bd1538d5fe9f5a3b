package api

import (
	"bytes"
	"context"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// worse orders statuses, the worst highest. What is not known may be as bad as what is not met, but nobody has seen it.
func worse(s model.Status) int {
	switch s {
	case model.NotMet:
		return 5
	case model.PartlyMet:
		return 4
	case model.Unknown:
		return 3
	case model.Met:
		return 2
	case model.NotApplicable:
		return 1
	}
	return 0
}

// GetStatus implements AssessmentService.
func (s *Assessments) GetStatus(ctx context.Context, r *bulkheadv1.GetStatusRequest) (*bulkheadv1.Status, error) {
	all, err := s.Store.LatestAssessments(ctx, gate.Scope(ctx, r.GetTenant()))
	if err != nil {
		return nil, err
	}
	nodes := all[:0]
	for i := range all {
		if r.GetNode() == "" || all[i].Node == r.GetNode() || all[i].NodeName == r.GetNode() {
			nodes = append(nodes, all[i])
		}
	}
	if r.GetNode() != "" && len(nodes) == 0 {
		return nil, noObject("node")
	}
	out := &bulkheadv1.Status{Summary: map[string]int32{}}
	for i := range nodes {
		out.Nodes = append(out.Nodes, assessmentOut(&nodes[i]))
	}
	reasons := &reasons{store: s.Store, nodes: nodes, read: map[int]map[string]model.Text{}}
	for i := range s.Catalogue.Requirements {
		one, err := joined(ctx, &s.Catalogue.Requirements[i], nodes, reasons)
		if err != nil {
			return nil, err
		}
		out.Summary[one.GetStatus()]++
		out.Requirements = append(out.Requirements, one)
	}
	return out, nil
}

// joined is where all nodes together stand on one requirement; without any node nothing is known.
func joined(ctx context.Context, r *catalogue.Requirement, nodes []model.Published, why *reasons) (*bulkheadv1.RequirementStatus, error) {
	out := &bulkheadv1.RequirementStatus{
		Id: r.ID, Title: r.Title.EN, TitleZh: r.Title.ZH, Keyword: string(r.Keyword), Nodes: map[string]int32{},
	}
	worst, of := model.Status(""), -1
	for i := range nodes {
		status, ok := nodes[i].Statuses[r.ID]
		if !ok {
			status = model.Unknown
		}
		out.Nodes[string(status)]++
		// Among equally bad nodes one that was read already is taken.
		if worse(status) > worse(worst) || status == worst && why.read[i] != nil && why.read[of] == nil {
			worst, of = status, i
		}
	}
	if of < 0 {
		out.Status, out.Reason, out.ReasonZh = string(model.Unknown), "no node was assessed", "没有节点完成评估"
		return out, nil
	}
	out.Status = string(worst)
	reason, err := why.of(ctx, of, r.ID)
	out.Reason, out.ReasonZh = reason.EN, reason.ZH
	return out, err
}

// reasons reads the documents of assessments when they are asked for, each once.
type reasons struct {
	store AssessmentStore
	nodes []model.Published
	read  map[int]map[string]model.Text
}

// maxRead bounds how many documents one answer reads.
const maxRead = 20

func (r *reasons) of(ctx context.Context, node int, requirement string) (model.Text, error) {
	known, ok := r.read[node]
	if !ok && len(r.read) < maxRead {
		doc := r.nodes[node].Document
		if len(doc) == 0 {
			full, err := r.store.Assessment(ctx, r.nodes[node].ID)
			if model.CodeOf(err) == model.CodeNotFound { // ended meanwhile
				return model.Text{}, nil
			}
			if err != nil {
				return model.Text{}, err
			}
			doc = full.Document
		}
		known = map[string]model.Text{}
		if a, err := report.ReadAssessment(bytes.NewReader(doc)); err == nil { // one that can't be read gives no reasons
			for i := range a.Requirements {
				known[a.Requirements[i].ID] = model.Text{EN: a.Requirements[i].Reason, ZH: a.Requirements[i].ReasonZH}
			}
		}
		r.read[node] = known
	}
	return known[requirement], nil
}
