package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/config"
)

func TestGuardAccounts(t *testing.T) {
	c, err := config.Load(write(t, `
guard:
  accounts:
    - name: alice
      tenant: acme
      users: [alice, "1001"]
      tokens: [{id: laptop, sha256: ab, expires: 2027-01-31T00:00:00Z}]
      oidc: [{issuer: https://x, audience: y, claims: {ref_protected: "true"}}]
`), []string{"BULKHEAD_GUARD_TLS_LISTEN=127.0.0.1:2376", "BULKHEAD_GUARD_TLS_CERTIFICATE=/c", "BULKHEAD_GUARD_TLS_KEY=/k"})
	if err != nil {
		t.Fatal(err)
	}
	a := c.Guard.Accounts[0]
	end, err := a.Tokens[0].End()
	if err != nil || a.Users[1] != "1001" || !end.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) || a.OIDC[0].Claims["ref_protected"] != "true" {
		t.Errorf("%+v", a)
	}
	if c.Guard.TLS.Listen != "127.0.0.1:2376" {
		t.Errorf("%+v", c.Guard.TLS)
	}
}

func TestGuardThatIsNotSound(t *testing.T) {
	for text, say := range map[string]string{
		"socket_mode: \"0999\"":                       "guard.socket_mode",
		"engine: docker.sock":                         "absolute path",
		"engine: \"\"":                                "guard.engine is empty",
		"socket: /run/../run/docker.sock":             "stands between the two",
		"profile: strict":                             "guard.profile",
		"mode: off":                                   "guard.mode",
		"build: buildkit":                             "guard.build",
		"tenant: \"\"":                                "guard.tenant",
		"tls: {listen: localhost}":                    "host:port",
		"tls: {listen: \"127.0.0.1:2376\"}":           "guard.tls.certificate",
		"harden: {memory: 1}":                         "guard.harden.memory",
		"harden: {pids: -1}":                          "guard.harden.pids",
		"harden: {cpus: -1}":                          "guard.harden.cpus",
		"harden: {drop_capabilities: [x y]}":          "drop_capabilities",
		"harden: {drop_capabilities: [ALL, NET_RAW]}": "drop_capabilities",
		"limits: {connections: 1}":                    "guard.limits.connections",
		"limits: {each: 5000}":                        "guard.limits.each",
		"limits: {header: 1}":                         "guard.limits.header",
		"limits: {header_time: 1h}":                   "guard.limits.header_time",
		"limits: {idle: 0s}":                          "guard.limits.idle",
		"limits: {drain: 2h}":                         "guard.limits.drain",
		"accounts: [{nome: alice}]":                   "did you mean \"name\"",
		"accounts: [{tokens: [{expires: tomorrow}]}]": "tomorrow",
		"accounts: [{oidc: [{claims: {a: [b]}}]}]":    "claims",
	} {
		if _, err := config.Load(write(t, "guard:\n  "+text+"\n"), nil); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: %v, without %q", text, err, say)
		}
	}
}
