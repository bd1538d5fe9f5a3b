// Package gate is the door of the API: every call goes through it. It finds out who calls, holds the call to limits and
// rules of form, asks for the decision, has it recorded before anything changes, and only then lets the handler run.
//
// It decides nothing itself and keeps nothing: accounts, policies, log and store are behind interfaces. Whatever it can't
// find out counts as no.
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"buf.build/go/protovalidate"

	"github.com/bulkhead-security/bulkhead/model"
)

// Authenticator tells who shows a session's or token's secret.
type Authenticator interface {
	Authenticate(ctx context.Context, secret, address, userAgent string) (model.Principal, error)
}

// Decider answers whether a request is permitted.
type Decider interface {
	Decide(ctx context.Context, r model.Request) model.Decision
}

// Recorder keeps the audit log. Append returns once the record is in the log; Later queues it.
type Recorder interface {
	Append(ctx context.Context, r model.Record) (model.LogRecord, error)
	Later(ctx context.Context, r model.Record) error
}

// Objects gives what policies may know of an object.
type Objects interface {
	Object(ctx context.Context, ref model.Ref) (model.Object, error)
}

// Ledger runs a change in a transaction and keeps the answers to idempotency keys in it.
type Ledger interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
	Answer(ctx context.Context, key string) (*model.Answer, error)
	KeepAnswer(ctx context.Context, a *model.Answer) error
}

// Approvals finds a second person's approval of this action on this object.
type Approvals interface {
	ApprovedAccess(ctx context.Context, user, action string, res model.Ref, now time.Time) (*model.Access, error)
}

// Settings bound calls. Zero values of durations and rates get safe defaults.
type Settings struct {
	StepUp      time.Duration // how long a second factor is fresh
	FourEyes    []string      // actions that need an approval, beside those marked in the schema
	Rate        float64       // calls per second and identity
	Burst       int
	PublicRate  float64 // calls per second and address before sign-in, and failed credentials
	PublicBurst int
	Timeout     time.Duration // of a unary call
	Recheck     time.Duration // how often the right to an open stream is asked for again; at most 5 s

	Streams, TenantStreams int // open at once, of an identity and of a tenant's identities together
}

// Options are what the gate stands on. All but Nodes, Log, Now, TurnedAway and Settings are needed.
type Options struct {
	Authn     Authenticator
	Authz     Decider
	Audit     Recorder
	Objects   Objects
	Ledger    Ledger
	Approvals Approvals
	Nodes     NodeAuthenticator // nil refuses all nodes
	Settings  Settings
	Log       *slog.Logger
	Now       func() time.Time
	// TurnedAway is told of calls that were refused before their body was read, which no interceptor sees; nil for nobody.
	TurnedAway func(procedure string, start time.Time, err error)
}

// Gate is a connect.Interceptor for every service of the API.
type Gate struct {
	Options
	rules    map[string]*rule
	fourEyes map[string]bool
	valid    protovalidate.Validator
	callers  *limiter
	public   *limiter
	streams  open
	prepare  map[string]Prepared // by procedure
	draining context.Context     //nolint:containedctx // is over when the server stops
	drain    context.CancelFunc
}

// New reads the marks of every method. A method whose marks make no sense is an error; one without marks is refused
// when it is called.
func New(o Options) (*Gate, error) {
	if o.Authn == nil || o.Authz == nil || o.Audit == nil || o.Objects == nil || o.Ledger == nil || o.Approvals == nil {
		return nil, errors.New("gate: a part is missing; all of authn, authz, audit, objects, ledger and approvals are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TurnedAway == nil {
		o.TurnedAway = func(string, time.Time, error) {}
	}
	o.Settings.defaults()
	rules, err := readRules()
	if err != nil {
		return nil, err
	}
	valid, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("gate: rules of form: %w", err)
	}
	g := &Gate{Options: o, rules: rules, valid: valid, fourEyes: map[string]bool{}, prepare: map[string]Prepared{}}
	g.draining, g.drain = context.WithCancel(context.Background())
	for _, action := range o.Settings.FourEyes {
		g.fourEyes[action] = true
	}
	if g.callers, err = newLimiter(o.Settings.Rate, o.Settings.Burst); err != nil {
		return nil, err
	}
	if g.public, err = newLimiter(o.Settings.PublicRate, o.Settings.PublicBurst); err != nil {
		return nil, err
	}
	return g, nil
}

// Drain ends the open streams: their clients go on at another replica.
func (g *Gate) Drain() { g.drain() }

func (s *Settings) defaults() {
	if s.StepUp <= 0 {
		s.StepUp = 5 * time.Minute
	}
	if s.Rate <= 0 || s.Burst < 1 {
		s.Rate, s.Burst = 200, 400
	}
	if s.PublicRate <= 0 || s.PublicBurst < 1 {
		s.PublicRate, s.PublicBurst = 5, 30
	}
	if s.Timeout <= 0 {
		s.Timeout = 30 * time.Second
	}
	if s.Streams < 1 {
		s.Streams = 32
	}
	if s.TenantStreams < 1 {
		s.TenantStreams = 256
	}
	if s.Recheck <= 0 || s.Recheck > 5*time.Second {
		s.Recheck = 2 * time.Second
	}
}
