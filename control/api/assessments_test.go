package api_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// document is the assessment of an empty snapshot of a node, with one requirement's status set.
func document(t *testing.T, node string, status model.Status, change ...func(map[string]any)) *structpb.Struct {
	t.Helper()
	cat, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	a := assess.Run(cat, &model.Snapshot{
		Schema: model.SnapshotSchema, Node: model.Node{ID: node, Name: node + "-name"}, Taken: time.Now().UTC().Truncate(time.Second),
	}, assess.Settings{})
	a.Requirements[0].Status, a.Requirements[0].Reason = status, "seen on "+node
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(doc)
	}
	s, err := structpb.NewStruct(doc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishAndStatus(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()

	publish := func(doc *structpb.Struct) (*bulkheadv1.Assessment, error) {
		return c.assessments.PublishAssessment(as(t, "bhs_owner"), &bulkheadv1.PublishAssessmentRequest{Document: doc})
	}
	first := document(t, "n1", model.Met).GetFields()["requirements"].GetListValue().GetValues()[0].GetStructValue().GetFields()["id"].GetStringValue()
	for node, status := range map[string]model.Status{"n1": model.Met, "n2": model.PartlyMet, "n3": model.Unknown} {
		a, err := publish(document(t, node, status))
		if err != nil {
			t.Fatal(err, detailOf(t, err))
		}
		if a.GetTenant() != "acme" || a.GetNode() != node || a.GetStatuses()[first] != string(status) || a.GetPublisher() != "id-owner" {
			t.Errorf("%v", a)
		}
		full, err := c.assessments.GetAssessment(as(t, "bhs_owner"), &bulkheadv1.Id{Id: a.GetId()})
		if err != nil || full.GetDocument().GetFields()["schema"].GetStringValue() != model.AssessmentSchema {
			t.Error(full, err)
		}
	}
	s, err := c.assessments.GetStatus(as(t, "bhs_owner"), &bulkheadv1.GetStatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	one := s.GetRequirements()[0]
	if one.GetId() != first || one.GetStatus() != "partly_met" || one.GetReason() != "seen on n2" || one.GetTitleZh() == "" || one.GetReasonZh() == "" || one.GetNodes()["met"] < 1 {
		t.Errorf("%v", one)
	}
	if len(s.GetNodes()) != 4 { // the three, and the world's own
		t.Errorf("%d nodes", len(s.GetNodes()))
	}
	n1, err := c.assessments.GetStatus(as(t, "bhs_owner"), &bulkheadv1.GetStatusRequest{Node: "n1-name"})
	if err != nil || n1.GetRequirements()[0].GetStatus() != "met" || len(n1.GetNodes()) != 1 {
		t.Error(n1, err)
	}
}

// TestNobodySpeaksForOthersNodes: who neither owns the tenant nor administers publishes for the hosts of the account alone.
func TestNobodySpeaksForOthersNodes(t *testing.T) {
	w := newWorld(t, real)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	w.account("owner", "acme", strong(), model.RoleOwner)
	one := w.account("one", "acme", strong(), model.RoleNode)
	one.Hosts = []string{"n1"}
	if err := w.store.UpdateAccount(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	w.account("none", "acme", strong(), model.RoleNode)
	both := w.account("both", "acme", strong(), model.RoleNode, model.RoleOperator)
	w.signIn("bht_one", one.ID, strong(), model.Ref{Type: "Token", ID: "t"}, []string{"AssessmentPublish"})
	if both.Hosts[0] != "h1" {
		t.Fatal(both.Hosts)
	}
	c := w.clients()
	for _, k := range []struct {
		who, node string
		ok        bool
	}{
		{"bhs_one", "n1", true},
		{"bht_one", "n1", true},
		{"bht_one", "n2", false},
		{"bhs_none", "n1", false},
		{"bhs_both", "h1", true},
		{"bhs_both", "n1", false},
		{"bhs_owner", "n9", true},
		{"bhs_admin", "n9", true},
	} {
		_, err := c.assessments.PublishAssessment(as(t, k.who), &bulkheadv1.PublishAssessmentRequest{Document: document(t, k.node, model.Met)})
		if k.ok != (err == nil) || !k.ok && (detailOf(t, err).GetCode() != "denied" || detailOf(t, err).GetField() != "document.node.id") {
			t.Errorf("%s for %s: %v", k.who, k.node, err)
		}
	}
	mine, err := c.assessments.ListAssessments(as(t, "bhs_owner"), &bulkheadv1.ListInTenantRequest{Page: &bulkheadv1.Page{Filter: "node = \"n1\""}})
	if err != nil || len(mine.GetAssessments()) != 2 {
		t.Fatal(mine, err)
	}
	if _, err := c.assessments.GetAssessment(as(t, "bhs_one"), &bulkheadv1.Id{Id: mine.GetAssessments()[0].GetId()}); err != nil {
		t.Error(err)
	}
	if _, err := c.assessments.GetAssessment(as(t, "bhs_none"), &bulkheadv1.Id{Id: mine.GetAssessments()[0].GetId()}); err == nil {
		t.Error("a node's account read another's")
	}
}

func TestPublishIsStrict(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	requirements := func(doc map[string]any) []any {
		list, ok := doc["requirements"].([]any)
		if !ok {
			t.Fatal("no requirements")
		}
		return list
	}
	for name, change := range map[string]func(map[string]any){
		"empty":               func(d map[string]any) { clear(d) },
		"other schema":        func(d map[string]any) { d["schema"] = "bulkhead.assessment/v9" },
		"unknown field":       func(d map[string]any) { d["extra"] = true },
		"unknown requirement": func(d map[string]any) { requirements(d)[0].(map[string]any)["id"] = "9.9.z" },
		"twice":               func(d map[string]any) { requirements(d)[1] = requirements(d)[0] },
		"unknown status":      func(d map[string]any) { requirements(d)[0].(map[string]any)["status"] = "great" },
		"no node":             func(d map[string]any) { d["node"] = map[string]any{"name": "x"} },
		"from the future":     func(d map[string]any) { d["time"] = "2999-01-01T00:00:00Z" },
		"wrong type":          func(d map[string]any) { d["requirements"] = "none" },
		"no requirements":     func(d map[string]any) { d["requirements"] = []any{} },
		"too deep":            func(d map[string]any) { d["extra"] = deep(60) },
	} {
		_, err := c.assessments.PublishAssessment(as(t, "bhs_owner"), &bulkheadv1.PublishAssessmentRequest{Document: document(t, "n", model.Met, change)})
		if err == nil {
			t.Errorf("%s: it was taken", name)
			continue
		}
		if code := detailOf(t, err).GetCode(); code != "invalid" && name != "too deep" || name == "too deep" && code != "too_large" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func deep(n int) any {
	var v any = "x"
	for range n {
		v = []any{v}
	}
	return v
}

func FuzzPublish(f *testing.F) {
	f.Add([]byte(`{"schema":"bulkhead.assessment/v1","node":{"id":"n","name":"n"},"requirements":[]}`))
	if b, err := os.ReadFile("../../framework/report/testdata/assessment.json"); err == nil && len(b) < 1<<20 {
		f.Add(b)
	}
	cat, err := catalogue.Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzPublish(t, cat, b) })
}
