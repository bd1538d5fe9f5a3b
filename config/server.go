package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Server says how `bulkhead serve` runs.
type Server struct {
	Listen string `yaml:"listen" env:"LISTEN"` // host:port of the API and the pages
	// PublicURL is where people and tools reach it; its host is the passkeys' relying party. Empty means https://localhost
	// with Listen's port.
	PublicURL string `yaml:"public_url" env:"PUBLIC_URL"`
	// DataDir holds the database, the keys and the audit log. Empty means /var/lib/bulkhead for root and
	// $XDG_DATA_HOME/bulkhead for others.
	DataDir string `yaml:"data_dir" env:"DATA_DIR"`
	// Database is a postgres:// URL; empty means SQLite in DataDir. DatabasePasswordFile has its password.
	Database             string `yaml:"database" env:"DATABASE"`
	DatabasePasswordFile string `yaml:"database_password_file" env:"DATABASE_PASSWORD_FILE"`
	// MasterKeyFile has the key that seals the secrets in the database; replicas share it. Empty means master.key in DataDir.
	MasterKeyFile string `yaml:"master_key_file" env:"MASTER_KEY_FILE"`
	// Name tells replicas apart and names this one's audit log. Empty means the host's name.
	Name string `yaml:"name" env:"NAME"`
	// AdminSocket is a Unix socket for pprof and state, for the server's own user only. Empty means admin.sock in DataDir.
	AdminSocket string `yaml:"admin_socket" env:"ADMIN_SOCKET"`
	// LocalAgent makes the server's own host a node: the agent runs in the server's process, with its data in DataDir/agent.
	LocalAgent bool      `yaml:"local_agent" env:"LOCAL_AGENT"`
	TLS        TLS       `yaml:"tls" envPrefix:"TLS_"`
	Limits     Limits    `yaml:"limits" envPrefix:"LIMITS_"`
	SignIn     SignIn    `yaml:"sign_in" envPrefix:"SIGN_IN_"`
	Audit      Audit     `yaml:"audit" envPrefix:"AUDIT_"`
	Retention  Retention `yaml:"retention" envPrefix:"RETENTION_"`
	Nodes      Nodes     `yaml:"nodes" envPrefix:"NODES_"`
	OIDC       []OIDC    `yaml:"oidc"`
	Export     []Export  `yaml:"export"`
	Alarms     []Alarm   `yaml:"alarms"`
	Telemetry  Telemetry `yaml:"telemetry" envPrefix:"TELEMETRY_"`
	Policies   Policies  `yaml:"policies" envPrefix:"POLICIES_"`
	// FourEyes are actions, e.g. TenantDelete, that need a second person's approval.
	FourEyes []string `yaml:"four_eyes" env:"FOUR_EYES"`
}

// TLS names certificate and key, PEM files that are read again when they change. Empty means a certificate of the own CA.
type TLS struct {
	Cert string `yaml:"cert" env:"CERT"`
	Key  string `yaml:"key" env:"KEY"`
}

// Limits bound what callers can ask for.
type Limits struct {
	Body        int64         `yaml:"body" env:"BODY"`                 // bytes of a request
	Connections int           `yaml:"connections" env:"CONNECTIONS"`   // at once
	Timeout     time.Duration `yaml:"timeout" env:"TIMEOUT"`           // of a request that is not a stream
	Drain       time.Duration `yaml:"drain" env:"DRAIN"`               // how long a stop waits for requests
	Rate        float64       `yaml:"rate" env:"RATE"`                 // requests per second and identity
	Burst       int           `yaml:"burst" env:"BURST"`               // requests at once and identity
	PublicRate  float64       `yaml:"public_rate" env:"PUBLIC_RATE"`   // requests per second and address before sign-in
	PublicBurst int           `yaml:"public_burst" env:"PUBLIC_BURST"` // requests at once and address before sign-in
	// Memory is what the process keeps to where it can, in bytes: close to it, memory that is free is looked for more often. 0 is none.
	Memory int64 `yaml:"memory" env:"MEMORY"`
}

