package assess

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// goodImage is a node that runs one well-made image.
func goodImage() *model.Snapshot {
	return &model.Snapshot{
		Taken: snapshotTime,
		Containers: []model.Container{{
			ID: "c", Name: "web", State: "running",
			Workload: model.Workload{
				Image: model.ImageRef{
					Ref: "r.example/web@sha256:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", Kind: model.RefDigest, ID: "sha256:aa",
				},
				Entrypoint: []string{"/web"},
			},
			Processes: []model.ContainerProcess{{PID: 1, Command: "/web --listen :8080"}},
		}},
		Images: []model.Image{{
			ID: "sha256:aa", Tags: []string{"r.example/web:1"}, Created: snapshotTime.AddDate(0, 0, -3), UsedBy: []string{"c"},
			Entrypoint: []string{"/web"}, Contents: &model.ImageContents{}, Signature: "verified", Signer: "release@r.example", Purpose: "web front end",
			History: []model.HistoryEntry{
				{CreatedBy: "/bin/sh -c #(nop) ADD file:3f2 in / "},
				{CreatedBy: "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates # buildkit"},
				{CreatedBy: "COPY web /web # buildkit"},
				{CreatedBy: "ADD --checksum=sha256:ab https://r.example/f /f # buildkit"},
			},
		}},
	}
}

