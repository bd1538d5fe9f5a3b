package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestOpenSecrets(t *testing.T) {
	with := func(places ...string) *model.Snapshot {
		c := model.Container{ID: "a", Name: "web", State: "running"}
		for _, p := range places {
			c.Workload.Secrets = append(c.Workload.Secrets, model.SecretSighting{Place: p, Kind: "password"})
		}
		return &model.Snapshot{Containers: []model.Container{c}}
	}
	const id = "8.5.c/env-secrets"
	wantCheck(t, model.CheckFail, id, with("env:DB_PASSWORD"))
	wantCheck(t, model.CheckFail, id, with("label:x", "arg:2"))
	wantCheck(t, model.CheckPass, id, with())
	wantCheck(t, model.CheckPass, id, with("label:x"))
	wantCheck(t, model.CheckNotApplicable, id, &model.Snapshot{})
	gap := &model.Snapshot{Gaps: []model.Gap{{Path: "/containers", Reason: model.GapPermission}}}
	wantCheck(t, model.CheckUnknown, id, gap)
}
