package api_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestFindingsAreTriaged(t *testing.T) {
	_, c := owned(t)
	ctx := as(t, "bhs_owner")
	ref := func(version *int64) []*bulkheadv1.FindingRef {
		return []*bulkheadv1.FindingRef{{Node: "acme-node", Id: id("acme", "finding"), Version: version}}
	}
	for _, k := range []struct {
		name string
		r    *bulkheadv1.TriageFindingsRequest
		code string
	}{
		{"no finding", &bulkheadv1.TriageFindingsRequest{State: "open"}, "invalid"},
		{"nothing to do", &bulkheadv1.TriageFindingsRequest{Findings: ref(nil), Comment: " \n"}, "invalid"},
		{"a state that isn't", &bulkheadv1.TriageFindingsRequest{Findings: ref(nil), State: "resolved"}, "invalid"},
		{"a user that isn't", &bulkheadv1.TriageFindingsRequest{Findings: ref(nil), Owner: &bulkheadv1.FindingOwner{User: "nobody"}}, "invalid"},
		{"too long", &bulkheadv1.TriageFindingsRequest{Findings: ref(nil), Comment: strings.Repeat("x", 2001)}, "invalid"},
		{"twice the same", &bulkheadv1.TriageFindingsRequest{Findings: append(ref(nil), ref(nil)...), State: "open"}, "invalid"},
		{"a finding that isn't", &bulkheadv1.TriageFindingsRequest{Findings: []*bulkheadv1.FindingRef{{Node: "acme-node", Id: "x"}}, State: "open"}, "not_found"},
		{"of the system", &bulkheadv1.TriageFindingsRequest{Tenant: "system", Findings: ref(nil), State: "open"}, "not_found"},
	} {
		if _, err := c.findings.TriageFindings(ctx, k.r); codeOf(t, err) != k.code {
			t.Errorf("%s: %v", k.name, err)
		}
	}
	res, err := c.findings.TriageFindings(ctx, &bulkheadv1.TriageFindingsRequest{
		Findings: ref(proto.Int64(0)), State: "in_progress", Owner: &bulkheadv1.FindingOwner{User: "id-owner", Name: "somebody else"}, Comment: " on it ",
	})
	if err != nil {
		t.Fatal(err)
	}
	f := res.GetFindings()[0]
	if f.GetState() != "in_progress" || f.GetOwner().GetUser() != "id-owner" || f.GetOwner().GetName() != "owner" || f.GetComment() != "on it" ||
		f.GetComments() != 1 || f.GetVersion() != 1 || f.GetTriaged() == nil {
		t.Error(f)
	}
	if _, err := c.findings.TriageFindings(ctx, &bulkheadv1.TriageFindingsRequest{Findings: ref(proto.Int64(0)), State: "open"}); codeOf(t, err) != "conflict" {
		t.Error("somebody was overwritten", err)
	}
	if _, err := c.findings.TriageFindings(ctx, &bulkheadv1.TriageFindingsRequest{Findings: ref(nil), Owner: &bulkheadv1.FindingOwner{Name: "the vendor"}}); err != nil {
		t.Error(err)
	}
	one, err := c.findings.GetFinding(ctx, &bulkheadv1.GetFindingRequest{Node: "acme-node", Id: f.GetId()})
	if err != nil || one.GetOwner().GetName() != "the vendor" || one.GetOwner().GetUser() != "" || one.GetState() != "in_progress" {
		t.Error(one, err)
	}
	notes, err := c.findings.ListFindingNotes(ctx, &bulkheadv1.ListFindingNotesRequest{Node: "acme-node", Id: f.GetId()})
	if err != nil || len(notes.GetNotes()) != 2 {
		t.Fatal(notes, err)
	}
	if n := notes.GetNotes()[1]; n.GetAuthor() != "id-owner" || n.GetAuthorName() != "owner" || n.GetWasState() != "open" || n.GetState() != "in_progress" ||
		n.GetOwner() != "owner" || n.GetComment() != "on it" || n.GetTime() == nil {
		t.Error(n)
	}
	for filter, want := range map[string]int{`state = "in_progress"`: 1, `state = "open"`: 0, `owner_name = "the vendor"`: 1, `owner = "id-owner"`: 0} {
		list, err := c.findings.ListFindings(ctx, listing("", filter, ""))
		if err != nil || len(list.GetFindings()) != want {
			t.Errorf("%s: %v %v", filter, list, err)
		}
	}
	if _, err := c.findings.ListFindingNotes(ctx, &bulkheadv1.ListFindingNotesRequest{Node: "acme-node", Id: "none"}); codeOf(t, err) != "not_found" {
		t.Error(err)
	}
}
