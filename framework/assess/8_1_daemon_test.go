package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// closedEngine is an engine that nobody but root reaches.
func closedEngine() *model.Snapshot {
	return &model.Snapshot{
		Taken: snapshotTime,
		Host:  &model.Host{},
		Engine: &model.Engine{
			Product: "docker",
			Sockets: []model.EngineSocket{
				{Engine: "docker", FileFact: model.FileFact{Path: "/run/docker.sock", Exists: true, Mode: "0660", Group: "docker", GID: 999}},
				{Engine: "containerd", FileFact: model.FileFact{Path: "/run/containerd/containerd.sock", Exists: true, Mode: "0660"}},
				{Engine: "podman", FileFact: model.FileFact{Path: "/run/podman/podman.sock"}},
			},
		},
		Containers: []model.Container{{Name: "web", State: "running"}},
	}
}

// guarded puts a guard that enforces before the engine, and sins then.
func guarded(sin func(*model.Snapshot)) func(*model.Snapshot) {
	return func(s *model.Snapshot) {
		s.Controls = []model.Control{{Name: model.ControlDaemonGuard, Mode: model.ModeEnforce}}
		s.Guard = &model.GuardStatus{PID: 7, Mode: model.ModeEnforce, Engine: "/run/docker.sock", Socket: "/run/bulkhead/docker.sock", Profile: "baseline"}
		if sin != nil {
			sin(s)
		}
	}
}

