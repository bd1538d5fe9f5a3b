package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead-security/bulkhead/model"
)

// Bounds of findings.
const (
	mostFindings = 1000 // of the server about one node
	mostText     = 2000 // bytes
	oldest       = 90 * 24 * time.Hour
	sawAgain     = 10 * time.Minute // a finding that is still there is written again
	kindFacts    = "node/facts"
)

// takeFindings keeps what a node found. Whose it is and where it comes from is not for the node to say.
func (f *Fleet) takeFindings(ctx context.Context, m *model.Member, r *Report) error {
	now := f.now()
	exceptions, err := f.exceptionsOf(ctx, m)
	if err != nil {
		return err
	}
	list := make([]model.Finding, 0, len(r.Findings))
	serious := false
	for i := range r.Findings {
		n := fromNode(m, &r.Findings[i], r.Time, now)
		n.Exception = covering(&n, exceptions, now)
		list = append(list, n)
		serious = serious || n.Over.IsZero() && grave(n.Severity)
	}
	var events []model.Event
	if serious {
		open, err := f.store.OpenFindings(ctx, m.ID, model.SourceNode)
		if err != nil {
			return err
		}
		known := map[string]bool{}
		for i := range open {
			known[open[i].ID] = open[i].Exception == ""
		}
		for i := range list {
			n := &list[i]
			if n.Over.IsZero() && grave(n.Severity) && n.Exception == "" && !known[n.ID] {
				known[n.ID] = true
				events = append(events, found(m, n, now))
			}
		}
	}
	if err := f.store.PutFindings(ctx, list); err != nil {
		return err
	}
	return f.tell(ctx, events...)
}

func grave(s model.Severity) bool { return s == model.High || s == model.Critical }

// fromNode is a finding as it is kept. How long ago something was is known from the node's clock, when it was from the server's: a node
// whose clock is a year off is of today. The id can't be one of the server's.
func fromNode(m *model.Member, n *model.Finding, sent, now time.Time) model.Finding {
	when := func(t time.Time) time.Time {
		return now.Add(-min(max(sent.Sub(t), 0), oldest))
	}
	out := model.Finding{
		ID: "n-" + n.ID, Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: n.Kind, Requirement: n.Requirement, Severity: n.Severity,
		Subject: n.Subject, Text: model.Text{EN: cut(n.Text.EN), ZH: cut(n.Text.ZH)}, First: when(n.First), Last: when(n.Last),
		Count: max(n.Count, 1), Source: model.SourceNode,
	}
	switch out.Severity {
	case model.Low, model.Medium, model.High, model.Critical:
	default:
		out.Severity = model.Medium
	}
	if out.First.After(out.Last) {
		out.First = out.Last
	}
	if !n.Over.IsZero() {
		out.Over = out.Last
	}
	return out
}

