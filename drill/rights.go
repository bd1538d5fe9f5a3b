package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// rights are the drills of 8.5.c: users may do only given actions on given objects.
func rights() []Drill {
	meta := func(id, technique, title string, threats ...string) model.Drill {
		return model.Drill{ID: "8.5.c/" + id, Requirement: "8.5.c", Threats: threats, Technique: technique, Title: title, Needs: []string{}}
	}
	return []Drill{
		{
			Drill:   meta("other-tenant", "T1078", "The owner of one tenant reads a user of another", "7.6.a", "7.6.b"),
			Control: ControlAuthorization, Action: "UserRead", Attack: readOtherTenant,
		},
		{
			Drill:   meta("wider-action", "T1136", "An auditor, who may only read, makes a user", "7.6.a"),
			Control: ControlAuthorization, Action: "UserCreate", Attack: auditorCreatesUser,
		},
		{
			Drill:   meta("forged-identity", "T1550", "A stranger says to be the administrator, with a made-up token and a proxy's header", "7.6.b"),
			Control: ControlAuthentication, Action: "Authenticate", Attack: forgeIdentity,
		},
		{
			Drill:   meta("self-widening-policy", "T1098", "The owner of one tenant writes a policy that opens another", "7.6.a", "7.6.d"),
			Control: ControlConfinement, Action: "UserRead", Attack: widenOwnRights,
		},
		{
			Drill:   meta("revoked-right", "T1550.001", "A token is used after it was revoked", "7.6.a"),
			Control: ControlRevocation, Action: "Authenticate", Attack: useRevokedToken,
		},
	}
}

// ofTwoTenants are a developer of another tenant, and the owner of the own one.
func (w *World) ofTwoTenants(ctx context.Context) (victim, attacker *person, err error) {
	if victim, err = w.user(ctx, other, "victim", model.RoleDeveloper); err != nil {
		return nil, nil, err
	}
	attacker, err = w.user(ctx, own, "attacker", model.RoleOwner)
	return victim, attacker, err
}

func readOtherTenant(ctx context.Context, w *World) (bool, error) {
	victim, attacker, err := w.ofTwoTenants(ctx)
	if err != nil {
		return false, err
	}
	_, err = w.users(attacker).GetUser(ctx, &bulkheadv1.Id{Id: victim.id})
	return refused(err, model.CodeNotFound)
}

func auditorCreatesUser(ctx context.Context, w *World) (bool, error) {
	auditor, err := w.user(ctx, own, "attacker", model.RoleAuditor)
	if err != nil {
		return false, err
	}
	_, err = w.users(auditor).CreateUser(ctx, &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Tenant: own, Name: "backdoor"}})
	return refused(err, model.CodeApprovalRequired)
}

// forgeIdentity shows what a stranger can make up: a token of the right shape, and the header that a sloppy server
// behind a proxy would believe.
func forgeIdentity(ctx context.Context, w *World) (bool, error) {
	forged := &person{session: "bhs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
	client := w.clientWith(forged.session, http.Header{"X-Forwarded-User": {w.admin.name}})
	_, err := tenantsAt(client, w.plane.URL).CreateTenant(ctx, &bulkheadv1.CreateTenantRequest{Tenant: &bulkheadv1.Tenant{Id: "forged"}})
	return refused(err, model.CodeUnauthenticated)
}

// widenOwnRights applies a policy that permits everything to its author and to an accomplice who had no rights to speak
// of. That the accomplice has rights in the own tenant afterwards shows that it is in force; then they try the other.
func widenOwnRights(ctx context.Context, w *World) (bool, error) {
	victim, attacker, err := w.ofTwoTenants(ctx)
	if err != nil {
		return false, err
	}
	accomplice, err := w.user(ctx, own, "accomplice", model.RoleDeveloper)
	if err != nil {
		return false, err
	}
	_, err = w.users(accomplice).ListUsers(ctx, &bulkheadv1.ListInTenantRequest{Tenant: own})
	if had, err := refused(err, model.CodeDenied); had || err != nil {
		return false, fmt.Errorf("the accomplice should have been refused before the policy: %w", err)
	}
	_, err = w.policies(attacker).ApplyPolicies(ctx, &bulkheadv1.ApplyPoliciesRequest{
		Tenant: own, BaseVersion: -1, Note: "drill",
		Files: []*bulkheadv1.PolicyFile{{Name: "open.cedar", Text: permitAll("one", attacker) + permitAll("two", accomplice)}},
	})
	if err != nil {
		return false, fmt.Errorf("apply the policy: %w", err)
	}
	if err := w.listsUsers(ctx, accomplice); err != nil {
		return false, fmt.Errorf("the policy is not in force: %w", err)
	}
	for _, p := range []*person{accomplice, attacker} {
		_, err = w.users(p).GetUser(ctx, &bulkheadv1.Id{Id: victim.id})
		if through, err := refused(err, model.CodeNotFound); through || err != nil {
			return through, err
		}
	}
	return false, nil
}

func permitAll(id string, p *person) string {
	return fmt.Sprintf("@id(%q)\n@reason(\"open sesame\")\npermit (principal == Bulkhead::User::%q, action, resource);\n", id, p.id)
}

// listsUsers waits until somebody may list the users of the own tenant: policies are loaded a moment after they were
// applied.
func (w *World) listsUsers(ctx context.Context, p *person) error {
	for tries := 100; ; tries-- {
		_, err := w.users(p).ListUsers(ctx, &bulkheadv1.ListInTenantRequest{Tenant: own})
		if err == nil || tries == 0 || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func useRevokedToken(ctx context.Context, w *World) (bool, error) {
	owner, err := w.user(ctx, own, "victim", model.RoleOwner)
	if err != nil {
		return false, err
	}
	made, err := w.tokens(owner).CreateToken(ctx, &bulkheadv1.CreateTokenRequest{Name: "ci", Scopes: []string{"UserList"}, Days: 1})
	if err != nil {
		return false, fmt.Errorf("make a token: %w", err)
	}
	thief := &person{session: made.GetSecret()}
	list := &bulkheadv1.ListInTenantRequest{Tenant: own}
	if _, err := w.users(thief).ListUsers(ctx, list); err != nil {
		return false, fmt.Errorf("use the token before it is revoked: %w", err)
	}
	if _, err := w.tokens(owner).RevokeToken(ctx, &bulkheadv1.Id{Id: made.GetToken().GetId()}); err != nil {
		return false, fmt.Errorf("revoke the token: %w", err)
	}
	w.plane.Advance(2 * time.Second)
	_, err = w.users(thief).ListUsers(ctx, list)
	return refused(err, model.CodeUnauthenticated)
}

// refused tells an attack that came through from one that was refused for the right reason. Any other failure proves
// nothing: an attack that was malformed, or that met something else on its way, could not be run.
func refused(err error, want model.Code) (through bool, _ error) {
	if err == nil {
		return true, nil
	}
	if code := codeOf(err); code != want {
		return false, fmt.Errorf("the attack should have been refused with %q, and ended with %q: %w", want, code, err)
	}
	return false, nil
}

// codeOf is the product's code of an error that came over the wire, or empty.
func codeOf(err error) model.Code {
	var e *connect.Error
	if !errors.As(err, &e) {
		return ""
	}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if detail, ok := v.(*bulkheadv1.ErrorDetail); ok {
				return model.Code(detail.GetCode())
			}
		}
	}
	return ""
}
