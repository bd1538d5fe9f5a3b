package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// authChecks ask whether every sign-in to the operating system takes place and is recorded (8.4.d).
func authChecks() []Check {
	return []Check{
		{
			ID: "8.4.d/login-sources", Severity: model.High, Essential: true,
			Title:      say("Accepted and refused sign-ins are recorded and survive a restart", "成功与失败的登录均被记录，且重启后仍保留"),
			References: []string{"NIST SP 800-190 4.5.4", "ATT&CK T1070"},
			Remediation: say("Keep the journal on disk: mkdir -p /var/log/journal; in /etc/systemd/journald.conf: Storage=persistent; systemctl restart systemd-journald. Without systemd: install rsyslog with the line auth,authpriv.* /var/log/auth.log",
				"将日志保存到磁盘：mkdir -p /var/log/journal；在 /etc/systemd/journald.conf 中设置 Storage=persistent；systemctl restart systemd-journald。无 systemd 时安装 rsyslog 并配置 auth,authpriv.* /var/log/auth.log"),
			Eval: evalLoginSources,
		},
		{
			ID: "8.4.d/login-audit", Severity: model.Medium,
			Title:      say("Every authentication becomes an audit record, and loss of the source an alarm", "每次认证均生成审计记录，日志来源丢失时告警"),
			References: []string{"NIST SP 800-190 4.5.4"},
			Remediation: say("Turn on the control login-audit in mode enforce.",
				"以 enforce 模式启用登录审计（login-audit）控制。"),
			Eval: func(in *Input, r *Recorder) { control(in, r, model.ControlLoginAudit, model.CheckWarn) },
		},
		{
			ID: "8.4.d/auditd", Severity: model.Medium,
			Title:      say("The kernel's audit runs", "内核审计正在运行"),
			References: []string{"NIST SP 800-190 4.5.4", "ATT&CK T1562.012"},
			Remediation: say("Run: apt-get install auditd (dnf install audit, apk add audit); systemctl enable --now auditd; kernel command line: audit=1",
				"执行：apt-get install auditd（或 dnf install audit、apk add audit）；systemctl enable --now auditd；内核命令行加入 audit=1"),
			Eval: evalAuditd,
		},
		{
			ID: "8.4.d/login-uid", Severity: model.Low,
			Title: say("Sign-ins mark their processes with the person who signed in", "登录会话的进程可追溯到登录者"),
			Remediation: say("Add to /etc/pam.d/sshd and /etc/pam.d/login: session required pam_loginuid.so",
				"在 /etc/pam.d/sshd 与 /etc/pam.d/login 中加入：session required pam_loginuid.so"),
			Eval: evalLoginUID,
		},
		{
			ID: "8.4.d/sudo-log", Severity: model.Low,
			Title: say("sudo writes a log of its own", "sudo 写入独立日志"),
			Remediation: say("Run visudo -f /etc/sudoers.d/log with the line: Defaults logfile=/var/log/sudo.log, log_output",
				"执行 visudo -f /etc/sudoers.d/log，加入：Defaults logfile=/var/log/sudo.log, log_output"),
			Eval: evalSudoLog,
		},
		{
			ID: "8.4.d/sudo-password", Severity: model.Medium,
			Title:      say("sudo asks who it is", "sudo 需要认证"),
			References: []string{"ATT&CK T1548.003"},
			Remediation: say("Take NOPASSWD out of the line in /etc/sudoers.d (visudo), so that there is an authentication to record",
				"使用 visudo 去除 /etc/sudoers.d 中的 NOPASSWD，使提权需要认证并留下记录"),
			Eval: evalSudoPassword,
		},
		{
			ID: "8.4.d/empty-passwords", Severity: model.Critical, Essential: true,
			Title:      say("No account signs in without a password", "没有可使用空密码登录的账户"),
			References: []string{"ATT&CK T1078.003"},
			Remediation: say("Lock the account: passwd -l NAME; in /etc/ssh/sshd_config: PermitEmptyPasswords no",
				"锁定账户：passwd -l 名称；在 /etc/ssh/sshd_config 中设置 PermitEmptyPasswords no"),
			Eval: evalEmptyPasswords,
		},
		{
			ID: "8.4.d/root-accounts", Severity: model.High,
			Title:       say("Only root has user id 0", "只有 root 的用户 ID 为 0"),
			References:  []string{"ATT&CK T1136.001"},
			Remediation: say("Give the account an id of its own or remove it: userdel NAME", "为该账户分配独立的用户 ID 或将其删除：userdel 名称"),
			Eval:        evalRootAccounts,
		},
	}
}

// sourceRecords says which outcomes of a sign-in each source records. utmp and lastlog keep the present state only.
func sourceRecords(name string) (accepted, refused bool) {
	switch name {
	case "journal", "auth.log", "secure", "audit.log", "messages", "syslog":
		return true, true
	case "wtmp", "wtmpdb":
		return true, false
	case "btmp":
		return false, true
	}
	return false, false
}

