package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) usersCommand() *cobra.Command {
	var f listFlags
	var yes bool
	cmd := a.group("users", "Accounts of people: roles, groups, invitations, sessions",
		`Lists, makes, changes, invites and deletes accounts. USER is an account's id, or its name in --tenant.

Roles: administrator (in the tenant "system" only), auditor, operator, owner, developer, and node: an account whose API token
publishes a host's assessments ("bulkhead assess --publish --token-file"), and nothing else. What changes takes effect at once,
also on open sessions.`,
		`  bulkhead users create alice --tenant acme --role owner     # prints the enrolment link
  bulkhead users list --tenant acme --filter 'disabled = true'
  bulkhead users create web-1 --tenant acme --role node
  bulkhead users get alice --tenant acme -o json
  bulkhead users update alice --role operator --host 5f0c… --tenant acme
  bulkhead users update alice --disabled --tenant acme
  bulkhead users invite alice --tenant acme
  bulkhead users sessions alice --tenant acme
  bulkhead users revoke-sessions alice --tenant acme
  bulkhead users delete alice --tenant acme`,
		lister(verb("list", "List accounts", 0, func(ctx context.Context, _ []string) error { return a.listUsers(ctx, f) }), &f, "name, email, role, disabled"),
		verb("get USER", "Show an account", 1, a.getUser),
		a.createUserCommand(), a.updateUserCommand(),
		yesFlag(verb("delete USER", "Delete an account with its sessions, factors and tokens", 1,
			func(ctx context.Context, args []string) error { return a.deleteUser(ctx, args[0], yes) }), &yes),
		a.inviteCommand(),
		verb("sessions USER", "List an account's sessions", 1, a.userSessions),
		verb("revoke-sessions USER", "End all sessions of an account at once", 1, a.revokeUserSessions),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) createUserCommand() *cobra.Command {
	u := &bulkheadv1.User{}
	cmd := verb("create NAME", "Make an account, and a one-time link for its person to enrol with", 1, func(ctx context.Context, args []string) error {
		u.Name, u.Tenant = args[0], a.remote.tenant
		return a.createUser(ctx, u)
	})
	userFlags(cmd, u)
	return cmd
}

func (a *App) updateUserCommand() *cobra.Command {
	u := &bulkheadv1.User{}
	var enabled bool
	cmd := verb("update USER", "Change an account; a list that is given replaces the whole list, empty with =''", 1, nil)
	userFlags(cmd, u)
	cmd.Flags().BoolVar(&u.Disabled, "disabled", false, "refuse everything to it, also to its sessions and tokens")
	cmd.Flags().BoolVar(&enabled, "enabled", false, "undo --disabled")
	cmd.MarkFlagsMutuallyExclusive("disabled", "enabled")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		mask, err := given(cmd, map[string]string{
			"display-name": "display_name", "email": "email", "role": "roles", "group": "groups", "host": "hosts",
			"disabled": "disabled", "enabled": "disabled",
		})
		if err != nil {
			return err
		}
		c, id, err := a.user(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		// The name can't be changed, but the message wants a valid one.
		have, err := c.GetUser(cmd.Context(), &bulkheadv1.Id{Id: id})
		if err != nil {
			return remoteError(err)
		}
		u.Id, u.Name, u.Tenant = id, have.GetName(), have.GetTenant()
		if cmd.Flags().Changed("enabled") {
			u.Disabled = !enabled
		}
		made, err := c.UpdateUser(cmd.Context(), &bulkheadv1.UpdateUserRequest{User: u, UpdateMask: mask})
		return a.showUser(made, err)
	}
	return cmd
}

func userFlags(cmd *cobra.Command, u *bulkheadv1.User) {
	f := cmd.Flags()
	f.StringVar(&u.DisplayName, "display-name", "", "`name` for people")
	f.StringVar(&u.Email, "email", "", "mail `address`")
	f.StringSliceVar(&u.Groups, "group", nil, "`id` of a group; can be given more than once")
	roleFlags(cmd, &u.Roles, &u.Hosts)
}

// roleFlags are the flags of users and groups alike.
func roleFlags(cmd *cobra.Command, roles, hosts *[]string) {
	cmd.Flags().StringSliceVar(roles, "role", nil, "`role`; can be given more than once")
	cmd.Flags().StringSliceVar(hosts, "host", nil, "`id` of a host for operators; can be given more than once")
	complete(cmd, "role", model.RoleAdministrator, model.RoleAuditor, model.RoleOperator, model.RoleOwner, model.RoleDeveloper, model.RoleNode)
}

func (a *App) inviteCommand() *cobra.Command {
	var yes bool
	cmd := verb("invite USER", "Make a new enrolment link: it ends the sessions, and replaces password and factors when used", 1, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, id, err := a.user(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if err := a.confirm(yes, "end the sessions of "+args[0]); err != nil {
			return err
		}
		res, err := c.InviteUser(cmd.Context(), &bulkheadv1.Id{Id: id})
		return a.showInvitation(res, err)
	}
	return yesFlag(cmd, &yes)
}

func (a *App) userClient(ctx context.Context) (bulkheadv1connect.UserServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewUserServiceClient)
}

// user is the client, and the id of an account named by id or name.
func (a *App) user(ctx context.Context, name string) (bulkheadv1connect.UserServiceClient, string, error) {
	c, err := a.userClient(ctx)
	if err != nil {
		return nil, "", err
	}
	if uuid.Validate(name) == nil {
		return c, name, nil
	}
	res, err := c.ListUsers(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: named(name)})
	if err != nil {
		return nil, "", remoteError(err)
	}
	if n := len(res.GetUsers()); n != 1 {
		return nil, "", notOne("account", name, n)
	}
	return c, res.GetUsers()[0].GetId(), nil
}

