package api_test

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestTrend goes back through what changed: a requirement that got worse yesterday was better the day before, and a node
// that joined meanwhile was not there.
func TestTrend(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	now := time.Now().UTC()
	cat, err := c.assessments.GetCatalogue(as(t, "bhs_owner"), &bulkheadv1.Empty{})
	if err != nil || len(cat.GetRequirements()) != 29 || cat.GetRequirements()[0].GetAsks().GetZh() == "" || len(cat.GetSections()) == 0 {
		t.Fatal(cat, err)
	}
	first := cat.GetRequirements()[0].GetId()
	doc := document(t, "n1", model.NotMet)
	if _, err := c.assessments.PublishAssessment(as(t, "bhs_owner"), &bulkheadv1.PublishAssessmentRequest{Document: doc}); err != nil {
		t.Fatal(err)
	}
	event := func(id, kind, was, is string, ago time.Duration) model.Event {
		return model.Event{
			ID: id, Tenant: "acme", Node: "n1", NodeName: "n1", Time: now.Add(-ago), Kind: kind, Severity: "high", Requirement: first,
			Before: was, After: is, Text: model.Text{EN: "x", ZH: "x"},
		}
	}
	err = w.store.AddEvents(t.Context(), []model.Event{
		event("e1", model.EventStatus, "met", "not_met", 25*time.Hour),
		event("e2", model.EventJoined, "", "", 49*time.Hour),
		event("e3", "renewed", "", "", 26*time.Hour), // says nothing about a status
		event("e4", model.EventStatus, "partly_met", "met", 60*time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.assessments.GetTrend(as(t, "bhs_owner"), &bulkheadv1.GetTrendRequest{Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	points := got.GetPoints()
	last := points[len(points)-1]
	if last.GetNodes() != 2 || last.GetSummary()["not_met"] < 1 { // the world's own node joined just now
		t.Errorf("now: %v", last)
	}
	for i, p := range points {
		sum := int32(0)
		for _, n := range p.GetSummary() {
			sum += n
		}
		ago := now.Sub(p.GetTime().AsTime())
		if sum != 29 || i > 0 && !p.GetTime().AsTime().After(points[i-1].GetTime().AsTime()) {
			t.Errorf("point %d: %v", i, p)
		}
		switch there := p.GetNodes() == 1; {
		case i == len(points)-1:
		case ago < 24*time.Hour && (!there || p.GetSummary()["not_met"] != 1):
			t.Errorf("%s ago: %v", ago, p)
		case ago > 26*time.Hour && ago < 48*time.Hour && (!there || p.GetSummary()["not_met"] != 0):
			t.Errorf("%s ago: %v", ago, p)
		case ago > 50*time.Hour:
			t.Errorf("%s ago the node was there: %v", ago, p)
		}
	}
	if _, err := c.assessments.GetTrend(as(t, "bhs_owner"), &bulkheadv1.GetTrendRequest{Days: 91}); err == nil {
		t.Error("a trend of 91 days is given")
	}
}
