package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/go-webauthn/webauthn/webauthn"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/model"
)

// Recorder keeps records of what was done. It returns once the record is in the log.
type Recorder interface {
	Append(ctx context.Context, r model.Record) (model.LogRecord, error)
}

// Sealer encrypts what the database must not show. The purpose is authenticated with it.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// AccountStore keeps accounts and the groups that they are in.
type AccountStore interface {
	CreateAccount(ctx context.Context, a *model.Account) error
	Account(ctx context.Context, id string) (*model.Account, error)
	AccountByName(ctx context.Context, tenant, name string) (*model.Account, error)
	AccountByIssuer(ctx context.Context, issuer, subject string) (*model.Account, error)
	UpdateAccount(ctx context.Context, a *model.Account) error
	TouchAccount(ctx context.Context, id string, lastSignIn time.Time) error
	Administrators(ctx context.Context) ([]model.Account, error)
	Groups(ctx context.Context, q model.Query) ([]model.AccountGroup, string, error)
	GroupsOf(ctx context.Context, a *model.Account) ([]model.AccountGroup, error)
}

// FactorStore keeps passwords and second factors.
type FactorStore interface {
	SetPassword(ctx context.Context, p *model.Password) error
	Password(ctx context.Context, user string) (*model.Password, error)
	CreateFactor(ctx context.Context, f *model.Factor) error
	FactorsOf(ctx context.Context, user string) ([]model.Factor, error)
	UpdateFactor(ctx context.Context, f *model.Factor, was int64) error
	DeleteFactor(ctx context.Context, id string) error
}

// SessionStore keeps sessions.
type SessionStore interface {
	CreateSession(ctx context.Context, s *model.Session) error
	Session(ctx context.Context, id string) (*model.Session, error)
	SessionBySecret(ctx context.Context, hash []byte) (*model.Session, error)
	SessionsOf(ctx context.Context, user string) ([]model.Session, error)
	TouchSession(ctx context.Context, id string, lastSeen, idle time.Time) error
	RotateSession(ctx context.Context, oldID string, s *model.Session) error
	DeleteSession(ctx context.Context, id string) error
	DeleteSessionsOf(ctx context.Context, user, exceptID string) error
	// LastChange counts with every committed change of an account, group, session or token.
	LastChange(ctx context.Context) (int64, error)
}

// TokenStore keeps API tokens.
type TokenStore interface {
	CreateToken(ctx context.Context, t *model.Token) error
	Token(ctx context.Context, id string) (*model.Token, error)
	TokenBySecret(ctx context.Context, hash []byte) (*model.Token, error)
	RevokeToken(ctx context.Context, id string, at time.Time) error
	RevokeTokensOf(ctx context.Context, user string, at time.Time) error
	TouchToken(ctx context.Context, id string, at time.Time) error
}

// TicketStore keeps what is good once, and counts failures.
type TicketStore interface {
	CreateTicket(ctx context.Context, t *model.Ticket) error
	Ticket(ctx context.Context, kind model.TicketKind, id string) (*model.Ticket, error)
	TicketByLookup(ctx context.Context, kind model.TicketKind, lookup string) (*model.Ticket, error)
	UpdateTicket(ctx context.Context, t *model.Ticket, was []byte) error
	TakeTicket(ctx context.Context, kind model.TicketKind, id string, now time.Time) (*model.Ticket, error)
	Failures(ctx context.Context, key string) (int, time.Time, error)
	AddFailure(ctx context.Context, key string, now time.Time) (int, error)
	ClearFailures(ctx context.Context, key string) error
}

// Store is all of them, with a transaction that travels in the context. CreateSecret is taken as a lock that is held for
// ever: by the first administrator.
type Store interface {
	AccountStore
	FactorStore
	SessionStore
	TokenStore
	TicketStore
	InTx(ctx context.Context, do func(ctx context.Context) error) error
	Secret(ctx context.Context, name string) ([]byte, error)
	CreateSecret(ctx context.Context, name string, data []byte) error
}

// Settings say how strong sign-ins must be and how long they last. The fields are those of config.SignIn, so that one
// converts to the other.
type Settings struct {
	PhishingResistant bool
	StepUp            time.Duration
	Idle              time.Duration
	Absolute          time.Duration
	SingleIdle        time.Duration
	SingleAbsolute    time.Duration
	TokenDays         int
	Blocklist         string
}

// Options are what a Service needs.
type Options struct {
	Store    Store
	Recorder Recorder
	Sealer   Sealer
	Settings Settings
	// PublicURL is where browsers reach the server; its host is the passkeys' relying party.
	PublicURL string
	Providers []Provider
	Clock     func() time.Time // nil means time.Now
	Log       *slog.Logger     // nil means none
	// Argon is for tests; nil means the second recommended option of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes.
	Argon *argon2id.Params
}

// Service signs people and programs in.
type Service struct {
	store     Store
	recorder  Recorder
	sealer    Sealer
	settings  Settings
	now       func() time.Time
	log       *slog.Logger
	hasher    *hasher
	rules     *passwordRules
	web       *webauthn.WebAuthn // nil where the public URL has an address instead of a name
	providers map[string]*provider
	known     *lru.Cache[[sha256.Size]byte, known]
	names     []string // of providers, in the order of the settings
	public    *url.URL
}

// New checks the options, reads the files that they name, and makes a Service.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Recorder == nil || o.Sealer == nil {
		return nil, errors.New("authn needs a store, a recorder and a sealer")
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Scheme != "https" || public.Hostname() == "" {
		return nil, fmt.Errorf("the public URL %q must be https:// with a host", o.PublicURL)
	}
	s := &Service{
		store: o.Store, recorder: o.Recorder, sealer: o.Sealer, settings: o.Settings, now: o.Clock, log: o.Log,
		public: &url.URL{Scheme: public.Scheme, Host: public.Host}, providers: map[string]*provider{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.known, err = lru.New[[sha256.Size]byte, known](mostKnown); err != nil {
		return nil, err
	}
	if s.rules, err = newPasswordRules(o.Settings.Blocklist); err != nil {
		return nil, err
	}
	if s.hasher, err = newHasher(o.Argon); err != nil {
		return nil, err
	}
	if s.web, err = newWebAuthn(s.public); err != nil {
		return nil, err
	}
	for _, p := range o.Providers {
		if s.providers[p.Name], err = newProvider(p, s.now); err != nil {
			return nil, err
		}
		s.names = append(s.names, p.Name)
	}
	return s, nil
}

// Client is from where and with what a call comes.
type Client struct {
	Address   string
	UserAgent string
}

// Step is what a sign-in needs next.
type Step string

// The steps.
const (
	StepDone     Step = "done"
	StepFactor   Step = "factor"   // show a second factor
	StepRegister Step = "register" // register a second factor
)

// SignedIn is a session that was just made, with its secret.
type SignedIn struct {
	Next      Step
	Secret    string
	Factors   []model.FactorKind
	Principal model.Principal
	Expires   time.Time
}
