package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

// server runs the control plane on this machine.
type server struct {
	version string
}

// Serve implements cli.Server.
func (s *server) Serve(ctx context.Context, all config.Config, log *slog.Logger, out io.Writer) error {
	c, err := withDefaults(all.Server)
	if err != nil {
		return err
	}
	klog.SetSlogLogger(log) // tessera's
	if c.Limits.Memory > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.Limits.Memory)
	}
	p, err := openPlane(ctx, planeOptions{config: c, version: s.version, log: log, now: clock.Now, assess: all.Assess})
	if err != nil {
		return err
	}
	link, err := p.enrolmentLink(ctx)
	if err != nil {
		return errors.Join(err, p.close())
	}
	p.announce(out, link)
	if c.LocalAgent {
		all.Server = c
		p.local = newLocalAgent(p, all, out)
	}
	unpublish := p.publishStatus()
	defer unpublish()
	return p.run(ctx)
}

// announce says what a person must know. The link is good once.
func (p *plane) announce(out io.Writer, link string) {
	database := filepath.Join(p.c.DataDir, store.FileName)
	if p.c.Database != "" {
		database = "PostgreSQL"
	}
	fmt.Fprintf(out, "Bulkhead serves %s (listens on %s)\n", p.c.PublicURL, p.listener.Addr())
	fmt.Fprintf(out, "  data      %s, database %s\n", p.c.DataDir, database)
	fmt.Fprintf(out, "  audit log %s, key %s\n", p.log.Origin(), p.auditKey)
	if ca := p.certs.CAFingerprint(); ca != "" {
		fmt.Fprintf(out, "  own CA    %s (%s)\n", filepath.Join(p.c.DataDir, caFile), ca)
	}
	if link != "" {
		fmt.Fprintf(out, "\nNobody administers it yet. Open this link, or give it to `bulkhead enrol`; it is good once:\n\n  %s\n\n", link)
	}
	fmt.Fprintln(out, "Ctrl-C or SIGTERM stops it after the requests that run; a second one at once.")
}

// enrolmentLink is the link for the first administrator; "" once there is one.
func (p *plane) enrolmentLink(ctx context.Context) (string, error) {
	code, _, err := p.authn.Bootstrap(ctx)
	if err != nil {
		return "", fmt.Errorf("make the enrolment link: %w", err)
	}
	if code == "" {
		return "", nil
	}
	return p.linkOf(code), nil
}

func (p *plane) linkOf(code string) string {
	link := strings.TrimSuffix(p.c.PublicURL, "/") + "/enrol#code=" + code
	if ca := p.certs.CAFingerprint(); ca != "" {
		link += "&ca=" + ca
	}
	return link
}

// recovery makes a one-time link for somebody who is locked out and whom no administrator can help. Whoever may use the admin
// socket owns the data directory, and could do anything with it; here it is recorded.
func (p *plane) recovery(ctx context.Context, tenant, name string) (string, error) {
	account, err := p.store.AccountByName(ctx, cmp.Or(tenant, model.SystemTenant), name)
	if err != nil {
		return "", err
	}
	if account.Disabled {
		return "", &model.Error{Code: model.CodeConflict, Message: "the account is disabled", Remedy: "recover another administrator, who can enable it"}
	}
	_, err = p.log.Append(ctx, model.Record{
		Actor: "local", ActorName: "admin socket", Tenant: account.Tenant, Action: "AccountRecover", Resource: model.Ref{Type: "User", ID: account.ID},
		Outcome: model.OutcomeAllowed, Reason: "asked for on the server itself",
	})
	if err != nil {
		return "", err
	}
	account.Invited, account.InvitedBy = p.now(), "local"
	if err := p.store.UpdateAccount(ctx, account); err != nil {
		return "", err
	}
	code, _, err := p.authn.Invite(ctx, account)
	if err != nil {
		return "", err
	}
	return p.linkOf(code), nil
}

// withDefaults fills in what depends on the machine.
func withDefaults(c config.Server) (config.Server, error) {
	var err error
	if c.DataDir, err = filepath.Abs(c.Dir(os.Environ())); err != nil {
		return c, fmt.Errorf("data directory: %w", err)
	}
	c.MasterKeyFile = c.MasterKey(os.Environ())
	if c.AdminSocket == "" {
		c.AdminSocket = c.Socket(os.Environ())
	}
	if c.Name == "" {
		if c.Name, err = os.Hostname(); err != nil {
			return c, fmt.Errorf("name of this replica: %w; give one with --name", err)
		}
	}
	return c, validName(c.Name)
}

// validName holds a replica's name to what can be a file's name and a part of a log's origin.
func validName(name string) error {
	if len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "" || strings.HasPrefix(name, ".") || name == "" {
		return fmt.Errorf("%q can't be the name of a replica: up to 63 letters, digits, dots, dashes and underscores, not beginning with a dot; give one with --name", name)
	}
	return nil
}

// publicURL is the URL by which the server is reached, where none was given.
func publicURL(given string, at net.Addr) string {
	if given != "" {
		return strings.TrimSuffix(given, "/")
	}
	_, port, err := net.SplitHostPort(at.String())
	if err != nil || port == "443" {
		return "https://localhost"
	}
	return "https://localhost:" + port
}

// knownHosts are the public URL's host and the other names and addresses by which callers come.
func knownHosts(public, listen string) (host string, others []string, err error) {
	u, err := url.Parse(public)
	if err != nil {
		return "", nil, fmt.Errorf("public URL: %w", err)
	}
	h, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", nil, fmt.Errorf("listen address: %w", err)
	}
	if a, err := netip.ParseAddr(h); h != "" && (err != nil || !a.IsUnspecified()) {
		others = append(others, h)
	}
	return u.Hostname(), others, nil
}

// noticeOf is how long a stop waits for others to see that the server is not ready: there are others with PostgreSQL only.
func noticeOf(c config.Server) time.Duration {
	if c.Database == "" {
		return 0
	}
	return min(2*time.Second, c.Limits.Drain/4)
}
