package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Guard says how the guard stands in front of the container engine.
type Guard struct {
	// Enabled has the agent run the guard; `bulkhead guard docker` runs it alone.
	Enabled bool `yaml:"enabled" env:"ENABLED"`
	// Engine is the path of the engine's own Unix socket, Socket that of the guard's: people and tools get the latter.
	Engine      string   `yaml:"engine" env:"ENGINE"`
	Socket      string   `yaml:"socket" env:"SOCKET"`
	SocketMode  string   `yaml:"socket_mode" env:"SOCKET_MODE"`   // octal
	SocketGroup string   `yaml:"socket_group" env:"SOCKET_GROUP"` // name or number; empty leaves the process's own
	TLS         GuardTLS `yaml:"tls" envPrefix:"TLS_"`
	// Tenant is whose the host is, and Host its id; empty means the node's.
	Tenant string `yaml:"tenant" env:"TENANT"`
	Host   string `yaml:"host" env:"HOST"`
	// Profile is what workloads may be: "baseline", "restricted", "custom", "none". Mode is "enforce" or "observe": what the profile would refuse is said
	// and recorded only.
	Profile string      `yaml:"profile" env:"PROFILE"`
	Mode    string      `yaml:"mode" env:"MODE"`
	Harden  GuardHarden `yaml:"harden" envPrefix:"HARDEN_"`
	Build   string      `yaml:"build" env:"BUILD"` // "classic", "none"
	// WritablePaths are directories of the host that containers may be given to write to; the baseline refuses all others.
	WritablePaths []string `yaml:"writable_paths" env:"WRITABLE_PATHS"`
	// ReadablePaths are those that they may be given to read, with all that is below.
	ReadablePaths []string `yaml:"readable_paths" env:"READABLE_PATHS"`
	// Registries are those that the engine may be made to call; none means any, but none at addresses of the host itself, which
	// InternalRegistries opens.
	Registries         []string `yaml:"registries" env:"REGISTRIES"`
	InternalRegistries bool     `yaml:"internal_registries" env:"INTERNAL_REGISTRIES"`
	Policies           string   `yaml:"policies" env:"POLICIES"` // directory of *.cedar files, for the guard alone
	DataDir            string   `yaml:"data_dir" env:"DATA_DIR"` // of the audit log of the guard alone
	// TakeOver goes on in the place of a guard that runs already, which keeps the terminals and streams that it has open.
	TakeOver bool        `yaml:"take_over" env:"TAKE_OVER"`
	Limits   GuardLimits `yaml:"limits" envPrefix:"LIMITS_"`
	// Lock is "keep", which closes a locked socket of the engine again when it was opened, or "watch", which only tells of it. Group may use the
	// locked sockets beside root: a guard that does not run as root needs one of its own, with nobody else in it. Direct are programs that
	// may use the sockets past the guard, by path.
	Lock     string        `yaml:"lock" env:"LOCK"`
	Group    string        `yaml:"group" env:"GROUP"`
	Direct   []string      `yaml:"direct" env:"DIRECT"`
	Sessions GuardSessions `yaml:"sessions" envPrefix:"SESSIONS_"`
	// StepUp are Cedar actions at the engine that need a second factor shown just now, FourEyes those that need a second person's approval.
	StepUp   []string       `yaml:"step_up" env:"STEP_UP"`
	FourEyes []string       `yaml:"four_eyes" env:"FOUR_EYES"`
	Accounts []GuardAccount `yaml:"accounts"`
}

// GuardTLS is the guard's port.
type GuardTLS struct {
	Listen      string `yaml:"listen" env:"LISTEN"` // host:port; empty means none
	Certificate string `yaml:"certificate" env:"CERTIFICATE"`
	Key         string `yaml:"key" env:"KEY"`
	ClientCA    string `yaml:"client_ca" env:"CLIENT_CA"` // PEM; empty takes tokens only
}

// GuardHarden is what is added to workloads.
type GuardHarden struct {
	NoNewPrivileges  bool     `yaml:"no_new_privileges" env:"NO_NEW_PRIVILEGES"`
	DropCapabilities []string `yaml:"drop_capabilities" env:"DROP_CAPABILITIES"` // names, or ALL
	ReadOnlyRoot     bool     `yaml:"read_only_root" env:"READ_ONLY_ROOT"`
	Memory           int64    `yaml:"memory" env:"MEMORY"` // bytes, for those without a limit; 0 is none
	PIDs             int64    `yaml:"pids" env:"PIDS"`
	CPUs             float64  `yaml:"cpus" env:"CPUS"`
	PinDigest        bool     `yaml:"pin_digest" env:"PIN_DIGEST"`
}

