//go:build e2e

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

func TestRealEngines(t *testing.T) {
	for _, o := range []lab.EngineOptions{
		{Kind: lab.Debian, Private: true, Config: map[string]any{"icc": true, "log-level": "warn", "log-opts": map[string]string{"max-size": "10m"}}},
		{Kind: lab.Current, Private: true, Config: map[string]any{"log-level": "warn", "log-opts": map[string]string{"max-size": "10m"}}},
	} {
		t.Run(string(o.Kind), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			o.Dir = t.TempDir()
			e, err := lab.StartEngine(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := e.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			cli, err := e.Client()
			if err != nil {
				t.Fatal(err)
			}
			defer cli.Close()
			startFleet(ctx, t, cli, e.Socket)
			if *record {
				writeRecording(ctx, t, e, string(o.Kind))
			}
			assertLive(t, e, o.Dir)
		})
	}
}

func assertLive(t *testing.T, e *lab.Engine, dir string) {
	c, err := Connect(context.Background(), "unix://"+e.Socket, ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "peer", c.peer, e.PID())
	opts := Options{Inspector: counter{}, CacheDir: filepath.Join(dir, "cache")}
	start := time.Now()
	s := collect(t, c, opts)
	first := time.Since(start)
	start = time.Now()
	again := collect(t, c, opts)
	t.Logf("collected in %s, then in %s; gaps: %+v", first, time.Since(start), s.Gaps)
	assertFleet(t, s)
	check(t, "engine gaps", len(s.Gaps), 0)
	body, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(body), token) {
		t.Error("the snapshot holds a secret")
	}
	if dir := os.Getenv("BULKHEAD_KEEP"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, filepath.Base(t.Name())+".json"), body, 0o600)
	}
	eng := s.Engine
	check(t, "log level", eng.LogLevel, "warn")
	check(t, "configuration", eng.Config.File, filepath.Join(dir, "daemon.json"))
	check(t, "icc", *eng.ICC, true)
	check(t, "two sockets", len(eng.Sockets) >= 2, true)
	sin := byName(t, s, "sin")
	check(t, "sin changes", len(sin.Changes), 1)
	if ch := sin.Changes[0]; ch.Path != "/usr/bin/dropped" || ch.Kind != "added" || !ch.Executable || !ch.Examined {
		t.Errorf("the program that was copied in: %+v", ch)
	}
	check(t, "sin processes", len(sin.Processes), 1)
	check(t, "good process's user", byName(t, s, "good").Processes[0].User, "1000")
	check(t, "sin gaps", len(sin.Gaps), 0)
	for _, i := range s.Images {
		if i.Contents == nil || i.Contents.Files == 0 || len(i.Gaps) > 0 {
			t.Errorf("image %v was not looked into: %+v", i.Tags, i.Gaps)
		}
	}
	for i := range again.Images {
		if again.Images[i].Contents == nil {
			t.Error("the second look found nothing in the cache")
		}
	}
}

func startFleet(ctx context.Context, t *testing.T, cli *client.Client, socket string) {
	t.Helper()
	entry := []string{"/bin/sleep", "3600"}
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, im := range []lab.Image{
		{Tag: "lab/good:1.2.3", Created: when, Config: v1.Config{
			User: "1000:1000", Entrypoint: entry, ExposedPorts: map[string]struct{}{"80/tcp": {}},
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/bin/true"}}, Labels: map[string]string{"io.bulkhead.purpose": "serve"},
		}},
		{
			Tag: "lab/sin:latest", Created: when, Config: v1.Config{Cmd: entry},
			Layers: []lab.Layer{{Files: map[string]lab.File{"/etc/motd": {Body: []byte("hi"), Mode: 0o644}}, CreatedBy: "RUN deploy --token=" + token}},
		},
	} {
		if _, err := lab.Load(ctx, cli, im); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := cli.NetworkCreate(ctx, "backend", client.NetworkCreateOptions{
		Driver: "bridge", Internal: true,
		Options: map[string]string{"com.docker.network.bridge.enable_icc": "false"},
	})
	must(err)
	_, err = cli.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: "logs", Driver: "local",
		DriverOpts: map[string]string{"type": "none", "o": "bind", "device": "/var/log"},
	})
	must(err)
	pids := int64(50)
	port := network.MustParsePort("80/tcp")
	run := func(name string, start bool, cfg container.Config, hc container.HostConfig) string {
		t.Helper()
		c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Name: name, Config: &cfg, HostConfig: &hc})
		must(err)
		if start {
			_, err = cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
			must(err)
		}
		return c.ID
	}
	id := run("sin", true,
		container.Config{Image: "lab/sin:latest", Entrypoint: []string{"/bin/sleep"}, Cmd: []string{"3600"}, Env: []string{"API_TOKEN=" + token}, ExposedPorts: network.PortSet{port: {}}},
		container.HostConfig{
			CapAdd: []string{"SYS_ADMIN", "NET_ADMIN"}, PidMode: "host", SecurityOpt: []string{"seccomp=unconfined"},
			RestartPolicy: container.RestartPolicy{Name: "always"}, Binds: []string{"/:/host:ro", socket + ":/engine.sock", "logs:/data"},
			PortBindings: network.PortMap{port: {{HostPort: "18080"}}},
		})
	run("good", true,
		container.Config{Image: "lab/good:1.2.3", Labels: map[string]string{"io.bulkhead.sensitivity": "internal"}},
		container.HostConfig{
			CapDrop: []string{"all"}, SecurityOpt: []string{"no-new-privileges"}, ReadonlyRootfs: true, NetworkMode: "backend",
			Tmpfs: map[string]string{"/tmp": ""}, RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 5},
			PortBindings: network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: "18081"}}},
			Resources: container.Resources{
				Memory: 64 << 20, CPUQuota: 50_000, CPUPeriod: 100_000, PidsLimit: &pids,
				Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 64, Hard: 128}},
			},
		})
	run("priv", true, container.Config{Image: "lab/sin:latest"}, container.HostConfig{Privileged: true, NetworkMode: "host"})
	run("stopped", false, container.Config{Image: "lab/sin:latest"}, container.HostConfig{})
	exec(ctx, t, cli, id, "mkdir -p /usr/bin && cp /bin/busybox /usr/bin/dropped")
}

