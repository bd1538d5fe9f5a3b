package approvals

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestApprovals(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	web := model.Ref{Type: "Container", ID: "c1"}
	var a Approvals
	if a.Approved("dev", "ContainerExec", web, now) || a.SteppedUp("dev", now) {
		t.Error("something is approved that nobody told of")
	}
	a.Set([]bundle.Grant{
		{User: "dev", Action: "ContainerExec", Resource: web, Until: now.Add(time.Hour)},
		{User: "dev", Action: "ContainerExec", Resource: web, Until: now.Add(time.Minute)}, // the longer one counts
		{User: "dev", Action: model.ActionStepUp, Resource: model.Ref{Type: "User", ID: "dev"}, Until: now.Add(time.Minute)},
		{User: "eve", Action: model.ActionStepUp, Resource: model.Ref{Type: "User", ID: "dev"}, Until: now.Add(time.Minute)},
	})
	for _, c := range []struct {
		user, action string
		on           model.Ref
		after        time.Duration
		want         bool
	}{
		{"dev", "ContainerExec", web, 0, true},
		{"dev", "ContainerExec", web, 59 * time.Minute, true},
		{"dev", "ContainerExec", web, time.Hour, false},
		{"eve", "ContainerExec", web, 0, false},
		{"dev", "ContainerStop", web, 0, false},
		{"dev", "ContainerExec", model.Ref{Type: "Container", ID: "c2"}, 0, false},
	} {
		if got := a.Approved(c.user, c.action, c.on, now.Add(c.after)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if !a.SteppedUp("dev", now) || a.SteppedUp("dev", now.Add(time.Minute)) || a.SteppedUp("eve", now) || a.SteppedUp("", now) {
		t.Error("a second factor is its owner's, for a time")
	}
	a.Set(nil)
	if a.SteppedUp("dev", now) {
		t.Error("what was taken back goes on")
	}
}
