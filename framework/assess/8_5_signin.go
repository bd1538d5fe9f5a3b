package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// signInChecks answer for 8.5.d: administrators sign in with more than a password.
func signInChecks() []Check {
	return []Check{
		{
			ID: "8.5.d/ssh", Severity: model.High, Essential: true,
			Title:      say("A password alone opens no remote session", "仅凭密码无法建立远程会话"),
			References: []string{"NIST SP 800-190 4.3.2", "ATT&CK T1021.004", "ATT&CK T1110"},
			Remediation: say("In /etc/ssh/sshd_config.d/10-bulkhead.conf: AuthenticationMethods publickey,keyboard-interactive, PasswordAuthentication no, KbdInteractiveAuthentication yes; a second factor in /etc/pam.d/sshd: auth required pam_google_authenticator.so (or pam_u2f.so); systemctl reload ssh",
				"在 /etc/ssh/sshd_config.d/10-bulkhead.conf 中设置 AuthenticationMethods publickey,keyboard-interactive、PasswordAuthentication no、KbdInteractiveAuthentication yes；在 /etc/pam.d/sshd 中加入第二因素：auth required pam_google_authenticator.so（或 pam_u2f.so）；然后执行 systemctl reload ssh"),
			Eval: evalSSHFactors,
		},
		{
			ID: "8.5.d/local", Severity: model.Medium,
			Title:       say("Accounts that manage containers have more than a password", "可管理容器的账户不仅凭密码认证"),
			References:  []string{"NIST SP 800-190 4.3.2", "ATT&CK T1078.003"},
			Remediation: say("Register a security key for each account first (pamu2fcfg > ~/.config/Yubico/u2f_keys), then add to /etc/pam.d/login and /etc/pam.d/sudo: auth required pam_u2f.so; or lock the password and sign in with keys: passwd -l USER", "先为每个账户登记安全密钥（pamu2fcfg > ~/.config/Yubico/u2f_keys），再在 /etc/pam.d/login 与 /etc/pam.d/sudo 中加入：auth required pam_u2f.so；或锁定密码并使用密钥登录：passwd -l USER"),
			Eval:        evalLocalFactors,
		},
		{
			ID: "8.5.d/engine-tcp", Severity: model.Critical, Essential: true,
			Title:       say("The engine's TCP door asks for a client certificate", "引擎的 TCP 入口要求客户端证书"),
			References:  []string{"NIST SP 800-190 4.3.2", "ATT&CK T1133"},
			Remediation: say(`Remove tcp:// from "hosts", or set "tlsverify": true with tlscacert, tlscert and tlskey in /etc/docker/daemon.json.`, `从 "hosts" 中移除 tcp://，或在 /etc/docker/daemon.json 中设置 "tlsverify": true 以及 tlscacert、tlscert、tlskey。`),
			Eval:        evalEngineTCP,
		},
		{
			ID: "8.5.d/kube-users", Severity: model.High, Essential: true,
			Title:       say("Administrators of the cluster sign in through an identity provider", "集群管理员通过身份提供方登录"),
			References:  []string{benchKube + "1.2.2", benchKube + "3.1.1", benchKube + "3.1.2", "ATT&CK T1078"},
			Remediation: say("Give the API server --authentication-config with a JWT issuer that requires a second factor (or --oidc-issuer-url), remove --token-auth-file, and use an exec plugin such as kubelogin in kubeconfigs.", "为 API 服务器配置 --authentication-config，指定要求第二因素的 JWT 签发者（或 --oidc-issuer-url），移除 --token-auth-file，并在 kubeconfig 中使用 kubelogin 等 exec 插件。"),
			Eval:        evalKubeUsers,
		},
		{
			ID: "8.5.d/control-plane", Severity: model.High,
			Title:       say("The product's own control plane asks administrators for a second factor", "本产品的控制平面要求管理员使用第二因素"),
			References:  []string{"NIST SP 800-190 4.3.2"},
			Remediation: say("Require a second factor for administrators in the control plane; its status file then says second_factor: required (docs/controls.md).", "在控制平面中要求管理员使用第二因素；其状态文件随后会写明 second_factor: required（见 docs/controls.md）。"),
			Eval:        evalControlPlaneFactor,
		},
	}
}

func evalSSHFactors(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/auth/sshd")
	if h == nil {
		return
	}
	if !h.Auth.SSHDInstalled {
		r.NotApplicable("/host/auth/sshd_installed", say("there is no sshd", "未安装 sshd"))
		return
	}
	auth := h.Auth
	methods, at := sshdValue(auth, "authenticationmethods", "any")
	if methods != "any" {
		for _, list := range strings.Fields(methods) {
			judgeMethods(r, auth, at, list)
		}
		return
	}
	factor := secondFactor(auth)
	for _, key := range []string{"passwordauthentication", "kbdinteractiveauthentication"} {
		if v, ptr := sshdValue(auth, key, "yes"); v != "no" && !factor {
			r.Fail(ptr, "sshd", say("%s %s: a password is enough", "%s %s：仅凭密码即可登录", key, v))
			return
		}
	}
	if v, ptr := sshdValue(auth, "pubkeyauthentication", "yes"); v != "no" {
		judgeKeys(r, auth, ptr)
		return
	}
	r.Pass(at, "sshd", say("PAM asks for a second factor", "PAM 要求第二因素"))
}

