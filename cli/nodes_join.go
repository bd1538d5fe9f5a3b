package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) joinTokenCommand() *cobra.Command {
	req := &bulkheadv1.CreateJoinTokenRequest{}
	var pairs []string
	var out, replaces string
	cmd := verb("join-token", "Make a token with which one machine joins, once; shows how", 0, func(ctx context.Context, _ []string) error {
		l, err := labels(pairs)
		if err != nil {
			return err
		}
		req.Labels, req.Tenant = l, a.remote.tenant
		if replaces != "" {
			if req.Replaces, err = a.nodeID(ctx, replaces); err != nil {
				return err
			}
		}
		return a.createJoinToken(ctx, req, out)
	})
	f := cmd.Flags()
	f.StringVar(&req.Name, "name", "", "`name`, for people: what the token is for")
	f.StringVar(&req.Pool, "pool", "", "`pool` of the node (default: \"default\")")
	f.StringArrayVar(&pairs, "label", nil, "`NAME=VALUE` on the node; can be given more than once")
	f.StringVar(&req.Sensitivity, "sensitivity", "", "`level` of the node, e.g. confidential")
	f.StringVar(&replaces, "replaces", "", "`node` that the new one takes the place of; that one is revoked when the new one joins")
	f.Int32Var(&req.Minutes, "minutes", 60, "`minutes` until it ends, at most 10080")
	f.StringVar(&out, "out", "", "write the secret to a new `file`, for you alone, instead of showing it")
	return cmd
}

func (a *App) joinTokensCommand() *cobra.Command {
	var f listFlags
	return lister(verb("join-tokens", "List join tokens, newest first, without their secrets", 0, func(ctx context.Context, _ []string) error {
		return a.listJoinTokens(ctx, f)
	}), &f, "name, pool, used, revoked")
}

func (a *App) createJoinToken(ctx context.Context, req *bulkheadv1.CreateJoinTokenRequest, out string) error {
	c, err := a.nodeClient(ctx)
	if err != nil {
		return err
	}
	var file *os.File
	if out != "" { // before the token is made: a secret that can't be kept would be lost
		if file, err = os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("write the secret (a file that exists is never overwritten): %w", err)
		}
	}
	res, err := c.CreateJoinToken(ctx, req)
	if err != nil {
		return errors.Join(remoteError(err), removed(file))
	}
	if file != nil {
		_, err := fmt.Fprintln(file, res.GetSecret())
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("the join token %s was made, but its secret is lost; revoke it: %w", res.GetToken().GetId(), err)
		}
		res.Secret = ""
	}
	if res.JoinUrl, err = a.joinURL(res); err != nil {
		return err
	}
	return a.answer(res, func() { a.showJoinToken(res, out) })
}

// removed takes back a file that nothing was written to.
func removed(f *os.File) error {
	if f == nil {
		return nil
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// joinURL is the server's own, or the one that this client uses, with the fingerprint of the CA that it trusts.
func (a *App) joinURL(res *bulkheadv1.CreateJoinTokenResponse) (string, error) {
	if u := res.GetJoinUrl(); u != "" {
		return u, nil
	}
	c, err := a.connection()
	if err != nil {
		return "", err
	}
	if c.kept == nil || fingerprintOf(c.kept.CA) == "" {
		return c.URL, nil
	}
	return c.URL + "#ca=" + fingerprintOf(c.kept.CA), nil
}

// tokenPlace is where the secret lies on the new machine.
const tokenPlace = "/root/join.token"

func (a *App) showJoinToken(res *bulkheadv1.CreateJoinTokenResponse, out string) {
	t := res.GetToken()
	a.fields("id", t.GetId(), "name", t.GetName(), "tenant", t.GetTenant(), "pool", t.GetPool(), "labels", labelText(t.GetLabels()),
		"sensitivity", t.GetSensitivity(), "replaces", t.GetReplaces(), "good until", when(t.GetExpires()))
	put := fmt.Sprintf("sudo sh -c 'umask 077; cat > %s'      # paste the secret, Enter, Ctrl-D", tokenPlace)
	if out != "" {
		a.fields("secret in", out)
		put = fmt.Sprintf("sudo sh -c 'umask 077; cat > %s'      # paste what %s has, Enter, Ctrl-D", tokenPlace, plain(out))
	} else {
		a.fields("secret", res.GetSecret())
	}
	fmt.Fprintf(a.Out, "\nOn the new machine:\n  %s\n  sudo bulkhead agent --join %s --token-file %s\n", put, quoted(plain(res.GetJoinUrl())), tokenPlace)
	if out == "" {
		fmt.Fprintln(a.Err, "The secret is not shown again. It lets one machine in, once.")
	}
}

// quoted is a word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (a *App) listJoinTokens(ctx context.Context, f listFlags) error {
	c, err := a.nodeClient(ctx)
	if err != nil {
		return err
	}
	items, next, err := pages(f, func(p *bulkheadv1.Page) ([]*bulkheadv1.JoinToken, string, error) {
		res, err := c.ListJoinTokens(ctx, &bulkheadv1.ListInTenantRequest{Tenant: a.remote.tenant, Page: p})
		return res.GetTokens(), res.GetNextPage(), err
	})
	if err != nil {
		return err
	}
	return a.answer(&bulkheadv1.ListJoinTokensResponse{Tokens: items, NextPage: next}, func() {
		rows := make([][]string, 0, len(items))
		for _, t := range items {
			state := "until " + when(t.GetExpires())
			switch {
			case t.GetUsed() != nil:
				state = "used by " + t.GetUsedBy()
			case t.GetRevoked() != nil:
				state = "revoked"
			}
			rows = append(rows, []string{t.GetName(), t.GetTenant(), t.GetPool(), state, when(t.GetCreated()), t.GetId()})
		}
		a.table("no join tokens", []string{"NAME", "TENANT", "POOL", "STATE", "CREATED", "ID"}, rows)
		a.more(next)
	})
}

func (a *App) revokeJoinToken(ctx context.Context, args []string) error {
	c, err := a.nodeClient(ctx)
	if err != nil {
		return err
	}
	_, err = c.RevokeJoinToken(ctx, &bulkheadv1.Id{Id: args[0]})
	return a.done(err, "revoked the join token "+args[0])
}
