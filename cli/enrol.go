package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

type enrolFlags struct {
	name, passwordFile, fingerprint, factorName string
	noFactor                                    bool
}

func (a *App) enrolCommand() *cobra.Command {
	var f enrolFlags
	cmd := verb("enrol LINK", "Use a one-time enrolment link: set the password, register a second factor, sign in", 1,
		func(ctx context.Context, args []string) error { return a.enrol(ctx, args[0], f) })
	cmd.Long = `Uses the one-time link that the first start of "bulkhead serve" printed, or that an administrator sent. It asks for
name and password, shows the secret for an authenticator app as QR code and address, takes a code of the app, prints the
recovery codes once, and keeps the session.

The link carries the fingerprint of the server's CA. The CA is taken from the server, compared with it, and kept.

Without a terminal the password comes from --password-file, and the code is read from standard input after the otpauth://
address was printed. A passkey instead of an app is registered on the link's page in a browser.`
	cmd.Example = `  bulkhead enrol 'https://host:8443/enrol#code=bhe_…&ca=sha256:…'
  bulkhead enrol LINK --name admin --password-file pw.txt`
	fl := cmd.Flags()
	fl.StringVar(&f.name, "name", "", "`name` to sign in with, where the link leaves it open")
	fl.StringVar(&f.passwordFile, "password-file", "", "password in `file` instead of the terminal")
	fl.StringVar(&f.fingerprint, "ca-fingerprint", "", "`fingerprint` of the server's CA, sha256:…, where the link has none")
	fl.StringVar(&f.factorName, "factor-name", "authenticator app", "`name` of the second factor")
	fl.BoolVar(&f.noFactor, "no-factor", false, "register no second factor now; administrators and owners can do nothing without one")
	a.remoteFlags(cmd)
	return cmd
}

// link is what an enrolment link says.
type link struct{ server, code, ca string }

// parseLink reads https://HOST:PORT/enrol#code=bhe_…&ca=sha256:…; a fragment that is only the code is fine too.
func parseLink(s string) (link, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Fragment == "" {
		return link{}, errors.New("this is no enrolment link: it must be https://HOST:PORT/enrol#code=bhe_…&ca=sha256:… (in quotes, because of the &)")
	}
	l := link{server: "https://" + u.Host + strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/enrol")}
	if !strings.Contains(u.Fragment, "=") {
		l.code = u.Fragment
		return l, nil
	}
	q, err := url.ParseQuery(u.Fragment)
	if err != nil || q.Get("code") == "" {
		return link{}, errors.New("the enrolment link has no code")
	}
	l.code, l.ca = q.Get("code"), q.Get("ca")
	return l, nil
}

func (a *App) enrol(ctx context.Context, text string, f enrolFlags) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	l, err := parseLink(text)
	if err != nil {
		return err
	}
	if f.fingerprint != "" {
		l.ca = f.fingerprint
	}
	c, ca, err := a.trust(ctx, l.server, l.ca)
	if err != nil {
		return err
	}
	h, err := a.stranger(ctx, c)
	if err != nil {
		return err
	}
	auth := bulkheadv1connect.NewAuthServiceClient(h, c.URL)
	who, err := auth.GetEnrolment(ctx, &bulkheadv1.GetEnrolmentRequest{Code: l.code})
	if err != nil {
		return remoteError(err)
	}
	name, password, err := a.newAccount(who, f)
	if err != nil {
		return err
	}
	res, err := auth.CompleteEnrolment(ctx, &bulkheadv1.CompleteEnrolmentRequest{Code: l.code, Name: name, Password: password})
	if err != nil {
		return remoteError(err)
	}
	if err := a.keepSignIn(h, c.URL, ca, res); err != nil {
		return err
	}
	made, err := a.secondFactor(ctx, h, c.URL, res, f)
	if err != nil {
		return err
	}
	if err := a.enrolled(ctx, format, auth, made.GetRecoveryCodes()); err != nil {
		return err
	}
	return stillNeeds(made.GetSession().GetNext(), c.URL)
}

// newAccount asks for what the enrolment leaves open.
func (a *App) newAccount(who *bulkheadv1.Enrolment, f enrolFlags) (name, password string, err error) {
	name = f.name
	if who.GetName() != "" {
		if name != "" && name != who.GetName() {
			return "", "", fmt.Errorf("the link is for %q in the tenant %q, not for %q", plain(who.GetName()), plain(who.GetTenant()), name)
		}
		name = who.GetName()
		fmt.Fprintf(a.Err, "Enrolling %s in the tenant %s.\n", plain(name), plain(who.GetTenant()))
	}
	if name == "" {
		if name, err = a.asker().Line("Name to sign in with: "); err != nil {
			return "", "", err
		}
	}
	if f.passwordFile != "" {
		password, err = readSecret(f.passwordFile)
		return name, password, err
	}
	p, ok := a.prompter()
	if !ok {
		return "", "", errors.New("there is no terminal to ask for the password on; name a file with --password-file")
	}
	password, err = a.newPassword(p, "Password, at least 15 characters")
	return name, password, err
}

