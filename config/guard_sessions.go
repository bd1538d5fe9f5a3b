package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// When sessions are recorded.
const (
	RecordNever  = "never"
	RecordPolicy = "policy" // those of which a policy says so
	RecordAlways = "always"
)

// GuardSessions says which sessions of exec and attach are recorded, for whom, and how much is kept.
type GuardSessions struct {
	// Record is "never", "policy" or "always"; Input records what is typed, too, passwords included.
	Record string `yaml:"record" env:"RECORD"`
	Input  bool   `yaml:"input" env:"INPUT"`
	// Dir holds the recordings. Empty means sessions below the guard's data.
	Dir string `yaml:"dir" env:"DIR"`
	// Recipients are age public keys (age1…): who has a private key of one can read the recordings. No private key belongs on the host.
	Recipients []string `yaml:"recipients" env:"RECIPIENTS"`
	// MostBytes bounds one recording, MostTotal all of the host; the oldest are removed. Keep is for how long they are kept.
	MostBytes int64         `yaml:"most_bytes" env:"MOST_BYTES"`
	MostTotal int64         `yaml:"most_total" env:"MOST_TOTAL"`
	Keep      time.Duration `yaml:"keep" env:"KEEP"`
	// Required refuses or ends sessions that should be recorded and can't be. Otherwise they go on without.
	Required bool `yaml:"required" env:"REQUIRED"`
}

// DefaultGuardSessions are the settings without a file.
func DefaultGuardSessions() GuardSessions {
	return GuardSessions{Record: RecordPolicy, MostBytes: 64 << 20, MostTotal: 2 << 30, Keep: 90 * 24 * time.Hour}
}

// Wanted says whether a session is recorded of which a policy says so or not.
func (g *GuardSessions) Wanted(policy bool) bool {
	return g.Record == RecordAlways || g.Record == RecordPolicy && policy
}

// Path is where the recordings are, below the directory of the guard's data unless Dir says otherwise.
func (g *GuardSessions) Path(data string) string {
	if g.Dir != "" {
		return g.Dir
	}
	return filepath.Join(data, "sessions")
}

// validate checks what can be checked without reading the keys themselves, which guard/sessions does.
func (g *GuardSessions) validate() error {
	if !slices.Contains([]string{RecordNever, RecordPolicy, RecordAlways}, g.Record) {
		return fmt.Errorf("guard.sessions.record is %.40q; it must be never, policy or always", g.Record)
	}
	if g.Dir != "" && !filepath.IsAbs(g.Dir) {
		return fmt.Errorf("guard.sessions.dir is %.200q; it must be a full path", g.Dir)
	}
	if err := g.validateRecipients(); err != nil {
		return err
	}
	if g.MostBytes < 64<<10 || g.MostBytes > 64<<30 {
		return fmt.Errorf("guard.sessions.most_bytes is %d; it must be between 65536 and %d", g.MostBytes, int64(64<<30))
	}
	if g.MostTotal < g.MostBytes || g.MostTotal > 64<<40 {
		return fmt.Errorf("guard.sessions.most_total is %d; it must be between most_bytes (%d) and %d", g.MostTotal, g.MostBytes, int64(64<<40))
	}
	if g.Keep < 0 || g.Keep > 0 && g.Keep < time.Hour {
		return fmt.Errorf("guard.sessions.keep is %s; it must be at least 1h, or 0 to keep recordings as long as there is room", g.Keep)
	}
	return nil
}

func (g *GuardSessions) validateRecipients() error {
	if g.Record == RecordAlways && len(g.Recipients) == 0 {
		return errors.New("guard.sessions.record is always, and nobody could read the recordings: put the public key that `bulkhead guard keys new` prints into guard.sessions.recipients")
	}
	if len(g.Recipients) > 16 {
		return fmt.Errorf("guard.sessions.recipients has %d keys; 16 is the most", len(g.Recipients))
	}
	for i, k := range g.Recipients {
		if strings.HasPrefix(strings.ToUpper(k), "AGE-SECRET-KEY-") {
			return fmt.Errorf("guard.sessions.recipients[%d] is a private key: the host needs the public one only (age1…). Make a new pair, this one was on the host", i)
		}
		if !strings.HasPrefix(k, "age1") || strings.Trim(k, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return fmt.Errorf("guard.sessions.recipients[%d] is %.80q; it must be an age public key (age1…), as `bulkhead guard keys new` prints it", i, k)
		}
	}
	return nil
}
