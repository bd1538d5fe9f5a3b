package calls

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func refused(actor string, rules ...string) *bulkheadv1.GuardCall {
	return &bulkheadv1.GuardCall{Id: "bulkhead/node/n/1", Time: timestamppb.Now(), Actor: actor, Action: "ContainerCreate", Outcome: "refused", Rule: strings.Join(rules, ", ")}
}

// A node may write any rules and people into its records: what a preview keeps of them has bounds, and says so.
func TestPreviewOfHostileRecords(t *testing.T) {
	var p Preview
	p.Add(refused("dev", "a/b", "a/c"))
	if p.Dropped || len(p.groups) != 2 {
		t.Fatalf("%+v", p)
	}
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprint("many/", i)
	}
	p.Add(refused("dev", many...))
	if !p.Dropped || len(p.groups) != 2+mostOfRecord {
		t.Errorf("%d rules of one record", len(p.groups))
	}
	p.Dropped = false
	p.Add(refused("dev", strings.Repeat("x", mostName+1)))
	if !p.Dropped || len(p.groups) != 2+mostOfRecord {
		t.Error("a name of any length is a rule's")
	}
	p.Dropped = false
	for i := range mostPeople {
		p.Add(refused(fmt.Sprint("person-", i), "a/b", "a/c"))
	}
	people := 0
	for _, g := range p.groups {
		people += len(g.people)
	}
	if !p.Dropped || people != mostPeople {
		t.Errorf("%d people are kept", people)
	}
	for i := range 2 * mostRules {
		p.Add(refused("dev", fmt.Sprint("rule/", i)))
	}
	if len(p.groups) != mostRules {
		t.Errorf("%d rules are kept", len(p.groups))
	}
	rules := p.Rules(nil)
	if len(rules) != mostRules || rules[0].GetCount() != mostPeople+1 || rules[0].GetRule() != "a/b" {
		t.Errorf("%v", rules[0])
	}
}