// cut keeps a text within its bound, at the end of a character.
func cut(s string) string {
	if len(s) <= mostText {
		return s
	}
	n := mostText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// failures are what is wrong, by the id of the finding: one for each check and subject.
func failures(m *model.Member, j *judgement) map[string]model.Finding {
	out := map[string]model.Finding{}
	for i := range j.assessment.Requirements {
		r := &j.assessment.Requirements[i]
		for k := range r.Checks {
			c := &r.Checks[k]
			for n := range c.Evidence {
				e := &c.Evidence[n]
				if e.Status != model.CheckFail {
					continue
				}
				id := findingID(c.ID, e.Subject)
				have, twice := out[id]
				if twice {
					have.Text = model.Text{EN: join(have.Text.EN, e.Text, "; "), ZH: join(have.Text.ZH, e.TextZH, "；")}
					if idOf(e.Exception, j.exceptions) == "" {
						have.Exception = "" // one exception covers all of it or nothing
					}
					out[id] = have
					continue
				}
				out[id] = model.Finding{
					ID: id, Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: c.ID, Requirement: r.ID, Severity: c.Severity, Subject: e.Subject,
					Text: model.Text{EN: cut(e.Text), ZH: cut(e.TextZH)}, First: j.now, Last: j.now, Count: 1, Source: model.SourceServer,
					Exception: idOf(e.Exception, j.exceptions),
				}
			}
		}
	}
	return out
}

func join(a, b, with string) string {
	if strings.Contains(a, b) {
		return a
	}
	return cut(a + with + b)
}

func findingID(check, subject string) string {
	sum := sha256.Sum256([]byte(check + "\n" + subject))
	return hex.EncodeToString(sum[:12])
}

// putFound writes what fails, and that what failed before no longer does.
func (f *Fleet) putFound(ctx context.Context, m *model.Member, j *judgement) error {
	open, err := f.store.OpenFindings(ctx, m.ID, model.SourceServer)
	if err != nil {
		return err
	}
	failing := failures(m, j)
	unclear := unclearOf(&j.assessment)
	was := map[string]*model.Finding{}
	list, err := f.reported(ctx, m, j)
	if err != nil {
		return err
	}
	for i := range open {
		o := &open[i]
		was[o.ID] = o
		if _, still := failing[o.ID]; !still && !unclear[findingID(o.Kind, o.Subject)] && !unclear[findingID(o.Kind, "")] {
			over := *o
			over.Over, over.Last = j.now, j.now
			list = append(list, over)
		}
	}
	left := mostFindings
	var fresh []model.Finding
	for _, id := range slices.Sorted(maps.Keys(failing)) { // in one order, so that it is the same ones that are left out
		n, o := failing[id], was[id]
		if left--; left < 0 {
			break
		}
		switch {
		case o == nil:
			fresh = append(fresh, n)
		case o.Text != n.Text || o.Severity != n.Severity || o.Exception != n.Exception || o.NodeName != n.NodeName || j.now.Sub(o.Last) >= sawAgain:
			n.First, n.Count = o.First, o.Count
			list = append(list, n)
		}
	}
	if len(fresh) > 0 && j.before != nil {
		if err := f.countAgain(ctx, m, fresh); err != nil {
			return err
		}
	}
	if list = append(list, fresh...); len(list) == 0 {
		return nil
	}
	return f.store.PutFindings(ctx, list)
}

// countAgain counts findings on that were there before and were over.
func (f *Fleet) countAgain(ctx context.Context, m *model.Member, fresh []model.Finding) error {
	over, _, err := f.store.Findings(ctx, model.Query{
		Tenant: m.Tenant, Size: pageOfAll,
		Where: []model.Condition{{Field: "node", Op: "=", Value: m.ID}, {Field: "over", Op: "=", Value: "true"}},
	})
	if err != nil {
		return err
	}
	had := map[string]*model.Finding{}
	for i := range over {
		had[over[i].ID] = &over[i]
	}
	for i := range fresh {
		if o := had[fresh[i].ID]; o != nil {
			fresh[i].First, fresh[i].Count = o.First, o.Count+1
		}
	}
	return nil
}

// unclearOf are check and subject of what can't be told now: that it is over can't be told either.
func unclearOf(a *model.Assessment) map[string]bool {
	out := map[string]bool{}
	for i := range a.Requirements {
		for k := range a.Requirements[i].Checks {
			c := &a.Requirements[i].Checks[k]
			for n := range c.Evidence {
				if c.Evidence[n].Status == model.CheckUnknown {
					out[findingID(c.ID, c.Evidence[n].Subject)] = true
				}
			}
		}
	}
	return out
}

// unreadable keeps that the facts of a node are none. Nothing is judged by them.
func (f *Fleet) unreadable(ctx context.Context, m *model.Member, digest string, why error, now time.Time) error {
	n := model.Finding{
		ID: findingID(kindFacts, ""), Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: kindFacts, Severity: model.Medium,
		First: now, Last: now, Count: 1, Source: model.SourceServer,
	}
	n.Text = model.Text{
		EN: cut(fmt.Sprintf("the facts that this node sends don't fit together, so its status is as it was: %s", why)),
		ZH: cut(fmt.Sprintf("该节点发送的数据无法组合，其状态保持不变：%s", why)),
	}
	return f.store.InTx(ctx, func(ctx context.Context) error {
		if err := f.store.PutFindings(ctx, []model.Finding{n}); err != nil {
			return err
		}
		return f.store.SetAssessed(ctx, m.ID, digest, now)
	})
}
