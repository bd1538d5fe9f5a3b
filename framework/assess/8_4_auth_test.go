package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestAuthSins(t *testing.T) {
	sources := func(list ...model.LoginSource) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Host.LoginSources = list }
	}
	sshd := func(key, value string) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			for i := range s.Host.Auth.SSHD {
				if s.Host.Auth.SSHD[i].Key == key {
					s.Host.Auth.SSHD[i].Value = value
				}
			}
		}
	}
	off := false
	testSins(t, []sin{
		{"none", "8.4.d/login-sources", model.CheckFail, sources()},
		{"lost at restart", "8.4.d/login-sources", model.CheckFail, sources(model.LoginSource{Name: "journal", Exists: true, Alive: true})},
		{"dead", "8.4.d/login-sources", model.CheckFail, sources(model.LoginSource{Name: "auth.log", Exists: true, Persistent: true})},
		{"accepted only", "8.4.d/login-sources", model.CheckFail, sources(model.LoginSource{Name: "wtmp", Exists: true, Persistent: true, Alive: true})},
		{"wtmp and btmp", "8.4.d/login-sources", model.CheckPass, sources(
			model.LoginSource{Name: "wtmpdb", Exists: true, Persistent: true, Alive: true},
			model.LoginSource{Name: "btmp", Exists: true, Persistent: true, Alive: true})},
		{"no control", "8.4.d/login-audit", model.CheckWarn, func(s *model.Snapshot) { s.Controls = nil }},
		{"stopped", "8.4.d/auditd", model.CheckFail, func(s *model.Snapshot) { s.Host.Auth.Auditd = "installed" }},
		{"absent", "8.4.d/auditd", model.CheckFail, func(s *model.Snapshot) { s.Host.Auth.Auditd = "absent" }},
		{"kernel off", "8.4.d/auditd", model.CheckFail, func(s *model.Snapshot) { s.Host.Auth.KernelAudit = &off }},
		{"no loginuid", "8.4.d/login-uid", model.CheckWarn, func(s *model.Snapshot) { s.Host.Auth.PAMModules[0].Value = "pam_unix.so" }},
		{"syslog only", "8.4.d/sudo-log", model.CheckWarn, func(s *model.Snapshot) { s.Host.Auth.SudoLog = false }},
		{"no sudo", "8.4.d/sudo-log", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Auth.SudoInstalled = false }},
		{"nopasswd", "8.4.d/sudo-password", model.CheckFail, func(s *model.Snapshot) { s.Host.Auth.SudoNoPasswd = []string{"%admin"} }},
		{"empty", "8.4.d/empty-passwords", model.CheckFail, func(s *model.Snapshot) { s.Host.Users[1].Password = "empty" }},
		{"not readable", "8.4.d/empty-passwords", model.CheckUnknown, func(s *model.Snapshot) { s.Host.Users[1].Password = "" }},
		{"permitted", "8.4.d/empty-passwords", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Auth.SSHD = append(s.Host.Auth.SSHD, model.KeyVal{Key: "permitemptypasswords", Value: "yes"})
		}},
		{"toor", "8.4.d/root-accounts", model.CheckFail, func(s *model.Snapshot) { s.Host.Users[1].UID = 0 }},
		{"quiet", "8.4.d/sshd-log-level", model.CheckFail, sshd("loglevel", "QUIET")},
		{"password for root", "8.4.d/sshd-root", model.CheckFail, sshd("permitrootlogin", "yes")},
		{"key for root", "8.4.d/sshd-root", model.CheckWarn, sshd("permitrootlogin", "without-password")},
		{"no sshd", "8.4.d/sshd-root", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Auth.SSHDInstalled = false }},
		{"passwords", "8.4.d/sshd-password", model.CheckFail, sshd("passwordauthentication", "yes")},
		{"prompts", "8.4.d/sshd-password", model.CheckFail, sshd("kbdinteractiveauthentication", "yes")},
		{"prompts with a second factor", "8.4.d/sshd-password", model.CheckPass, func(s *model.Snapshot) {
			sshd("kbdinteractiveauthentication", "yes")(s)
			s.Host.Auth.PAMModules[0].Value = "pam_unix.so pam_oath.so"
		}},
		{"key and password", "8.4.d/sshd-password", model.CheckPass, func(s *model.Snapshot) {
			s.Host.Auth.SSHD = []model.KeyVal{{Key: "authenticationmethods", Value: "publickey,password"}}
		}},
		{"key or password", "8.4.d/sshd-password", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Auth.SSHD = []model.KeyVal{{Key: "authenticationmethods", Value: "publickey password"}}
		}},
		{"no pam", "8.4.d/sshd-pam", model.CheckWarn, sshd("usepam", "no")},
		{"errors only", "8.4.d/engine-log-level", model.CheckFail, func(s *model.Snapshot) { s.Engine.LogLevel = "error" }},
		{"debug", "8.4.d/engine-log-level", model.CheckWarn, func(s *model.Snapshot) { s.Engine.LogLevel = "debug" }},
		{"stay here", "8.4.d/remote-logs", model.CheckWarn, func(s *model.Snapshot) { s.Engine.LoggingDriver = "json-file" }},
		{"local syslog", "8.4.d/remote-logs", model.CheckWarn, func(s *model.Snapshot) { s.Engine.LogOptions = nil }},
		{"forwarded", "8.4.d/remote-logs", model.CheckPass, func(s *model.Snapshot) {
			s.Engine.LoggingDriver = "journald"
			s.Host.Processes = append(s.Host.Processes, model.Process{PID: 60, Name: "fluent-bit", Exe: "/opt/fluent-bit/bin/fluent-bit"})
		}},
	})
}
