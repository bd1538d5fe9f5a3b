package assess

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

var snapshotTime = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// replaceable is a node with one well-kept container.
func replaceable() *model.Snapshot {
	built := snapshotTime.AddDate(0, 0, -10)
	return &model.Snapshot{
		Taken: snapshotTime,
		Containers: []model.Container{{
			ID: "c1", Name: "web", State: "running", Created: built,
			Workload:  model.Workload{Image: model.ImageRef{Ref: "registry.example/web:1.2.3", ID: "sha256:aaaaaaaaaaaaaaaa"}},
			Processes: []model.ContainerProcess{{PID: 10, Command: "nginx: master process nginx -g daemon off;"}},
			Changes: []model.FileChange{
				{Path: "/etc/hosts", Kind: "changed"},
				{Path: "/var/cache/nginx/x", Kind: "added", Examined: true},
				{Path: "/usr/bin/curl", Kind: "deleted"},
			},
			ChangesTotal: 3,
		}},
		Images: []model.Image{{ID: "sha256:aaaaaaaaaaaaaaaa", Tags: []string{"registry.example/web:1.2.3"}, Created: built}},
	}
}

func TestReplaceNotPatch(t *testing.T) {
	container := func(f func(c *model.Container)) func(*model.Snapshot) {
		return func(s *model.Snapshot) { f(&s.Containers[0]) }
	}
	change := func(f model.FileChange) func(*model.Snapshot) {
		return container(func(c *model.Container) { c.Changes = append(c.Changes, f); c.ChangesTotal++ })
	}
	process := func(cmd string) func(*model.Snapshot) {
		return container(func(c *model.Container) { c.Processes = append(c.Processes, model.ContainerProcess{Command: cmd}) })
	}
	cases := []struct {
		name, check string
		sin         func(*model.Snapshot)
		want        model.CheckStatus
	}{
		{"clean", "8.1.a/added-programs", nil, model.CheckPass},
		{"program", "8.1.a/added-programs", change(model.FileChange{Path: "/tmp/miner", Kind: "added", Executable: true, Examined: true}), model.CheckFail},
		{"not examined", "8.1.a/added-programs", change(model.FileChange{Path: "/opt/x", Kind: "added"}), model.CheckUnknown},
		{"over the limit", "8.1.a/added-programs", container(func(c *model.Container) { c.ChangesTotal = 5000 }), model.CheckUnknown},
		{"gap", "8.1.a/added-programs", container(func(c *model.Container) {
			c.Gaps = []model.Gap{{Path: "/changes", Reason: model.GapTimeout}}
		}), model.CheckUnknown},
		{"all missing", "8.1.a/added-programs", func(s *model.Snapshot) { s.Gaps = []model.Gap{{Path: "/containers", Reason: model.GapPermission}} }, model.CheckUnknown},
		{"none runs", "8.1.a/added-programs", container(func(c *model.Container) { c.State = "exited" }), model.CheckNotApplicable},
		{"clean", "8.1.a/package-database", nil, model.CheckPass},
		{"installed", "8.1.a/package-database", change(model.FileChange{Path: "/var/lib/dpkg/status", Kind: "changed", PackageDB: true}), model.CheckFail},
		{"clean", "8.1.a/package-manager", nil, model.CheckPass},
		{"apt", "8.1.a/package-manager", process("apt-get install -y vim"), model.CheckFail},
		{"in a script", "8.1.a/package-manager", process(`sh -c "cd /tmp && pip install x"`), model.CheckFail},
		{"application", "8.1.a/package-manager", process("npm start"), model.CheckPass},
		{"clean", "8.1.a/newer-image", nil, model.CheckPass},
		{"tag moved", "8.1.a/newer-image", func(s *model.Snapshot) {
			s.Images[0].Tags = nil
			s.Images = append(s.Images, model.Image{ID: "sha256:bbbb", Tags: []string{"registry.example/web:1.2.3"}})
		}, model.CheckFail},
		{"tag gone", "8.1.a/newer-image", func(s *model.Snapshot) { s.Images[0].Tags = nil }, model.CheckWarn},
		{"digest", "8.1.a/newer-image", func(s *model.Snapshot) {
			s.Images[0].Tags = nil
			s.Containers[0].Workload.Image.Ref = "registry.example/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		}, model.CheckPass},
		{"clean", "8.1.a/long-running", nil, model.CheckPass},
		{"old", "8.1.a/long-running", container(func(c *model.Container) { c.Created = snapshotTime.AddDate(-1, 0, 0) }), model.CheckWarn},
		{"absent", "8.1.a/drift-prevention", nil, model.CheckWarn},
		{"enforced", "8.1.a/drift-prevention", func(s *model.Snapshot) {
			s.Controls = []model.Control{{Name: model.ControlDrift, Mode: model.ModeEnforce}}
		}, model.CheckPass},
		{"recent", "8.1.b/image-age", nil, model.CheckPass},
		{"stale", "8.1.b/image-age", func(s *model.Snapshot) { s.Images[0].Created = snapshotTime.AddDate(0, 0, -181) }, model.CheckFail},
		{"reproducible", "8.1.b/image-age", func(s *model.Snapshot) { s.Images[0].Created = time.Unix(0, 0) }, model.CheckUnknown},
		{"reproducible, labelled", "8.1.b/image-age", func(s *model.Snapshot) {
			s.Images[0].Created = time.Unix(0, 0)
			s.Images[0].Labels = map[string]string{"org.opencontainers.image.created": "2026-11-01T00:00:00Z"}
		}, model.CheckPass},
	}
	for _, c := range cases {
		t.Run(c.check+" "+c.name, func(t *testing.T) {
			snap := replaceable()
			if c.sin != nil {
				c.sin(snap)
			}
			wantCheck(t, c.want, c.check, snap)
		})
	}
}

func TestShellCommands(t *testing.T) {
	cases := map[string]bool{
		"/bin/sh -c apt-get update && apt-get install -y curl":  true,
		"bash -lc 'dnf -y upgrade'":                             true,
		"/usr/bin/env DEBIAN_FRONTEND=noninteractive dpkg -i x": true,
		"python3 -m pip install flask":                          true,
		"npm run start":                                         false,
		"yarn":                                                  false,
		"/usr/sbin/nginx -g daemon off;":                        false,
		"sh -c":                                                 false,
		"":                                                      false,
		"java -jar apt.jar":                                     false,
	}
	for line, want := range cases {
		got := false
		for _, cmd := range shellCommands(line) {
			if _, ok := installsSoftware(cmd); ok {
				got = true
			}
		}
		if got != want {
			t.Errorf("%q: package manager found is %v, want %v (%q)", line, got, want, shellCommands(line))
		}
	}
}

func FuzzShellCommands(f *testing.F) {
	f.Add("/bin/sh -c apt-get update && (curl -k x | sh)")
	f.Add("sh -c -c -c")
	f.Fuzz(func(t *testing.T, line string) {
		for _, cmd := range shellCommands(line) {
			if len(cmd) == 0 {
				t.Fatal("empty command")
			}
			installsSoftware(cmd)
		}
	})
}
