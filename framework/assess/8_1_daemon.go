package assess

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// daemonChecks answer for 8.1.c: no unauthorised user reaches the container daemon.
func daemonChecks() []Check {
	return []Check{
		{
			ID: "8.1.c/socket-mode", Severity: model.Critical, Essential: true,
			Title: say("The sockets of engine and containerd are closed to others", "引擎与 containerd 的套接字不对其他用户开放"),
			References: []string{
				"CIS Docker 1.6.0 3.15", "CIS Docker 1.6.0 3.16", "CIS Docker 1.6.0 3.23", "CIS Docker 1.6.0 3.24", "ATT&CK T1611",
			},
			Remediation: say(
				"bulkhead docker lock, where the guard runs. Else: chown root:docker /run/docker.sock && chmod 660 /run/docker.sock; chown root:root /run/containerd/containerd.sock && chmod 660 /run/containerd/containerd.sock. Keep it with SocketUser=root, SocketGroup=docker and SocketMode=0660 in docker.socket.",
				"在运行守护进程防护的主机上：bulkhead docker lock。否则：chown root:docker /run/docker.sock && chmod 660 /run/docker.sock；chown root:root /run/containerd/containerd.sock && chmod 660 /run/containerd/containerd.sock。在 docker.socket 中设置 SocketUser=root、SocketGroup=docker、SocketMode=0660 使其长期生效。"),
			Eval: evalSocketMode,
		},
		{
			ID: "8.1.c/users", Severity: model.High, Essential: true,
			Title:      say("Only named accounts may connect to the daemon", "只有指定账户可以连接守护进程"),
			References: []string{"CIS Docker 1.6.0 1.1.2", "NIST SP 800-190 4.3.1"},
			Remediation: say(
				"Remove the account from the group: gpasswd -d USER docker. Name those who need it in the configuration: assess: {engine_users: [USER]}.",
				"将账户移出该组：gpasswd -d USER docker。确有需要的账户在配置中列出：assess: {engine_users: [USER]}。"),
			Eval: evalEngineUsers,
		},
		{
			ID: "8.1.c/tcp", Severity: model.Critical, Essential: true,
			Title:      say("TCP listeners of the daemon ask for client certificates", "守护进程的 TCP 监听要求客户端证书"),
			References: []string{"CIS Docker 1.6.0 2.7", "ATT&CK T1133", "ATT&CK T1610"},
			Remediation: say(
				`Remove the tcp:// host from "hosts" in /etc/docker/daemon.json, or add "tlsverify": true, "tlscacert": "/etc/docker/ca.pem", "tlscert": "/etc/docker/cert.pem", "tlskey": "/etc/docker/key.pem"; then systemctl restart docker.`,
				`从 /etc/docker/daemon.json 的 "hosts" 中移除 tcp:// 地址，或加入 "tlsverify": true、"tlscacert": "/etc/docker/ca.pem"、"tlscert": "/etc/docker/cert.pem"、"tlskey": "/etc/docker/key.pem"，然后执行 systemctl restart docker。`),
			Eval: evalEngineTCP,
		},
		{
			ID: "8.1.c/socket-mounts", Severity: model.Critical, Essential: true,
			Title:      say("No container holds the engine's socket", "没有容器持有引擎套接字"),
			References: []string{"CIS Docker 1.6.0 5.32", "ATT&CK T1611", "ATT&CK T1610"},
			Remediation: say(
				"Start the container without -v /var/run/docker.sock:... (a read-only mount gives the same power). If it is the daemon guard or must have it, name it: assess: {socket_containers: [NAME]}.",
				"启动容器时不要使用 -v /var/run/docker.sock:...（只读挂载权限相同）。若该容器是守护进程防护或确需持有，请列出：assess: {socket_containers: [NAME]}。"),
			Eval: evalSocketMounts,
		},
		{
			ID: "8.1.c/tls-files", Severity: model.High,
			Title: say("TLS files of the daemon belong to root and cannot be changed by others", "守护进程的 TLS 文件归 root 所有且他人无法更改"),
			References: []string{
				"CIS Docker 1.6.0 3.9", "CIS Docker 1.6.0 3.10", "CIS Docker 1.6.0 3.11", "CIS Docker 1.6.0 3.12",
				"CIS Docker 1.6.0 3.13", "CIS Docker 1.6.0 3.14", "ATT&CK T1552.004",
			},
			Remediation: say(
				"chown root:root FILE; chmod 444 for certificates, chmod 400 for the key.",
				"chown root:root FILE；证书 chmod 444，密钥 chmod 400。"),
			Eval: evalTLSFiles,
		},
		{
			ID: "8.1.c/authorization", Severity: model.Medium,
			Title:      say("Each call to the daemon is decided by policy", "对守护进程的每次调用都按策略判定"),
			References: []string{"NIST SP 800-190 4.3.1", "ATT&CK T1610"},
			Remediation: say(
				`Turn on the daemon guard in mode enforce and make the engine's socket its alone: bulkhead docker lock. An authorization plugin of the engine's is no substitute: it is not told who calls on the Unix socket.`,
				`以 enforce 模式启用守护进程防护（daemon-guard），并使引擎套接字仅供其使用：bulkhead docker lock。引擎的授权插件不能替代它：插件无从得知谁在 Unix 套接字上发起调用。`),
			Eval: evalAuthorization,
		},
	}
}