func TestDaemonAccess(t *testing.T) {
	socket := func(f func(s *model.EngineSocket)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Engine.Sockets[0]) }
	}
	tcp := func(l model.EngineTCP) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Engine.TCP = []model.EngineTCP{l} }
	}
	file := func(f model.FileFact) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			f.Exists = true
			s.Host.Files = []model.FileFact{f}
			s.Engine.TCP = []model.EngineTCP{{TLS: true, VerifyClient: true}}
		}
	}
	mount := func(s *model.Snapshot) {
		s.Containers[0].Workload.Mounts = []model.Mount{{Source: "/run", EngineSocket: true, ReadOnly: true}}
	}
	allow := func(s *Settings) { s.EngineUsers = []string{"deploy"}; s.SocketContainers = []string{"we*"} }
	cases := []struct {
		name, check string
		sin         func(*model.Snapshot)
		want        model.CheckStatus
		settings    []func(*Settings)
	}{
		{"closed", "8.1.c/socket-mode", nil, model.CheckPass, nil},
		{"world", "8.1.c/socket-mode", socket(func(s *model.EngineSocket) { s.Mode = "0666" }), model.CheckFail, nil},
		{"owner", "8.1.c/socket-mode", socket(func(s *model.EngineSocket) { s.UID = 1000 }), model.CheckFail, nil},
		{"group", "8.1.c/socket-mode", socket(func(s *model.EngineSocket) { s.Group = "users" }), model.CheckFail, nil},
		{"guarded", "8.1.c/socket-mode", socket(func(s *model.EngineSocket) { s.Mode, s.Guarded = "0666", true }), model.CheckPass, nil},
		{"containerd group", "8.1.c/socket-mode", func(s *model.Snapshot) { s.Engine.Sockets[1].Group, s.Engine.Sockets[1].GID = "docker", 999 }, model.CheckFail, nil},
		{"rootless", "8.1.c/socket-mode", func(s *model.Snapshot) { s.Engine.Rootless = true; s.Engine.Sockets[0].UID = 1000 }, model.CheckPass, nil},
		{"unread", "8.1.c/socket-mode", socket(func(s *model.EngineSocket) { s.Mode = "" }), model.CheckUnknown, nil},
		{"no engine", "8.1.c/socket-mode", func(s *model.Snapshot) { s.Engine = nil }, model.CheckNotApplicable, nil},
		{"nobody", "8.1.c/users", nil, model.CheckPass, nil},
		{"somebody", "8.1.c/users", socket(func(s *model.EngineSocket) { s.Users = []string{"deploy"} }), model.CheckFail, nil},
		{"accepted", "8.1.c/users", socket(func(s *model.EngineSocket) { s.Users = []string{"deploy"} }), model.CheckPass, []func(*Settings){allow}},
		{"no tcp", "8.1.c/tcp", nil, model.CheckPass, nil},
		{"plain", "8.1.c/tcp", tcp(model.EngineTCP{Address: "0.0.0.0:2375"}), model.CheckFail, nil},
		{"loopback is reachable by every account", "8.1.c/tcp", tcp(model.EngineTCP{Address: "127.0.0.1:2375", Loopback: true}), model.CheckFail, nil},
		{"server only", "8.1.c/tcp", tcp(model.EngineTCP{TLS: true}), model.CheckFail, nil},
		{"mutual", "8.1.c/tcp", tcp(model.EngineTCP{TLS: true, VerifyClient: true}), model.CheckPass, nil},
		{"none", "8.1.c/socket-mounts", nil, model.CheckPass, nil},
		{"mounted", "8.1.c/socket-mounts", mount, model.CheckFail, nil},
		{"mounted by leave", "8.1.c/socket-mounts", mount, model.CheckPass, []func(*Settings){allow}},
		{"pod", "8.1.c/socket-mounts", func(s *model.Snapshot) {
			w := model.Workload{Mounts: []model.Mount{{Source: "/run/containerd/containerd.sock", EngineSocket: true}}}
			s.Kubernetes = &model.Kubernetes{Pods: []model.KubePod{{Namespace: "a", Name: "b", Containers: []model.KubeContainer{{Name: "c", Workload: w}}}}}
		}, model.CheckFail, nil},
		{"no tls", "8.1.c/tls-files", nil, model.CheckNotApplicable, nil},
		{"a client's key", "8.1.c/tls-files", func(s *model.Snapshot) {
			s.Host.Files = []model.FileFact{{Path: "/root/.docker/key.pem", Purpose: "tls-key", Exists: true, Mode: "0600"}}
		}, model.CheckNotApplicable, nil},
		{"flags unread", "8.1.c/tls-files", func(s *model.Snapshot) {
			s.Gaps = []model.Gap{{Path: "/engine/config/command_line", Reason: model.GapPermission}}
		}, model.CheckUnknown, nil},
		{"not found", "8.1.c/tls-files", func(s *model.Snapshot) { s.Engine.TCP = []model.EngineTCP{{TLS: true}} }, model.CheckUnknown, nil},
		{"key", "8.1.c/tls-files", file(model.FileFact{Path: "/k", Purpose: "tls-key", Mode: "0400"}), model.CheckPass, nil},
		{"key open to its owner", "8.1.c/tls-files", file(model.FileFact{Path: "/k", Purpose: "tls-key", Mode: "0600"}), model.CheckWarn, nil},
		{"key open", "8.1.c/tls-files", file(model.FileFact{Path: "/k", Purpose: "tls-key", Mode: "0640"}), model.CheckFail, nil},
		{"certificate", "8.1.c/tls-files", file(model.FileFact{Path: "/c", Purpose: "tls-cert", Mode: "0444"}), model.CheckPass, nil},
		{"owner", "8.1.c/tls-files", file(model.FileFact{Path: "/c", Purpose: "tls-ca", Mode: "0444", UID: 5}), model.CheckFail, nil},
		{"by setting", "8.1.c/tls-files", func(s *model.Snapshot) {
			s.Engine.Config.Settings = []model.EngineSetting{{Key: "tlskey", Value: "/my/key"}}
			s.Host.Files = []model.FileFact{{Path: "/my/key", Exists: true, Mode: "0644"}}
		}, model.CheckFail, nil},
		{"not looked at", "8.1.c/tls-files", func(s *model.Snapshot) {
			s.Engine.Config.Settings = []model.EngineSetting{{Key: "tlskey", Value: "/my/key"}}
		}, model.CheckUnknown, nil},
		{"none", "8.1.c/authorization", nil, model.CheckWarn, nil},
		{"plugin", "8.1.c/authorization", func(s *model.Snapshot) { s.Engine.AuthorizationPlugins = []string{"opa"} }, model.CheckWarn, nil},
		{"plugin and guard", "8.1.c/authorization", guarded(func(s *model.Snapshot) { s.Engine.AuthorizationPlugins = []string{"opa"} }), model.CheckPass, nil},
		{"guard", "8.1.c/authorization", func(s *model.Snapshot) {
			s.Controls = []model.Control{{Name: model.ControlDaemonGuard, Mode: model.ModeEnforce}}
		}, model.CheckPass, nil},
		{"guard before it", "8.1.c/authorization", guarded(nil), model.CheckPass, nil},
		{"guard by the other name", "8.1.c/authorization", guarded(func(s *model.Snapshot) { s.Guard.Engine = "/var/run/docker.sock" }), model.CheckPass, nil},
		{"guard asked by the collector", "8.1.c/authorization", guarded(func(s *model.Snapshot) {
			s.Engine.Sockets, s.Engine.Endpoint = nil, "unix:///run/bulkhead/docker.sock"
		}), model.CheckPass, nil},
		{"guard elsewhere", "8.1.c/authorization", guarded(func(s *model.Snapshot) { s.Guard.Engine = "/run/other.sock" }), model.CheckWarn, nil},
		{"guard observes", "8.1.c/authorization", guarded(func(s *model.Snapshot) {
			s.Guard.Mode, s.Controls[0].Mode = model.ModeObserve, model.ModeObserve
		}), model.CheckWarn, nil},
		{"past the guard by the group", "8.1.c/authorization", guarded(func(s *model.Snapshot) { s.Engine.Sockets[0].Users = []string{"deploy"} }), model.CheckWarn, []func(*Settings){allow}},
		{"past the guard by containerd", "8.1.c/authorization", guarded(func(s *model.Snapshot) { s.Engine.Sockets[1].Users = []string{"deploy"} }), model.CheckWarn, nil},
		{"past the guard by TCP", "8.1.c/authorization", guarded(tcp(model.EngineTCP{TLS: true, VerifyClient: true})), model.CheckWarn, nil},
		{"sockets unread", "8.1.c/authorization", guarded(func(s *model.Snapshot) {
			s.Gaps = []model.Gap{{Path: "/engine/sockets", Reason: model.GapPermission}}
		}), model.CheckUnknown, nil},
		{"profile", "8.4.e/admission", guarded(nil), model.CheckPass, nil},
		{"no profile", "8.4.e/admission", guarded(func(s *model.Snapshot) { s.Guard.Profile = "" }), model.CheckWarn, nil},
		{"profile that can be passed", "8.4.e/admission", guarded(tcp(model.EngineTCP{})), model.CheckWarn, nil},
		{"behind a guard", "8.4.e/engine-rootless", guarded(nil), model.CheckPass, nil},
		{"past a guard", "8.4.e/engine-rootless", guarded(tcp(model.EngineTCP{})), model.CheckWarn, nil},
	}
	for _, c := range cases {
		t.Run(c.check+" "+c.name, func(t *testing.T) {
			snap := closedEngine()
			if c.sin != nil {
				c.sin(snap)
			}
			wantCheck(t, c.want, c.check, snap, c.settings...)
		})
	}
}
