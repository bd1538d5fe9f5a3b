package accounts

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// ByUser says who a user of this machine would be, by name or number, with the groups that the machine's files give.
func (a *Accounts) ByUser(who string) (*call.Subject, error) {
	uid, ok := number(who)
	if !ok {
		n, err := a.users.Number(who)
		if err != nil {
			return nil, fmt.Errorf("the user %.100q: %w", who, err)
		}
		uid = n
	}
	u, err := a.users.User(uid)
	if err != nil {
		return nil, fmt.Errorf("the user %d: %w", uid, err)
	}
	p := &Peer{UID: uid, GID: overflowID}
	if len(u.Groups) > 0 {
		p.GID, p.Groups = u.Groups[0], u.Groups
	}
	return a.byPeer(p)
}

// ByCertificate says who a client certificate would be, provided that the listener's CA made it.
func (a *Accounts) ByCertificate(c *x509.Certificate) (*call.Subject, error) {
	return a.byCertificate(c, "certificate")
}

// ByToken says who a bearer token would be. It counts no guess.
func (a *Accounts) ByToken(ctx context.Context, token string) (*call.Subject, error) {
	return a.token(ctx, token, "token")
}

// Listed is an account for people: how it is recognised, without digests of tokens.
type Listed struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Tenant  string   `json:"tenant"`
	Roles   []string `json:"roles"`
	Ways    []string `json:"ways"`
	Factors bool     `json:"two_factors"`
}

// List are the accounts, in their order.
func (a *Accounts) List() []Listed {
	all := a.book.Load().all
	out := make([]Listed, 0, len(all))
	for _, d := range all {
		l := Listed{ID: d.id(), Name: d.Name, Tenant: d.Tenant, Roles: append([]string{}, d.Roles...), Ways: []string{}, Factors: d.TwoFactors}
		for _, u := range d.Users {
			l.Ways = append(l.Ways, "user "+u)
		}
		for _, g := range d.OSGroups {
			l.Ways = append(l.Ways, "group "+g)
		}
		for _, c := range d.Certificates {
			l.Ways = append(l.Ways, "certificate "+c)
		}
		for _, t := range d.Tokens {
			l.Ways = append(l.Ways, "token "+t.ID+" until "+t.Expires.UTC().Format(time.RFC3339))
		}
		for _, o := range d.OIDC {
			l.Ways = append(l.Ways, "OIDC "+o.Issuer)
		}
		out = append(out, l)
	}
	return out
}
