package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

type loginFlags struct {
	fingerprint, name, passwordFile string
	password, stepUp                bool
}

func (a *App) loginCommand() *cobra.Command {
	var f loginFlags
	cmd := verb("login", "Sign in to a control plane, in the browser or here", 0,
		func(ctx context.Context, _ []string) error { return a.login(ctx, f) })
	cmd.Long = `Prints an address and a code. Open the address in any browser, on any machine, sign in there with your passkey or
authenticator app, compare the code and approve; the command then has a session of its own (RFC 8628).

The session is kept in $XDG_CONFIG_HOME/bulkhead/credentials.json, readable by you alone, or in the desktop's keyring with
--keyring. "bulkhead logout" ends it.

With --password it asks here for name, password and a code of the authenticator app. With --step-up it shows a fresh second
factor for the session that there is, for the commands after it that need one: a code, or a passkey in the browser.`
	cmd.Example = `  bulkhead login --server https://host:8443 --ca-fingerprint sha256:…
  bulkhead login --password --name alice
  bulkhead login --step-up`
	fl := cmd.Flags()
	fl.StringVar(&f.fingerprint, "ca-fingerprint", "", "`fingerprint` of the server's CA, sha256:…, as `bulkhead serve` prints it")
	fl.BoolVar(&f.password, "password", false, "ask for name, password and code here instead of in a browser")
	fl.StringVar(&f.name, "name", "", "`name` to sign in with (with --password)")
	fl.StringVar(&f.passwordFile, "password-file", "", "password in `file` (with --password)")
	fl.BoolVar(&f.stepUp, "step-up", false, "show a fresh second factor for the session that there is")
	a.remoteFlags(cmd)
	a.tenantFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("password", "step-up")
	return cmd
}

// stranger is a client without credentials.
func (a *App) stranger(ctx context.Context, c *connection) (*caller, error) {
	r, err := c.remote(ctx, a)
	if err != nil {
		return nil, err
	}
	h, ok := r.HTTP.(*caller)
	if !ok {
		return nil, errors.New("the client is of another kind")
	}
	return h, nil
}

func (a *App) login(ctx context.Context, f loginFlags) error {
	if f.stepUp {
		return a.loginStepUp(ctx)
	}
	at, err := a.loginAddress()
	if err != nil {
		return err
	}
	c, ca, err := a.trust(ctx, at, f.fingerprint)
	if err != nil {
		return err
	}
	h, err := a.stranger(ctx, c)
	if err != nil {
		return err
	}
	auth := bulkheadv1connect.NewAuthServiceClient(h, c.URL)
	if f.password || f.passwordFile != "" {
		err = a.loginPassword(ctx, h, auth, ca, f)
	} else {
		err = a.loginDevice(ctx, h, ca)
	}
	if err != nil {
		return err
	}
	return a.showCaller(ctx, auth)
}

// loginAddress is the address given, or that of the last login.
func (a *App) loginAddress() (string, error) {
	if a.cfg.Client.Server != "" {
		return a.cfg.Client.Server, nil
	}
	kept, err := a.credentials()
	if err != nil {
		return "", err
	}
	if kept.Current == "" {
		return "", errors.New("no control plane is named\n  use --server https://host:port, with the --ca-fingerprint that `bulkhead serve` printed")
	}
	return kept.Current, nil
}

// loginPassword asks for both factors here.
func (a *App) loginPassword(ctx context.Context, h *caller, auth bulkheadv1connect.AuthServiceClient, ca string, f loginFlags) error {
	var err error
	name := f.name
	if name == "" {
		if name, err = a.asker().Line("Name: "); err != nil {
			return err
		}
	}
	var password string
	if f.passwordFile != "" {
		password, err = readSecret(f.passwordFile)
	} else if p, ok := a.prompter(); ok {
		password, err = p.Secret("Password: ")
	} else {
		err = errors.New("there is no terminal to ask for the password on; name a file with --password-file")
	}
	if err != nil {
		return err
	}
	res, err := auth.SignIn(ctx, &bulkheadv1.SignInRequest{Tenant: a.remote.tenant, Name: name, Password: password})
	if err != nil {
		return remoteError(err)
	}
	if err := a.keepSignIn(h, h.url, ca, res); err != nil {
		return err
	}
	switch res.GetNext() {
	case bulkheadv1.Step_STEP_FACTOR:
		return a.verify(ctx, h)
	case bulkheadv1.Step_STEP_REGISTER:
		fmt.Fprintln(a.Err, "A second factor has to be registered first.")
		made, err := a.secondFactor(ctx, h, h.url, res, enrolFlags{factorName: "authenticator app"})
		for _, c := range made.GetRecoveryCodes() {
			fmt.Fprintln(a.Err, "recovery code:", plain(c))
		}
		if err != nil {
			return err
		}
		return stillNeeds(made.GetSession().GetNext(), h.url)
	}
	return nil
}