func evalLoginSources(in *Input, r *Recorder) {
	const ptr = "/host/login_sources"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	var accepted, refused []string
	for _, s := range h.LoginSources {
		if !s.Exists || !s.Alive || !s.Persistent {
			continue
		}
		yes, no := sourceRecords(s.Name)
		if yes {
			accepted = append(accepted, s.Name)
		}
		if no {
			refused = append(refused, s.Name)
		}
	}
	if len(accepted) > 0 && len(refused) > 0 {
		r.Pass(ptr, "", say("accepted sign-ins are in %s, refused ones in %s", "成功的登录记录于 %s，失败的记录于 %s",
			strings.Join(accepted, ", "), strings.Join(refused, ", ")))
		return
	}
	for i, s := range h.LoginSources {
		yes, no := sourceRecords(s.Name)
		at := pointer("host", "login_sources", i)
		switch {
		case !yes && !no || !s.Exists:
		case !s.Alive:
			r.Fail(at, s.Name, say("nothing writes to %s (%s)", "没有程序写入 %s（%s）", s.Name, s.Path))
		case !s.Persistent:
			r.Fail(at, s.Name, say("%s (%s) is lost at a restart", "%s（%s）在重启后丢失", s.Name, s.Path))
		}
	}
	if len(accepted) == 0 {
		r.Fail(ptr, "", say("no living and lasting source records accepted sign-ins", "没有有效且持久的来源记录成功的登录"))
	}
	if len(refused) == 0 {
		r.Fail(ptr, "", say("no living and lasting source records refused sign-ins", "没有有效且持久的来源记录失败的登录"))
	}
}

func evalAuditd(in *Input, r *Recorder) {
	const ptr = "/host/auth/auditd"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	switch a := h.Auth; {
	case a.KernelAudit != nil && !*a.KernelAudit:
		r.Fail("/host/auth/kernel_audit", "", say("the kernel's audit is switched off", "内核审计已关闭"))
	case a.Auditd == "running":
		r.Pass(ptr, "auditd", say("auditd runs", "auditd 正在运行"))
	case a.Auditd == "installed":
		r.Fail(ptr, "auditd", say("auditd is installed and does not run", "auditd 已安装但未运行"))
	case a.Auditd == "absent":
		r.Fail(ptr, "auditd", say("auditd is not installed", "未安装 auditd"))
	default:
		r.Unknown(ptr, "auditd", say("the state of auditd is not known", "auditd 的状态未知"))
	}
}

func evalLoginUID(in *Input, r *Recorder) {
	const ptr = "/host/auth/pam_modules"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	judged := false
	for i, kv := range h.Auth.PAMModules {
		if kv.Key != "sshd" && kv.Key != "login" {
			continue
		}
		judged = true
		at := pointer("host", "auth", "pam_modules", i)
		if slices.Contains(strings.Fields(kv.Value), "pam_loginuid.so") {
			r.Pass(at, kv.Key, say("%s sets the login uid", "%s 设置登录 UID", kv.Key))
		} else {
			r.Warn(at, kv.Key, say("%s does not use pam_loginuid", "%s 未使用 pam_loginuid", kv.Key))
		}
	}
	if !judged {
		r.NotApplicable(ptr, say("neither sshd nor login uses PAM", "sshd 与 login 均未使用 PAM"))
	}
}

func evalSudoLog(in *Input, r *Recorder) {
	const ptr = "/host/auth/sudo_log"
	h := hostAt(in, r, ptr)
	switch {
	case h == nil:
	case !h.Auth.SudoInstalled:
		r.NotApplicable("/host/auth/sudo_installed", say("there is no sudo", "未安装 sudo"))
	case h.Auth.SudoLog:
		r.Pass(ptr, "sudo", say("sudo writes a log file or records sessions", "sudo 写入日志文件或录制会话"))
	default:
		r.Warn(ptr, "sudo", say("sudo reports to the system log only", "sudo 仅写入系统日志"))
	}
}

func evalSudoPassword(in *Input, r *Recorder) {
	const ptr = "/host/auth/sudo_nopasswd"
	h := hostAt(in, r, ptr)
	if h == nil {
		return
	}
	if !h.Auth.SudoInstalled {
		r.NotApplicable("/host/auth/sudo_installed", say("there is no sudo", "未安装 sudo"))
		return
	}
	for i, s := range h.Auth.SudoNoPasswd {
		r.Fail(pointer("host", "auth", "sudo_nopasswd", i), s, say("%s uses sudo without a password", "%s 使用 sudo 时无需密码", s))
	}
	if len(h.Auth.SudoNoPasswd) == 0 {
		r.Pass(ptr, "sudo", say("no rule has NOPASSWD", "没有 NOPASSWD 规则"))
	}
}

func evalEmptyPasswords(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/users")
	if h == nil {
		return
	}
	bad, unread := 0, 0
	for i, u := range h.Users {
		switch {
		case !u.Login:
		case u.Password == "empty":
			bad++
			r.Fail(pointer("host", "users", i), u.Name, say("%s has an empty password", "%s 的密码为空", u.Name))
		case u.Password == "":
			unread++
		}
	}
	if value, i, ok := setting(h.Auth.SSHD, "permitemptypasswords"); ok && value == "yes" {
		bad++
		r.Fail(pointer("host", "auth", "sshd", i), "sshd", say("sshd lets empty passwords in", "sshd 允许空密码登录"))
	}
	switch {
	case unread > 0:
		r.Unknown("/host/users", "", say("the password state of %d accounts could not be read", "无法读取 %d 个账户的密码状态", unread))
	case bad == 0:
		r.Pass("/host/users", "", say("no account with an empty password", "没有空密码账户"))
	}
}

func evalRootAccounts(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/users")
	if h == nil {
		return
	}
	found := false
	for i, u := range h.Users {
		if u.UID == 0 && u.Name != "root" {
			found = true
			r.Fail(pointer("host", "users", i), u.Name, say("%s has user id 0", "%s 的用户 ID 为 0", u.Name))
		}
	}
	if !found {
		r.Pass("/host/users", "root", say("no other account has user id 0", "没有其他账户的用户 ID 为 0"))
	}
}
