package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/guard/call"
)

type guardAccountsFlags struct{ user, certificate, tokenFile string }

func (a *App) guardAccountsCommand() *cobra.Command {
	var f guardAccountsFlags
	cmd := verb("accounts", "Say whom the guard takes a user, certificate or token for", 0, func(ctx context.Context, _ []string) error {
		return a.guardAccounts(ctx, f)
	})
	cmd.Long = `Says as which account the guard knows a user of this machine, a client certificate or a token, by the configuration as it is now,
and if as none, what is missing. Exit code 2 says that it is nobody. Without a flag it lists the accounts.`
	cmd.Example = `  bulkhead guard accounts
  bulkhead guard accounts --user alice
  bulkhead guard accounts --user 1001 --output json
  bulkhead guard accounts --certificate alice.pem`
	cmd.Flags().StringVar(&f.user, "user", "", "`user` of this machine, by name or number")
	cmd.Flags().StringVar(&f.certificate, "certificate", "", "`file` with a client certificate (PEM)")
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", "`file` with a bearer token")
	cmd.MarkFlagsMutuallyExclusive("user", "certificate", "token-file")
	return cmd
}

func (a *App) guardAccounts(ctx context.Context, f guardAccountsFlags) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	who, err := a.Guard.Accounts(a.cfg, a.log)
	if err != nil {
		return err
	}
	var s *call.Subject
	switch {
	case f.user != "":
		s, err = who.ByUser(f.user)
	case f.certificate != "":
		var c *x509.Certificate
		if c, err = certificateIn(f.certificate); err != nil {
			return err
		}
		s, err = who.ByCertificate(c)
	case f.tokenFile != "":
		var token string
		if token, err = readSecret(f.tokenFile); err != nil {
			return err
		}
		s, err = who.ByToken(ctx, strings.TrimSpace(token))
	default:
		return a.listGuardAccounts(who, format)
	}
	if err != nil {
		return errNo{err.Error()}
	}
	return a.printSubject(s, format)
}

func (a *App) printSubject(s *call.Subject, format string) error {
	p := s.Principal
	if format == "json" {
		return a.printJSON(p)
	}
	a.fields("account", p.ID, "name", p.Name, "tenant", p.Tenant, "roles", strings.Join(p.Roles, ", "), "groups", strings.Join(p.Groups, ", "),
		"hosts", strings.Join(p.Hosts, ", "), "by", p.Credential.String(), "two factors", yesNo(p.Auth.MFA))
	return nil
}

func (a *App) listGuardAccounts(who *accounts.Accounts, format string) error {
	list := who.List()
	if format == "json" {
		return a.printJSON(list)
	}
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		rows = append(rows, []string{l.ID, l.Name, l.Tenant, strings.Join(l.Roles, ", "), strings.Join(l.Ways, "; ")})
	}
	a.table("no accounts: the guard refuses everybody (guard.accounts)", []string{"ID", "NAME", "TENANT", "ROLES", "KNOWN BY"}, rows)
	return nil
}

// mostCertificate bounds a file with a certificate.
const mostCertificate = 1 << 20

func certificateIn(path string) (*x509.Certificate, error) {
	is, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	if is.Size() > mostCertificate {
		return nil, fmt.Errorf("%s is larger than %d KiB, so it is no certificate", path, mostCertificate>>10)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New(path + " has no certificate in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the certificate %s: %w", path, err)
	}
	return c, nil
}
