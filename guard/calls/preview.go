package calls

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Bounds of a preview: more than these is not a list that somebody reads.
const (
	mostRules    = 500
	mostOfRecord = 32     // rules that one record names: a node may write any number of them
	mostName     = 200    // bytes of a rule's name
	mostPeople   = 50_000 // that are told apart, over all rules
	mostNodes    = 100    // that are named, of a rule
	mostExamples = 5
)

// Rule is what is known of a rule beside what records say.
type Rule struct{ Reason, Remedy, Requirement string }

// Preview groups calls by the rule that refused them, or would refuse them in "enforce".
type Preview struct {
	groups map[string]*group
	people int // over all groups
	seed   maphash.Seed
	// Dropped says that there were more rules, or more people, than are counted.
	Dropped bool
}

type group struct {
	rule   *bulkheadv1.GuardRule
	people map[uint64]struct{} // hashes of them, because a node may call them whatever it likes
}

// Add counts a call, in whatever order they come.
func (p *Preview) Add(c *bulkheadv1.GuardCall) {
	would := len(c.GetWouldRefuse()) > 0
	if !would && c.GetOutcome() != string(model.OutcomeRefused) {
		return
	}
	rules := Rules(c)
	alone := len(rules) < 2
	if len(rules) == 0 {
		rules = []string{""}
	}
	if len(rules) > mostOfRecord {
		rules, p.Dropped = rules[:mostOfRecord], true
	}
	for _, name := range rules {
		if len(name) > mostName {
			p.Dropped = true
			continue
		}
		if g := p.group(name, c); g != nil {
			g.add(c, would, alone)
			p.person(g, c.GetActor())
		}
	}
}

// person tells people of a rule apart.
func (p *Preview) person(g *group, actor string) {
	key := maphash.String(p.seed, actor)
	if _, known := g.people[key]; known {
		return
	}
	if p.people >= mostPeople {
		p.Dropped = true
		return
	}
	g.people[key] = struct{}{}
	p.people++
}

// group is a rule's. Calls that no rule refused are together by what was asked for.
func (p *Preview) group(name string, c *bulkheadv1.GuardCall) *group {
	name = strings.Clone(name) // it is a part of what the record says, which is not kept for it
	key := name
	if name == "" {
		key = "\x00" + c.GetAction()
	}
	if g := p.groups[key]; g != nil {
		return g
	}
	if len(p.groups) >= mostRules {
		p.Dropped = true
		return nil
	}
	if p.groups == nil {
		p.groups, p.seed = map[string]*group{}, maphash.MakeSeed()
	}
	g := &group{rule: &bulkheadv1.GuardRule{Rule: name, First: c.GetTime(), Last: c.GetTime()}, people: map[uint64]struct{}{}}
	p.groups[key] = g
	return g
}

func (g *group) add(c *bulkheadv1.GuardCall, would, alone bool) {
	r := g.rule
	if r.Count++; would {
		r.WouldRefuse++
	} else {
		r.Refused++
	}
	if n := c.GetNode(); n != "" && len(r.GetNodes()) < mostNodes && !slices.Contains(r.GetNodes(), n) {
		r.Nodes = append(r.GetNodes(), n)
	}
	at := c.GetTime().AsTime()
	if at.Before(r.GetFirst().AsTime()) {
		r.First = c.GetTime()
	}
	newest := r.GetCount() == 1 || at.After(r.GetLast().AsTime())
	if newest {
		r.Last = c.GetTime()
	}
	// Where several rules refused, the record has the reason of the first alone, which may be another one's.
	if alone && (newest || r.GetReason() == "") {
		r.Reason, r.Remedy = c.GetReason(), c.GetRemedy()
	}
	g.example(c.GetId(), newest)
}

// example keeps the last few that came: the newest where they come oldest first, and where they come newest first as well.
func (g *group) example(id string, newest bool) {
	r := g.rule
	switch {
	case newest:
		r.Records = append([]string{id}, r.GetRecords()...)
		r.Records = r.GetRecords()[:min(len(r.GetRecords()), mostExamples)]
	case len(r.GetRecords()) < mostExamples:
		r.Records = append(r.GetRecords(), id)
	}
}

// Rules are the groups, what most calls met first. known tells what the policies say of a rule; nil for nothing.
func (p *Preview) Rules(known func(rule string) Rule) []*bulkheadv1.GuardRule {
	out := make([]*bulkheadv1.GuardRule, 0, len(p.groups))
	for _, g := range p.groups {
		r := g.rule
		r.People = int64(len(g.people))
		slices.Sort(r.GetNodes())
		if known != nil && r.GetRule() != "" {
			k := known(r.GetRule())
			r.Reason, r.Remedy, r.Requirement = cmp.Or(k.Reason, r.GetReason()), cmp.Or(k.Remedy, r.GetRemedy()), k.Requirement
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *bulkheadv1.GuardRule) int {
		return cmp.Or(cmp.Compare(b.GetCount(), a.GetCount()), cmp.Compare(a.GetRule(), b.GetRule()), cmp.Compare(a.GetReason(), b.GetReason()))
	})
	return out
}