// GuardLimits bound what callers can take.
type GuardLimits struct {
	Connections int           `yaml:"connections" env:"CONNECTIONS"` // at once
	Each        int           `yaml:"each" env:"EACH"`               // at once and user, or address
	Header      int           `yaml:"header" env:"HEADER"`           // bytes of a request's head
	HeaderTime  time.Duration `yaml:"header_time" env:"HEADER_TIME"` // for it, and for a TLS handshake
	Idle        time.Duration `yaml:"idle" env:"IDLE"`               // between two calls on a connection
	Drain       time.Duration `yaml:"drain" env:"DRAIN"`             // how long a stop waits for calls and terminals
	Outlast     time.Duration `yaml:"outlast" env:"OUTLAST"`         // how long they may go on after another guard took over
}

// GuardAccount is somebody who may call, and how that one is recognised. Package guard/accounts says what is sound.
type GuardAccount struct {
	Name           string       `yaml:"name"`
	ID             string       `yaml:"id"`
	Tenant         string       `yaml:"tenant"`
	Roles          []string     `yaml:"roles"`
	Groups         []string     `yaml:"groups"`
	Hosts          []string     `yaml:"hosts"`
	Users          []string     `yaml:"users"`
	OSGroups       []string     `yaml:"os_groups"`
	FromContainers bool         `yaml:"from_containers"`
	Certificates   []string     `yaml:"certificates"`
	Tokens         []GuardToken `yaml:"tokens"`
	OIDC           []GuardOIDC  `yaml:"oidc"`
	TwoFactors     bool         `yaml:"two_factors"`
}

// GuardToken is a bearer token by its digest.
type GuardToken struct {
	ID      string   `yaml:"id"`
	SHA256  string   `yaml:"sha256"`
	Expires string   `yaml:"expires"` // a day, or RFC 3339
	Scopes  []string `yaml:"scopes"`  // actions and groups of actions; empty means all
}

// End is when it is good no more.
func (t *GuardToken) End() (time.Time, error) {
	at, err := time.Parse(time.RFC3339, t.Expires)
	if err != nil {
		at, err = time.Parse(time.DateOnly, t.Expires)
	}
	if err != nil {
		return at, fmt.Errorf("expires is %.40q; it must be a time such as 2027-01-31 or 2027-01-31T12:00:00Z", t.Expires)
	}
	return at, nil
}

// GuardOIDC recognises tokens of an OpenID Connect provider.
type GuardOIDC struct {
	Issuer   string            `yaml:"issuer"`
	Audience string            `yaml:"audience"`
	CAFile   string            `yaml:"ca_file"`
	Claims   map[string]string `yaml:"claims"`
	Scopes   []string          `yaml:"scopes"`
}

// DefaultGuardEngine is where engines listen.
const DefaultGuardEngine = "/run/docker.sock"

func defaultGuard() Guard {
	return Guard{
		Engine: DefaultGuardEngine, Socket: "/run/bulkhead/docker.sock", SocketMode: "0660", SocketGroup: "docker",
		Tenant: "system", Profile: "baseline", Mode: "enforce", Build: "classic", Sessions: DefaultGuardSessions(), Lock: "keep",
		Limits: GuardLimits{
			Connections: 1024, Each: 256, Header: 128 << 10, HeaderTime: 10 * time.Second, Idle: 2 * time.Minute, Drain: 30 * time.Second,
			Outlast: 24 * time.Hour,
		},
	}
}

// Dir is where the guard alone keeps its audit log: data_dir, or /var/lib/bulkhead-guard for root.
func (g *Guard) Dir(environ []string) string { return dataDir(g.DataDir, "bulkhead-guard", environ) }

// FileMode is the socket's mode.
func (g *Guard) FileMode() (fs.FileMode, error) {
	n, err := strconv.ParseUint(g.SocketMode, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("guard.socket_mode is %q; it must be octal digits such as 0660", g.SocketMode)
	}
	return fs.FileMode(n), nil
}

func directories(name string, paths []string) error {
	for i, p := range paths {
		if !filepath.IsAbs(p) || filepath.Clean(p) != p || p == "/" {
			return fmt.Errorf("%s[%d] is %.200q; it must be an absolute path without a slash at its end, and not the root", name, i, p)
		}
	}
	return nil
}