// newPassword asks until the same was typed twice.
func (a *App) newPassword(p prompter, what string) (string, error) {
	for {
		password, err := p.Secret(what + ": ")
		if err != nil {
			return "", err
		}
		again, err := p.Secret("The same again: ")
		if err != nil {
			return "", err
		}
		if again == password && password != "" {
			return password, nil
		}
		fmt.Fprintln(a.Err, "They differ, or are empty. Once more.")
	}
}

// secondFactor registers an authenticator app where a sign-in asks for one; nil where it does not.
func (a *App) secondFactor(ctx context.Context, h *caller, at string, res *bulkheadv1.SignInResponse, f enrolFlags) (*bulkheadv1.RegisterResponse, error) {
	if f.noFactor || res.GetNext() == bulkheadv1.Step_STEP_FACTOR {
		return nil, nil
	}
	return a.registerTOTP(ctx, h, at, f.factorName)
}

// registerTOTP registers an authenticator app: it shows the secret and takes a code.
func (a *App) registerTOTP(ctx context.Context, h *caller, at, name string) (*bulkheadv1.RegisterResponse, error) {
	acc := bulkheadv1connect.NewAccountServiceClient(h, at)
	begun, err := acc.BeginTOTP(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return nil, remoteError(err)
	}
	a.showTOTP(begun)
	for tries := 3; ; tries-- {
		code, err := a.asker().Line("Code that the app shows now: ")
		if err != nil {
			return nil, err
		}
		done, err := acc.FinishTOTP(ctx, &bulkheadv1.FinishTOTPRequest{Id: begun.GetId(), Code: strings.ReplaceAll(code, " ", ""), Name: name})
		if err == nil {
			return done, h.rotate(done.GetSession().GetSecret())
		}
		if _, person := a.prompter(); tries == 1 || !person {
			return nil, remoteError(err)
		}
		fmt.Fprintln(a.Err, remoteError(err))
	}
}

// showTOTP shows the secret: the address alone where a program reads, with a QR code where a person does.
func (a *App) showTOTP(b *bulkheadv1.BeginTOTPResponse) {
	out := a.Out
	if a.output == "json" {
		out = a.Err
	}
	if _, tty := isTerminal(out); tty {
		if q, err := qrcode.New(b.GetUri(), qrcode.Low); err == nil {
			fmt.Fprint(out, q.ToSmallString(false))
		}
		fmt.Fprintln(out, "Scan this with an authenticator app, or type its secret:", plain(b.GetSecret()))
	}
	fmt.Fprintln(out, plain(b.GetUri()))
}

// enrolled says who is signed in now, and shows the recovery codes this once.
func (a *App) enrolled(ctx context.Context, format string, auth bulkheadv1connect.AuthServiceClient, codes []string) error {
	me, err := auth.GetCaller(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	if format == "json" {
		return a.printProto(&bulkheadv1.RegisterResponse{RecoveryCodes: codes, Session: &bulkheadv1.SignInResponse{Next: bulkheadv1.Step_STEP_DONE, Caller: me}})
	}
	a.recoveryCodes(codes)
	fmt.Fprintf(a.Out, "Signed in as %s of the tenant %s.\n", plain(me.GetName()), plain(me.GetTenant()))
	return nil
}

// recoveryCodes shows recovery codes this once.
func (a *App) recoveryCodes(codes []string) {
	if len(codes) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "\nRecovery codes: each signs in once instead of the app. They are not shown again; keep them apart from this machine.")
	for _, c := range codes {
		fmt.Fprintln(a.Out, "  "+plain(c))
	}
	fmt.Fprintln(a.Out)
}

// stillNeeds says no where a code is not enough: a passkey can't be shown or registered in a terminal.
func stillNeeds(next bulkheadv1.Step, at string) error {
	switch next {
	case bulkheadv1.Step_STEP_FACTOR:
		return errNo{"the code is right, but a passkey is demanded here, so this session can do next to nothing\n  sign in with the passkey in a browser: `bulkhead login` without --password"}
	case bulkheadv1.Step_STEP_REGISTER:
		return errNo{"the code is right, but a passkey is demanded here and your account has none, so this session can do next to nothing\n  register one at " +
			at + "/account in a browser, then `bulkhead login` without --password"}
	}
	return nil
}