// SignIn says how strong sign-ins must be, and how long they last.
type SignIn struct {
	PhishingResistant bool          `yaml:"phishing_resistant" env:"PHISHING_RESISTANT"` // demand passkeys of administrators
	StepUp            time.Duration `yaml:"step_up" env:"STEP_UP"`                       // how long a factor is fresh
	Idle              time.Duration `yaml:"idle" env:"IDLE"`                             // limits with two factors
	Absolute          time.Duration `yaml:"absolute" env:"ABSOLUTE"`
	SingleIdle        time.Duration `yaml:"single_idle" env:"SINGLE_IDLE"` // limits with one
	SingleAbsolute    time.Duration `yaml:"single_absolute" env:"SINGLE_ABSOLUTE"`
	TokenDays         int           `yaml:"token_days" env:"TOKEN_DAYS"` // most days of an API token
	// Blocklist is a file with passwords that nobody may have, one per line, beside the built-in ones.
	Blocklist string `yaml:"blocklist" env:"BLOCKLIST"`
}

// Audit says how the log is batched, and where records wait while it can't be written.
type Audit struct {
	Batch    int           `yaml:"batch" env:"BATCH"`         // entries at most
	BatchAge time.Duration `yaml:"batch_age" env:"BATCH_AGE"` // how long the first of a batch waits at most
	// SpoolDir is best on another file system than DataDir. Empty means spool in DataDir.
	SpoolDir string `yaml:"spool_dir" env:"SPOOL_DIR"`
}

// Retention says how long each kind is kept. The audit log itself is kept for ever; its index is not.
type Retention struct {
	AuditIndex  time.Duration `yaml:"audit_index" env:"AUDIT_INDEX"`
	Assessments time.Duration `yaml:"assessments" env:"ASSESSMENTS"`
	Sessions    time.Duration `yaml:"sessions" env:"SESSIONS"` // after their end
	Tokens      time.Duration `yaml:"tokens" env:"TOKENS"`     // after their end
	Changes     time.Duration `yaml:"changes" env:"CHANGES"`
	Jobs        time.Duration `yaml:"jobs" env:"JOBS"` // after their end
	Events      time.Duration `yaml:"events" env:"EVENTS"`
	Findings    time.Duration `yaml:"findings" env:"FINDINGS"`   // after their end
	Rollouts    time.Duration `yaml:"rollouts" env:"ROLLOUTS"`   // after their end
	Proposals   time.Duration `yaml:"proposals" env:"PROPOSALS"` // after their end
	Objects     time.Duration `yaml:"objects" env:"OBJECTS"`     // containers, images and networks, after they went
	Reports     time.Duration `yaml:"reports" env:"REPORTS"`
}

// OIDC is a provider of sign-ins (OpenID Connect Core 1.0).
type OIDC struct {
	Name             string            `yaml:"name"`
	Issuer           string            `yaml:"issuer"`
	ClientID         string            `yaml:"client_id"`
	ClientSecretFile string            `yaml:"client_secret_file"`
	CAFile           string            `yaml:"ca_file"` // PEM, beside the system's
	Tenant           string            `yaml:"tenant"`
	Scopes           []string          `yaml:"scopes"` // beside openid
	GroupsClaim      string            `yaml:"groups_claim"`
	Groups           map[string]string `yaml:"groups"`         // the provider's group -> name of a group in the tenant
	CreateUsers      bool              `yaml:"create_users"`   // whoever signs in for the first time and is in a mapped group
	MFA              []string          `yaml:"mfa"`            // values of acr or amr that count as a second factor
	MFAResistant     []string          `yaml:"mfa_resistant"`  // values that count as a phishing-resistant one
	RequestACR       []string          `yaml:"request_acr"`    // acr_values to ask for
	UsernameClaim    string            `yaml:"username_claim"` // empty means preferred_username
}

