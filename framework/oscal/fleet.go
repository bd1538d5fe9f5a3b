package oscal

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// WriteFleetResults writes a report of a fleet as assessment results: an inventory item and an observation per node, a finding per
// requirement, an observation and a risk per check that failed somewhere.
func WriteFleetResults(w io.Writer, f *report.Fleet, m Meta) error {
	b := &fleetBuilder{f: f, m: m, time: f.AsOf.UTC().Format(time.RFC3339), tool: assessComponent(m), byName: map[string]string{}}
	b.tool.Status = &componentStatus{State: "operational"}
	plan := id("resource", "assessment-plan", productVersion(m))
	doc := &resultsDoc{
		Metadata: metadata(f.Title, f.Created.UTC().Format(time.RFC3339), productVersion(m), m),
		ImportAP: importAP{Href: "#" + plan},
		Results:  []assessResult{b.result()},
		BackMatter: backMatter{Resources: []resource{{
			UUID: plan, Title: b.in("Assessment plan of Bulkhead", "Bulkhead 评估计划"),
			Description: b.in("There is no separate plan: every check of the component definition is run on each node.",
				"没有单独的评估计划：在每个节点上执行组件定义中的全部检查。"),
			RLinks: []resourceLink{{Href: ComponentsFile, MediaType: "application/oscal.component+json"}},
		}}},
	}
	var err error
	if doc.UUID, err = contentID(doc); err != nil {
		return err
	}
	return write(w, "assessment-results", doc)
}

type fleetBuilder struct {
	f      *report.Fleet
	m      Meta
	time   string
	tool   component
	byName map[string]string // name of a node to its inventory item
}

func (b *fleetBuilder) id(parts ...string) string { return id(append([]string{b.f.ID}, parts...)...) }

func (b *fleetBuilder) in(en, zh string) string { return in(b.m.Lang, en, zh) }

func (b *fleetBuilder) text(t model.Text) string { return t.In(b.m.Lang) }

func (b *fleetBuilder) result() assessResult {
	f := b.f
	r := assessResult{
		UUID: b.id("result"), Title: line(f.Title), Start: f.Since.UTC().Format(time.RFC3339), End: b.time,
		Description: b.text(f.Scope.Words), ReviewedControls: reviewedControls{Selections: []controlSelection{{}}},
		LocalDefinitions: localDefinitions{InventoryItems: []inventoryItem{}, AssessmentAssets: assessmentAssets{
			Components: []component{b.tool}, Platforms: []platform{{UUID: id("platform", "assess"), Uses: []usesComponent{{b.tool.UUID}}}},
		}},
	}
	r.Props = append(r.Props, own("report", f.ID), own("author", f.Author.ID))
	for _, a := range f.Audit {
		r.Props = append(r.Props, own("audit-log", a.Origin+" "+strconv.FormatUint(a.Size, 10)+" "+a.Root))
	}
	for i := range f.Nodes {
		r.LocalDefinitions.InventoryItems = append(r.LocalDefinitions.InventoryItems, b.inventory(&f.Nodes[i]))
		r.Observations = append(r.Observations, b.node(&f.Nodes[i]))
	}
	if len(f.NotKnown) > 0 {
		r.Observations = append(r.Observations, b.notKnown())
	}
	for i := range f.Requirements {
		req := &f.Requirements[i]
		r.ReviewedControls.Selections[0].Include = append(r.ReviewedControls.Selections[0].Include, includeControl{ControlID: controlID(req.ID)})
		finding := b.finding(req)
		for j := range req.Checks {
			o := b.observation(&req.Checks[j])
			r.Observations = append(r.Observations, o)
			finding.Observations = append(finding.Observations, relatedObservation{o.UUID})
			if req.Checks[j].Nodes[model.CheckFail] > 0 {
				k := b.risk(&req.Checks[j], o.UUID)
				r.Risks = append(r.Risks, k)
				finding.Risks = append(finding.Risks, relatedRisk{k.UUID})
			}
		}
		r.Findings = append(r.Findings, finding)
	}
	if len(r.LocalDefinitions.InventoryItems) == 0 { // OSCAL wants one or none of the list
		r.LocalDefinitions.InventoryItems = nil
	}
	return r
}

func (b *fleetBuilder) inventory(n *report.FleetNode) inventoryItem {
	item := inventoryItem{UUID: b.id("node", n.Tenant, n.ID), Description: b.in("A node of the fleet: ", "集群节点：") + n.Name}
	b.byName[b.f.Label(n.Tenant, n.Name)] = item.UUID
	if name := line(n.Name); name != "" {
		item.Props = append(item.Props, property{Name: "asset-id", Value: name})
	}
	item.Props = appendOwn(item.Props, "node", n.ID)
	item.Props = appendOwn(item.Props, "tenant", n.Tenant)
	item.Props = appendOwn(item.Props, "health", string(n.Health))
	item.Props = appendOwn(item.Props, "assessment", n.Assessment)
	item.Props = appendOwn(item.Props, "assessment-sha256", n.Digest)
	return item
}

