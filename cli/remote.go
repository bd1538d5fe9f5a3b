package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// remote is the control plane as the verbs see it: what a generated client needs.
type remote struct {
	HTTP connect.HTTPClient
	URL  string
}

// asking says whether a person is being asked for a second factor just now.
func (r *remote) asking() bool {
	c, ok := r.HTTP.(*caller)
	return ok && c.busy()
}

// remoteState is what the verbs of the control plane share.
type remoteState struct {
	tenant string
	// ask replaces the terminal, and unit the second between polls, in tests.
	ask  prompter
	unit time.Duration
}

// remoteCommands are the verbs of the control plane.
func (a *App) remoteCommands() []*cobra.Command {
	return []*cobra.Command{
		a.enrolCommand(), a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.accountCommand(), a.infoCommand(), a.settingsCommand(),
		a.tenantsCommand(), a.usersCommand(), a.groupsCommand(), a.tokensCommand(),
		a.policyCommand(), a.accessCommand(), a.approveCommand(),
		a.nodesCommand(), a.containersCommand(), a.imagesCommand(), a.networksCommand(), a.findingsCommand(),
		a.exceptionsCommand(), a.poolsCommand(), a.rolloutsCommand(), a.applyCommand(),
		a.statusCommand(), a.assessmentsCommand(), a.reportCommand(), a.jobsCommand(), a.watchCommand(), a.auditCommand(),
	}
}

// remoteFlags gives a verb the flags that say which control plane, and as whom.
func (a *App) remoteFlags(cmd *cobra.Command) { a.bindRemote(cmd.PersistentFlags()) }

// localRemoteFlags gives them to a verb but not to those below it, with --tenant.
func (a *App) localRemoteFlags(cmd *cobra.Command) {
	a.bindRemote(cmd.Flags())
	cmd.Flags().StringVar(&a.remote.tenant, "tenant", "", "publish in this `tenant` (default: your own)")
}

func (a *App) bindRemote(f *pflag.FlagSet) {
	f.StringVar(&a.cfg.Client.Server, "server", "", "control plane's `address`, https://host:port (default: that of the last login)")
	f.StringVar(&a.cfg.Client.CAFile, "ca-file", "", "trust the certificates in `file` (PEM) and no others")
	f.StringVar(&a.cfg.Client.TokenFile, "token-file", "", "API token in `file` instead of the session of `bulkhead login`")
	f.BoolVar(&a.cfg.Client.Keyring, "keyring", false, "keep the session in the desktop's keyring instead of a file")
}

// tenantFlag gives a verb --tenant.
func (a *App) tenantFlag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&a.remote.tenant, "tenant", "", "`tenant` (default: your own; users of \"system\" see all)")
}

// server is the control plane with the caller's credentials. A refusal for want of a fresh second factor is answered on
// a terminal by asking for one, and the call is made again.
func (a *App) server(ctx context.Context) (*remote, error) {
	c, err := a.connection()
	if err != nil {
		return nil, err
	}
	if c.secret == "" {
		return nil, errNo{"not signed in to " + c.URL + "\n  sign in with `bulkhead login --server " + c.URL + "`, or name an API token's file with --token-file"}
	}
	return c.remote(ctx, a)
}

// client is one of a service of the control plane, as whoever has signed in.
func client[C any](ctx context.Context, a *App, of func(connect.HTTPClient, string, ...connect.ClientOption) C) (c C, err error) {
	r, err := a.server(ctx)
	if err != nil {
		return c, err
	}
	return of(r.HTTP, r.URL), nil
}

// connection is where the control plane is, what makes it trusted, and the caller's secret.
type connection struct {
	URL    string
	roots  *x509.CertPool // nil means the system's
	secret string
	keep   bool // the secret is a session that was kept, so a rotated one is kept too
	kept   *session
}

// connection reads configuration and credentials.
func (a *App) connection() (*connection, error) {
	kept, err := a.credentials()
	if err != nil {
		return nil, err
	}
	at := a.cfg.Client.Server
	if at == "" {
		at = kept.Current
	}
	if at == "" {
		return nil, errors.New("no control plane is named\n  use --server https://host:port, client.server in the configuration, or `bulkhead login` first")
	}
	c := &connection{}
	if c.URL, err = serverURL(at); err != nil {
		return nil, err
	}
	c.kept = kept.Servers[c.URL]
	if c.roots, err = a.roots(c.kept); err != nil {
		return nil, err
	}
	if path := a.cfg.Client.TokenFile; path != "" {
		c.secret, err = readSecret(path)
		return c, err
	}
	if c.kept != nil {
		c.keep = true
		c.secret, err = a.keptSecret(c.URL, c.kept)
	}
	return c, err
}

// remote makes the client.
func (c *connection) remote(_ context.Context, a *App) (*remote, error) {
	base := &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: c.roots},
			TLSHandshakeTimeout:   10 * time.Second,
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          4,
			IdleConnTimeout:       time.Minute,
			ExpectContinueTimeout: time.Second,
		},
		// A redirect could carry the secret elsewhere; the API has none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r := &caller{client: base, url: c.URL, secret: c.secret, agent: "bulkhead/" + a.Build.Version, timeout: a.cfg.Client.Timeout}
	r.browse = func() *browser { return a.browser(r) }
	if c.keep && c.kept != nil {
		r.keep = func(secret string) error { return a.keepSecret(c.URL, secret) }
		r.ask, _ = a.prompter()
	}
	return &remote{HTTP: r, URL: c.URL}, nil
}

// roots are the certificates to trust: those of a file, else the kept CA, else nil for the system's.
func (a *App) roots(kept *session) (*x509.CertPool, error) {
	pem := ""
	switch {
	case a.cfg.Client.CAFile != "":
		b, err := os.ReadFile(a.cfg.Client.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA (client.ca_file): %w", err)
		}
		pem = string(b)
	case kept != nil:
		pem = kept.CA
	}
	if pem == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("the CA of the control plane has no certificate in PEM")
	}
	return pool, nil
}

// serverURL is the canonical form of an address.
func serverURL(s string) (string, error) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%q is no address of a control plane: it must be https://host:port", s)
	}
	return "https://" + strings.ToLower(u.Host) + strings.TrimRight(u.Path, "/"), nil
}
