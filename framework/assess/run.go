package assess

import (
	"fmt"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// Checks returns every check, in the order of the report.
func Checks() []Check { return checks() }

// Run assesses a snapshot. It never fails: what the snapshot does not tell is unknown.
func Run(cat *catalogue.Catalogue, snap *model.Snapshot, set Settings) model.Assessment {
	return New(cat).Run(snap, set)
}

// Assessor has made the checks once, for many snapshots. It is safe for concurrent use.
type Assessor struct {
	cat    *catalogue.Catalogue
	checks map[string][]Check // by requirement
}

// New makes an Assessor.
func New(cat *catalogue.Catalogue) *Assessor { return newAssessor(cat, checks()) }

func newAssessor(cat *catalogue.Catalogue, all []Check) *Assessor {
	a := &Assessor{cat, make(map[string][]Check, len(cat.Requirements))}
	for _, c := range all {
		id, _, _ := strings.Cut(c.ID, "/")
		a.checks[id] = append(a.checks[id], c)
	}
	return a
}

// Run assesses a snapshot, as the function of that name does.
func (a *Assessor) Run(snap *model.Snapshot, set Settings) model.Assessment {
	in := &Input{Snap: snap, Settings: &set}
	ex := newExceptions(set.Exceptions, snap.Taken)
	out := model.Assessment{
		Schema:       model.AssessmentSchema,
		Node:         snap.Node,
		Host:         hostLine(snap),
		Time:         snap.Taken,
		Requirements: make([]model.RequirementResult, 0, len(a.cat.Requirements)),
		Gaps:         allGaps(snap),
	}
	for _, req := range a.cat.Requirements {
		results := make([]model.CheckResult, 0, len(a.checks[req.ID]))
		for _, c := range a.checks[req.ID] {
			results = append(results, runCheck(in, c, ex))
		}
		out.Requirements = append(out.Requirements, result(req, results))
	}
	out.Summary = summarise(out.Requirements)
	return out
}

// runCheck evaluates one check. A check that panics on strange facts is unknown and spoils no other.
func runCheck(in *Input, c Check, ex exceptions) (res model.CheckResult) {
	res = model.CheckResult{
		ID: c.ID, Severity: c.Severity, Essential: c.Essential,
		Title: c.Title.EN, TitleZH: c.Title.ZH,
		References:  append([]string{}, c.References...),
		Remediation: c.Remediation.EN, RemediationZH: c.Remediation.ZH,
	}
	r := &Recorder{}
	defer func() {
		if p := recover(); p != nil {
			r.Unknown("", "", say("the check stopped on facts it does not understand: %v", "检查因无法理解的数据而中止：%v", fmt.Sprint(p)))
		}
		finish(&res, r, ex)
	}()
	c.Eval(in, r)
	return res
}

func finish(res *model.CheckResult, r *Recorder, ex exceptions) {
	if len(r.evidence) == 0 {
		r.Unknown("", "", say("the check found nothing to look at", "检查未找到可供判断的数据"))
	}
	if r.dropped > 0 {
		r.evidence = append(r.evidence, model.Evidence{
			Status: r.worst,
			Text:   fmt.Sprintf("and %d more", r.dropped), TextZH: fmt.Sprintf("另有 %d 项", r.dropped),
		})
	}
	res.Status = r.worst
	res.Evidence = r.evidence
	if res.Status == model.CheckPass || res.Status == model.CheckNotApplicable {
		res.Remediation, res.RemediationZH = "", ""
	}
	ex.mark(res)
}

// allGaps lists the snapshot's gaps with those of single containers and images, which stand relative to them.
func allGaps(s *model.Snapshot) []model.Gap {
	gaps := append([]model.Gap{}, s.Gaps...)
	for i := range s.Containers {
		for _, g := range s.Containers[i].Gaps {
			g.Path = pointer("containers", i) + g.Path
			gaps = append(gaps, g)
		}
	}
	for i := range s.Images {
		for _, g := range s.Images[i].Gaps {
			g.Path = pointer("images", i) + g.Path
			gaps = append(gaps, g)
		}
	}
	return gaps
}

func result(req catalogue.Requirement, checks []model.CheckResult) model.RequirementResult {
	res := model.RequirementResult{
		ID: req.ID, Keyword: req.Keyword, Title: req.Title.EN, TitleZH: req.Title.ZH,
		Status: requirementStatus(checks), Checks: checks,
	}
	res.Excepted = excepted(res)
	why := reason(res)
	res.Reason, res.ReasonZH = why.EN, why.ZH
	return res
}

// reason says in a sentence which checks made the status.
func reason(res model.RequirementResult) model.Text {
	var en, zh []string
	add := func(want model.CheckStatus, essentialOnly bool) {
		for _, c := range res.Checks {
			if c.Status == want && (!essentialOnly || c.Essential) {
				en, zh = append(en, c.Title), append(zh, c.TitleZH)
			}
		}
	}
	switch res.Status {
	case model.NotMet:
		add(model.CheckFail, true)
		return listed("fails: %s", "未通过：%s", en, zh)
	case model.PartlyMet:
		add(model.CheckFail, false)
		add(model.CheckWarn, false)
		return listed("falls short: %s", "仍有不足：%s", en, zh)
	case model.Unknown:
		add(model.CheckUnknown, false)
		return listed("cannot be told: %s", "无法判断：%s", en, zh)
	case model.NotApplicable:
		for _, c := range res.Checks {
			for _, e := range c.Evidence {
				return model.Text{EN: e.Text, ZH: e.TextZH}
			}
		}
		return say("nothing on this node to judge", "本节点无可判断的对象")
	}
	return say("all checks pass", "所有检查均通过")
}

func listed(fen, fzh string, en, zh []string) model.Text {
	const most = 4
	more := len(en) - most
	if more > 0 {
		en = append(en[:most:most], fmt.Sprintf("%d more", more))
		zh = append(zh[:most:most], fmt.Sprintf("另有 %d 项", more))
	}
	return model.Text{
		EN: fmt.Sprintf(fen, strings.Join(en, "; ")),
		ZH: fmt.Sprintf(fzh, strings.Join(zh, "；")),
	}
}

func summarise(reqs []model.RequirementResult) model.Summary {
	s := model.Summary{
		Total:     len(reqs),
		ByStatus:  map[model.Status]int{},
		ByKeyword: map[model.Keyword]model.StatusTally{},
		Checks:    map[model.CheckStatus]int{},
	}
	for _, r := range reqs {
		s.ByStatus[r.Status]++
		if s.ByKeyword[r.Keyword] == nil {
			s.ByKeyword[r.Keyword] = model.StatusTally{}
		}
		s.ByKeyword[r.Keyword][r.Status]++
		if r.Excepted {
			s.Excepted++
		}
		for _, c := range r.Checks {
			s.Checks[c.Status]++
		}
	}
	return s
}
