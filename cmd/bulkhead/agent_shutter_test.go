package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// TestShutter: without the node's own policies the shipped ones alone permit nothing but to look and to stop.
func TestShutter(t *testing.T) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := &shutter{decider: e}
	may := func(who, action, kind string) model.Decision {
		p := model.Principal{
			Ref: model.Ref{Type: "User", ID: who}, Name: who, Tenant: model.SystemTenant, Roles: []string{who}, Hosts: []string{"h1"},
			Credential: model.Ref{Type: "Session", ID: "peer"}, Auth: model.Strength{MFA: true},
		}
		return g.Decide(context.Background(), model.Request{
			Principal: p, Action: action, FreshFactor: true, Facts: map[string]any{"door": "engine"},
			Resource: model.Object{
				Ref: model.Ref{Type: kind, ID: "h1"}, Parents: []model.Ref{{Type: "Tenant", ID: model.SystemTenant}},
				Attrs: map[string]any{"name": "x", "owner": model.Ref{Type: "User", ID: who}},
			},
		})
	}
	open := func(want bool, what string) {
		t.Helper()
		if may(model.RoleDeveloper, "ContainerCreate", "Container").Allowed != want || may(model.RoleAdministrator, "ContainerCreate", "Container").Allowed != want {
			t.Errorf("%s: %v", what, may(model.RoleAdministrator, "ContainerCreate", "Container"))
		}
	}
	open(true, "at first")
	g.Unsound(model.BundleSettings, errors.New("other"))
	open(true, "for others' sake")
	g.Unsound(model.BundlePolicies, errors.New("the signature is another's"))
	open(false, "without policies")
	if d := may(model.RoleDeveloper, "ContainerStop", "Container"); d.Allowed || !strings.Contains(d.Reason, "signature") || d.Remedy == "" {
		t.Errorf("%+v", d)
	}
	if !may(model.RoleAdministrator, "ContainerStop", "Container").Allowed || may(model.RoleAdministrator, "ContainerExec", "Container").Allowed {
		t.Error("an administrator may not stop what runs, or may do more")
	}
	_ = g.Apply(t.Context(), nil) // what was in force before is put back: nothing
	open(false, "when nothing came")
	_ = g.Apply(t.Context(), []byte("{}"))
	open(true, "when policies came")
}
