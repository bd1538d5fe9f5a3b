// Package accounts says who is at the other end of a connection to the guard: by what the kernel knows of a process at a Unix socket, by a
// client certificate, or by a bearer token (of the guard's own or of an OIDC provider), mapped to the accounts of the guard's configuration.
// Whoever is nobody there is refused, and is told what an administrator would have to add.
//
// It opens no listener, decides nothing but who somebody is, and keeps no secret: of tokens it knows digests.
package accounts

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// Accounts know who callers are. Its methods may be called at once from many places.
type Accounts struct {
	log      *slog.Logger
	now      func() time.Time
	users    Directory
	book     atomic.Pointer[book]
	issuers  *issuers
	throttle *throttle
}

// Options are what accounts are made of.
type Options struct {
	Definitions []Definition
	Log         *slog.Logger
	Now         func() time.Time
	// Users knows the machine's users; nil asks the machine.
	Users Directory
}

// New makes accounts of definitions.
func New(o Options) (*Accounts, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Users == nil {
		o.Users = newHostUsers()
	}
	a := &Accounts{log: o.Log, now: o.Now, users: o.Users, issuers: newIssuers(o.Now), throttle: newThrottle(o.Now)}
	return a, a.Set(o.Definitions)
}

// Set puts other definitions into force, also for connections that are open. Where they are not sound the earlier ones stay.
func (a *Accounts) Set(definitions []Definition) error {
	b, err := newBook(definitions)
	if err != nil {
		return err
	}
	if err := a.issuers.set(b.oidc); err != nil {
		return err
	}
	a.book.Store(b)
	return nil
}

// mostAgent is how much of what a caller says of itself is kept.
const mostAgent = 256

// Identify says whose request it is. A token counts before a certificate, and either before the process: it is the narrower one.
func (a *Accounts) Identify(r *http.Request) (*call.Subject, error) {
	s, err := a.identify(r)
	if err != nil {
		return nil, err
	}
	s.UserAgent = strings.ToValidUTF8(r.UserAgent()[:min(len(r.UserAgent()), mostAgent)], "")
	return s, nil
}

func (a *Accounts) identify(r *http.Request) (*call.Subject, error) {
	peer, local := peerOf(r.Context())
	from := r.RemoteAddr
	if local {
		from = peer.String()
	}
	if token, ok, err := bearer(r.Header); err != nil {
		return nil, err
	} else if ok {
		return a.byToken(r.Context(), token, from, sourceOf(peer, local, r.RemoteAddr))
	}
	switch {
	case local:
		return a.byPeer(peer)
	case r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
		return a.byCertificate(r.TLS.PeerCertificates[0], from)
	case r.TLS != nil:
		return nil, fmt.Errorf("%s showed neither a client certificate nor a token: `bulkhead docker setup` says how a docker context shows one", from)
	}
	return nil, fmt.Errorf("%s came over a connection that shows no identity", from)
}

// subject is an account as the one who calls; one that does not count is nobody.
func (a *Accounts) subject(d *Definition, credential model.Ref, address string, amr ...string) (*call.Subject, error) {
	if d.Refused != "" {
		return nil, fmt.Errorf("%s comes as the account %s of the tenant %s, and %s", address, d.Name, d.Tenant, d.Refused)
	}
	return &call.Subject{
		Address: address,
		Principal: model.Principal{
			Ref: model.Ref{Type: "User", ID: d.id()}, Name: d.Name, Tenant: d.Tenant,
			Roles: slices.Clone(d.Roles), Groups: slices.Clone(d.Groups), Hosts: slices.Clone(d.Hosts),
			Credential: credential, Auth: model.Strength{AMR: amr, Time: a.now()},
		},
	}, nil
}

// remedy ends every message to somebody who is nobody here.
func remedy(line string) string {
	return "an administrator adds " + line + " to an account below guard.accounts of the guard's configuration and reloads the guard (SIGHUP)"
}

// WithPeer is for http.Server.ConnContext: it keeps who the kernel says is at the other end.
func WithPeer(ctx context.Context, p *Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, p)
}

type peerKey struct{}

func peerOf(ctx context.Context) (*Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(*Peer)
	return p, ok && p != nil
}
