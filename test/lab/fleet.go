package lab

import (
	"net/netip"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	dockernet "github.com/moby/moby/api/types/network"
)

// FleetLabel marks everything that a fleet made, so that it can be told from what is the user's and removed.
const FleetLabel = "io.bulkhead.demo"

// Member is one container of the fleet: the hardened container with one change. Sin says what the change is; it is
// empty for a hardened one.
type Member struct {
	Name string
	Sin  string
	// Subject is the object that the sin is told of; empty means the container itself.
	Subject string
	change  func(*spec)
	// after runs a command in the started container.
	after []string
}

// spec is what a member may change.
type spec struct {
	config  container.Config
	host    container.HostConfig
	network string
}

// Images of the fleet.
const (
	imageApp     = "lab/app:1.0.0"
	imageLatest  = "lab/app:latest"
	imageToolbox = "lab/toolbox:1.0.0"
	imageLeaky   = "lab/leaky:1.0.0"
)

// Networks of the fleet: containers on the chatty one may talk to each other, on the quiet one they may not.
const (
	networkChatty = "lab-chatty"
	networkQuiet  = "lab-quiet"
)

// Members lists the fleet: containers that each carry one known sin, and hardened ones that carry none. socket is the
// path of the engine's own socket.
func Members(socket string) []Member {
	return []Member{
		{Name: "hardened-alone"},
		{Name: "hardened-quiet", change: func(s *spec) { s.network = networkQuiet }},
		{Name: "sin-privileged", Sin: "privileged", change: func(s *spec) { s.host.Privileged = true }},
		{Name: "sin-host-namespaces", Sin: "shares the host's PID, IPC, UTS and network namespaces", change: func(s *spec) {
			s.host.PidMode, s.host.IpcMode, s.host.UTSMode = "host", "host", "host"
			s.network = "host"
		}},
		{Name: "sin-engine-socket", Sin: "holds the engine's socket", change: bind(socket, "/var/run/docker.sock", true)},
		{Name: "sin-root-caps", Sin: "root with added capabilities", change: func(s *spec) {
			s.config.User = "root"
			s.host.CapDrop, s.host.CapAdd = nil, []string{"SYS_ADMIN", "NET_ADMIN"}
		}},
		{Name: "sin-host-mount", Sin: "mounts /etc of the host writable", change: bind("/etc", "/host/etc", false)},
		{Name: "sin-latest", Sin: "image by a moving tag", change: func(s *spec) { s.config.Image = imageLatest }},
		{Name: "sin-env-secret", Sin: "password in an environment variable", change: func(s *spec) {
			s.config.Env = append(s.config.Env, "DB_PASSWORD=correct-horse-battery-staple")
		}},
		{Name: "sin-leaky-image", Sin: "image with a secret in its environment and history", change: func(s *spec) {
			s.config.Image = imageLeaky
		}},
		{
			Name: "sin-drift", Sin: "a program was copied in after the start", change: func(s *spec) { s.host.ReadonlyRootfs = false },
			after: []string{"cp", "/bin/busybox", "/home/app/added"},
		},
		{Name: "sin-published", Sin: "published on all addresses", change: func(s *spec) {
			s.network = networkQuiet
			s.host.PortBindings = dockernet.PortMap{dockernet.MustParsePort("8080/tcp"): {{HostIP: netip.IPv4Unspecified(), HostPort: "0"}}}
		}},
		{Name: "sin-unlimited", Sin: "no limits of memory, CPU and processes", change: func(s *spec) {
			s.host.Resources = container.Resources{}
		}},
		{Name: "sin-chatty-a", Sin: "on a bridge where it may talk to another tenant's container", Subject: networkChatty, change: chatty("lab-a")},
		{Name: "sin-chatty-b", Sin: "on a bridge where it may talk to another tenant's container", Subject: networkChatty, change: chatty("lab-b")},
		{Name: "sin-unconfined", Sin: "no seccomp profile, new privileges allowed", change: func(s *spec) {
			s.host.SecurityOpt = []string{"seccomp=unconfined"}
		}},
		{Name: "sin-device", Sin: "holds a device of the host", change: func(s *spec) {
			s.host.Devices = []container.DeviceMapping{{PathOnHost: "/dev/kmsg", PathInContainer: "/dev/kmsg", CgroupPermissions: "rwm"}}
		}},
		{Name: "sin-jump-host", Sin: "a shell of an image with sshd, compiler and package manager", change: func(s *spec) {
			s.config.Image = imageToolbox
			s.config.Entrypoint = []string{"/bin/sh", "-c", "while true; do sleep 3600; done"}
		}},
		{Name: "sin-restart-forever", Sin: "restarted without end", change: func(s *spec) {
			s.host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyAlways}
		}},
		{Name: "sin-no-healthcheck", Sin: "nobody asks whether it is healthy", change: func(s *spec) {
			s.config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
		}},
	}
}

