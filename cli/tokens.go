package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) tokensCommand() *cobra.Command {
	var f listFlags
	cmd := a.group("tokens", "API tokens: a user's rights, narrowed to scopes, until a day",
		`Lists, makes and ends API tokens. A token has the rights of its user, narrowed to scopes: actions of the policy language,
or groups of actions such as Read. A token never counts as a fresh second factor, so it never does dangerous actions.`,
		`  bulkhead tokens create ci --scope AssessmentPublish --days 90 --out ci.token
  bulkhead tokens create robot --user robot --tenant acme --scope Read
  bulkhead tokens list --filter 'revoked = false'
  bulkhead tokens revoke 0198…
  bulkhead assess --publish --token-file ci.token`,
		lister(verb("list", "List tokens, without their secrets", 0, func(ctx context.Context, _ []string) error { return a.listTokens(ctx, f) }), &f, "user, name, revoked"),
		a.createTokenCommand(),
		verb("revoke ID", "End a token at once", 1, a.revokeToken),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) createTokenCommand() *cobra.Command {
	req := &bulkheadv1.CreateTokenRequest{}
	var out string
	cmd := verb("create NAME", "Make a token; its secret is shown once", 1, func(ctx context.Context, args []string) error {
		req.Name = args[0]
		return a.createToken(ctx, req, out)
	})
	f := cmd.Flags()
	f.StringVar(&req.User, "user", "", "`account` whose rights it has, by id or name (default: you)")
	f.StringSliceVar(&req.Scopes, "scope", nil, "`action` or group of actions; at least one")
	f.Int32Var(&req.Days, "days", 30, "`days` until it ends, at most 366")
	f.StringVar(&out, "out", "", "write the secret to `file`, for you alone, instead of showing it")
	// The errors say only that the flag does not exist, which the tests would show.
	_ = cmd.RegisterFlagCompletionFunc("scope", completeScope)
	_ = cmd.MarkFlagRequired("scope")
	return cmd
}

func (a *App) tokenClient(ctx context.Context) (bulkheadv1connect.TokenServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewTokenServiceClient)
}

func (a *App) createToken(ctx context.Context, req *bulkheadv1.CreateTokenRequest, out string) error {
	if req.GetUser() != "" {
		_, id, err := a.user(ctx, req.GetUser())
		if err != nil {
			return err
		}
		req.User = id
	}
	c, err := a.tokenClient(ctx)
	if err != nil {
		return err
	}
	res, err := c.CreateToken(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	if out != "" {
		err := toFile(out, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, res.GetSecret())
			return err
		})
		if err != nil {
			return fmt.Errorf("the token %s was made, but its secret is lost; revoke it: %w", res.GetToken().GetId(), err)
		}
		res.Secret = ""
	}
	return a.answer(res, func() {
		t := res.GetToken()
		a.fields("id", t.GetId(), "name", t.GetName(), "user", t.GetUser(), "scopes", strings.Join(t.GetScopes(), ", "), "ends", when(t.GetExpires()))
		if out != "" {
			a.fields("secret in", out)
			return
		}
		a.fields("secret", res.GetSecret())
		fmt.Fprintln(a.Err, "The secret is not shown again. It is sent as \"Authorization: Bearer SECRET\".")
	})
}

func (a *App) listTokens(ctx context.Context, f listFlags) error {
	c, err := a.tokenClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.Token, string, error) {
		res, err := c.ListTokens(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetTokens(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListTokensResponse{Tokens: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, t := range items {
			state := "until " + when(t.GetExpires())
			if t.GetRevoked() {
				state = "revoked"
			}
			rows = append(rows, []string{t.GetName(), t.GetPrefix() + "…", strings.Join(t.GetScopes(), ","), state, when(t.GetLastUsed()), t.GetUser(), t.GetId()})
		}
		a.table("no tokens", []string{"NAME", "SECRET", "SCOPES", "STATE", "LAST USED", "USER", "ID"}, rows)
		a.more(next)
	})
}

func (a *App) revokeToken(ctx context.Context, args []string) error {
	c, err := a.tokenClient(ctx)
	if err != nil {
		return err
	}
	_, err = c.RevokeToken(ctx, &bulkheadv1.Id{Id: args[0]})
	return a.done(err, "revoked the token "+args[0])
}
