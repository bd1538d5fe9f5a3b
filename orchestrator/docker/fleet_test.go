package docker

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/model"
)

// token is a secret of the test fleet; it must not appear in any snapshot.
const token = "q7Rk2mXv9TzL4wNc8BhJ"

// counter stands for the inventory: it counts what it is given.
type counter struct{}

func (counter) Tar(_ context.Context, r io.Reader) (*model.ImageContents, []model.SecretSighting, error) {
	n := 0
	for t := tar.NewReader(r); ; n++ {
		if _, err := t.Next(); errors.Is(err, io.EOF) {
			return &model.ImageContents{Files: n}, nil, nil
		} else if err != nil {
			return nil, nil, err
		}
	}
}

func (counter) Dirs(_ context.Context, dirs []string) (*model.ImageContents, []model.SecretSighting, error) {
	n := 0
	for _, d := range dirs {
		list, err := os.ReadDir(d)
		if err != nil {
			return nil, nil, err
		}
		n += len(list)
	}
	return &model.ImageContents{Files: n}, nil, nil
}

// collect runs all parts and puts them into one snapshot.
func collect(t *testing.T, c *Client, o Options) *model.Snapshot {
	t.Helper()
	if o.Secrets == nil {
		o.Secrets = secret.New([]byte("test"))
	}
	s := &model.Snapshot{}
	for _, n := range New(c, o).Collectors() {
		ctx, cancel := context.WithTimeout(context.Background(), n.Deadline)
		part, gaps := n.Collect(ctx)
		cancel()
		s.Gaps = append(s.Gaps, gaps...)
		if part != nil {
			part(s)
		}
	}
	return s
}

func byName(t *testing.T, s *model.Snapshot, name string) *model.Container {
	t.Helper()
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i]
		}
	}
	t.Fatalf("no container %q among %d", name, len(s.Containers))
	return nil
}

