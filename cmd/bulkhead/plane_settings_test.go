package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-security/bulkhead/config"
)

func TestSettingsHaveNoSecrets(t *testing.T) {
	c := config.Default().Server
	c.PublicURL, c.Name = "https://plane.example.com", "one"
	c.Database, c.DatabasePasswordFile, c.MasterKeyFile = "postgres://user:hidden@db/x", "/hidden/db", "/hidden/key"
	c.TLS = config.TLS{Cert: "/hidden/cert", Key: "/hidden/key"}
	c.Telemetry.Endpoint = "https://traces.example.com:4318"
	c.SignIn.Blocklist = "/hidden/list"
	c.OIDC = []config.OIDC{{Name: "corp", Issuer: "https://id.example.com", ClientID: "hidden", ClientSecretFile: "/hidden/oidc", Tenant: "acme", MFA: []string{"otp"}}}
	c.Alarms = []config.Alarm{
		{Name: "chat", Kind: "webhook", To: "https://hooks.example.com/services/hidden?key=hidden", SecretFile: "/hidden/hook"},
		{Name: "ops", Kind: "mail", To: "smtps://mail.example.com:465", Username: "hidden", Recipients: []string{"ops@example.com", "traces.example.com:4318", `"file"`}, Severity: "low"},
		{Name: "siem", Kind: "syslog", To: "siem.example.com:6514"},
	}
	c.Export = []config.Export{{Name: "file", Kind: "jsonl", To: "/hidden/records"}, {Name: "otlp", Kind: "otlp", To: "https://otel.example.com/hidden"}}
	s := settingsOf(c)
	b, err := protojson.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "hidden") {
		t.Errorf("a secret is told: %s", b)
	}
	for _, want := range []string{"plane.example.com", "id.example.com", "hooks.example.com", "mail.example.com:465", "siem.example.com:6514", "otel.example.com", "ops@example.com"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not told: %s", want, b)
		}
	}
	if got := s.GetAlarms()[0].GetSeverity(); got != "high" {
		t.Errorf("a receiver without a severity gets %q", got)
	}
	if !s.GetSignIn().GetBlocklist() || s.GetSignIn().GetStepUp().AsDuration() != 5*time.Minute {
		t.Errorf("sign-in: %v", s.GetSignIn())
	}
	// Whoever adds a kind of retention to the configuration tells it here, too.
	if got, want := len(s.GetRetention()), reflect.TypeFor[config.Retention]().NumField(); got != want {
		t.Errorf("%d kinds are kept for a time, and %d are told", want, got)
	}
}
