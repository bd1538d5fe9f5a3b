package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// Alarm is a receiver of events of the fleet.
type Alarm struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"` // "webhook", "mail", "syslog"
	// To is an https:// URL for webhook, smtps://host:465 or smtp://host:587 (STARTTLS) for mail, host:port for syslog (TLS).
	To         string   `yaml:"to"`
	From       string   `yaml:"from"`       // sender of mails
	Recipients []string `yaml:"recipients"` // of mails
	CAFile     string   `yaml:"ca_file"`    // PEM, beside the system's
	Username   string   `yaml:"username"`   // at the mail server
	SecretFile string   `yaml:"secret_file"`
	Severity   string   `yaml:"severity"` // the least: info, low, medium, high, critical; empty means high
	Kinds      []string `yaml:"kinds"`    // of events; empty means all
	Tenants    []string `yaml:"tenants"`  // empty means all
	Language   string   `yaml:"language"` // that comes first in mails: en, zh; empty means en
}

// mostAlarms bounds the receivers, and the lists in each.
const mostAlarms = 32

// eventKinds are what a receiver may choose from.
func eventKinds() []string {
	return []string{
		model.EventJoined, model.EventJoinFail, model.EventRevoked, model.EventSilent, model.EventStopped, model.EventBack, model.EventFlapping,
		model.EventSteady, model.EventStatus, model.EventFinding, model.EventChanged, model.EventReuse, model.EventClock, model.EventRollout,
		"renewed", "bundle", "dropped",
	}
}

func validateAlarms(list []Alarm) error {
	if len(list) > mostAlarms {
		return fmt.Errorf("server.alarms has %d receivers, more than %d", len(list), mostAlarms)
	}
	// The name is in jobs and headers.
	name, seen := regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`), map[string]bool{}
	for i := range list {
		a, at := &list[i], fmt.Sprintf("server.alarms[%d]", i)
		if !name.MatchString(a.Name) || seen[a.Name] {
			return fmt.Errorf("%s needs a name of its own, of lower-case letters, digits and hyphens", at)
		}
		seen[a.Name] = true
		if err := a.validate(at); err != nil {
			return err
		}
	}
	return nil
}

func (a *Alarm) validate(at string) error {
	if err := oneOf(at+".kind", a.Kind, "webhook", "mail", "syslog"); err != nil {
		return err
	}
	if err := oneOf(at+".severity", a.Severity, "", "info", "low", "medium", "high", "critical"); err != nil {
		return err
	}
	if err := oneOf(at+".language", a.Language, "", "en", "zh"); err != nil {
		return err
	}
	if max(len(a.Kinds), len(a.Tenants), len(a.Recipients)) > mostAlarms {
		return fmt.Errorf("%s: kinds, tenants and recipients have at most %d entries", at, mostAlarms)
	}
	for _, k := range a.Kinds {
		if !slices.Contains(eventKinds(), k) {
			return fmt.Errorf("%s.kinds has %q; it must be of %s", at, k, strings.Join(eventKinds(), ", "))
		}
	}
	if a.Kind != "mail" && (a.From != "" || len(a.Recipients) > 0 || a.Username != "") {
		return fmt.Errorf("%s: from, recipients and username are for mail only", at)
	}
	switch a.Kind {
	case "webhook":
		if a.SecretFile == "" {
			return fmt.Errorf("%s needs secret_file, a file with the key that deliveries are signed with", at)
		}
		return httpsURL(at+".to", a.To)
	case "syslog":
		if a.SecretFile != "" {
			return fmt.Errorf("%s: syslog has no secret_file", at)
		}
		if _, _, err := net.SplitHostPort(a.To); err != nil {
			return fmt.Errorf("%s.to is %q; it must be host:port, e.g. siem.example.com:6514: %w", at, a.To, err)
		}
		return nil
	}
	return a.validateMail(at)
}

func (a *Alarm) validateMail(at string) error {
	u, err := url.Parse(a.To)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.User != nil || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return fmt.Errorf("%s.to is %q; it must be smtps://host:465, or smtp://host:587 with STARTTLS", at, a.To)
	}
	if (a.Username == "") != (a.SecretFile == "") {
		return fmt.Errorf("%s needs both username and secret_file, or neither", at)
	}
	if len(a.Recipients) == 0 {
		return fmt.Errorf("%s needs recipients", at)
	}
	for _, address := range append([]string{a.From}, a.Recipients...) {
		if _, err := mail.ParseAddress(address); err != nil {
			return fmt.Errorf("%s: %q in from or recipients is no mail address", at, address)
		}
	}
	return nil
}

// AlarmFiles says whether the files that receivers of alarms name are there and can be read. Validate does not look, as the
// file may be checked on another machine than the server's.
func (s *Server) AlarmFiles() error {
	var errs []error
	for i, a := range s.Alarms {
		for field, path := range map[string]string{"ca_file": a.CAFile, "secret_file": a.SecretFile} {
			if path == "" {
				continue
			}
			f, err := os.Open(path)
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("server.alarms[%d].%s: %w", i, field, err))
			}
		}
	}
	return errors.Join(errs...)
}