// check compares one fact.
func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// assertFleet is what the fleet of the end-to-end test must look like, live or recorded.
func assertFleet(t *testing.T, s *model.Snapshot) {
	t.Helper()
	check(t, "containers", len(s.Containers), 4)
	sin := byName(t, s, "sin").Workload
	check(t, "sin image kind", sin.Image.Kind, model.RefMovingTag)
	check(t, "sin root", sin.Root, true)
	check(t, "sin user", sin.User, "")
	check(t, "sin capabilities", strings.Join(sin.CapAdd, " "), "CAP_NET_ADMIN CAP_SYS_ADMIN")
	check(t, "sin pid namespace", sin.Namespaces.PID, "host")
	check(t, "sin seccomp", sin.Seccomp, "unconfined")
	check(t, "sin memory", sin.Limits.MemoryBytes, 0)
	check(t, "sin restart", sin.Restart, "always")
	check(t, "sin healthcheck", sin.HasHealthcheck, false)
	check(t, "sin entry point overridden", sin.EntrypointOverridden, true)
	check(t, "sin no-new-privileges", sin.NoNewPrivileges, false)
	check(t, "sin masked paths", sin.MaskedPathsOff, false)
	if !slices.ContainsFunc(sin.Secrets, func(x model.SecretSighting) bool { return x.Place == "env:API_TOKEN" }) {
		t.Errorf("sin: the secret in API_TOKEN was not seen: %+v", sin.Secrets)
	}
	if len(sin.Ports) == 0 || sin.Ports[0].HostPort != 18080 || sin.Ports[0].ContainerPort != 80 || sin.Ports[0].HostIP == "127.0.0.1" {
		t.Errorf("sin ports: %+v", sin.Ports)
	}
	mounts := map[string]model.Mount{}
	for _, m := range sin.Mounts {
		mounts[m.Target] = m
	}
	check(t, "socket seen", mounts["/engine.sock"].EngineSocket, true)
	check(t, "host root read-only", mounts["/host"].ReadOnly, true)
	check(t, "host root holds the socket", mounts["/host"].EngineSocket, true)
	check(t, "volume's driver", mounts["/data"].Driver, "local")
	check(t, "volume's path", mounts["/data"].Resolved, "/var/log")

	good := byName(t, s, "good").Workload
	check(t, "good image kind", good.Image.Kind, model.RefVersionTag)
	check(t, "good root", good.Root, false)
	check(t, "good user", good.UserEffective, "1000:1000")
	check(t, "good user as given", good.User, "")
	check(t, "good cap drop", strings.Join(good.CapDrop, " "), "ALL")
	check(t, "good no-new-privileges", good.NoNewPrivileges, true)
	check(t, "good seccomp", good.Seccomp, "default")
	check(t, "good read-only", good.ReadOnlyRoot, true)
	check(t, "good memory", good.Limits.MemoryBytes, 64<<20)
	check(t, "good cpus", good.Limits.NanoCPUs, 500_000_000)
	check(t, "good pids", good.Limits.PIDs, 50)
	check(t, "good ulimits", strings.Join(good.Limits.Ulimits, " "), "nofile=64:128")
	check(t, "good healthcheck", good.HasHealthcheck, true)
	check(t, "good restart", good.Restart, "on-failure")
	check(t, "good retries", good.RestartMax, 5)
	check(t, "good entry point overridden", good.EntrypointOverridden, false)
	check(t, "good network", good.Namespaces.Network, "backend")
	check(t, "good sensitivity", good.Sensitivity, "internal")
	check(t, "good secrets", len(good.Secrets), 0)
	if len(good.Ports) != 1 || good.Ports[0] != (model.PortMap{HostIP: "127.0.0.1", HostPort: 18081, ContainerPort: 80, Protocol: "tcp"}) {
		t.Errorf("good ports: %+v", good.Ports)
	}
	if len(good.Mounts) != 1 || good.Mounts[0].Type != "tmpfs" || good.Mounts[0].Target != "/tmp" {
		t.Errorf("good mounts: %+v", good.Mounts)
	}

	priv := byName(t, s, "priv").Workload
	check(t, "privileged", priv.Privileged, true)
	check(t, "privileged seccomp", priv.Seccomp, "unconfined")
	check(t, "privileged masked paths", priv.MaskedPathsOff, true)
	check(t, "privileged network", priv.Namespaces.Network, "host")

	stopped := byName(t, s, "stopped")
	check(t, "stopped state", stopped.State, "created")
	check(t, "stopped pid", stopped.PID, 0)
	assertParts(t, s)
}

func assertParts(t *testing.T, s *model.Snapshot) {
	t.Helper()
	var nets []string
	for _, n := range s.Networks {
		nets = append(nets, n.Name)
		switch n.Name {
		case "backend":
			check(t, "backend icc", *n.ICC, false)
			check(t, "backend containers", strings.Join(n.Containers, " "), "good")
			check(t, "backend internal", n.Internal, true)
		case "bridge":
			check(t, "default network", n.Default, true)
			check(t, "default icc", *n.ICC, true)
		}
	}
	check(t, "networks", strings.Join(nets, " "), "backend bridge host none")
	tags := map[string]model.Image{}
	for _, i := range s.Images {
		for _, tag := range i.Tags {
			tags[tag] = i
		}
	}
	good := tags["lab/good:1.2.3"]
	check(t, "image user", good.User, "1000:1000")
	check(t, "image health check", good.Healthcheck, true)
	check(t, "image purpose", good.Purpose, "serve")
	check(t, "image ports", strings.Join(good.ExposedPorts, " "), "80/tcp")
	sin := tags["lab/sin:latest"]
	var steps []string
	for _, h := range sin.History {
		steps = append(steps, h.CreatedBy)
	}
	check(t, "history", len(steps), 2)
	if !strings.HasPrefix(steps[0], "COPY busybox") || !strings.Contains(steps[1], "[secret]") || strings.Contains(steps[1], token) {
		t.Errorf("history: %q", steps)
	}
	e := s.Engine
	if e == nil {
		t.Fatal("no engine")
	}
	check(t, "product", e.Product, "docker")
	check(t, "running", e.ContainersRunning, 3)
	check(t, "unused images", e.Usage.ImagesUnused, 0)
	check(t, "dead containers", e.Usage.ContainersDead, 1)
	check(t, "swarm", s.Swarm.State, "inactive")
}