func TestImages(t *testing.T) {
	image := func(f func(i *model.Image)) func(*model.Snapshot) { return func(s *model.Snapshot) { f(&s.Images[0]) } }
	step := func(line string) func(*model.Snapshot) {
		return image(func(i *model.Image) { i.History = append(i.History, model.HistoryEntry{CreatedBy: line}) })
	}
	work := func(f func(w *model.Workload)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Containers[0].Workload) }
	}
	process := func(cmd string) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			s.Containers[0].Processes = append(s.Containers[0].Processes, model.ContainerProcess{Command: cmd})
		}
	}
	tool := func(class string) func(*model.Snapshot) {
		return image(func(i *model.Image) { i.Contents.Tools = []model.ImageTool{{Class: class, Path: "/usr/bin/x"}} })
	}
	kind := func(k model.RefKind) func(*model.Snapshot) { return work(func(w *model.Workload) { w.Image.Kind = k }) }
	with := func(name string, mode model.ControlMode, f func(*model.Snapshot)) func(*model.Snapshot) {
		return func(s *model.Snapshot) {
			s.Controls = []model.Control{{Name: name, Mode: mode}}
			if f != nil {
				f(s)
			}
		}
	}
	cases := []struct {
		name, check string
		sin         func(*model.Snapshot)
		want        model.CheckStatus
	}{
		{"none", "8.3.a/remote-login", nil, model.CheckPass},
		{"sshd", "8.3.a/remote-login", process("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"), model.CheckFail},
		{"dropbear", "8.3.a/remote-login", process("/usr/sbin/dropbear -F"), model.CheckFail},
		{"client", "8.3.a/remote-login", process("ssh host"), model.CheckPass},
		{"program", "8.3.a/shell-entrypoint", nil, model.CheckPass},
		{"shell", "8.3.a/shell-entrypoint", work(func(w *model.Workload) { w.Entrypoint = nil; w.Args = []string{"/bin/bash"} }), model.CheckFail},
		{"login shell behind tini", "8.3.a/shell-entrypoint", work(func(w *model.Workload) { w.Entrypoint = []string{"/sbin/tini", "--", "sh", "-l"} }), model.CheckFail},
		{"script of the image", "8.3.a/shell-entrypoint", work(func(w *model.Workload) { w.Entrypoint = []string{"sh", "/entry.sh"} }), model.CheckPass},
		{"replaced by a script", "8.3.a/shell-entrypoint", work(func(w *model.Workload) {
			w.Entrypoint, w.EntrypointOverridden = []string{"sh", "-c", "x"}, true
		}), model.CheckWarn},
		{"script, not known whose", "8.3.a/shell-entrypoint", func(s *model.Snapshot) {
			s.Containers[0].Workload.Entrypoint = []string{"sh", "/entry.sh"}
			s.Containers[0].Gaps = []model.Gap{{Path: "/workload/entrypoint_overridden"}}
		}, model.CheckUnknown},
		{"image of a shell", "8.3.a/shell-entrypoint", func(s *model.Snapshot) {
			s.Containers[0].Workload.Entrypoint = nil
			s.Images[0].Entrypoint, s.Images[0].Cmd = nil, []string{"bash"}
		}, model.CheckFail},
		{"none", "8.3.a/tools", nil, model.CheckPass},
		{"ssh server", "8.3.a/tools", tool("remote-login"), model.CheckFail},
		{"compiler", "8.3.a/tools", tool("compiler"), model.CheckWarn},
		{"not looked at", "8.3.a/tools", image(func(i *model.Image) { i.Contents = nil }), model.CheckUnknown},
		{"one", "8.3.a/single-service", nil, model.CheckPass},
		{"supervisor", "8.3.a/single-service", process("/usr/bin/python3 /usr/bin/supervisord -n"), model.CheckWarn},
		{"two listeners", "8.3.a/single-service", func(s *model.Snapshot) {
			s.Host = &model.Host{Listeners: []model.Listener{{Process: "nginx", Container: "c"}, {Process: "mysqld", Container: "c"}, {Process: "dockerd", Container: "c"}}}
		}, model.CheckWarn},
		{"declared", "8.3.a/purpose", nil, model.CheckPass},
		{"undeclared", "8.3.a/purpose", image(func(i *model.Image) { i.Purpose = "" }), model.CheckWarn},
		{"nothing verifies", "8.3.b/verification", func(s *model.Snapshot) { s.Engine = &model.Engine{} }, model.CheckFail},
		{"enforced", "8.3.b/verification", with(model.ControlImageTrust, model.ModeEnforce, nil), model.CheckPass},
		{"observed", "8.3.b/verification", with(model.ControlImageTrust, model.ModeObserve, nil), model.CheckWarn},
		{"content trust", "8.3.b/verification", func(s *model.Snapshot) { s.Engine = &model.Engine{ContentTrust: true} }, model.CheckWarn},
		{"cluster without webhooks", "8.3.b/verification", func(s *model.Snapshot) { s.Kubernetes = &model.Kubernetes{} }, model.CheckFail},
		{"cluster with a webhook", "8.3.b/verification", func(s *model.Snapshot) {
			s.Kubernetes = &model.Kubernetes{Webhooks: []model.KubeWebhook{{Name: "policy"}}}
		}, model.CheckUnknown},
		{"engine out of reach", "8.3.b/verification", func(s *model.Snapshot) { s.Gaps = []model.Gap{{Path: "/engine"}} }, model.CheckUnknown},
		{"controls unread", "8.3.b/verification", func(s *model.Snapshot) { s.Gaps = []model.Gap{{Path: "/controls"}} }, model.CheckUnknown},
		{"verified", "8.3.b/signatures", nil, model.CheckPass},
		{"unsigned", "8.3.b/signatures", image(func(i *model.Image) { i.Signature = "unsigned" }), model.CheckFail},
		{"invalid", "8.3.b/signatures", image(func(i *model.Image) { i.Signature = "invalid" }), model.CheckFail},
		{"not looked at", "8.3.b/signatures", image(func(i *model.Image) { i.Signature = "unknown" }), model.CheckUnknown},
		{"none", "8.3.c/secrets", nil, model.CheckPass},
		{"secret", "8.3.c/secrets", image(func(i *model.Image) { i.Secrets = []model.SecretSighting{{Place: "env:TOKEN", Kind: "jwt"}} }), model.CheckFail},
		{"history unread", "8.3.c/secrets", image(func(i *model.Image) { i.Gaps = []model.Gap{{Path: "/history"}} }), model.CheckUnknown},
		{"image unread", "8.3.a/purpose", image(func(i *model.Image) { i.Gaps = []model.Gap{{Path: ""}} }), model.CheckUnknown},
		{"fresh", "8.3.c/age", nil, model.CheckPass},
		{"old", "8.3.c/age", image(func(i *model.Image) { i.Created = snapshotTime.AddDate(-1, 0, 0) }), model.CheckWarn},
		{"verified", "8.3.c/unverified-downloads", nil, model.CheckPass},
		{"piped", "8.3.c/unverified-downloads", step("RUN /bin/sh -c curl -fsSL https://x.example/i.sh | bash # buildkit"), model.CheckFail},
		{"insecure curl", "8.3.c/unverified-downloads", step("/bin/sh -c curl -sk -o f https://x.example/f"), model.CheckFail},
		{"unauthenticated", "8.3.c/unverified-downloads", step("|1 A=b /bin/sh -c apt-get install --allow-unauthenticated -y x"), model.CheckFail},
		{"joined", "8.3.c/update-alone", nil, model.CheckPass},
		{"alone", "8.3.c/update-alone", step("RUN /bin/sh -c apt-get -y update # buildkit"), model.CheckWarn},
		{"dnf update upgrades", "8.3.c/update-alone", step("/bin/sh -c dnf -y update"), model.CheckPass},
		{"copy", "8.3.c/add", nil, model.CheckPass},
		{"add", "8.3.c/add", step("ADD https://x.example/f /opt/f # buildkit"), model.CheckWarn},
		{"old builder's add", "8.3.c/add", step("/bin/sh -c #(nop) ADD file:12 in /opt/ "), model.CheckWarn},
		{"digest", "8.3.d/discrete", nil, model.CheckPass},
		{"version", "8.3.d/discrete", kind(model.RefVersionTag), model.CheckPass},
		{"latest", "8.3.d/discrete", kind(model.RefMovingTag), model.CheckFail},
		{"part of an id", "8.3.d/discrete", work(func(w *model.Workload) { w.Image.Kind, w.Image.Ref = model.RefImageID, "a1b2c3d4e5f6" }), model.CheckWarn},
		{"id", "8.3.d/discrete", work(func(w *model.Workload) {
			w.Image.Kind, w.Image.Ref = model.RefImageID, "sha256:"+strings.Repeat("a1", 32)
		}), model.CheckPass},
		{"kind from the text", "8.3.d/discrete", work(func(w *model.Workload) { w.Image.Kind, w.Image.Ref = "", "web:latest" }), model.CheckFail},
		{"not understood", "8.3.d/discrete", work(func(w *model.Workload) { w.Image.Kind, w.Image.Ref = "", "!" }), model.CheckUnknown},
		{"digest", "8.3.d/immutable", nil, model.CheckPass},
		{"tag", "8.3.d/immutable", kind(model.RefVersionTag), model.CheckWarn},
		{"guarded tag", "8.3.d/immutable", with(model.ControlDaemonGuard, model.ModeEnforce, kind(model.RefVersionTag)), model.CheckPass},
		{"observed tag", "8.3.d/immutable", with(model.ControlDaemonGuard, model.ModeObserve, kind(model.RefVersionTag)), model.CheckWarn},
	}
	for _, c := range cases {
		t.Run(c.check+" "+c.name, func(t *testing.T) {
			snap := goodImage()
			if c.sin != nil {
				c.sin(snap)
			}
			wantCheck(t, c.want, c.check, snap)
		})
	}
}

func FuzzBuildStep(f *testing.F) {
	f.Add("|1 A=b /bin/sh -c curl x | sh")
	f.Add("ADD file:12 in /opt/")
	f.Fuzz(func(_ *testing.T, step string) {
		for _, bad := range []func(string) (string, bool){unverified, updateAlone, usesADD} {
			what, _ := bad(step)
			shorten(what)
		}
	})
}
