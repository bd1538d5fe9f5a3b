package oscal

import (
	"strconv"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func (b *resultsBuilder) observation(c model.CheckResult) observation {
	o := b.newObservation("finding", "observation", c.ID)
	o.Title = line(b.in(c.Title, c.TitleZH))
	o.Description = o.Title
	o.Props = []property{
		own("check", c.ID), own("check-status", string(c.Status)), own("check-severity", string(c.Severity)),
		own("check-essential", strconv.FormatBool(c.Essential)),
	}
	for _, ref := range c.References {
		o.Props = append(o.Props, own("check-reference", ref))
	}
	for _, e := range c.Evidence {
		o.Evidence = append(o.Evidence, b.evidence(e))
	}
	return o
}

// gaps is one observation with all facts that could not be read, so that a reader sees what the findings rest on.
func (b *resultsBuilder) gaps() observation {
	o := b.newObservation("discovery", "observation", "gaps")
	o.Title = b.in("Facts that could not be read", "无法读取的事实")
	o.Description = b.in("What depends on them is unknown.", "依赖这些事实的判断为“未知”。")
	for _, g := range sortedGaps(b.a.Gaps) {
		e := relevantEvidence{Description: line(g.Path + " (" + string(g.Reason) + ") " + g.Detail)}
		e.Props = appendOwn(e.Props, "pointer", g.Path)
		e.Props = appendOwn(e.Props, "gap-reason", string(g.Reason))
		e.Props = appendOwn(e.Props, "gap-remedy", g.Remedy)
		o.Evidence = append(o.Evidence, e)
	}
	return o
}

func (b *resultsBuilder) newObservation(kind string, key ...string) observation {
	return observation{
		UUID: b.id(key...), Methods: []string{"EXAMINE"}, Types: []string{kind}, Collected: b.time,
		Origins:  []origin{{Actors: []actor{{Type: "tool", ActorUUID: b.tool.UUID}}}},
		Subjects: []subjectReference{{SubjectUUID: b.node, Type: "inventory-item", Title: line(b.a.Node.Name)}},
	}
}

func (b *resultsBuilder) evidence(e model.Evidence) relevantEvidence {
	out := relevantEvidence{Description: b.in(e.Text, e.TextZH)}
	out.Props = appendOwn(out.Props, "pointer", e.Pointer)
	out.Props = appendOwn(out.Props, "subject", e.Subject)
	out.Props = appendOwn(out.Props, "evidence-status", string(e.Status))
	if x := e.Exception; x != nil {
		out.Props = appendOwn(out.Props, "exception-owner", x.Owner)
		out.Props = appendOwn(out.Props, "exception-reason", x.Reason)
		out.Props = appendOwn(out.Props, "exception-expires", x.Expires)
		if x.Expired {
			out.Props = appendOwn(out.Props, "exception-expired", "true")
		}
	}
	return out
}

// appendOwn leaves out a property without a value, which OSCAL does not allow.
func appendOwn(props []property, name, value string) []property {
	if p := own(name, value); p.Value != "" {
		return append(props, p)
	}
	return props
}

func (b *resultsBuilder) risk(c model.CheckResult, observed string) risk {
	title := line(b.in(c.Title, c.TitleZH))
	r := risk{
		UUID: b.id("risk", c.ID), Title: title, Description: title, Status: "open",
		Statement:    b.in("The check fails: ", "检查未通过：") + title,
		Props:        []property{own("check", c.ID), own("check-severity", string(c.Severity))},
		Observations: []relatedObservation{{observed}},
	}
	if x := covering(c); x != nil {
		r.Status = "deviation-approved"
		if day, err := time.Parse(time.DateOnly, x.Expires); err == nil {
			r.Deadline = day.Add(24*time.Hour - time.Second).Format(time.RFC3339)
		}
	}
	if text := b.in(c.Remediation, c.RemediationZH); text != "" {
		r.Remediations = []response{{
			UUID: b.id("remediation", c.ID), Lifecycle: "recommendation",
			Title: b.in("What to do", "处理办法"), Description: text,
		}}
	}
	return r
}