func (g *Guard) validate() error {
	if _, err := g.FileMode(); err != nil {
		return err
	}
	for name, path := range map[string]string{"engine": g.Engine, "socket": g.Socket, "policies": g.Policies, "data_dir": g.DataDir} {
		if path != "" && (!filepath.IsAbs(path) || len(path) > 4095) {
			return fmt.Errorf("guard.%s is %.200q; it must be an absolute path", name, path)
		}
	}
	if err := errors.Join(directories("guard.writable_paths", g.WritablePaths), directories("guard.readable_paths", g.ReadablePaths)); err != nil {
		return err
	}
	if g.Engine == "" {
		return errors.New("guard.engine is empty; it must be the path of the engine's own socket, e.g. /run/docker.sock")
	}
	if filepath.Clean(g.Engine) == filepath.Clean(g.Socket) {
		return fmt.Errorf("guard.engine and guard.socket are both %s: the guard stands between the two", g.Engine)
	}
	if err := errors.Join(
		oneOf("guard.profile", g.Profile, "baseline", "restricted", "custom", "none"), oneOf("guard.mode", g.Mode, "enforce", "observe"),
		oneOf("guard.build", g.Build, "classic", "none"),
	); err != nil {
		return err
	}
	if g.Tenant == "" {
		return errors.New("guard.tenant is empty; it must be the tenant that the host belongs to, e.g. system")
	}
	for i, a := range g.Accounts {
		for j, t := range a.Tokens {
			if _, err := t.End(); err != nil {
				return fmt.Errorf("guard.accounts[%d].tokens[%d]: %w", i, j, err)
			}
		}
	}
	return errors.Join(g.TLS.validate(), g.Harden.validate(), g.Limits.validate(), g.Sessions.validate(), g.validateLock())
}

func (t *GuardTLS) validate() error {
	if t.Listen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(t.Listen); err != nil {
		return fmt.Errorf("guard.tls.listen is %q; it must be host:port, e.g. 127.0.0.1:2376: %w", t.Listen, err)
	}
	if t.Certificate == "" || t.Key == "" {
		return errors.New("guard.tls.listen needs guard.tls.certificate and guard.tls.key")
	}
	return nil
}

func (h *GuardHarden) validate() error {
	switch {
	case h.Memory != 0 && h.Memory < 6<<20: // less the engine does not take
		return fmt.Errorf("guard.harden.memory is %d; it must be 0 for none, or at least 6291456 bytes", h.Memory)
	case h.PIDs < 0 || h.PIDs > 1<<22:
		return fmt.Errorf("guard.harden.pids is %d; it must be 0 for none, or at most 4194304", h.PIDs)
	case h.CPUs < 0 || h.CPUs > 8192:
		return fmt.Errorf("guard.harden.cpus is %v; it must be 0 for none, or at most 8192", h.CPUs)
	}
	for _, c := range h.DropCapabilities {
		if c == "" || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
			return fmt.Errorf("guard.harden.drop_capabilities has %.60q; it must be a name such as NET_RAW, or ALL", c)
		}
	}
	if slices.Contains(h.DropCapabilities, "ALL") && len(h.DropCapabilities) > 1 {
		return errors.New("guard.harden.drop_capabilities has ALL, which leaves nothing for the others")
	}
	return nil
}

func (l *GuardLimits) validate() error {
	switch {
	case l.Connections < 16 || l.Connections > 1<<16:
		return fmt.Errorf("guard.limits.connections is %d; it must be between 16 and 65536", l.Connections)
	case l.Each < 8 || l.Each > l.Connections:
		return fmt.Errorf("guard.limits.each is %d; it must be between 8 and guard.limits.connections (%d)", l.Each, l.Connections)
	case l.Header < 16<<10 || l.Header > 1<<20:
		return fmt.Errorf("guard.limits.header is %d; it must be between 16384 and 1048576 bytes", l.Header)
	case l.HeaderTime < time.Second || l.HeaderTime > time.Minute:
		return fmt.Errorf("guard.limits.header_time is %s; it must be between 1s and 1m", l.HeaderTime)
	case l.Idle < time.Second || l.Idle > time.Hour:
		return fmt.Errorf("guard.limits.idle is %s; it must be between 1s and 1h", l.Idle)
	case l.Drain < 0 || l.Drain > time.Hour:
		return fmt.Errorf("guard.limits.drain is %s; it must be between 0s and 1h", l.Drain)
	case l.Outlast < 0 || l.Outlast > 30*24*time.Hour:
		return fmt.Errorf("guard.limits.outlast is %s; it must be between 0s and 720h", l.Outlast)
	}
	return nil
}
