//go:build e2e

package docker

import (
	"context"
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// startPodman starts a podman service with its own storage and network and stops it, by its pid, at the end.
func startPodman(t *testing.T) (socket string) {
	t.Helper()
	podman, err := osexec.LookPath("podman")
	if err != nil {
		t.Fatalf("%v: run scripts/setup", err)
	}
	dir := shortDir(t)
	// Podman's own limits may be above what this host lets even root set.
	conf := "[containers]\ndefault_ulimits=[\"nofile=1024:1024\",\"nproc=4096:4096\"]\n"
	write(t, dir, "containers.conf", conf)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	socket = filepath.Join(dir, "podman.sock")
	cmd := osexec.Command("/bin/sh", "-c", `ip link set lo up && exec "$0" "$@"`, podman,
		"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
		"--network-config-dir", filepath.Join(dir, "net"), "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs",
		"system", "service", "--time=0", "unix://"+socket)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(dir, "containers.conf"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for range 600 {
		if _, err := Connect(context.Background(), "unix://"+socket, ConnectOptions{Getenv: noenv}); err == nil {
			return socket
		}
		time.Sleep(100 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	t.Fatalf("podman does not answer: %s", said)
	return ""
}

func podmanFleet(ctx context.Context, t *testing.T, cli *client.Client, socket string) {
	t.Helper()
	for tag, user := range map[string]string{"lab/good:1.2.3": "1000:1000", "lab/sin:latest": ""} {
		if _, err := lab.Load(ctx, cli, lab.Image{Tag: tag, Config: v1.Config{User: user, Entrypoint: []string{"/bin/sleep", "3600"}}}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, cfg container.Config, hc container.HostConfig) {
		t.Helper()
		c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name, Config: &cfg, HostConfig: &hc})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := cli.ContainerRemove(context.Background(), c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		})
		if _, err := cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	pids := int64(50)
	run("good", container.Config{Image: "lab/good:1.2.3"}, container.HostConfig{
		CapDrop: []string{"all"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true, NetworkMode: "none",
		Resources: container.Resources{Memory: 64 << 20, PidsLimit: &pids},
	})
	port := network.MustParsePort("80/tcp")
	run("sin", container.Config{
		Image: "lab/sin:latest", Entrypoint: []string{"/bin/sh", "-c", "cp /bin/busybox /bin/dropped && exec sleep 3600"}, Env: []string{"API_TOKEN=" + token}, ExposedPorts: network.PortSet{port: {}},
	}, container.HostConfig{
		CapAdd: []string{"SYS_ADMIN"}, PidMode: "host", SecurityOpt: []string{"seccomp=unconfined"},
		Binds: []string{"/:/host:ro", socket + ":/engine.sock"}, RestartPolicy: container.RestartPolicy{Name: "always"},
		PortBindings: network.PortMap{port: {{HostPort: "18082"}}},
	})
	run("priv", container.Config{Image: "lab/sin:latest"}, container.HostConfig{Privileged: true, NetworkMode: "host"})
}

func TestRealPodman(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	socket := startPodman(t)
	c, err := Connect(ctx, "unix://"+socket, ConnectOptions{Getenv: noenv})
	if err != nil {
		t.Fatal(err)
	}
	podmanFleet(ctx, t, c.API(), socket)
	s := collect(t, c, Options{Inspector: counter{}, Getenv: noenv})
	for _, g := range s.Gaps {
		if g.Reason != model.GapUnsupported {
			t.Errorf("gap: %+v", g)
		}
	}
	eng := s.Engine
	check(t, "product", eng.Product, "podman")
	check(t, "swarm", s.Swarm == nil, true)
	check(t, "ICC is not told", eng.ICC == nil, true)
	check(t, "experimental", eng.Experimental, false)
	check(t, "TCP", len(eng.TCP), 0)
	check(t, "command line", strings.Contains(strings.Join(eng.Config.CommandLine, " "), "system service"), true)
	check(t, "daemon.json", eng.Config.File, "")
	names := make([]string, 0, len(eng.Components))
	for _, one := range eng.Components {
		names = append(names, one.Name)
		if strings.ContainsAny(one.Version, " \n") || one.Path == "" {
			t.Errorf("component: %+v", one)
		}
	}
	check(t, "components", len(names), 3)
	found := false
	for _, one := range eng.Sockets {
		found = found || one.Path == socket && one.Engine == "podman"
	}
	check(t, "its socket", found, true)
	assertPodmanFleet(t, s)
	if body, err := json.Marshal(s); err != nil || strings.Contains(string(body), token) {
		t.Errorf("the snapshot holds a secret (%v)", err)
	}
}

func assertPodmanFleet(t *testing.T, s *model.Snapshot) {
	t.Helper()
	good, sin := byName(t, s, "good"), byName(t, s, "sin")
	check(t, "good runs", good.State, "running")
	check(t, "good's capabilities", strings.Join(good.Workload.CapDrop, " "), "ALL")
	check(t, "good's user", good.Workload.Root, false)
	check(t, "good's privileges", good.Workload.NoNewPrivileges, true)
	check(t, "good's root", good.Workload.ReadOnlyRoot, true)
	check(t, "good's memory", good.Workload.Limits.MemoryBytes, 64<<20)
	check(t, "good's processes", good.Workload.Limits.PIDs, 50)
	check(t, "good's network", good.Workload.Namespaces.Network, "none")
	check(t, "good's seccomp", good.Workload.Seccomp, "default")
	check(t, "sin's capabilities", strings.Join(sin.Workload.CapAdd, " "), "CAP_SYS_ADMIN")
	check(t, "sin's seccomp", sin.Workload.Seccomp, "unconfined")
	check(t, "sin's processes", sin.Workload.Namespaces.PID, "host")
	check(t, "sin's user", sin.Workload.Root, true)
	check(t, "sin's secret", len(sin.Workload.Secrets) > 0, true)
	check(t, "sin's port", sin.Workload.Ports[0].HostPort, 18082)
	check(t, "sin's address", sin.Endpoints[0].IPv4 != "" && sin.Endpoints[0].ID == "", true)
	sockets := 0
	for _, m := range sin.Workload.Mounts {
		if m.EngineSocket {
			sockets++
		}
	}
	check(t, "sin's ways to the socket", sockets, 2)
	dropped := false
	for _, ch := range sin.Changes {
		dropped = dropped || ch.Path == "/bin/dropped" && ch.Executable && ch.Examined
	}
	check(t, "the program that was copied in", dropped, true)
	check(t, "privileged", byName(t, s, "priv").Workload.Privileged, true)
	check(t, "images", len(s.Images), 2)
	for _, i := range s.Images {
		if i.Contents == nil || len(i.Gaps) > 0 {
			t.Errorf("image %v was not looked into: %+v", i.Tags, i.Gaps)
		}
	}
	check(t, "default network", s.Networks[0].Default, true)
}