// node is where one node stands: a property for each requirement.
func (b *fleetBuilder) node(n *report.FleetNode) observation {
	o := b.newObservation("node", n.Tenant, n.ID)
	o.Title = line(b.in("Status of ", "节点状态：") + n.Name)
	o.Description = o.Title
	o.Subjects = []subjectReference{{SubjectUUID: b.id("node", n.Tenant, n.ID), Type: "inventory-item", Title: line(n.Name)}}
	if n.Assessment == "" {
		o.Description = b.in("The node was not assessed.", "该节点未评估。")
		return o
	}
	o.Collected = n.Facts.UTC().Format(time.RFC3339)
	for i := range b.f.Requirements {
		r := b.f.Requirements[i].ID
		o.Props = append(o.Props, own("status-"+r, string(n.Statuses[r])))
	}
	return o
}

func (b *fleetBuilder) notKnown() observation {
	o := b.newObservation("not-known")
	o.Title = b.in("What is not known", "未知事项")
	o.Description = o.Title
	for _, t := range b.f.NotKnown {
		o.Evidence = append(o.Evidence, relevantEvidence{Description: b.text(t)})
	}
	o.Subjects = []subjectReference{{SubjectUUID: b.tool.UUID, Type: "component"}}
	return o
}

func (b *fleetBuilder) newObservation(key ...string) observation {
	return observation{
		UUID: b.id(append([]string{"observation"}, key...)...), Methods: []string{"EXAMINE"}, Types: []string{"finding"}, Collected: b.time,
		Origins: []origin{{Actors: []actor{{Type: "tool", ActorUUID: b.tool.UUID}}}},
	}
}

func (b *fleetBuilder) observation(c *report.FleetCheck) observation {
	o := b.newObservation("check", c.ID)
	o.Title = line(b.text(c.Title))
	o.Description = o.Title
	o.Props = []property{own("check", c.ID), own("check-severity", string(c.Severity)), own("check-essential", strconv.FormatBool(c.Essential))}
	for _, s := range []model.CheckStatus{model.CheckFail, model.CheckUnknown, model.CheckWarn} {
		if n := c.Nodes[s]; n > 0 {
			o.Props = append(o.Props, own("nodes-"+string(s), strconv.Itoa(n)))
		}
	}
	if c.LeftOut > 0 {
		o.Props = append(o.Props, own("evidence-left-out", strconv.Itoa(c.LeftOut)))
	}
	seen := map[string]bool{}
	for i := range c.Evidence {
		e := &c.Evidence[i]
		ev := relevantEvidence{Description: line(e.Node + ": " + b.text(e.Text))}
		ev.Props = appendOwn(ev.Props, "node", e.Node)
		ev.Props = appendOwn(ev.Props, "subject", e.Subject)
		ev.Props = appendOwn(ev.Props, "evidence-status", string(e.Status))
		if x := e.Exception; x != nil {
			ev.Props = appendOwn(ev.Props, "exception-owner", x.Owner)
			ev.Props = appendOwn(ev.Props, "exception-reason", x.Reason)
			ev.Props = appendOwn(ev.Props, "exception-expires", x.Expires)
		}
		o.Evidence = append(o.Evidence, ev)
		if item := b.byName[e.Node]; item != "" && !seen[item] {
			seen[item] = true
			o.Subjects = append(o.Subjects, subjectReference{SubjectUUID: item, Type: "inventory-item", Title: line(e.Node)})
		}
	}
	if len(o.Subjects) == 0 {
		o.Subjects = []subjectReference{{SubjectUUID: b.tool.UUID, Type: "component"}}
	}
	return o
}

func (b *fleetBuilder) risk(c *report.FleetCheck, observed string) risk {
	title := line(b.text(c.Title))
	r := risk{
		UUID: b.id("risk", c.ID), Title: title, Description: title, Status: "open", Statement: b.in("The check fails: ", "检查未通过：") + title,
		Props:        []property{own("check", c.ID), own("check-severity", string(c.Severity))},
		Observations: []relatedObservation{{observed}},
	}
	if text := strings.TrimSpace(b.text(c.Remediation)); text != "" {
		r.Remediations = []response{{
			UUID: b.id("remediation", c.ID), Lifecycle: "recommendation", Title: b.in("What to do", "处理办法"), Description: text,
		}}
	}
	return r
}

func (b *fleetBuilder) finding(r *report.FleetRequirement) finding {
	f := finding{
		UUID: b.id("finding", r.ID), Title: line(r.ID + " " + b.text(r.Title)), Description: b.text(r.Reason),
		Props: []property{own("status", string(r.Status)), own("keyword", strings.ReplaceAll(string(r.Keyword), "_", " "))},
		Target: findingTarget{
			Type: "objective-id", TargetID: objectiveID(r.ID), Status: target(r.Status, b.text(r.Reason)), Implementation: implementation(r.Status),
		},
	}
	for _, s := range []model.Status{model.NotMet, model.PartlyMet, model.Unknown, model.Met, model.NotApplicable} {
		f.Props = append(f.Props, own("nodes-"+string(s), strconv.Itoa(r.Nodes[s])))
	}
	f.Props = appendOwn(f.Props, "status-before", string(r.Before))
	return f
}
