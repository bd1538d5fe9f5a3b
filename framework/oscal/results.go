package oscal

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// WriteAssessmentResults writes an assessment: a finding per requirement, an observation per check with its evidence, a risk
// per failed check with what to do about it.
func WriteAssessmentResults(w io.Writer, a *model.Assessment, m Meta) error {
	b := newResultsBuilder(a, m)
	plan := id("resource", "assessment-plan", productVersion(m))
	title := in(m.Lang, "Assessment of "+a.Node.Name, "评估结果："+a.Node.Name)
	doc := &resultsDoc{
		Metadata: metadata(title, b.time, productVersion(m), m),
		ImportAP: importAP{Href: "#" + plan},
		Results:  []assessResult{b.result(title)},
		BackMatter: backMatter{Resources: []resource{{
			UUID:  plan,
			Title: in(m.Lang, "Assessment plan of Bulkhead", "Bulkhead 评估计划"),
			Description: in(m.Lang,
				"There is no separate plan: every check of the component definition is run on the node.",
				"没有单独的评估计划：在节点上执行组件定义中的全部检查。"),
			RLinks: []resourceLink{{Href: ComponentsFile, MediaType: "application/oscal.component+json"}},
		}}},
	}
	var err error
	if doc.UUID, err = contentID(doc); err != nil {
		return err
	}
	return write(w, "assessment-results", doc)
}

type resultsBuilder struct {
	a    *model.Assessment
	m    Meta
	time string
	// key makes identifiers belong to this node and moment; node is the node's own.
	key, node string
	tool      component
}

func newResultsBuilder(a *model.Assessment, m Meta) *resultsBuilder {
	t := a.Time.UTC().Format(time.RFC3339)
	name := a.Node.ID
	if name == "" {
		name = a.Node.Name
	}
	tool := assessComponent(m)
	tool.Status = &componentStatus{State: "operational"}
	return &resultsBuilder{a: a, m: m, time: t, key: name + "\x00" + t, node: id("node", name), tool: tool}
}

func (b *resultsBuilder) id(parts ...string) string { return id(append([]string{b.key}, parts...)...) }

func (b *resultsBuilder) in(en, zh string) string { return in(b.m.Lang, en, zh) }

func (b *resultsBuilder) result(title string) assessResult {
	r := assessResult{
		UUID: b.id("result"), Title: line(title), Start: b.time, End: b.time,
		Description: b.in("Status of every requirement, computed from the facts of one snapshot.",
			"依据一次快照的事实计算得出的各项要求的状态。"),
		LocalDefinitions: localDefinitions{
			InventoryItems: []inventoryItem{b.inventory()},
			AssessmentAssets: assessmentAssets{
				Components: []component{b.tool},
				Platforms:  []platform{{UUID: id("platform", "assess"), Uses: []usesComponent{{b.tool.UUID}}}},
			},
		},
		ReviewedControls: reviewedControls{Selections: []controlSelection{{}}},
	}
	sel := &r.ReviewedControls.Selections[0]
	for _, req := range b.a.Requirements {
		sel.Include = append(sel.Include, includeControl{ControlID: controlID(req.ID)})
		f := b.finding(req)
		for _, c := range req.Checks {
			o := b.observation(c)
			r.Observations = append(r.Observations, o)
			f.Observations = append(f.Observations, relatedObservation{o.UUID})
			if c.Status == model.CheckFail {
				k := b.risk(c, o.UUID)
				r.Risks = append(r.Risks, k)
				f.Risks = append(f.Risks, relatedRisk{k.UUID})
			}
		}
		r.Findings = append(r.Findings, f)
	}
	if len(b.a.Gaps) > 0 {
		r.Observations = append(r.Observations, b.gaps())
	}
	return r
}

func (b *resultsBuilder) inventory() inventoryItem {
	item := inventoryItem{UUID: b.node, Description: b.in("The node that was assessed: ", "被评估的节点：") + b.a.Node.Name}
	if name := line(b.a.Node.Name); name != "" {
		item.Props = append(item.Props, property{Name: "asset-id", Value: name})
	}
	item.Props = append(item.Props, own("collector-uid", strconv.Itoa(b.a.Node.UID)))
	return item
}

func (b *resultsBuilder) finding(r model.RequirementResult) finding {
	f := finding{
		UUID: b.id("finding", r.ID), Title: line(r.ID + " " + b.in(r.Title, r.TitleZH)),
		Description: b.in(r.Reason, r.ReasonZH),
		Props: []property{
			own("status", string(r.Status)),
			own("keyword", strings.ReplaceAll(string(r.Keyword), "_", " ")),
		},
		Target: findingTarget{
			Type: "objective-id", TargetID: objectiveID(r.ID), Status: target(r.Status, b.in(r.Reason, r.ReasonZH)),
			Implementation: implementation(r.Status),
		},
	}
	if r.Excepted {
		f.Props = append(f.Props, own("excepted", "true"))
	}
	return f
}

// target maps five states to OSCAL's two. What is not known is not satisfied; what does not apply cannot be broken. Both
// have the reason "other", and the property "status" keeps the exact state.
func target(status model.Status, remarks string) targetStatus {
	t := targetStatus{Remarks: remarks}
	switch status {
	case model.Met:
		t.State, t.Reason = "satisfied", "pass"
	case model.NotApplicable:
		t.State, t.Reason = "satisfied", "other"
	case model.PartlyMet, model.NotMet:
		t.State, t.Reason = "not-satisfied", "fail"
	default:
		t.State, t.Reason = "not-satisfied", "other"
	}
	return t
}

func implementation(s model.Status) *implementationStatus {
	switch s {
	case model.Met:
		return &implementationStatus{State: "implemented"}
	case model.PartlyMet:
		return &implementationStatus{State: "partial"}
	case model.NotApplicable:
		return &implementationStatus{State: "not-applicable"}
	}
	return nil
}

// covering returns the exception that covers every failure of the check: the one that ends first.
func covering(c model.CheckResult) *model.Exception {
	var first *model.Exception
	for _, e := range c.Evidence {
		if e.Status != model.CheckFail {
			continue
		}
		if e.Exception == nil || e.Exception.Expired {
			return nil
		}
		if first == nil || e.Exception.Expires < first.Expires {
			first = e.Exception
		}
	}
	return first
}

// sortedGaps are the gaps by path, whatever order they came in.
func sortedGaps(gaps []model.Gap) []model.Gap {
	out := slices.Clone(gaps)
	slices.SortStableFunc(out, func(x, y model.Gap) int { return strings.Compare(x.Path, y.Path) })
	return out
}
