package cli

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func (a *App) addTOTPCommand() *cobra.Command {
	var name string
	cmd := verb("add-totp", "Register an authenticator app: shows its secret, takes a code of it", 0,
		func(ctx context.Context, _ []string) error { return a.addTOTP(ctx, name) })
	cmd.Long = `Shows the secret for an authenticator app as QR code and otpauth:// address, and takes a code of the app. With the account's
first factor come the recovery codes, once, and the other sessions end.

Without a terminal the code is read from standard input after the address was printed.`
	cmd.Example = "  bulkhead account factors add-totp --name phone"
	cmd.Flags().StringVar(&name, "name", "authenticator app", "`name` of the app")
	return cmd
}

func (a *App) addTOTP(ctx context.Context, name string) error {
	if _, err := a.format("text", "json"); err != nil {
		return err
	}
	_, h, err := a.account(ctx)
	if err != nil {
		return err
	}
	made, err := a.registerTOTP(ctx, h, h.url, name)
	if err != nil {
		return err
	}
	// The secret is kept and shown nowhere.
	out := &bulkheadv1.RegisterResponse{Factor: made.GetFactor(), RecoveryCodes: made.GetRecoveryCodes()}
	return a.answer(out, func() {
		a.fields("registered", made.GetFactor().GetName(), "id", made.GetFactor().GetId())
		a.recoveryCodes(made.GetRecoveryCodes())
	})
}

type passwordFlags struct{ old, new string }

func (a *App) passwordCommand() *cobra.Command {
	var f passwordFlags
	cmd := verb("password", "Change your password; ends your other sessions", 0, func(ctx context.Context, _ []string) error { return a.changePassword(ctx, f) })
	cmd.Example = `  bulkhead account password
  bulkhead account password --old-password-file old.txt --new-password-file new.txt`
	cmd.Flags().StringVar(&f.old, "old-password-file", "", "password as it is, in `file` instead of the terminal")
	cmd.Flags().StringVar(&f.new, "new-password-file", "", "password as it shall be, in `file` instead of the terminal")
	cmd.MarkFlagsRequiredTogether("old-password-file", "new-password-file")
	return cmd
}

func (a *App) changePassword(ctx context.Context, f passwordFlags) error {
	c, h, err := a.account(ctx)
	if err != nil {
		return err
	}
	req := &bulkheadv1.ChangePasswordRequest{}
	if req.OldPassword, req.NewPassword, err = a.passwords(f); err != nil {
		return err
	}
	// The answer is empty: the session's new secret is in a header of it.
	ctx, call := connect.NewClientContext(ctx)
	if _, err := c.ChangePassword(ctx, req); err != nil {
		return remoteError(err)
	}
	if err := h.rotate(call.ResponseHeader().Get("Bulkhead-Session")); err != nil {
		return err
	}
	return a.done(nil, "changed the password; your other sessions are ended")
}

// passwords are the old and the new one, from files or from the terminal.
func (a *App) passwords(f passwordFlags) (was, shall string, err error) {
	if f.old != "" {
		if was, err = readSecret(f.old); err != nil {
			return "", "", err
		}
		shall, err = readSecret(f.new)
		return was, shall, err
	}
	p, ok := a.prompter()
	if !ok {
		return "", "", errors.New("there is no terminal to ask for the passwords on; name files with --old-password-file and --new-password-file")
	}
	if was, err = p.Secret("Password as it is: "); err != nil {
		return "", "", err
	}
	shall, err = a.newPassword(p, "New password, at least 15 characters (8 with a second factor)")
	return was, shall, err
}

func (a *App) recoveryCodesCommand() *cobra.Command {
	var yes bool
	cmd := yesFlag(verb("recovery-codes", "Make new recovery codes, shown once; the ones there are end", 0, func(ctx context.Context, _ []string) error {
		return a.replaceRecoveryCodes(ctx, yes)
	}), &yes)
	cmd.Example = `  bulkhead account recovery-codes
  bulkhead account recovery-codes --yes -o json`
	return cmd
}

func (a *App) replaceRecoveryCodes(ctx context.Context, yes bool) error {
	// Before the work: codes that can't be shown would be lost.
	if _, err := a.format("text", "json"); err != nil {
		return err
	}
	c, _, err := a.account(ctx)
	if err != nil {
		return err
	}
	if err := a.confirm(yes, "end the recovery codes that you have"); err != nil {
		return err
	}
	res, err := c.ReplaceRecoveryCodes(ctx, &bulkheadv1.Empty{})
	if err != nil {
		return remoteError(err)
	}
	return a.answer(res, func() { a.recoveryCodes(res.GetCodes()) })
}
