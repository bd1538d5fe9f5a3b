package assess

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// statusCase is a snapshot and what a check says of it.
type statusCase struct {
	name string
	want model.CheckStatus
	snap model.Snapshot
}

// wantAll runs the check on each case, and on a snapshot in which the part at the pointer could not be read.
func wantAll(t *testing.T, id, part string, cases []statusCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(id+" "+c.name, func(t *testing.T) { wantCheck(t, c.want, id, &c.snap) })
	}
	if part == "" {
		return
	}
	t.Run(id+" gap", func(t *testing.T) {
		s := cases[0].snap
		s.Gaps = []model.Gap{{Path: part, Reason: model.GapPermission}}
		wantCheck(t, model.CheckUnknown, id, &s)
	})
}

var caseTime = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// plain is a host with an engine and containers.
func plain(e model.Engine, containers ...model.Container) model.Snapshot {
	if e.Product == "" {
		e.Product, e.Version = "docker", "29.2.0"
	}
	for i := range containers {
		if containers[i].State == "" {
			containers[i].State = "running"
		}
		if containers[i].Name == "" {
			containers[i].Name = string(rune('a' + i))
		}
	}
	return model.Snapshot{Taken: caseTime, Host: &model.Host{PackageManager: "dpkg"}, Engine: &e, Containers: containers}
}

func of(w model.Workload) model.Container { return model.Container{Workload: w} }

func onSwarm(s model.Swarm) model.Snapshot {
	snap := plain(model.Engine{})
	s.State = "active"
	snap.Swarm = &s
	return snap
}

func manager(s model.Swarm) model.Snapshot {
	s.Manager = true
	return onSwarm(s)
}

func cluster(k model.Kubernetes) model.Snapshot {
	return model.Snapshot{Taken: caseTime, Kubernetes: &k}
}

const (
	pass = model.CheckPass
	fail = model.CheckFail
	warn = model.CheckWarn
	unk  = model.CheckUnknown
	na   = model.CheckNotApplicable
)

func TestEngineOrigin(t *testing.T) {
	with := func(c model.Component, files ...model.FileFact) model.Snapshot {
		s := plain(model.Engine{Components: []model.Component{c}})
		for _, f := range files {
			f.Exists, f.Purpose = true, "engine-program"
			s.Host.Files = append(s.Host.Files, f)
		}
		return s
	}
	const copied = "/usr/local/bin/dockerd"
	odd := with(model.Component{Name: "Engine", Path: copied}, model.FileFact{Path: copied})
	odd.Host.PackageManager = ""
	unread := with(model.Component{Name: "Engine", Path: copied}, model.FileFact{Path: copied})
	unread.Gaps = []model.Gap{{Path: "/host/files/engine-program/package", Reason: model.GapMalformed}}
	installed := with(model.Component{Name: "Engine"})
	installed.Host.Packages = []model.Package{{Name: "docker-ce", Version: "1"}}
	wantAll(t, "8.5.a/engine-origin", "/host/packages", []statusCase{
		{"packaged", pass, with(model.Component{Name: "Engine", Path: "/usr/bin/dockerd", Package: "docker.io"})},
		{"copied", fail, with(model.Component{Name: "Engine", Path: copied}, model.FileFact{Path: copied})},
		{"not among the files", unk, with(model.Component{Name: "Engine", Path: "/opt/dockerd"}, model.FileFact{Path: copied})},
		{"owner not readable", unk, unread},
		{"no package manager", unk, odd},
		{"process unseen, program packaged", pass, with(model.Component{Name: "Engine"}, model.FileFact{Path: "/usr/bin/dockerd", Package: "docker-ce"})},
		{"process unseen, program copied", fail, with(model.Component{Name: "Engine"}, model.FileFact{Path: copied})},
		{"process unseen, package installed", unk, installed},
		{"no engine", na, model.Snapshot{}},
	})
}

func TestPackageTrust(t *testing.T) {
	with := func(trust string) model.Snapshot {
		s := plain(model.Engine{})
		s.Host.PackageTrust = trust
		return s
	}
	wantAll(t, "8.5.a/package-trust", "/host/package_trust", []statusCase{
		{"signed", pass, with("signed")}, {"unsigned", fail, with("unsigned_allowed")}, {"not known", unk, with("")},
	})
}