// judgeMethods judges one list of methods that must all succeed.
func judgeMethods(r *Recorder, auth model.AuthConfig, at, list string) {
	switch {
	case strings.Contains(list, ",") && !passwordAlone(list), passwordAlone(list) && secondFactor(auth) && strings.Contains(list, "keyboard-interactive"):
		r.Pass(at, "sshd", say("AuthenticationMethods %s asks for two proofs", "AuthenticationMethods %s 要求两种凭据", list))
	case passwordAlone(list):
		r.Fail(at, "sshd", say("AuthenticationMethods %s: a password is enough", "AuthenticationMethods %s：仅凭密码即可登录", list))
	case strings.HasPrefix(list, "publickey"):
		judgeKeys(r, auth, at)
	default:
		r.Warn(at, "sshd", say("AuthenticationMethods %s is a single proof", "AuthenticationMethods %s 只要求一种凭据", list))
	}
}

// judgeKeys judges a sign-in by key alone: a key on a security key that verifies its user is two factors.
func judgeKeys(r *Recorder, auth model.AuthConfig, at string) {
	algorithms, _ := sshdValue(auth, "pubkeyacceptedalgorithms", "")
	options, _ := sshdValue(auth, "pubkeyauthoptions", "")
	hardware := algorithms != "" && !slices.ContainsFunc(strings.Split(algorithms, ","), func(a string) bool { return !strings.HasPrefix(a, "sk-") })
	if hardware && strings.Contains(options, "verify-required") {
		r.Pass(at, "sshd", say("only security keys that verify their user are accepted", "仅接受会验证使用者的安全密钥"))
		return
	}
	r.Warn(at, "sshd", say("a key file is enough; nothing shows that its holder is the person", "仅凭密钥文件即可登录，无法证明持有者身份"))
}

// factorIn says whether the PAM service asks for a second factor.
func factorIn(auth model.AuthConfig, service string) bool {
	modules, _, _ := setting(auth.PAMModules, service)
	return secondFactor(model.AuthConfig{PAMModules: []model.KeyVal{{Key: "sshd", Value: modules}}})
}

func evalLocalFactors(in *Input, r *Recorder) {
	h := hostAt(in, r, "/host/users")
	if h == nil || r.Missing(in, "/host/auth/pam_modules") {
		return
	}
	factor := factorIn(h.Auth, "login") || factorIn(h.Auth, "common-auth") || factorIn(h.Auth, "system-auth")
	good, all := 0, 0
	for i, u := range h.Users {
		if !u.Login || (u.EngineAccess == "" && !u.Sudo && u.UID != 0) {
			continue
		}
		all++
		switch ptr := pointer("host", "users", i, "password"); {
		case factor || u.Password == "locked":
			good++
		case u.Password == "":
			r.Unknown(ptr, u.Name, say("whether the account has a password could not be read", "无法读取该账户是否设有密码"))
		default:
			r.Warn(ptr, u.Name, say("the account manages containers and signs in at the console with a password", "该账户可管理容器，并可在控制台仅凭密码登录"))
		}
	}
	if all == 0 {
		r.NotApplicable("/host/users", say("no account that can sign in manages containers", "没有可登录且能管理容器的账户"))
		return
	}
	passRest(r, "/host/users", good, all, say("second factor, or no password", "有第二因素，或未设密码"))
}

func evalKubeUsers(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/auth_methods")
	if k == nil {
		return
	}
	for i, f := range k.APIServerFlags {
		ptr := pointer("kubernetes", "api_server_flags", i)
		switch f.Key {
		case "token-auth-file", "basic-auth-file":
			r.Fail(ptr, "kube-apiserver", say("--%s holds passwords that never expire", "--%s 保存永不过期的密码", f.Key))
		case "oidc-issuer-url", "authentication-config":
			r.Pass(ptr, "kube-apiserver", say("--%s: an identity provider signs people in", "--%s：由身份提供方登录", f.Key))
		}
	}
	for i, m := range k.AuthMethods {
		ptr := pointer("kubernetes", "auth_methods", i)
		switch m {
		case "basic":
			r.Fail(ptr, k.Context, say("the kubeconfig signs in with a password", "kubeconfig 使用密码登录"))
		case "exec", "oidc":
			r.Pass(ptr, k.Context, say("the kubeconfig gets its credentials from an identity provider (%s)", "kubeconfig 从身份提供方获取凭据（%s）", m))
		default:
			r.Warn(ptr, k.Context, say("the kubeconfig holds a lasting credential (%s) that a copy of the file gives away", "kubeconfig 含有长期凭据（%s），复制文件即泄露", m))
		}
	}
	if len(k.AuthMethods) == 0 {
		r.Fail("/kubernetes/auth_methods", k.Context, say("the kubeconfig signs in with nothing", "kubeconfig 不使用任何凭据"))
	}
}

func evalControlPlaneFactor(in *Input, r *Recorder) {
	planeFact(in, r, "second_factor", "required",
		say("a second factor is required", "要求第二因素"), say("the control plane does not require a second factor", "控制平面未要求第二因素"))
}

// planeFact passes where the control plane that runs here says of itself that the fact has the value.
func planeFact(in *Input, r *Recorder, key, value string, good, bad model.Text) {
	c, i, ok := in.Control(model.ControlPlane)
	if !ok {
		if !r.Missing(in, "/controls") {
			r.NotApplicable("/controls", say("no control plane of the product manages this node", "本节点未由本产品的控制平面管理"))
		}
		return
	}
	if v, j, _ := setting(c.Facts, key); v == value {
		r.Pass(pointer("controls", i, "facts", j), c.Name, good)
		return
	}
	r.Fail(pointer("controls", i, "facts"), c.Name, bad)
}