// fileMode reads the octal mode of a file fact.
func fileMode(f model.FileFact) (uint64, bool) {
	m, err := strconv.ParseUint(f.Mode, 8, 32)
	return m, err == nil
}

// eachSocket asks of every socket that exists and that is not behind the daemon guard.
func eachSocket(in *Input, r *Recorder, good model.Text, judge func(s *model.EngineSocket, ptr string) bool) {
	if noEngine(in, r) || r.Missing(in, "/engine/sockets") {
		return
	}
	fine, all := 0, 0
	for i := range in.Snap.Engine.Sockets {
		s, ptr := &in.Snap.Engine.Sockets[i], pointer("engine", "sockets", i)
		if !s.Exists {
			continue
		}
		all++
		if s.Guarded || s.Engine == model.EngineGuard || !judge(s, ptr) {
			fine++
		}
	}
	if all == 0 {
		r.NotApplicable("/engine/sockets", say("the engine has no Unix socket", "引擎没有 Unix 套接字"))
		return
	}
	passRest(r, "/engine/sockets", fine, all, good)
}

func evalSocketMode(in *Input, r *Recorder) {
	good := say("socket owned by its engine's account and closed to others", "套接字归引擎账户所有且不对他人开放")
	eachSocket(in, r, good, func(s *model.EngineSocket, ptr string) bool {
		mode, ok := fileMode(s.FileFact)
		if !ok {
			r.Unknown(ptr, s.Path, say("owner and mode of %s are not known", "%s 的属主和权限未知", s.Path))
			return true
		}
		bad := false
		if mode&0o007 != 0 {
			r.Fail(ptr, s.Path, say("%s has mode %s: every account may connect", "%s 的权限为 %s：任何账户都可连接", s.Path, s.Mode))
			bad = true
		}
		if s.UID != 0 && !in.Snap.Engine.Rootless {
			r.Fail(ptr, s.Path, say("%s belongs to %s instead of root", "%s 属于 %s 而非 root", s.Path, accountName(s.Owner, s.UID)))
			bad = true
		}
		if mode&0o060 != 0 && !socketGroupOK(s) && !in.Snap.Engine.Rootless {
			r.Fail(ptr, s.Path, say("%s is open to group %s", "%s 对组 %s 开放", s.Path, accountName(s.Group, s.GID)))
			bad = true
		}
		return bad
	})
}

// socketGroupOK says whether the group is the one made for the purpose. Only Docker has one.
func socketGroupOK(s *model.EngineSocket) bool {
	return s.GID == 0 || s.Group == "docker" && s.Engine == "docker"
}

func accountName(name string, id int) string {
	if name != "" {
		return name
	}
	return strconv.Itoa(id)
}

func evalEngineUsers(in *Input, r *Recorder) {
	good := say("only root, the owner of a rootless engine and accepted accounts may connect", "仅 root、rootless 引擎的属主和已认可的账户可连接")
	eachSocket(in, r, good, func(s *model.EngineSocket, ptr string) bool {
		bad := false
		for _, u := range s.Users {
			// A rootless engine is its owner's own; whoever else gets in has the owner's rights.
			own := in.Snap.Engine.Rootless && u == s.Owner
			if u != "root" && !own && !slices.Contains(in.Settings.EngineUsers, u) {
				bad = true
				r.Fail(ptr, u, say("account %s may connect to %s, which is as good as root, and is not in assess.engine_users", "账户 %s 可连接 %s（等同 root 权限），且不在 assess.engine_users 中", u, s.Path))
			}
		}
		return bad
	})
}

func evalEngineTCP(in *Input, r *Recorder) {
	if noEngine(in, r) || r.Missing(in, "/engine/tcp") {
		return
	}
	if at := in.Snap.Engine.Endpoint; len(in.Snap.Engine.TCP) == 0 && !strings.HasPrefix(at, "unix://") && at != "" {
		r.Unknown("/engine/endpoint", at, say("the engine is reached at %s; what it asks of clients there was not seen", "引擎通过 %s 访问，无法得知其对客户端的要求", at))
		return
	}
	if len(in.Snap.Engine.TCP) == 0 {
		r.Pass("/engine/tcp", "", say("the daemon does not listen on TCP", "守护进程未监听 TCP"))
		return
	}
	for i, l := range in.Snap.Engine.TCP {
		ptr := pointer("engine", "tcp", i)
		switch {
		case l.TLS && l.VerifyClient:
			r.Pass(ptr, l.Address, say("%s asks for client certificates", "%s 要求客户端证书", l.Address))
		case l.TLS:
			r.Fail(ptr, l.Address, say("%s uses TLS but accepts clients without a certificate", "%s 使用 TLS，但接受没有证书的客户端", l.Address))
		default:
			r.Fail(ptr, l.Address, say("%s accepts anyone without TLS", "%s 无 TLS，接受任何人连接", l.Address))
		}
	}
}

