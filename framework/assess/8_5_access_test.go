package assess

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestExecIsSeen(t *testing.T) {
	with := func(rule string, controls ...model.Control) model.Snapshot {
		s := plain(model.Engine{})
		s.Controls = controls
		if rule != "" {
			s.Host.AuditRules = []string{rule}
		}
		return s
	}
	wantAll(t, "8.5.c/exec", "/host/audit_rules", []statusCase{
		{"nothing", warn, with("")},
		{"watch", pass, with("-w /usr/bin/docker -p x -k docker")},
		{"writes only", warn, with("-w /usr/bin/docker -p wa -k docker")},
		{"other", warn, with("-w /usr/bin/dockerd -p x")},
		{"syscall", pass, with("-a always,exit -F path=/usr/bin/docker -F perm=x -k docker")},
		{"guard", pass, with("", model.Control{Name: model.ControlDaemonGuard, Mode: model.ModeEnforce})},
		{"guard observes", warn, with("", model.Control{Name: model.ControlDaemonGuard, Mode: model.ModeObserve})},
		{"sensor", pass, with("", model.Control{Name: model.ControlSensor, Mode: model.ModeObserve})},
	})
}

func TestAuthorizationOfCommands(t *testing.T) {
	wantAll(t, "8.5.c/authorization", "", []statusCase{
		{"nothing", warn, plain(model.Engine{})},
		{"plugin", warn, plain(model.Engine{Product: "docker", AuthorizationPlugins: []string{"opa"}})},
	})
}

func TestKubeRights(t *testing.T) {
	grant := func(ns, who string, powers ...string) model.Snapshot {
		return cluster(model.Kubernetes{Bindings: []model.KubeBinding{{Name: "b", Namespace: ns, Role: "r", Subjects: []string{who}, Powers: powers}}})
	}
	wantAll(t, "8.5.c/kube-admins", "/kubernetes/bindings", []statusCase{
		{"masters", pass, grant("", "Group/system:masters", "cluster-admin")},
		{"person", fail, grant("", "User/eve", "cluster-admin")},
		{"in a namespace", pass, grant("shop", "User/bob", "cluster-admin")},
		{"escalate", fail, grant("", "User/eve", "escalate")},
		{"both wildcards", fail, grant("", "User/eve", "wildcard-resources", "wildcard-verbs")},
		{"verbs of one kind", pass, grant("", "User/eve", "wildcard-verbs")},
		{"none", na, plain(model.Engine{})},
	})
	wantAll(t, "8.5.c/kube-powers", "/kubernetes/bindings", []statusCase{
		{"nothing", pass, cluster(model.Kubernetes{})},
		{"secrets", warn, grant("", "ServiceAccount/shop/web", "secrets")},
		{"in a namespace", pass, grant("shop", "ServiceAccount/shop/web", "secrets")},
		{"system", pass, grant("", "ServiceAccount/kube-system/cni", "secrets")},
	})
	yes, no := true, false
	asked := func(let, rights *bool, k model.Kubernetes) model.Snapshot {
		k.AnonymousAuth, k.AnonymousAPI = let, rights
		return cluster(k)
	}
	wantAll(t, "8.5.c/kube-anonymous", "/kubernetes/anonymous_auth", []statusCase{
		{"refused", pass, asked(&no, &no, model.Kubernetes{})},
		{"let in", warn, asked(&yes, &no, model.Kubernetes{})},
		{"rights", fail, asked(&yes, &yes, model.Kubernetes{})},
		{"not asked", unk, cluster(model.Kubernetes{})},
		{"granted", fail, asked(&no, &no, model.Kubernetes{Bindings: []model.KubeBinding{{Powers: []string{"anonymous"}}}})},
		{"always allow", fail, asked(&no, &no, model.Kubernetes{APIServerFlags: []model.KeyVal{{Key: "authorization-mode", Value: "AlwaysAllow"}}})},
		{"rbac", pass, asked(&no, &no, model.Kubernetes{APIServerFlags: []model.KeyVal{{Key: "authorization-mode", Value: "Node,RBAC"}}})},
	})
	token := func(account string) model.Snapshot {
		return podWith(model.KubePod{ServiceAccount: account, AutomountToken: true}, model.Workload{})
	}
	wantAll(t, "8.5.c/kube-tokens", "/kubernetes/pods", []statusCase{
		{"own", pass, token("web")},
		{"default", fail, token("default")},
		{"none", pass, podWith(model.KubePod{}, model.Workload{})},
		{"no pod", na, cluster(model.Kubernetes{})},
	})
	ns := func(level string, hooks ...model.KubeWebhook) model.Snapshot {
		return cluster(model.Kubernetes{Namespaces: []model.KubeNS{{Name: "kube-system"}, {Name: "shop", PodSecurity: level}}, Webhooks: hooks})
	}
	wantAll(t, "8.5.c/kube-admission", "/kubernetes/namespaces", []statusCase{
		{"restricted", pass, ns("restricted")},
		{"none", fail, ns("")},
		{"privileged", fail, ns("privileged")},
		{"policy", warn, ns("", model.KubeWebhook{Kind: "policy", FailurePolicy: "Fail"})},
		{"webhook that may be passed by", fail, ns("", model.KubeWebhook{Kind: "validating", FailurePolicy: "Ignore"})},
		{"mutating only", fail, ns("", model.KubeWebhook{Kind: "mutating", FailurePolicy: "Fail"})},
	})
}

