package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/config"
)

func TestAlarms(t *testing.T) {
	const mail = "kind: mail, to: 'smtp://m.example.com:587', from: a@example.com, recipients: [b@example.com]"
	for name, c := range map[string]struct{ alarms, want string }{
		"webhook":            {"{name: a, kind: webhook, to: 'https://h/x', secret_file: f}", ""},
		"mail":               {"{name: a, " + mail + "}", ""},
		"mail with all":      {"{name: a, " + mail + ", username: u, secret_file: f, severity: low, kinds: [silent, reuse], tenants: [acme], language: zh}", ""},
		"implicit TLS":       {"{name: a, kind: mail, to: 'smtps://m:465', from: A <a@b.c>, recipients: [x@y.z]}", ""},
		"syslog":             {"{name: a, kind: syslog, to: 'h:6514'}", ""},
		"two":                {"{name: a, kind: syslog, to: 'h:6514'}, {name: b, kind: syslog, to: 'h:6514'}", ""},
		"twice":              {"{name: a, kind: syslog, to: 'h:6514'}, {name: a, kind: syslog, to: 'h:6514'}", "[1] needs a name"},
		"name":               {"{name: A/b, kind: syslog, to: 'h:6514'}", "needs a name"},
		"kind":               {"{name: a, kind: pager, to: h}", "server.alarms[0].kind"},
		"severity":           {"{name: a, kind: syslog, to: 'h:1', severity: loud}", "severity"},
		"language":           {"{name: a, kind: syslog, to: 'h:1', language: de}", "language"},
		"kinds":              {"{name: a, kind: syslog, to: 'h:1', kinds: [quiet]}", `"quiet"`},
		"no key":             {"{name: a, kind: webhook, to: 'https://h'}", "secret_file"},
		"in the clear":       {"{name: a, kind: webhook, to: 'http://h', secret_file: f}", "https://"},
		"port":               {"{name: a, kind: syslog, to: h}", "host:port"},
		"secret of syslog":   {"{name: a, kind: syslog, to: 'h:1', secret_file: f}", "no secret_file"},
		"recipients of none": {"{name: a, kind: syslog, to: 'h:1', recipients: [x@y]}", "for mail only"},
		"mail server":        {"{name: a, kind: mail, to: 'h:25', from: a@b, recipients: [c@d]}", "smtps://"},
		"password in it":     {"{name: a, kind: mail, to: 'smtp://u:p@h', from: a@b, recipients: [c@d]}", "smtps://"},
		"no recipient":       {"{name: a, kind: mail, to: 'smtp://h', from: a@b}", "recipients"},
		"recipient":          {"{name: a, kind: mail, to: 'smtp://h', from: a@b, recipients: [x]}", `"x"`},
		"sender":             {"{name: a, kind: mail, to: 'smtp://h', recipients: [a@b]}", "mail address"},
		"password":           {"{name: a, " + mail + ", username: u}", "both username"},
		"unknown field":      {"{name: a, kind: syslog, too: h}", `"too"`},
		"too many":           {strings.Repeat("{name: a, kind: syslog, to: 'h:1'},", 33), "more than 32"},
		"too many tenants":   {"{name: a, kind: syslog, to: 'h:1', tenants: [" + strings.Repeat("a,", 33) + "]}", "at most 32"},
	} {
		_, err := config.Load(write(t, "server: {alarms: ["+c.alarms+"]}\n"), nil)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAlarmFiles(t *testing.T) {
	there := write(t, "x")
	s := config.Server{Alarms: []config.Alarm{{CAFile: there, SecretFile: there}, {}}}
	if err := s.AlarmFiles(); err != nil {
		t.Error(err)
	}
	s.Alarms[1].SecretFile = filepath.Join(filepath.Dir(there), "missing")
	if err := s.AlarmFiles(); err == nil || !strings.Contains(err.Error(), "server.alarms[1].secret_file") {
		t.Error(err)
	}
}
