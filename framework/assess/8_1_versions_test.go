package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestSemanticVersion(t *testing.T) {
	cases := map[string]string{
		"20.10.24+dfsg1":          "v20.10.24",
		"v1.7.29":                 "v1.7.29",
		"1.6.20~ds1":              "v1.6.20",
		"1.1.12-0ubuntu2~22.04.1": "v1.1.12",
		"1.4.0-rc.3":              "v1.4.0-rc.3",
		"29.1":                    "v29.1.0",
		"library-import":          "",
		"":                        "",
	}
	for in, want := range cases {
		if got := semanticVersion(in); got != want {
			t.Errorf("semanticVersion(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAdvisoryAffects(t *testing.T) {
	a := advisory{fixed: []string{"1.7.29", "2.0.7", "2.1.5", "2.2.0"}}
	cases := map[string]bool{
		"v1.6.39": true, "v1.7.28": true, "v1.7.29": false, "v1.7.30": false, "v2.0.6": true, "v2.1.5": false,
		"v2.2.0": false, "v2.3.0": false,
	}
	for v, want := range cases {
		if got := a.affects(v); got != want {
			t.Errorf("affects(%s) = %v", v, got)
		}
	}
	if got := a.fixFor("v2.0.3"); got != "2.0.7" {
		t.Errorf("fix for 2.0.3 is %s", got)
	}
}

func TestRuntimeAdvisories(t *testing.T) {
	engine := func(version, containerd, runc, pkg string) *model.Snapshot {
		return &model.Snapshot{Taken: snapshotTime, Engine: &model.Engine{Product: "docker", Version: version, Components: []model.Component{
			{Name: "Engine", Version: version, Package: pkg},
			{Name: "containerd", Version: containerd, Package: pkg},
			{Name: "runc", Version: runc, Package: pkg},
		}}}
	}
	current := func() *model.Snapshot { return engine("29.5.0", "v2.3.5", "1.4.3", "docker-ce") }
	wantCheck(t, model.CheckPass, "8.1.b/runtime-advisories", current())
	wantCheck(t, model.CheckFail, "8.1.b/runtime-advisories", engine("29.5.0", "v2.3.5", "1.1.11", "docker-ce"))
	wantCheck(t, model.CheckFail, "8.1.b/runtime-advisories", engine("25.0.4", "v2.3.5", "1.4.3", ""))
	wantCheck(t, model.CheckWarn, "8.1.b/runtime-advisories", engine("20.10.24+dfsg1", "1.6.20~ds1", "1.1.5+ds1", "docker.io"))
	wantCheck(t, model.CheckUnknown, "8.1.b/runtime-advisories", engine("29.5.0", "dev", "1.4.3", ""))
	wantCheck(t, model.CheckNotApplicable, "8.1.b/runtime-advisories", &model.Snapshot{})
	wantCheck(t, model.CheckUnknown, "8.1.b/runtime-advisories", &model.Snapshot{Gaps: []model.Gap{{Path: "/engine"}}})

	// Where the collector did not tell the package, the package database does.
	debian := engine("20.10.24+dfsg1", "1.6.20~ds1", "1.1.5+ds1", "")
	wantCheck(t, model.CheckFail, "8.1.b/runtime-advisories", debian)
	debian.Host = &model.Host{Packages: []model.Package{
		{Name: "containerd", Version: "1.6.20~ds1-1+deb12u1"}, {Name: "docker.io", Version: "20.10.24+dfsg1-1+deb12u1"}, {Name: "runc", Version: "1.1.5+ds1-1+deb12u1"},
	}}
	wantCheck(t, model.CheckWarn, "8.1.b/runtime-advisories", debian)
	docker := engine("25.0.4", "v2.3.5", "1.4.3", "")
	docker.Host = &model.Host{Packages: []model.Package{{Name: "docker-ce", Version: "5:25.0.4-1~debian.12~bookworm"}}}
	wantCheck(t, model.CheckFail, "8.1.b/runtime-advisories", docker)

	// Only engines with an authorization plugin have the plugins' bypass.
	plugin := engine("29.2.0", "v2.3.5", "1.4.3", "docker-ce")
	wantCheck(t, model.CheckPass, "8.1.b/runtime-advisories", plugin)
	plugin.Engine.AuthorizationPlugins = []string{"opa"}
	wantCheck(t, model.CheckFail, "8.1.b/runtime-advisories", plugin)

	min := func(v string) func(*Settings) { return func(s *Settings) { s.MinEngineVersion = v } }
	wantCheck(t, model.CheckPass, "8.1.b/engine-supported", current())
	wantCheck(t, model.CheckFail, "8.1.b/engine-supported", engine("24.0.9", "", "", "docker-ce"))
	wantCheck(t, model.CheckWarn, "8.1.b/engine-supported", engine("20.10.24+dfsg1", "", "", "docker.io"))
	wantCheck(t, model.CheckFail, "8.1.b/engine-supported", engine("20.10.24+dfsg1", "", "", "docker.io"), min("28.0.0"))
	wantCheck(t, model.CheckPass, "8.1.b/engine-supported", engine("28.0.1", "", "", ""), min("28.0.0"))
	podman := &model.Snapshot{Engine: &model.Engine{Product: "podman", Version: "5.2.0"}}
	wantCheck(t, model.CheckNotApplicable, "8.1.b/engine-supported", podman)
	wantCheck(t, model.CheckFail, "8.1.b/engine-supported", podman, min("5.3.0"))
}

func TestRuntimeUpdates(t *testing.T) {
	host := func() *model.Snapshot {
		return &model.Snapshot{Taken: snapshotTime, Host: &model.Host{
			PackageManager: "dpkg", UpdatesAsOf: snapshotTime.AddDate(0, 0, -1),
			Updates: []model.Update{{Name: "bash", Security: true}, {Name: "runc", Security: false}},
		}}
	}
	wantCheck(t, model.CheckPass, "8.1.b/runtime-updates", host())
	s := host()
	s.Host.Updates[1].Security = true
	wantCheck(t, model.CheckFail, "8.1.b/runtime-updates", s)
	s = host()
	s.Host.UpdatesAsOf = snapshotTime.AddDate(0, 0, -30)
	wantCheck(t, model.CheckUnknown, "8.1.b/runtime-updates", s)
	s = host()
	s.Host.PackageManager = ""
	wantCheck(t, model.CheckNotApplicable, "8.1.b/runtime-updates", s)
	wantCheck(t, model.CheckUnknown, "8.1.b/runtime-updates", &model.Snapshot{Gaps: []model.Gap{{Path: "/host"}}})
}
