package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/agent"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/model"
)

// localDir is the agent's part of the server's data directory.
const localDir = "agent"

const (
	localToken  = 5 * time.Minute // life of the token that the server makes for its own host
	localAgain  = 5 * time.Second // until the next try, doubled each time
	localAgainM = 5 * time.Minute
	goodbye     = 5 * time.Second // what a stop waits for the agent
)

// localAgent is the agent of the server's own host, in the server's process. It comes through the same door as every other agent:
// a join token, TLS, a certificate. Whatever happens to it, the server goes on.
type localAgent struct {
	p      *plane
	c      config.Config
	member *member
	out    io.Writer

	try    func(ctx context.Context) error // joins this host once, and runs its agent
	again  time.Duration                   // until the first next try
	cancel context.CancelFunc              // nil before the start
	ended  chan struct{}
}

func newLocalAgent(p *plane, c config.Config, out io.Writer) *localAgent {
	l := &localAgent{p: p, c: c, member: &member{version: p.o.version}, out: out, again: localAgain, ended: make(chan struct{})}
	l.try = l.work
	return l
}

func (l *localAgent) start(ctx context.Context) {
	if l == nil {
		return
	}
	ctx, l.cancel = context.WithCancel(ctx)
	go func() {
		defer close(l.ended)
		l.run(ctx)
	}()
}

// stop lets the agent tell the server that it stops. One that does not come to an end is left alone: what it keeps stands a power
// cut, too.
func (l *localAgent) stop() {
	if l == nil || l.cancel == nil {
		return
	}
	l.cancel()
	select {
	case <-l.ended:
	case <-time.After(goodbye):
		l.p.slog.Warn("the agent of this host did not end in time")
	}
}