// named is the page of what has a name; two show that it is not the only one.
func named(name string) *bulkheadv1.Page {
	return &bulkheadv1.Page{Size: 2, Filter: fmt.Sprintf("name = %q", name)}
}

func notOne(kind, name string, n int) error {
	if n == 0 {
		return fmt.Errorf("there is no %s %q here; `list` shows them, --tenant looks elsewhere", kind, name)
	}
	return fmt.Errorf("there is more than one %s %q; name its --tenant, or use its id", kind, name)
}

func (a *App) listUsers(ctx context.Context, f listFlags) error {
	c, err := a.userClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.User, string, error) {
		res, err := c.ListUsers(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetUsers(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListUsersResponse{Users: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, u := range items {
			rows = append(rows, []string{
				u.GetName(), u.GetTenant(), strings.Join(u.GetRoles(), ","), yesNo(u.GetHasFactor()), yesNo(!u.GetDisabled()), when(u.GetLastSignIn()), u.GetId(),
			})
		}
		a.table("no accounts", []string{"NAME", "TENANT", "ROLES", "FACTOR", "ENABLED", "LAST SIGN-IN", "ID"}, rows)
		a.more(next)
	})
}

func (a *App) getUser(ctx context.Context, args []string) error {
	c, id, err := a.user(ctx, args[0])
	if err != nil {
		return err
	}
	u, err := c.GetUser(ctx, &bulkheadv1.Id{Id: id})
	return a.showUser(u, err)
}

func (a *App) createUser(ctx context.Context, u *bulkheadv1.User) error {
	c, err := a.userClient(ctx)
	if err != nil {
		return err
	}
	res, err := c.CreateUser(ctx, &bulkheadv1.CreateUserRequest{User: u})
	return a.showInvitation(res, err)
}

func (a *App) deleteUser(ctx context.Context, name string, yes bool) error {
	c, id, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "delete the account "+name+" with its sessions, factors and tokens"); err != nil {
		return err
	}
	_, err = c.DeleteUser(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "deleted the account "+name)
}

func (a *App) userSessions(ctx context.Context, args []string) error {
	c, id, err := a.user(ctx, args[0])
	if err != nil {
		return err
	}
	res, err := c.ListUserSessions(ctx, &bulkheadv1.Id{Id: id})
	return a.showSessions(res, err)
}

func (a *App) revokeUserSessions(ctx context.Context, args []string) error {
	c, id, err := a.user(ctx, args[0])
	if err != nil {
		return err
	}
	_, err = c.RevokeUserSessions(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "ended the sessions of "+args[0])
}

func (a *App) showUser(u *bulkheadv1.User, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(u, func() { a.userFields(u) })
}

func (a *App) userFields(u *bulkheadv1.User) {
	a.fields("id", u.GetId(), "name", u.GetName(), "tenant", u.GetTenant(), "display name", u.GetDisplayName(), "email", u.GetEmail(),
		"roles", strings.Join(u.GetRoles(), ", "), "groups", strings.Join(u.GetGroups(), ", "), "hosts", strings.Join(u.GetHosts(), ", "),
		"enabled", yesNo(!u.GetDisabled()), "second factor", yesNo(u.GetHasFactor()), "last sign-in", when(u.GetLastSignIn()),
		"created", when(u.GetCreated()), "version", fmt.Sprint(u.GetVersion()))
}

// showInvitation shows an account with the link for its person.
func (a *App) showInvitation(res *bulkheadv1.CreateUserResponse, err error) error {
	if err != nil {
		return remoteError(err)
	}
	c, err := a.connection()
	if err != nil {
		return err
	}
	return a.answer(res, func() {
		a.userFields(res.GetUser())
		if res.GetEnrolmentCode() == "" {
			fmt.Fprintf(a.Out, "\nAn API token gets no enrolment link. Sign in and run `bulkhead users invite %s`.\n", plain(res.GetUser().GetName()))
			return
		}
		fmt.Fprintf(a.Out, "\nEnrolment link, once, until %s. Hand it over by a way that only the person reads:\n  %s\n",
			when(res.GetExpires()), a.invitationLink(c, res))
	})
}

// invitationLink is the link with the fingerprint of the CA that this client trusts.
func (a *App) invitationLink(c *connection, res *bulkheadv1.CreateUserResponse) string {
	s := c.URL + "/enrol#code=" + plain(res.GetEnrolmentCode())
	if c.kept == nil {
		return s
	}
	if print256 := fingerprintOf(c.kept.CA); print256 != "" {
		s += "&ca=" + print256
	}
	return s
}