func evalSocketMounts(in *Input, r *Recorder) {
	good := say("does not hold an engine's socket", "未持有引擎套接字")
	eachWorkload(in, r, good, func(p placed) bool {
		bad := false
		for i, m := range p.w.Mounts {
			if !m.EngineSocket {
				continue
			}
			if matchesAny(in.Settings.SocketContainers, p.subject) {
				r.Pass(p.pointer+pointer("mounts", i), p.subject, say("holds %s as assess.socket_containers allows", "持有 %s，属于 assess.socket_containers 允许范围", m.Source))
			} else {
				r.Fail(p.pointer+pointer("mounts", i), p.subject, say("holds the engine's socket through %s, which gives control over the host", "通过 %s 持有引擎套接字，可控制主机", m.Source))
			}
			bad = true
		}
		return bad
	})
}

// matchesAny says whether one of the globs matches the name; a glob also matches the name's last part after a slash,
// so that a pod's container may be named alone.
func matchesAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(g string) bool {
		whole, _ := path.Match(g, name)
		last, _ := path.Match(g, path.Base(name))
		return whole || last
	})
}

// tlsFileKinds are the daemon's TLS files by the setting that names them, with the bits that may be set at most.
var tlsFileKinds = []struct {
	setting, purpose string
	most             uint64
}{
	{"tlscacert", "tls-ca", 0o444},
	{"tlscert", "tls-cert", 0o444},
	{"tlskey", "tls-key", 0o400},
}

func evalTLSFiles(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	if !usesTLS(in.Snap.Engine) {
		if !r.Missing(in, "/engine/config/command_line") {
			r.NotApplicable("/engine/config/settings", say("the daemon has no TLS files", "守护进程没有配置 TLS 文件"))
		}
		return
	}
	if r.Missing(in, "/host/files") {
		return
	}
	for _, kind := range tlsFileKinds {
		judgeTLSFile(in, r, kind.purpose, engineSetting(in.Snap.Engine, kind.setting), kind.most)
	}
	if len(r.evidence) == 0 {
		r.Unknown("/host/files", "", say("the daemon's TLS files were not found", "未找到守护进程的 TLS 文件"))
	}
}

// usesTLS says whether the daemon listens with TLS or was given files for it.
func usesTLS(e *model.Engine) bool {
	for _, kind := range tlsFileKinds {
		if engineSetting(e, kind.setting) != "" {
			return true
		}
	}
	return slices.ContainsFunc(e.TCP, func(l model.EngineTCP) bool { return l.TLS })
}

// judgeTLSFile judges the files with the purpose or the path.
func judgeTLSFile(in *Input, r *Recorder, purpose, file string, most uint64) {
	found := false
	if in.Snap.Host != nil {
		for i, f := range in.Snap.Host.Files {
			if f.Exists && (f.Purpose == purpose || file != "" && f.Path == file) {
				found = true
				judgeRootFile(r, pointer("host", "files", i), f, most)
			}
		}
	}
	if !found && file != "" {
		r.Unknown("/engine/config/settings", file, say("%s was not looked at", "未检查 %s", file))
	}
}

// engineSetting returns the value of a setting of the daemon, from file or command line.
func engineSetting(e *model.Engine, key string) string {
	for _, s := range e.Config.Settings {
		if strings.TrimLeft(s.Key, "-") == key {
			return s.Value
		}
	}
	return ""
}

// judgeRootFile fails a file that does not belong to root or has more permissions than the given ones.
func judgeRootFile(r *Recorder, ptr string, f model.FileFact, most uint64) {
	mode, ok := fileMode(f)
	switch {
	case !ok:
		r.Unknown(ptr, f.Path, say("owner and mode of %s are not known", "%s 的属主和权限未知", f.Path))
	case f.UID != 0 || f.GID != 0:
		r.Fail(ptr, f.Path, say("%s belongs to %s:%s instead of root:root", "%s 属于 %s:%s 而非 root:root", f.Path, accountName(f.Owner, f.UID), accountName(f.Group, f.GID)))
	case mode&0o777&^most == 0o200:
		r.Warn(ptr, f.Path, say("%s has mode %s; %04o would guard it against slips of root as well", "%s 的权限为 %s；设为 %04o 可防止 root 误改", f.Path, f.Mode, most))
	case mode&0o777&^most != 0:
		r.Fail(ptr, f.Path, say("%s has mode %s, more than %04o", "%s 的权限为 %s，超过 %04o", f.Path, f.Mode, most))
	default:
		r.Pass(ptr, f.Path, say("%s belongs to root with mode %s", "%s 属于 root，权限为 %s", f.Path, f.Mode))
	}
}
