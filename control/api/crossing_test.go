package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// clients are every service that has a handler in this package.
type clients struct {
	tenants     bulkheadv1connect.TenantServiceClient
	users       bulkheadv1connect.UserServiceClient
	groups      bulkheadv1connect.GroupServiceClient
	tokens      bulkheadv1connect.TokenServiceClient
	assessments bulkheadv1connect.AssessmentServiceClient
	jobs        bulkheadv1connect.JobServiceClient
	watch       bulkheadv1connect.WatchServiceClient
}

func (w *world) clients() *clients {
	srv := w.serve()
	c, url := srv.Client(), srv.URL
	return &clients{
		bulkheadv1connect.NewTenantServiceClient(c, url), bulkheadv1connect.NewUserServiceClient(c, url),
		bulkheadv1connect.NewGroupServiceClient(c, url), bulkheadv1connect.NewTokenServiceClient(c, url),
		bulkheadv1connect.NewAssessmentServiceClient(c, url), bulkheadv1connect.NewJobServiceClient(c, url),
		bulkheadv1connect.NewWatchServiceClient(c, url),
	}
}

// attempt calls as the owner of acme and gives all that comes back as text.
func attempt[Req, Res proto.Message](t *testing.T, call func(context.Context, Req) (Res, error), req Req) (string, error) {
	t.Helper()
	res, err := call(as(t, "bhs_owner"), req)
	if err != nil {
		return err.Error() + " " + codeOf(err).String(), err
	}
	b, err := protojson.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), nil
}

// TestCrossing tries to reach or learn of another tenant by id, filter, page, body and error message.
func TestCrossing(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	w.account("other", "globex", strong(), model.RoleOwner)
	c := w.clients()
	theirs := func(kind string) *bulkheadv1.Id { return &bulkheadv1.Id{Id: id("globex", kind)} }
	page, err := c.users.ListUsers(as(t, "bhs_other"), &bulkheadv1.ListInTenantRequest{Page: &bulkheadv1.Page{Size: 1}})
	if err != nil || page.GetNextPage() == "" {
		t.Fatal(page, err)
	}
	list := func(tenant, filter, token string) *bulkheadv1.ListInTenantRequest {
		return &bulkheadv1.ListInTenantRequest{Tenant: tenant, Page: &bulkheadv1.Page{Filter: filter, Token: token}}
	}
	for name, try := range map[string]func() (string, error){
		"tenant by id":         func() (string, error) { return attempt(t, c.tenants.GetTenant, &bulkheadv1.Id{Id: "globex"}) },
		"user by id":           func() (string, error) { return attempt(t, c.users.GetUser, theirs("user")) },
		"sessions by id":       func() (string, error) { return attempt(t, c.users.ListUserSessions, theirs("user")) },
		"group by id":          func() (string, error) { return attempt(t, c.groups.GetGroup, theirs("group")) },
		"assessment by id":     func() (string, error) { return attempt(t, c.assessments.GetAssessment, theirs("assessment")) },
		"delete user":          func() (string, error) { return attempt(t, c.users.DeleteUser, theirs("user")) },
		"invite user":          func() (string, error) { return attempt(t, c.users.InviteUser, theirs("user")) },
		"delete group":         func() (string, error) { return attempt(t, c.groups.DeleteGroup, theirs("group")) },
		"revoke token":         func() (string, error) { return attempt(t, c.tokens.RevokeToken, theirs("token")) },
		"token for their user": func() (string, error) { return attempt(t, c.tokens.CreateToken, tokenFor(id("globex", "user"))) },
		"list their users":     func() (string, error) { return attempt(t, c.users.ListUsers, list("globex", "", "")) },
		"filter by name": func() (string, error) {
			return attempt(t, c.users.ListUsers, list("", "name = \""+marker+"-user\"", ""))
		},
		"filter by tenant":     func() (string, error) { return attempt(t, c.users.ListUsers, list("", "tenant = \"globex\"", "")) },
		"their page":           func() (string, error) { return attempt(t, c.users.ListUsers, list("", "", page.GetNextPage())) },
		"their page elsewhere": func() (string, error) { return attempt(t, c.groups.ListGroups, list("", "", page.GetNextPage())) },
		"tokens of their user": func() (string, error) {
			return attempt(t, c.tokens.ListTokens, list("", "user = \""+marker+"-user\"", ""))
		},
		"assessments of their node": func() (string, error) {
			return attempt(t, c.assessments.ListAssessments, list("", "node = \""+marker+"-node\"", ""))
		},
		"list tenants": func() (string, error) {
			return attempt(t, c.tenants.ListTenants, &bulkheadv1.ListTenantsRequest{Page: &bulkheadv1.Page{Filter: "id = \"globex\""}})
		},
		"their status": func() (string, error) {
			return attempt(t, c.assessments.GetStatus, &bulkheadv1.GetStatusRequest{Tenant: "globex"})
		},
		"their node's status": func() (string, error) {
			return attempt(t, c.assessments.GetStatus, &bulkheadv1.GetStatusRequest{Node: marker + "-node"})
		},
		"publish there": func() (string, error) {
			doc := &structpb.Struct{}
			return attempt(t, c.assessments.PublishAssessment, &bulkheadv1.PublishAssessmentRequest{Tenant: "globex", Document: doc})
		},
		"create user there": func() (string, error) {
			return attempt(t, c.users.CreateUser, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Tenant: "globex", Name: "x"}})
		},
		"join their group": func() (string, error) {
			return attempt(t, c.users.CreateUser, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Name: "x", Groups: []string{id("globex", "group")}}})
		},
		"move a user": func() (string, error) {
			return attempt(t, c.users.UpdateUser, &bulkheadv1.UpdateUserRequest{User: &bulkheadv1.User{Id: "acme-user", Name: "acme-user", Tenant: "globex"}})
		},
		"put a user into their group": func() (string, error) {
			return attempt(t, c.users.UpdateUser, &bulkheadv1.UpdateUserRequest{User: &bulkheadv1.User{Id: "acme-user", Name: "acme-user", Groups: []string{id("globex", "group")}}})
		},
		"jobs":      func() (string, error) { return attempt(t, c.jobs.ListJobs, &bulkheadv1.ListJobsRequest{}) },
		"job by id": func() (string, error) { return attempt(t, c.jobs.CancelJob, &bulkheadv1.Id{Id: "1"}) },
	} {
		text, err := try()
		if strings.Contains(text, marker) || strings.Contains(text, "globex") {
			t.Errorf("%s: it comes out: %s", name, text)
		}
		t.Log(name, err)
	}
	// Nothing was changed.
	if a, err := w.store.Account(t.Context(), id("globex", "user")); err != nil || a.Version != 1 {
		t.Error(a, err)
	}
	if a, err := w.store.Account(t.Context(), "acme-user"); err != nil || a.Tenant != "acme" || len(a.Groups) != 1 {
		t.Error(a, err)
	}
}