func TestSwarmRights(t *testing.T) {
	svc := func(place string) model.Snapshot {
		s := model.SwarmSvc{Name: "web"}
		if place != "" {
			s.Workload.Secrets = []model.SecretSighting{{Place: place}}
		}
		return manager(model.Swarm{Services: []model.SwarmSvc{s}})
	}
	wantAll(t, "8.5.c/swarm-secrets", "/swarm", []statusCase{
		{"none", pass, svc("")}, {"environment", fail, svc("env:DB_PASSWORD")}, {"no service", na, manager(model.Swarm{})},
	})
	wantAll(t, "8.5.c/swarm-autolock", "/swarm", []statusCase{
		{"on", pass, manager(model.Swarm{Autolock: true})}, {"off", fail, manager(model.Swarm{})}, {"worker", na, onSwarm(model.Swarm{})},
	})
	days := func(n int) model.Snapshot { return manager(model.Swarm{CertExpiry: time.Duration(n) * 24 * time.Hour}) }
	wantAll(t, "8.5.c/swarm-certificates", "/swarm", []statusCase{{"90", pass, days(90)}, {"91", fail, days(91)}, {"unread", unk, days(0)}})
	wantAll(t, "8.5.c/swarm-ca", "/swarm", []statusCase{
		{"young", pass, manager(model.Swarm{CACreated: caseTime.AddDate(-1, 0, 0)})},
		{"old", warn, manager(model.Swarm{CACreated: caseTime.AddDate(-4, 0, 0)})},
		{"rotating", pass, manager(model.Swarm{RootRotation: true})},
		{"external", pass, manager(model.Swarm{ExternalCA: true})},
		{"unread", unk, manager(model.Swarm{})},
	})
	at := func(addr string, cards int) model.Snapshot {
		s := manager(model.Swarm{ListenAddress: addr})
		for range cards {
			s.Host.Interfaces = append(s.Host.Interfaces, model.NetInterface{Kind: "physical", Up: true, Addresses: []string{"10.0.0.1/24"}})
		}
		s.Host.Interfaces = append(s.Host.Interfaces, model.NetInterface{Kind: "bridge", Up: true, Addresses: []string{"172.17.0.1/16"}})
		return s
	}
	wantAll(t, "8.5.c/swarm-address", "/swarm", []statusCase{
		{"own", pass, at("10.0.0.1:2377", 2)},
		{"every", fail, at("0.0.0.0:2377", 2)},
		{"every v6", fail, at("[::]:2377", 2)},
		{"one card", warn, at("10.0.0.1:2377", 1)},
		{"unread", unk, at("", 1)},
	})
}