// Export is a receiver of audit records.
type Export struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"` // "jsonl", "syslog", "webhook", "otlp"
	// To is a file for jsonl, host:port for syslog (TLS, RFC 5425), an https:// URL for webhook and otlp.
	To         string `yaml:"to"`
	CAFile     string `yaml:"ca_file"`     // PEM, beside the system's
	CertFile   string `yaml:"cert_file"`   // client certificate
	KeyFile    string `yaml:"key_file"`    // its key
	SecretFile string `yaml:"secret_file"` // key of the webhook's signature, or OTLP's bearer token
	// Spool is how many records may wait for a receiver before the oldest are dropped (and counted). They stay in the log.
	Spool uint64 `yaml:"spool"`
}

// Telemetry sends traces over OTLP/HTTP.
type Telemetry struct {
	Endpoint string  `yaml:"endpoint" env:"ENDPOINT"` // https://host:4318; empty sends none
	CAFile   string  `yaml:"ca_file" env:"CA_FILE"`
	Sample   float64 `yaml:"sample" env:"SAMPLE"` // part of the requests, 0 to 1
	// MetricsListen is host:port on loopback for Prometheus' /metrics in the clear. Empty serves them on the admin socket only.
	MetricsListen string `yaml:"metrics_listen" env:"METRICS_LISTEN"`
}

const day = 24 * time.Hour

func defaultServer() Server {
	return Server{
		Listen: "127.0.0.1:8443", LocalAgent: true,
		Limits: Limits{
			Body: 4 << 20, Connections: 4096, Timeout: 30 * time.Second, Drain: 20 * time.Second,
			Rate: 200, Burst: 400, PublicRate: 5, PublicBurst: 30, Memory: 960 << 20,
		},
		SignIn: SignIn{
			StepUp: 5 * time.Minute, Idle: time.Hour, Absolute: 12 * time.Hour,
			SingleIdle: 10 * time.Minute, SingleAbsolute: time.Hour, TokenDays: 365,
		},
		Audit: Audit{Batch: 256, BatchAge: 50 * time.Millisecond},
		Retention: Retention{
			AuditIndex: 400 * day, Assessments: 400 * day, Sessions: 30 * day, Tokens: 90 * day, Changes: 7 * day, Jobs: 30 * day,
			Events: 400 * day, Findings: 400 * day, Rollouts: 400 * day, Objects: 30 * day, Proposals: 400 * day, Reports: 400 * day,
		},
		Nodes:     Nodes{Certificate: day, Grace: 30 * day},
		Telemetry: Telemetry{Sample: 0.01},
		Policies:  Policies{Approval: "optional"},
	}
}

// Validate says what is wrong with the values.
func (s *Server) Validate() error {
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return fmt.Errorf("server.listen is %q; it must be host:port, e.g. 127.0.0.1:8443: %w", s.Listen, err)
	}
	if s.PublicURL != "" {
		if err := httpsURL("server.public_url", s.PublicURL); err != nil {
			return err
		}
	}
	if s.Database != "" && !strings.HasPrefix(s.Database, "postgres://") && !strings.HasPrefix(s.Database, "postgresql://") {
		return errors.New("server.database must begin with postgres:// (empty means SQLite in server.data_dir)")
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		return errors.New("server.tls needs both cert and key, or neither")
	}
	if err := s.Limits.validate(); err != nil {
		return err
	}
	if err := s.SignIn.validate(); err != nil {
		return err
	}
	if s.Audit.Batch < 1 || s.Audit.Batch > 4096 || s.Audit.BatchAge < time.Millisecond || s.Audit.BatchAge > time.Second {
		return errors.New("server.audit.batch must be between 1 and 4096, and batch_age between 1ms and 1s")
	}
	if err := s.Retention.validate(); err != nil {
		return err
	}
	if err := s.Nodes.validate(); err != nil {
		return err
	}
	if err := s.Policies.validate(); err != nil {
		return err
	}
	if s.Telemetry.Sample < 0 || s.Telemetry.Sample > 1 {
		return fmt.Errorf("server.telemetry.sample is %v; it must be between 0 and 1", s.Telemetry.Sample)
	}
	return s.validateLists()
}