// run works until ctx ends, and says why where it can't. Only what may pass is tried again, and a mistake in the program, which must
// not end the server.
func (l *localAgent) run(ctx context.Context) {
	for pause := l.again; ; pause = min(2*pause, localAgainM) {
		begun := time.Now()
		err := agent.Contain("the agent of this host", func() error { return l.try(ctx) })
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > localAgainM {
			pause = l.again // it ran for long
		}
		var e *model.Error
		errors.As(err, &e)
		var failed *agent.Failed
		switch {
		case errors.As(err, &failed):
			l.p.slog.Error("this host's agent panicked; the server goes on", "error", err, "stack", failed.Stack())
		case errors.Is(err, errOwnAgent):
			l.p.slog.Info("no agent is started beside the server", "reason", err)
			return
		case model.CodeOf(err) != model.CodeUnavailable && model.CodeOf(err) != model.CodeAuditUnavailable:
			remedy := "restart the server once that is put right, or set server.local_agent to false"
			if e != nil && e.Remedy != "" {
				remedy = e.Remedy
			}
			l.p.slog.Warn("this host has no agent; the server goes on without it", "error", err, "remedy", remedy)
			return
		}
		l.p.slog.Warn("this host's agent does not run; it is tried again", "error", err, "in", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// work joins this host once, and runs its agent.
func (l *localAgent) work(ctx context.Context) error {
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this host: %w", err)
	}
	var token *model.JoinToken
	join := &cli.AgentJoin{
		Link: l.p.c.PublicURL, CA: string(l.p.certs.CAPEM()), Name: name, Joined: func() error { return nil },
		Token: func() (secret string, err error) {
			if err := l.free(ctx, guarded.NodeID(), name); err != nil {
				return "", err
			}
			token, secret, err = l.token(ctx, name)
			return secret, err
		},
	}
	err = l.member.run(ctx, l.c, membership{
		dir: l.dir(), join: join, beside: &uplink.Beside{Address: reachable(l.p.listener.Addr()), Certificate: l.certificate},
		known: func(d *state.Dir, n *state.Node) error { return l.known(ctx, d, n) },
	}, l.p.slog.With("part", "agent"), l.out)
	if err != nil && token != nil {
		l.revoke(ctx, token)
	}
	return err
}

func (l *localAgent) dir() string { return filepath.Join(l.p.c.DataDir, localDir) }

// errOwnAgent says that nothing is wrong: somebody else looks after this host.
var errOwnAgent = errors.New("this host is a node already, with an agent of its own")

// free looks whether this host, or its name, is a node's already. Without that each start would spend a token to be told so.
func (l *localAgent) free(ctx context.Context, id, name string) error {
	if id != "" {
		m, err := l.p.store.Node(ctx, id)
		switch {
		case err == nil && m.Revoked.IsZero():
			return fmt.Errorf("%w: %s (%s) of the tenant %s", errOwnAgent, m.Name, m.ID, m.Tenant)
		case err == nil:
			return &model.Error{
				Code: model.CodeExists, Message: fmt.Sprintf("this host was the node %s (%s) of the tenant %s, which was revoked", m.Name, m.ID, m.Tenant),
				Remedy: "remove that node with `bulkhead nodes delete " + m.ID + "` and restart the server, or set server.local_agent to false",
			}
		case model.CodeOf(err) != model.CodeNotFound:
			return err
		}
	}
	m, err := l.p.store.NodeByName(ctx, model.SystemTenant, name)
	switch {
	case err == nil:
		return &model.Error{
			Code: model.CodeExists, Message: fmt.Sprintf("there is a node with this host's name, %s (%s), which is another machine", m.Name, m.ID),
			Remedy: "set server.local_agent to false and run `bulkhead agent` with another --name here; or, if that machine is gone, " +
				"`bulkhead nodes revoke " + m.ID + "` and `bulkhead nodes delete " + m.ID + "`, and restart the server",
		}
	case model.CodeOf(err) != model.CodeNotFound:
		return err
	}
	return nil
}

// token makes the join token, as an administrator would; the record says that it was the server itself.
func (l *localAgent) token(ctx context.Context, name string) (*model.JoinToken, string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, "", fmt.Errorf("id of a join token: %w", err)
	}
	secret, hash := api.NewJoinSecret()
	now := l.p.now()
	t := &model.JoinToken{
		ID: id.String(), Tenant: model.SystemTenant, Name: name, SecretHash: hash, Pool: model.DefaultPool, Creator: "local",
		Created: now, Expires: now.Add(localToken),
	}
	_, err = l.p.log.Append(ctx, model.Record{
		Actor: "local", ActorName: "server", Tenant: t.Tenant, Action: "JoinTokenCreate", Resource: model.Ref{Type: "JoinToken", ID: t.ID},
		Outcome: model.OutcomeAllowed, Reason: "for the agent of the server's own host (server.local_agent)",
		Changes: map[string]string{"name": name, "pool": t.Pool},
	})
	if err != nil {
		return nil, "", &model.Error{Code: model.CodeAuditUnavailable, Message: "the join token of this host could not be recorded", Err: err}
	}
	return t, secret, l.p.store.CreateJoinToken(ctx, t)
}

// revoke ends a token that nobody used. One that was used stays as it is.
func (l *localAgent) revoke(ctx context.Context, t *model.JoinToken) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if now, err := l.p.store.JoinToken(ctx, t.ID); err != nil || !now.Used.IsZero() {
		return
	}
	if err := l.p.store.RevokeJoinToken(ctx, t.ID, l.p.now()); err != nil {
		l.p.slog.Debug("the join token of this host ends by itself", "error", err)
	}
}

// known brings what the agent knows of its server up to date, and asks whether the server still knows it.
func (l *localAgent) known(ctx context.Context, d *state.Dir, n *state.Node) error {
	m, err := l.p.store.Node(ctx, n.ID)
	gone := model.CodeOf(err) == model.CodeNotFound
	switch {
	case err != nil && !gone:
		return err
	case gone || !m.Revoked.IsZero():
		return &model.Error{
			Code: model.CodeUnauthenticated, Message: fmt.Sprintf("this host's node, %s (%s), was revoked or removed", n.Name, n.ID),
			Remedy: "to have it join anew, remove the node, run `bulkhead agent leave --data-dir " + l.dir() + "` and restart the server; " +
				"to leave it out, set server.local_agent to false",
		}
	}
	ca := string(l.p.certs.CAPEM())
	if len(n.Servers) == 1 && n.Servers[0] == l.p.c.PublicURL && n.CA == ca {
		return nil
	}
	n.Servers, n.CA = []string{l.p.c.PublicURL}, ca
	return d.SaveNode(*n)
}

// reachable is where a listener of this host is reached from this host.
func reachable(at net.Addr) string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return at.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
}

func (l *localAgent) certificate() (*tls.Certificate, error) { return l.p.certs.GetCertificate(nil) }
