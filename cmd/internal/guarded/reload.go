package guarded

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
)

// Reload takes accounts, policies, certificates and keys from a configuration that was read again. Each that is not sound stays as it was.
// Connections stay.
func (g *Raised) Reload(c config.Config, engine *authz.Engine) {
	if err := errors.Join(g.Rights(c, engine), g.doors.Reload()); err != nil {
		g.log.Error("not everything was taken again: what is not sound stays as it was", "error", err)
		return
	}
	g.log.Info("accounts, policies, certificates and what is demanded of calls were read again", "accounts", len(c.Guard.Accounts))
	if list := g.later(&c.Guard); len(list) > 0 {
		g.log.Warn("settings changed that are not taken while the guard runs: they count from its next start, or when it is taken over (SIGUSR2)",
			"settings", strings.Join(list, ", "))
	}
}

// Rights takes what says who may do what: accounts, policies where engine is not nil, and what is demanded of calls.
func (g *Raised) Rights(c config.Config, engine *authz.Engine) error {
	d, err := Definitions(c.Guard.Accounts)
	switch {
	case err != nil:
	case g.people != nil:
		err = g.people.At(d, g.who.Set)
	default:
		err = g.who.Set(d)
	}
	if engine != nil {
		err = errors.Join(err, LoadPolicies(engine, c.Guard.Policies))
	}
	return errors.Join(err, g.demand(&c.Guard))
}

// LoadPolicies puts the files of a directory into force, for everybody on this host; empty is none.
func LoadPolicies(engine *authz.Engine, dir string) error {
	if dir == "" {
		return engine.Load(nil)
	}
	files, err := config.ReadPolicies(dir)
	if err != nil {
		return fmt.Errorf("guard.policies: %w", err)
	}
	if err := engine.Load([]model.Policies{{Tenant: model.SystemTenant, Version: 1, Files: files}}); err != nil {
		return fmt.Errorf("guard.policies: %w", err)
	}
	return nil
}

// Definitions are the accounts of a configuration.
func Definitions(list []config.GuardAccount) ([]accounts.Definition, error) {
	out := make([]accounts.Definition, 0, len(list))
	for i, a := range list {
		d := accounts.Definition{
			ID: a.ID, Name: a.Name, Tenant: a.Tenant, Roles: a.Roles, Groups: a.Groups, Hosts: a.Hosts, Users: a.Users, OSGroups: a.OSGroups,
			FromContainers: a.FromContainers, Certificates: a.Certificates, TwoFactors: a.TwoFactors,
		}
		for j, t := range a.Tokens {
			end, err := t.End()
			if err != nil {
				return nil, fmt.Errorf("guard.accounts[%d].tokens[%d]: %w", i, j, err)
			}
			d.Tokens = append(d.Tokens, accounts.Token{ID: t.ID, SHA256: t.SHA256, Expires: end, Scopes: t.Scopes})
		}
		for _, o := range a.OIDC {
			d.OIDC = append(d.OIDC, accounts.OIDC(o))
		}
		out = append(out, d)
	}
	return out, nil
}
