package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) accountCommand() *cobra.Command {
	return a.group("account", "Your own account: second factors, recovery codes, sessions, password",
		`Shows and changes the account that is signed in; nobody else's. An API token can't do this, and what weakens the account asks for
a second factor that was shown in the last minutes. A passkey is registered in a browser, on the server's page /account.`,
		`  bulkhead account factors
  bulkhead account factors add-totp --name phone
  bulkhead account factors delete 0198…
  bulkhead account sessions
  bulkhead account sessions revoke --others
  bulkhead account password
  bulkhead account recovery-codes`,
		a.factorsCommand(), a.sessionsCommand(), a.passwordCommand(), a.recoveryCodesCommand(),
	)
}

// account is the client of the own account, with the caller below it, whose secret changes with the account's strength.
func (a *App) account(ctx context.Context) (bulkheadv1connect.AccountServiceClient, *caller, error) {
	r, err := a.server(ctx)
	if err != nil {
		return nil, nil, err
	}
	h, ok := r.HTTP.(*caller)
	if !ok {
		return nil, nil, errors.New("the client is of another kind")
	}
	return bulkheadv1connect.NewAccountServiceClient(h, h.url), h, nil
}

func (a *App) factorsCommand() *cobra.Command {
	var yes bool
	cmd := verb("factors", "List the second factors", 0, a.listFactors)
	cmd.Args = cobra.NoArgs // a verb that is misspelt is an unknown one, not an argument too many
	cmd.Example = `  bulkhead account factors
  bulkhead account factors -o json`
	remove := yesFlag(verb("delete ID", "Remove a second factor; never the last one of an administrator or owner", 1,
		func(ctx context.Context, args []string) error { return a.deleteFactor(ctx, args[0], yes) }), &yes)
	remove.Example = "  bulkhead account factors delete 0198…"
	cmd.AddCommand(remove, a.addTOTPCommand())
	return cmd
}

func (a *App) listFactors(ctx context.Context, _ []string) error {
	c, _, err := a.account(ctx)
	if err != nil {
		return err
	}
	res, err := c.ListFactors(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(res, func() {
		rows := make([][]string, 0, len(res.GetFactors()))
		for _, f := range res.GetFactors() {
			kind, left := factorKind(f.GetKind()), ""
			if f.GetKind() == "recovery" {
				left = fmt.Sprint(f.GetLeft())
			}
			rows = append(rows, []string{f.GetName(), kind, left, when(f.GetCreated()), when(f.GetLastUsed()), f.GetId()})
		}
		a.table("no second factors; `bulkhead account factors add-totp` registers an authenticator app",
			[]string{"NAME", "KIND", "LEFT", "REGISTERED", "LAST USED", "ID"}, rows)
	})
}

// factorKind is a kind of factor in words.
func factorKind(kind string) string {
	switch kind {
	case "webauthn":
		return "passkey"
	case "totp":
		return "authenticator app"
	case "recovery":
		return "recovery codes"
	}
	return kind
}

func (a *App) deleteFactor(ctx context.Context, id string, yes bool) error {
	c, _, err := a.account(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "remove the second factor "+id+" from your account"); err != nil {
		return err
	}
	_, err = c.DeleteFactor(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "removed the second factor "+id)
}

func (a *App) sessionsCommand() *cobra.Command {
	var others bool
	cmd := verb("sessions", "List your sessions: since when, from where, with what", 0, func(ctx context.Context, _ []string) error {
		c, _, err := a.account(ctx)
		if err != nil {
			return err
		}
		res, err := c.ListSessions(ctx, &bulkheadv1.Empty{})
		return a.showSessions(res, err)
	})
	cmd.Args = cobra.NoArgs
	cmd.Example = `  bulkhead account sessions
  bulkhead account sessions -o json`
	revoke := &cobra.Command{
		Use: "revoke [ID]", Short: "End one of your sessions, or all but this one", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		Example: `  bulkhead account sessions revoke 0198…
  bulkhead account sessions revoke --others`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case others == (len(args) == 1):
				return errors.New("requires the ID of a session, or --others for all but this one; `bulkhead account sessions` lists them")
			case others:
				return a.revokeOthers(cmd.Context())
			}
			return a.revokeSession(cmd.Context(), args[0])
		},
	}
	revoke.Flags().BoolVar(&others, "others", false, "end all sessions but the one that this command uses")
	cmd.AddCommand(revoke)
	return cmd
}

func (a *App) revokeSession(ctx context.Context, id string) error {
	c, _, err := a.account(ctx)
	if err != nil {
		return err
	}
	_, err = c.RevokeSession(ctx, &bulkheadv1.Id{Id: id})
	return a.done(err, "ended the session "+id)
}

// revokeOthers ends the caller's sessions one by one, because the API has no call for all.
func (a *App) revokeOthers(ctx context.Context) error {
	if _, err := a.format("text", "json"); err != nil {
		return err
	}
	c, _, err := a.account(ctx)
	if err != nil {
		return err
	}
	all, err := c.ListSessions(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	var ended []*bulkheadv1.Session
	current := false
	for _, s := range all.GetSessions() {
		if s.GetCurrent() {
			current = true
			continue
		}
		ended = append(ended, s)
	}
	if !current {
		return errors.New("none of the sessions is the one of this command, which uses an API token; name the ID of a session instead of --others")
	}
	for _, s := range ended {
		if _, err := c.RevokeSession(ctx, &bulkheadv1.Id{Id: s.GetId()}); err != nil {
			return remoteError(err)
		}
	}
	return a.answer(&bulkheadv1.ListSessionsResponse{Sessions: ended}, func() { fmt.Fprintf(a.Out, "ended %d other sessions\n", len(ended)) })
}

// showSessions shows the sessions of an account, own or another's.
func (a *App) showSessions(res *bulkheadv1.ListSessionsResponse, err error) error {
	if err != nil {
		return remoteError(err)
	}
	return a.answer(res, func() {
		rows := make([][]string, 0, len(res.GetSessions()))
		for _, s := range res.GetSessions() {
			rows = append(rows, []string{
				s.GetId(), when(s.GetCreated()), when(s.GetLastSeen()), when(s.GetExpires()), strings.Join(s.GetAmr(), ","), s.GetAddress(), s.GetUserAgent(),
				yesNo(s.GetCurrent()),
			})
		}
		a.table("no sessions", []string{"ID", "SINCE", "SEEN", "UNTIL", "BY", "ADDRESS", "WITH", "THIS ONE"}, rows)
	})
}
