package assess

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// wellKept is a node on which clauses 8.1 to 8.3 hold: a current engine, one hosted registry and every control on.
func wellKept() *model.Snapshot {
	s := safeRegistries()
	s.Host = &model.Host{PackageManager: "dpkg", UpdatesAsOf: snapshotTime}
	s.Engine = &model.Engine{
		Product: "docker", Version: "29.5.0",
		Components: []model.Component{{Name: "containerd", Version: "v2.3.5"}, {Name: "runc", Version: "1.4.3"}},
		Sockets: []model.EngineSocket{
			{Engine: "docker", FileFact: model.FileFact{Path: "/run/docker.sock", Exists: true, Mode: "0600"}, Guarded: true},
			{Engine: model.EngineGuard, FileFact: model.FileFact{Path: "/run/bulkhead/docker.sock", Exists: true, Mode: "0666"}, Users: []string{"alice"}},
		},
	}
	s.Guard = &model.GuardStatus{
		Schema: model.GuardSchema, PID: 7, Mode: model.ModeEnforce, Engine: "/run/docker.sock", Socket: "/run/bulkhead/docker.sock", Profile: "baseline",
	}
	c, img := &s.Containers[0], &s.Images[0]
	c.Created = img.Created
	c.Processes = []model.ContainerProcess{{PID: 1, Command: "/bin/registry serve /etc/distribution/config.yml"}}
	c.Workload.Entrypoint = []string{"/bin/registry"}
	c.Workload.Image.Ref = "registry.example/distribution/registry@sha256:" + strings.Repeat("ab", 32)
	img.Signature, img.Purpose, img.Contents = "verified", "registry", &model.ImageContents{}
	for _, name := range []string{
		model.ControlDrift, model.ControlReplace, model.ControlVulnerability, model.ControlDaemonGuard, model.ControlRegistryGuard,
		model.ControlImageTrust,
	} {
		s.Controls = append(s.Controls, model.Control{Name: name, Mode: model.ModeEnforce})
	}
	return s
}

func statusOf(snap *model.Snapshot, requirement string) (model.Status, []model.CheckResult) {
	set := DefaultSettings()
	set.TrustedRegistries = []string{"registry.example"}
	var results []model.CheckResult
	for _, c := range Checks() {
		if strings.HasPrefix(c.ID, requirement+"/") {
			results = append(results, runCheck(&Input{Snap: snap, Settings: &set}, c, nil))
		}
	}
	return requirementStatus(results), results
}

var clauses81to83 = []string{
	"8.1.a", "8.1.b", "8.1.c", "8.2.a", "8.2.b", "8.2.c", "8.2.d", "8.3.a", "8.3.b", "8.3.c", "8.3.d",
}

func TestWellKeptNodeIsMet(t *testing.T) {
	for _, id := range clauses81to83 {
		status, results := statusOf(wellKept(), id)
		if status == model.Met {
			continue
		}
		t.Errorf("%s is %s", id, status)
		for _, r := range results {
			if r.Status != model.CheckPass && r.Status != model.CheckNotApplicable {
				t.Logf("  %s: %+v", r.ID, r.Evidence)
			}
		}
	}
}

// TestNothingReadIsUnknown holds that a node of which nothing could be read is never called met or not applicable.
func TestNothingReadIsUnknown(t *testing.T) {
	snap := &model.Snapshot{Taken: snapshotTime, Gaps: []model.Gap{{Path: "/", Reason: model.GapPermission}}}
	for _, id := range clauses81to83 {
		if status, _ := statusOf(snap, id); status != model.Unknown {
			t.Errorf("%s is %s, want unknown", id, status)
		}
	}
}