func exec(ctx context.Context, t *testing.T, cli *client.Client, id, command string) {
	t.Helper()
	x, err := cli.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: []string{"/bin/sh", "-c", command}, AttachStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := cli.ExecAttach(ctx, x.ID, client.ExecAttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	_, _ = io.Copy(io.Discard, a.Reader)
}

// TestSwarm makes a Swarm of one manager with a service.
func TestSwarm(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: lab.Debian, Private: true, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if _, err := lab.Load(ctx, cli, lab.Image{Tag: "lab/web:2.0.1", Config: v1.Config{Cmd: []string{"/bin/sleep", "3600"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := cli.SwarmInit(ctx, client.SwarmInitOptions{
		ListenAddr: "127.0.0.1:2377", AdvertiseAddr: "127.0.0.1",
		Spec: swarm.Spec{EncryptionConfig: swarm.EncryptionConfig{AutoLockManagers: true}},
	}); err != nil {
		t.Fatal(err)
	}
	sec, err := cli.SecretCreate(ctx, client.SecretCreateOptions{Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: "db"}, Data: []byte(token)}})
	if err != nil {
		t.Fatal(err)
	}
	one := uint64(1)
	if _, err := cli.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "web"}, Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}},
		UpdateConfig: &swarm.UpdateConfig{FailureAction: swarm.UpdateFailureActionRollback, Order: swarm.UpdateOrderStopFirst},
		TaskTemplate: swarm.TaskSpec{
			Placement: &swarm.Placement{Constraints: []string{"node.labels.zone==a"}},
			Resources: &swarm.ResourceRequirements{Limits: &swarm.Limit{MemoryBytes: 64 << 20}},
			ContainerSpec: &swarm.ContainerSpec{
				Image: "lab/web:2.0.1", User: "1000", ReadOnly: true, Env: []string{"DB_PASSWORD=" + token},
				CapabilityDrop: []string{"ALL"}, Mounts: []mount.Mount{{Type: "bind", Source: "/var/run/docker.sock", Target: "/s", ReadOnly: true}},
				Secrets: []*swarm.SecretReference{{SecretID: sec.ID, SecretName: "db", File: &swarm.SecretReferenceFileTarget{Name: "db", UID: "0", GID: "0", Mode: 0o400}}},
			},
		},
	}}); err != nil {
		t.Fatal(err)
	}
	if *record {
		writeRecording(ctx, t, e, "swarm", "/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")
	}
	c, err := Connect(ctx, "unix://"+e.Socket, ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := collect(t, c, Options{})
	assertSwarm(t, s)
	check(t, "listen address", s.Swarm.ListenAddress, "127.0.0.1:2377")
}

// TestHundredContainers is the speed that the product promises for a look at a node.
func TestHundredContainers(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	e, err := lab.StartEngine(ctx, lab.EngineOptions{Kind: lab.Debian, Private: true, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if _, err := lab.Load(ctx, cli, lab.Image{Tag: "lab/app:1.0.0", Config: v1.Config{Cmd: []string{"/bin/sleep", "3600"}}}); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		c, err := cli.ContainerCreate(ctx, client.ContainerCreateOptions{Name: fmt.Sprintf("c%d", i), Config: &container.Config{Image: "lab/app:1.0.0"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cli.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Connect(ctx, "unix://"+e.Socket, ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	col := New(c, Options{Secrets: secret.New([]byte("k")), Inspector: counter{}})
	for _, n := range col.Collectors() {
		quickest := time.Hour
		for range 3 { // the machine may be busy at one time
			start := time.Now()
			part, gaps := n.Collect(ctx)
			took := time.Since(start)
			t.Logf("%s: %s, %d gaps", n.Name, took, len(gaps))
			if part == nil || len(gaps) > 0 {
				t.Errorf("%s: %+v", n.Name, gaps)
			}
			if quickest = min(quickest, took); quickest <= 1200*time.Millisecond {
				break
			}
		}
		if quickest > 1200*time.Millisecond {
			t.Errorf("%s took %s at best", n.Name, quickest)
		}
	}
}