func TestSSHFactors(t *testing.T) {
	with := func(pam string, kv ...string) model.Snapshot {
		s := plain(model.Engine{})
		s.Host.Auth.SSHDInstalled = true
		for i := 0; i+1 < len(kv); i += 2 {
			s.Host.Auth.SSHD = append(s.Host.Auth.SSHD, model.KeyVal{Key: kv[i], Value: kv[i+1]})
		}
		s.Host.Auth.PAMModules = []model.KeyVal{{Key: "sshd", Value: "pam_unix.so " + pam}}
		return s
	}
	wantAll(t, "8.5.d/ssh", "/host/auth/sshd", []statusCase{
		{"defaults", fail, with("")},
		{"keys", warn, with("", "passwordauthentication", "no", "kbdinteractiveauthentication", "no")},
		{"two methods", pass, with("", "authenticationmethods", "publickey,keyboard-interactive")},
		{"two passwords", fail, with("", "authenticationmethods", "password,keyboard-interactive")},
		{"one of two lists is weak", fail, with("", "authenticationmethods", "publickey,password password")},
		{"factor by PAM, no keys", pass, with("pam_u2f.so", "pubkeyauthentication", "no")},
		{"factor by PAM, keys pass it by", warn, with("pam_u2f.so")},
		{"security keys", pass, with("", "passwordauthentication", "no", "kbdinteractiveauthentication", "no",
			"pubkeyacceptedalgorithms", "sk-ssh-ed25519@openssh.com", "pubkeyauthoptions", "verify-required")},
		{"no sshd", na, plain(model.Engine{})},
	})
}

func TestLocalFactors(t *testing.T) {
	with := func(u model.User, pam string) model.Snapshot {
		s := plain(model.Engine{})
		s.Host.Users = []model.User{u, {Name: "guest", UID: 1001, Login: true, Password: "set"}}
		s.Host.Auth.PAMModules = []model.KeyVal{{Key: "login", Value: pam}}
		return s
	}
	admin := model.User{Name: "ann", Login: true, Sudo: true, UID: 1000}
	locked, set := admin, admin
	locked.Password, set.Password = "locked", "set"
	wantAll(t, "8.5.d/local", "/host/users", []statusCase{
		{"locked", pass, with(locked, "pam_unix.so")},
		{"password", warn, with(set, "pam_unix.so")},
		{"factor", pass, with(set, "pam_unix.so pam_u2f.so")},
		{"unread", unk, with(admin, "pam_unix.so")},
		{"nobody", na, with(model.User{Name: "x", UID: 5}, "")},
	})
}

func TestOtherSignIns(t *testing.T) {
	wantAll(t, "8.5.d/kube-users", "/kubernetes/auth_methods", []statusCase{
		{"exec", pass, cluster(model.Kubernetes{AuthMethods: []string{"exec"}})},
		{"certificate", warn, cluster(model.Kubernetes{AuthMethods: []string{"client-certificate"}})},
		{"basic", fail, cluster(model.Kubernetes{AuthMethods: []string{"basic"}})},
		{"nothing", fail, cluster(model.Kubernetes{})},
		{"token file", fail, cluster(model.Kubernetes{AuthMethods: []string{"exec"}, APIServerFlags: []model.KeyVal{{Key: "token-auth-file", Value: "/x"}}})},
		{"none", na, plain(model.Engine{})},
	})
	plane := func(facts ...model.KeyVal) model.Snapshot {
		s := plain(model.Engine{})
		s.Controls = []model.Control{{Name: model.ControlPlane, Mode: model.ModeEnforce, Facts: facts}}
		return s
	}
	wantAll(t, "8.5.d/control-plane", "", []statusCase{
		{"absent", na, plain(model.Engine{})}, {"required", pass, plane(model.KeyVal{Key: "second_factor", Value: "required"})}, {"optional", fail, plane()},
	})
	wantAll(t, "8.5.c/control-plane", "", []statusCase{
		{"absent", na, plain(model.Engine{})}, {"decides", pass, plane(model.KeyVal{Key: "authorization", Value: "enforce"})}, {"open", fail, plane()},
	})
	wantAll(t, "8.5.d/engine-tcp", "/engine/tcp", []statusCase{
		{"mutual", pass, plain(model.Engine{Product: "docker", TCP: []model.EngineTCP{{Address: "10.0.0.1:2376", TLS: true, VerifyClient: true}}})},
		{"open", fail, plain(model.Engine{Product: "docker", TCP: []model.EngineTCP{{Address: "0.0.0.0:2375"}}})},
	})
}
