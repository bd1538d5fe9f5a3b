package docker

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// assertSwarm is what the Swarm of the end-to-end test must look like, live or recorded.
func assertSwarm(t *testing.T, s *model.Snapshot) {
	t.Helper()
	sw := s.Swarm
	if sw == nil || len(sw.Nodes) != 1 || len(sw.Services) != 1 {
		t.Fatalf("swarm: %+v", sw)
	}
	check(t, "state", sw.State, "active")
	check(t, "manager", sw.Manager, true)
	check(t, "managers", sw.Managers, 1)
	check(t, "reachable", sw.ManagersReachable, 1)
	check(t, "workers", sw.Workers, 0)
	check(t, "autolock", sw.Autolock, true)
	check(t, "certificate", sw.CertExpiry, 90*24*time.Hour)
	check(t, "secrets", sw.Secrets, 1)
	check(t, "data path port", sw.DataPathPort, 4789)
	check(t, "node role", sw.Nodes[0].Role, "manager")
	check(t, "leader", sw.Nodes[0].Leader, true)
	svc := sw.Services[0]
	check(t, "service", svc.Name, "web")
	check(t, "mode", svc.Mode, "replicated")
	check(t, "replicas", svc.Replicas, 1)
	check(t, "constraints", strings.Join(svc.Constraints, " "), "node.labels.zone==a")
	check(t, "secrets used", svc.SecretsUsed, 1)
	check(t, "rollback", svc.RollbackOnFailure, true)
	w := svc.Workload
	check(t, "image kind", w.Image.Kind, model.RefVersionTag)
	check(t, "root", w.Root, false)
	check(t, "read-only", w.ReadOnlyRoot, true)
	check(t, "memory", w.Limits.MemoryBytes, 64<<20)
	check(t, "capabilities", strings.Join(w.CapDrop, " "), "ALL")
	check(t, "socket", w.Mounts[0].EngineSocket, true)
	check(t, "secret in environment", len(w.Secrets), 1)
	for _, n := range s.Networks {
		if n.Name == "ingress" {
			check(t, "ingress driver", n.Driver, "overlay")
			check(t, "ingress", n.Ingress, true)
			check(t, "encrypted", n.Encrypted, false)
			return
		}
	}
	t.Error("no ingress network")
}

func TestRecordedSwarm(t *testing.T) {
	root := hostRoot(t, map[string]string{"/srv/engine/data/swarm/docker-state.json": `{"LocalAddr":"","ListenAddr":"0.0.0.0:2377"}`})
	s := collect(t, connect(t, recorded(t, "swarm")), Options{Root: root, Getenv: noenv})
	assertSwarm(t, s)
	check(t, "listen address", s.Swarm.ListenAddress, "0.0.0.0:2377")
	check(t, "CA", s.Swarm.CACreated, time.Date(2026, 11, 22, 23, 25, 0, 0, time.UTC))
}

// TestSwarmWorker: a worker does not know the others, which is told.
func TestSwarmWorker(t *testing.T) {
	f := recorded(t, "swarm")
	f["/info"] = []byte(`{"DockerRootDir":"/none","Swarm":{"NodeID":"n","LocalNodeState":"active","ControlAvailable":false}}`)
	s := collect(t, connect(t, f), Options{Root: hostRoot(t, nil), Getenv: noenv})
	check(t, "state", s.Swarm.State, "active")
	gaps := map[string]model.GapReason{}
	for _, g := range s.Gaps {
		gaps[g.Path] = g.Reason
	}
	check(t, "listen address", gaps["/swarm/listen_address"], model.GapAbsent)
	check(t, "nodes", gaps["/swarm/nodes"], model.GapUnsupported)
}

// TestPodman: an engine that leaves out what only Docker has.
func TestPodman(t *testing.T) {
	f := fakeEngine{
		"/_ping": []byte(`"1.41"`), "libpod": []byte(`"4.3.1"`),
		"/info": []byte(`{"ID":"x","Containers":1,"ContainersRunning":1,"Driver":"overlay","CgroupVersion":"2","DockerRootDir":"/var/lib/containers/storage",
			"ServerVersion":"4.3.1","SecurityOptions":["name=seccomp,profile=default","name=rootless"],"DefaultRuntime":"crun","Runtimes":{"crun":{"path":"/usr/bin/crun"}}}`),
		"/version":               []byte(`{"Version":"4.3.1","ApiVersion":"1.41","Components":[{"Name":"Podman Engine","Version":"4.3.1","Details":{"APIVersion":"4.3.1"}},{"Name":"OCI Runtime (crun)","Version":"crun 1.8"}]}`),
		"/volumes":               []byte(`{"Volumes":null}`),
		"/networks":              []byte(`[{"Name":"podman","Id":"n1","Driver":"bridge","Options":{},"IPAM":{"Config":[{"Subnet":"10.88.0.0/16","Gateway":"10.88.0.1"}]}}]`),
		"/networks/n1":           []byte(`{"Name":"podman","Id":"n1","Driver":"bridge","Options":{},"IPAM":{"Config":[{"Subnet":"10.88.0.0/16"}]}}`),
		"/images/json":           []byte(`[]`),
		"/system/df":             []byte(`{"LayersSize":5,"Images":[],"Containers":[],"Volumes":[],"BuildCache":[]}`),
		"/containers/json?all=1": []byte(`[{"Id":"c1","Names":["/web"],"Image":"docker.io/library/web:latest","ImageID":"sha256:1","State":"running"}]`),
		"/containers/c1/json": []byte(`{"Id":"c1","Name":"/web","Created":"2026-01-01T00:00:00Z","Image":"sha256:1","State":{"Status":"running","Running":true,"Pid":5},
			"Config":{"Image":"docker.io/library/web:latest","User":""},"HostConfig":{"NetworkMode":"bridge","CapDrop":["CAP_CHOWN"]},"Mounts":[],
			"NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"Networks":{"podman":{"IPAddress":"10.88.0.2","MacAddress":""}}}}`),
	}
	s := collect(t, connect(t, f), Options{Root: hostRoot(t, nil), Getenv: noenv})
	check(t, "product", s.Engine.Product, "podman")
	check(t, "rootless", s.Engine.Rootless, true)
	check(t, "swarm", s.Swarm == nil, true)
	web := byName(t, s, "web")
	check(t, "user namespace", web.Workload.Namespaces.User, "private")
	check(t, "cgroup namespace", web.Workload.Namespaces.Cgroup, "private")
	check(t, "address", web.Endpoints[0].IPv4, "10.88.0.2")
	check(t, "port", web.Workload.Ports[0], model.PortMap{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"})
}
