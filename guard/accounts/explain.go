package accounts

import (
	"crypto/x509"
	"fmt"

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