func TestSwarmUnneeded(t *testing.T) {
	worker := onSwarm(model.Swarm{})
	busy := onSwarm(model.Swarm{})
	busy.Containers = []model.Container{{Orchestrated: "swarm"}}
	wantAll(t, "8.5.a/swarm-unneeded", "/swarm", []statusCase{
		{"off", pass, plain(model.Engine{})},
		{"on without service", fail, manager(model.Swarm{})},
		{"on with service", pass, manager(model.Swarm{Services: []model.SwarmSvc{{Name: "web"}}})},
		{"idle worker", warn, worker},
		{"busy worker", pass, busy},
		{"no engine", na, model.Snapshot{}},
	})
}

func TestKubeVersions(t *testing.T) {
	at := func(v, distribution string, kubelets ...string) model.Snapshot {
		k := model.Kubernetes{Version: v, Distribution: distribution}
		for _, l := range kubelets {
			k.Nodes = append(k.Nodes, model.KubeNode{Name: "n", Kubelet: l})
		}
		return cluster(k)
	}
	wantAll(t, "8.5.a/kubernetes-version", "/kubernetes/version", []statusCase{
		{"current", pass, at("v1.37.2", "")},
		{"newer than known", pass, at("v1.40.0", "")},
		{"ended", fail, at("v1.34.1", "kubeadm")},
		{"ancient", fail, at("v1.19.0", "")},
		{"ended but of a vendor", warn, at("v1.34.1-eks-x", "eks")},
		{"strange", unk, at("x", "")},
		{"none", na, plain(model.Engine{})},
	})
	wantAll(t, "8.5.a/kubelet-skew", "/kubernetes/nodes", []statusCase{
		{"same", pass, at("v1.37.2", "", "v1.37.0", "v1.34.0")},
		{"newer", fail, at("v1.36.0", "", "v1.37.0")},
		{"too old", fail, at("v1.37.0", "", "v1.33.0")},
		{"strange", unk, at("v1.37.0", "", "?")},
		{"empty", na, at("v1.37.0", "")},
	})
}

func TestControlPlaneImages(t *testing.T) {
	with := func(img model.ImageRef) model.Snapshot {
		return cluster(model.Kubernetes{ControlPlane: []model.KubePod{{Name: "p", Containers: []model.KubeContainer{{Workload: model.Workload{Image: img}}}}}})
	}
	official := model.ImageRef{Ref: "r", Registry: "registry.k8s.io", Name: "kube-apiserver", Kind: model.RefVersionTag, Digest: "sha256:1"}
	tagged, moving, foreign, near := official, official, official, official
	tagged.Digest, moving.Kind, foreign.Registry, near.Registry = "", model.RefMovingTag, "docker.io", "registry.k8s.io.evil.example"
	wantAll(t, "8.5.a/control-plane-images", "/kubernetes/pods", []statusCase{
		{"official", pass, with(official)},
		{"digest unknown", warn, with(tagged)},
		{"moving", fail, with(moving)},
		{"foreign", fail, with(foreign)},
		{"looks official", fail, with(near)},
		{"managed", na, cluster(model.Kubernetes{})},
	})
	s := with(foreign)
	wantCheck(t, pass, "8.5.a/control-plane-images", &s, func(set *Settings) { set.TrustedRegistries = []string{"docker.io"} })
}

// TestOrchestratorReferences keeps the items of the CIS Docker Benchmark that this clause answers for.
func TestOrchestratorReferences(t *testing.T) {
	have := map[string]bool{}
	for _, c := range orchestratorChecks() {
		for _, ref := range c.References {
			have[ref] = true
		}
		if c.Title.ZH == "" || c.Remediation.EN == "" || c.Remediation.ZH == "" {
			t.Errorf("%s lacks a text", c.ID)
		}
	}
	for _, item := range strings.Fields("2.8 2.12 2.15 4.6 5.1 5.11 5.12 5.15 5.19 5.23 5.24 5.27 5.29 7.1 7.2 7.4 7.5 7.6 7.7 7.8 7.9") {
		if !have[benchReference+item] {
			t.Errorf("no check answers for %s", item)
		}
	}
}