func tokenFor(user string) *bulkheadv1.CreateTokenRequest {
	return &bulkheadv1.CreateTokenRequest{User: user, Name: "x", Scopes: []string{"Read"}}
}

// TestWatchStaysInTenant changes something in both tenants and sees only the own.
func TestWatchStaysInTenant(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	s, err := c.watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{})
	if err != nil || !s.Receive() || s.Msg().GetOperation() != "alive" {
		t.Fatal(err, s.Err())
	}
	from := s.Msg().GetCursor()
	for _, tenant := range []string{"globex", "acme"} {
		g := &model.AccountGroup{ID: "g-" + tenant, Tenant: tenant, Name: "g", Created: time.Now()}
		if err := w.store.CreateGroup(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	for s.Receive() && s.Msg().GetOperation() == "alive" {
		continue
	}
	if m := s.Msg(); m.GetTenant() != "acme" || m.GetObject().GetId() != "g-acme" || m.GetOperation() != "created" {
		t.Errorf("%v", m)
	}
	// The cursor brings the same change again, and a kind that it is not leaves it out.
	again, err := c.watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{Cursor: from, Kinds: []string{"Group"}})
	if err != nil || !again.Receive() || again.Msg().GetObject().GetId() != "g-acme" {
		t.Error(err, again.Err(), again.Msg())
	}
	// A cursor beyond the last change is of another database.
	ahead, err := c.watch.Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{Cursor: "999999"})
	if err != nil || ahead.Receive() || detailOf(t, ahead.Err()).GetCode() != "expired" {
		t.Error(err, ahead.Err())
	}
	// The right ends, and the stream with it.
	a, err := w.store.Account(t.Context(), "id-owner")
	if err != nil {
		t.Fatal(err)
	}
	a.Roles = nil
	if err := w.store.UpdateAccount(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for s.Receive() {
		if s.Msg().GetTenant() == "globex" {
			t.Error(s.Msg())
		}
	}
	if d := detailOf(t, s.Err()); d.GetCode() != "denied" {
		t.Error(d)
	}
}