// verify asks for a second factor and shows it.
func (a *App) verify(ctx context.Context, h *caller) error {
	next, ok, err := h.show(ctx, a.asker(), "")
	if err != nil {
		return remoteError(err)
	}
	if !ok {
		return errNo{"no second factor was shown"}
	}
	return stillNeeds(next, h.url)
}

func (a *App) loginStepUp(ctx context.Context) error {
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	h, ok := r.HTTP.(*caller)
	if !ok || h.keep == nil {
		return errors.New("only the session of `bulkhead login` can show a second factor; an API token never does")
	}
	if err := a.verify(ctx, h); err != nil {
		return err
	}
	return a.showCaller(ctx, bulkheadv1connect.NewAuthServiceClient(h, r.URL))
}

// keepSignIn takes a session into use and keeps it.
func (a *App) keepSignIn(h *caller, url, ca string, res *bulkheadv1.SignInResponse) error {
	if res.GetSecret() == "" {
		return errors.New("the server gave no session")
	}
	err := a.keepSession(url, session{CA: ca, Secret: res.GetSecret(), Name: res.GetCaller().GetName(), Tenant: res.GetCaller().GetTenant()})
	if err != nil {
		return err
	}
	h.keep = func(secret string) error { return a.keepSecret(url, secret) }
	h.mu.Lock()
	h.secret = res.GetSecret()
	h.mu.Unlock()
	return nil
}

func (a *App) logoutCommand() *cobra.Command {
	cmd := verb("logout", "End the session and forget it", 0, func(ctx context.Context, _ []string) error { return a.logout(ctx) })
	cmd.Example = "  bulkhead logout"
	a.remoteFlags(cmd)
	return cmd
}

func (a *App) logout(ctx context.Context) error {
	c, err := a.connection()
	if err != nil {
		return err
	}
	if !c.keep || c.secret == "" {
		return a.done(nil, "not signed in to "+c.URL)
	}
	r, err := c.remote(ctx, a)
	if err != nil {
		return err
	}
	_, out := bulkheadv1connect.NewAuthServiceClient(r.HTTP, r.URL).SignOut(ctx, &bulkheadv1.Empty{})
	if err := a.forgetSecret(c.URL); err != nil {
		return err
	}
	if out = remoteError(out); out != nil && model.CodeOf(out) != model.CodeUnauthenticated {
		return fmt.Errorf("the session is forgotten here, but the server did not end it: %w", out)
	}
	return a.done(nil, "signed out of "+c.URL)
}

func (a *App) whoamiCommand() *cobra.Command {
	cmd := verb("whoami", "Show who is signed in, how strongly, and until when", 0, func(ctx context.Context, _ []string) error {
		r, err := a.server(ctx)
		if err != nil {
			return err
		}
		return a.showCaller(ctx, bulkheadv1connect.NewAuthServiceClient(r.HTTP, r.URL))
	})
	cmd.Example = "  bulkhead whoami\n  bulkhead whoami -o json"
	a.remoteFlags(cmd)
	return cmd
}

func (a *App) showCaller(ctx context.Context, auth bulkheadv1connect.AuthServiceClient) error {
	me, err := auth.GetCaller(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(me, func() {
		factor := "no second factor"
		switch {
		case me.GetPhishingResistant():
			factor = "second factor, phishing-resistant, shown " + when(me.GetFactorTime())
		case me.GetMfa():
			factor = "second factor, shown " + when(me.GetFactorTime())
		}
		a.fields("name", me.GetName(), "tenant", me.GetTenant(), "id", me.GetId(), "roles", strings.Join(me.GetRoles(), ", "),
			"groups", strings.Join(me.GetGroups(), ", "), "signed in", factor, "by", me.GetKind(),
			"scopes", strings.Join(me.GetScopes(), ", "), "until", when(me.GetExpires()))
	})
}

// cut shortens a text to a number of bytes, at a rune.
func cut(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "") }
