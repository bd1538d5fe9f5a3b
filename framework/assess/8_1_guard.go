package assess

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// evalAuthorization asks whether somebody decides each call to the engine, and whether there is a way past whoever does. A plugin of the engine's
// is asked about calls of nobody: it gets a name from a client's certificate, and the Unix socket has none.
func evalAuthorization(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	guard, i, guarded := in.Control(model.ControlDaemonGuard)
	if plugins := strings.Join(in.Snap.Engine.AuthorizationPlugins, ", "); !guarded && plugins != "" {
		r.Warn("/engine/authorization_plugins", plugins, say(
			"authorization plugin %s is not told who calls on the Unix socket, and engines have left bodies of requests out of what they show it (CVE-2024-41110, CVE-2026-34040); the guard knows both",
			"授权插件 %s 无从得知谁在 Unix 套接字上发起调用，且引擎曾在交给插件的请求中遗漏请求体（CVE-2024-41110、CVE-2026-34040）；守护进程防护对两者均知悉", plugins))
		return
	}
	if !guarded || guard.Mode != model.ModeEnforce {
		control(in, r, model.ControlDaemonGuard, model.CheckWarn)
		return
	}
	if pastGuard(in, r) {
		return
	}
	g := in.Snap.Guard
	if g == nil {
		r.Pass(pointer("controls", i), model.ControlDaemonGuard, say("%s runs and enforces", "%s 正在运行并强制执行", model.ControlDaemonGuard))
		return
	}
	r.Pass("/guard", model.ControlDaemonGuard, say("the guard (pid %d, %s, profile %s) decides each call to %s",
		"守护进程防护（pid %d，%s，配置 %s）判定对 %s 的每次调用", g.PID, string(g.Mode), profileName(g), g.Engine))
}

func profileName(g *model.GuardStatus) string {
	if g.Profile == "" {
		return "none"
	}
	return g.Profile
}

// pastGuard records each way to the engine on which the guard is not asked, and says whether there is one. The accounts that
// assess.engine_users accepts are no exception here: they may reach the engine, but nobody decides what they do there.
func pastGuard(in *Input, r *Recorder) bool {
	if r.Missing(in, "/engine/sockets") || r.Missing(in, "/engine/tcp") {
		return true
	}
	past := false
	e := in.Snap.Engine
	if g := in.Snap.Guard; g != nil && !standsBefore(g, e) {
		past = true
		r.Warn("/guard", g.Engine, say("the guard stands before %s, and not before this engine (%s)", "守护进程防护位于 %s 之前，而非本引擎（%s）之前", g.Engine, e.Endpoint))
	}
	for i, s := range e.Sockets {
		if !s.Exists || s.Engine == model.EngineGuard || len(s.Users) == 0 {
			continue
		}
		past = true
		r.Warn(pointer("engine", "sockets", i), s.Path, say("past the guard, %s may connect to %s", "可绕过守护进程防护：%s 可直接连接 %s", strings.Join(s.Users, ", "), s.Path))
	}
	for i, l := range e.TCP {
		past = true
		r.Warn(pointer("engine", "tcp", i), l.Address, say("past the guard, the engine itself listens on %s", "可绕过守护进程防护：引擎自身在 %s 上监听", l.Address))
	}
	return past
}

// decides says whether there is no way past a guard that enforces.
func decides(in *Input) bool { return !pastGuard(in, &Recorder{}) }

// standsBefore says whether the guard's engine is the one of the snapshot, which may have been read through the guard.
func standsBefore(g *model.GuardStatus, e *model.Engine) bool {
	same := func(p string) bool {
		p = runOf(strings.TrimPrefix(p, "unix://"))
		return p == runOf(g.Engine) || g.Socket != "" && p == runOf(g.Socket)
	}
	return same(e.Endpoint) || slices.ContainsFunc(e.Sockets, func(s model.EngineSocket) bool { return s.Engine == e.Product && same(s.Path) })
}

// runOf writes /var/run as /run, to which it is a link.
func runOf(p string) string {
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, "/var/run/"); ok {
		return "/run/" + rest
	}
	return p
}

// evalAdmission asks whether policy decides what rights new containers get. A guard that enforces without a profile decides who may call,
// and not what may run.
func evalAdmission(in *Input, r *Recorder) {
	if in.Snap.Engine == nil && in.Snap.Kubernetes != nil {
		control(in, r, model.ControlAdmission, model.CheckWarn)
		return
	}
	g := in.Snap.Guard
	switch {
	case g == nil || g.Mode != model.ModeEnforce:
		control(in, r, model.ControlDaemonGuard, model.CheckWarn)
	case !decides(in):
		r.Warn("/guard", model.ControlDaemonGuard, say("there is a way past the guard: see 8.1.c/authorization", "存在绕过守护进程防护的途径：见 8.1.c/authorization"))
	case g.Profile == "" || g.Profile == "none":
		r.Warn("/guard/profile", model.ControlDaemonGuard, say("the guard enforces, but no profile says what a workload may be", "守护进程防护已强制执行，但没有限定工作负载权限的配置"))
	default:
		r.Pass("/guard/profile", model.ControlDaemonGuard, say("the guard refuses workloads that the profile %s forbids", "守护进程防护拒绝配置 %s 所禁止的工作负载", g.Profile))
	}
}