func (s *Server) validateLists() error {
	seen := map[string]bool{}
	for i, p := range s.OIDC {
		at := fmt.Sprintf("server.oidc[%d]", i)
		if p.Name == "" || p.ClientID == "" || p.Tenant == "" || seen["oidc "+p.Name] {
			return fmt.Errorf("%s needs a name of its own, client_id and tenant", at)
		}
		seen["oidc "+p.Name] = true
		if err := httpsURL(at+".issuer", p.Issuer); err != nil {
			return err
		}
	}
	for i, e := range s.Export {
		at := fmt.Sprintf("server.export[%d]", i)
		if e.Name == "" || e.To == "" || seen["export "+e.Name] {
			return fmt.Errorf("%s needs a name of its own and a receiver in to", at)
		}
		seen["export "+e.Name] = true
		if err := oneOf(at+".kind", e.Kind, "jsonl", "syslog", "webhook", "otlp"); err != nil {
			return err
		}
		if e.Kind == "webhook" || e.Kind == "otlp" {
			if err := httpsURL(at+".to", e.To); err != nil {
				return err
			}
		}
	}
	return validateAlarms(s.Alarms)
}

func (l *Limits) validate() error {
	switch {
	case l.Body < 64<<10 || l.Body > 1<<30:
		return fmt.Errorf("server.limits.body is %d; it must be between 65536 and 1073741824 bytes", l.Body)
	case l.Connections < 16 || l.Connections > 1<<20:
		return fmt.Errorf("server.limits.connections is %d; it must be between 16 and 1048576", l.Connections)
	case l.Timeout < time.Second || l.Timeout > 10*time.Minute:
		return fmt.Errorf("server.limits.timeout is %s; it must be between 1s and 10m", l.Timeout)
	case l.Drain < 0 || l.Drain > 10*time.Minute:
		return fmt.Errorf("server.limits.drain is %s; it must be between 0s and 10m", l.Drain)
	case l.Rate <= 0 || l.Burst < 1 || l.PublicRate <= 0 || l.PublicBurst < 1:
		return errors.New("server.limits: rate, burst, public_rate and public_burst must be above zero")
	case l.Memory != 0 && l.Memory < 128<<20:
		return fmt.Errorf("server.limits.memory is %d; it must be 0 for none, or at least 134217728 bytes", l.Memory)
	}
	return nil
}

const mostTokenDays = 366 // as CreateTokenRequest.days

func (s *SignIn) validate() error {
	switch {
	case s.StepUp < 10*time.Second || s.StepUp > time.Hour:
		return fmt.Errorf("server.sign_in.step_up is %s; it must be between 10s and 1h", s.StepUp)
	case s.Idle < time.Minute || s.Absolute < s.Idle || s.Absolute > 30*day:
		return errors.New("server.sign_in: idle must be at least 1m, and absolute between idle and 720h (NIST SP 800-63B-4)")
	case s.SingleIdle < time.Minute || s.SingleAbsolute < s.SingleIdle || s.SingleAbsolute > s.Absolute:
		return errors.New("server.sign_in: single_idle must be at least 1m, and single_absolute between single_idle and absolute")
	case s.TokenDays < 1 || s.TokenDays > mostTokenDays:
		return fmt.Errorf("server.sign_in.token_days is %d; it must be between 1 and %d", s.TokenDays, mostTokenDays)
	}
	return nil
}

func (r *Retention) validate() error {
	for name, d := range map[string]time.Duration{
		"audit_index": r.AuditIndex, "assessments": r.Assessments, "sessions": r.Sessions, "tokens": r.Tokens,
		"changes": r.Changes, "jobs": r.Jobs, "events": r.Events, "findings": r.Findings, "rollouts": r.Rollouts, "objects": r.Objects,
		"proposals": r.Proposals, "reports": r.Reports,
	} {
		if d < time.Hour {
			return fmt.Errorf("server.retention.%s is %s; it must be at least 1h", name, d)
		}
	}
	return nil
}

func httpsURL(name, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%s is %q; it must be an https:// URL without user and password", name, value)
	}
	return nil
}