func chatty(tenant string) func(*spec) {
	return func(s *spec) {
		s.network = networkChatty
		s.config.Labels["io.bulkhead.tenant"] = tenant
	}
}

func bind(source, target string, readOnly bool) func(*spec) {
	return func(s *spec) {
		s.host.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: source, Target: target, ReadOnly: readOnly}}
	}
}

// hardened is a container that carries none of the sins.
func hardened() spec {
	pids := int64(64)
	return spec{
		network: "none",
		config: container.Config{
			Image:       imageApp,
			User:        "1000:1000",
			Labels:      map[string]string{FleetLabel: "true", "io.bulkhead.sensitivity": "internal", "io.bulkhead.tenant": "lab"},
			Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/bin/true"}, Interval: 30 * time.Second, Timeout: 5 * time.Second, Retries: 3},
		},
		host: container.HostConfig{
			ReadonlyRootfs: true,
			CapDrop:        []string{"ALL"},
			SecurityOpt:    []string{"no-new-privileges:true"},
			RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyOnFailure, MaximumRetryCount: 3},
			IpcMode:        container.IPCModePrivate,
			CgroupnsMode:   container.CgroupnsModePrivate,
			Tmpfs:          map[string]string{"/tmp": "rw,noexec,nosuid,nodev,size=8m"},
			Resources: container.Resources{
				Memory: 64 << 20, MemorySwap: 64 << 20, NanoCPUs: 2e8, PidsLimit: &pids,
				Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 1024, Hard: 2048}},
			},
		},
	}
}

// fleetImages are made from busybox: nothing is pulled.
func fleetImages() []Image {
	config := func(labels map[string]string) v1.Config {
		l := map[string]string{FleetLabel: "true", "io.bulkhead.purpose": "service", "org.opencontainers.image.version": "1.0.0"}
		for k, v := range labels {
			l[k] = v
		}
		return v1.Config{
			User: "1000:1000", Entrypoint: []string{"/bin/sleep"}, Cmd: []string{"86400"}, Labels: l,
			Env: []string{"PATH=/bin"}, ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/bin/true"}, Interval: 30 * time.Second},
		}
	}
	home := Layer{Files: map[string]File{"/home/app": {Dir: true, Mode: 0o755, UID: 1000}}, CreatedBy: "RUN mkdir /home/app"}
	tools := Layer{CreatedBy: "RUN apt-get update && apt-get install -y openssh-server gcc", Files: map[string]File{
		"/usr/sbin/sshd":   {Body: []byte("#!/bin/sh\n"), Mode: 0o755},
		"/usr/bin/gcc":     {Body: []byte("#!/bin/sh\n"), Mode: 0o755},
		"/usr/bin/apt-get": {Body: []byte("#!/bin/sh\n"), Mode: 0o755},
		"/usr/bin/su":      {Body: []byte("#!/bin/sh\n"), Mode: 0o4755},
	}}
	leaky := config(nil)
	leaky.Env = append(leaky.Env, "API_TOKEN=ghp_16C7e42F292c6912E7710c838347Ae178B4a")
	secretStep := Layer{
		CreatedBy: "RUN curl -H 'Authorization: Bearer ghp_16C7e42F292c6912E7710c838347Ae178B4a' https://example.com",
		Files:     map[string]File{"/home/app/data": {Body: []byte("data"), Mode: 0o644}},
	}
	now := time.Now().Truncate(time.Second)
	return []Image{
		{Tag: imageApp, Layers: []Layer{home}, Config: config(nil), Created: now},
		{Tag: imageLatest, Layers: []Layer{home}, Config: config(map[string]string{"channel": "latest"}), Created: now},
		{Tag: imageToolbox, Layers: []Layer{home, tools}, Config: config(nil), Created: now},
		{Tag: imageLeaky, Layers: []Layer{home, secretStep}, Config: leaky, Created: now},
	}
}
