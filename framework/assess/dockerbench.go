package assess

// BenchItem is one check of docker-bench-security 1.6, which follows the CIS Docker Benchmark 1.6.0.
type BenchItem struct {
	ID    string
	Title string // in our words
	// Why says why no check of ours answers for it; empty when one does, by the reference "CIS Docker 1.6.0 <ID>".
	Why string
}

// benchReference is what a check's references start with when it answers for an item of DockerBench.
const benchReference = "CIS Docker 1.6.0 "

const (
	benchEnterprise = "belongs to the Universal Control Plane or Trusted Registry of Docker Enterprise, a product that is no longer sold; other managers are judged by clause 8.5 and registries by clause 8.2"
	benchExample    = "an example for people who write checks; it says nothing about security"
)

// DockerBench lists every check of docker-bench-security 1.6, automated or manual, in its order.
func DockerBench() []BenchItem {
	var all []BenchItem
	for _, section := range [][]BenchItem{
		benchHost(), benchDaemon(), benchFiles(), benchImages(), benchContainers(), benchOperations(), benchSwarm(),
		benchOthers(),
	} {
		all = append(all, section...)
	}
	return all
}

func benchHost() []BenchItem {
	return []BenchItem{
		{ID: "1.1.1", Title: "The engine's data directory is on a file system of its own"},
		{ID: "1.1.2", Title: "Only trusted accounts control the engine"},
		{ID: "1.1.3", Title: "Use of the daemon's program is audited"},
		{ID: "1.1.4", Title: "/run/containerd is audited"},
		{ID: "1.1.5", Title: "/var/lib/docker is audited"},
		{ID: "1.1.6", Title: "/etc/docker is audited"},
		{ID: "1.1.7", Title: "The unit file docker.service is audited"},
		{ID: "1.1.8", Title: "The containerd socket is audited"},
		{ID: "1.1.9", Title: "The unit file docker.socket is audited"},
		{ID: "1.1.10", Title: "/etc/default/docker is audited"},
		{ID: "1.1.11", Title: "/etc/docker/daemon.json is audited"},
		{ID: "1.1.12", Title: "/etc/containerd/config.toml is audited"},
		{ID: "1.1.13", Title: "/etc/sysconfig/docker is audited"},
		{ID: "1.1.14", Title: "Use of containerd is audited"},
		{ID: "1.1.15", Title: "Use of containerd-shim is audited"},
		{ID: "1.1.16", Title: "Use of containerd-shim-runc-v1 is audited"},
		{ID: "1.1.17", Title: "Use of containerd-shim-runc-v2 is audited"},
		{ID: "1.1.18", Title: "Use of runc is audited"},
		{ID: "1.2.1", Title: "The container host is hardened"},
		{ID: "1.2.2", Title: "The engine's version is up to date"},
	}
}

func benchDaemon() []BenchItem {
	return []BenchItem{
		{ID: "2.1", Title: "The daemon runs without root rights where possible"},
		{ID: "2.2", Title: "Containers on the default bridge cannot talk to each other"},
		{ID: "2.3", Title: "The daemon logs at level info"},
		{ID: "2.4", Title: "The daemon may write packet filter rules"},
		{ID: "2.5", Title: "No insecure registry is configured"},
		{ID: "2.6", Title: "The aufs storage driver is not used"},
		{ID: "2.7", Title: "A TCP listener of the daemon asks for TLS client certificates"},
		{ID: "2.8", Title: "Default ulimits are set"},
		{ID: "2.9", Title: "User namespaces are on"},
		{ID: "2.10", Title: "The default control group is kept"},
		{ID: "2.11", Title: "The base device size is not changed without need"},
		{ID: "2.12", Title: "An authorization plugin decides the client's commands"},
		{ID: "2.13", Title: "Logs go to a central or remote place"},
		{ID: "2.14", Title: "Containers cannot gain new privileges by default"},
		{ID: "2.15", Title: "Live restore is on"},
		{ID: "2.16", Title: "The userland proxy is off"},
		{ID: "2.17", Title: "A seccomp profile applies to all containers by default"},
		{ID: "2.18", Title: "Experimental features are off"},
	}
}

func benchFiles() []BenchItem {
	return []BenchItem{
		{ID: "3.1", Title: "docker.service belongs to root"},
		{ID: "3.2", Title: "docker.service has mode 644 or stricter"},
		{ID: "3.3", Title: "docker.socket (the unit) belongs to root"},
		{ID: "3.4", Title: "docker.socket (the unit) has mode 644 or stricter"},
		{ID: "3.5", Title: "/etc/docker belongs to root"},
		{ID: "3.6", Title: "/etc/docker has mode 755 or stricter"},
		{ID: "3.7", Title: "Registry certificates belong to root"},
		{ID: "3.8", Title: "Registry certificates have mode 444 or stricter"},
		{ID: "3.9", Title: "The daemon's TLS CA certificate belongs to root"},
		{ID: "3.10", Title: "The daemon's TLS CA certificate has mode 444 or stricter"},
		{ID: "3.11", Title: "The daemon's TLS certificate belongs to root"},
		{ID: "3.12", Title: "The daemon's TLS certificate has mode 444 or stricter"},
		{ID: "3.13", Title: "The daemon's TLS key belongs to root"},
		{ID: "3.14", Title: "The daemon's TLS key has mode 400"},
		{ID: "3.15", Title: "The engine's socket belongs to root:docker"},
		{ID: "3.16", Title: "The engine's socket has mode 660 or stricter"},
		{ID: "3.17", Title: "daemon.json belongs to root"},
		{ID: "3.18", Title: "daemon.json has mode 644 or stricter"},
		{ID: "3.19", Title: "/etc/default/docker belongs to root"},
		{ID: "3.20", Title: "/etc/sysconfig/docker has mode 644 or stricter"},
		{ID: "3.21", Title: "/etc/sysconfig/docker belongs to root"},
		{ID: "3.22", Title: "/etc/default/docker has mode 644 or stricter"},
		{ID: "3.23", Title: "The containerd socket belongs to root"},
		{ID: "3.24", Title: "The containerd socket has mode 660 or stricter"},
	}
}

func benchImages() []BenchItem {
	return []BenchItem{
		{ID: "4.1", Title: "Containers have a user other than root"},
		{ID: "4.2", Title: "Containers use trusted base images only"},
		{ID: "4.3", Title: "Images hold no unnecessary packages"},
		{ID: "4.4", Title: "Images are scanned and rebuilt with security patches"},
		{ID: "4.5", Title: "Content trust is on"},
		{ID: "4.6", Title: "Images have a health check"},
		{ID: "4.7", Title: "No build step updates package lists by itself"},
		{ID: "4.8", Title: "Images hold no setuid or setgid files without need"},
		{ID: "4.9", Title: "Images are built with COPY instead of ADD"},
		{ID: "4.10", Title: "Build steps hold no secrets"},
		{ID: "4.11", Title: "Images install verified packages only"},
		{ID: "4.12", Title: "Signed artifacts are validated"},
	}
}

func benchContainers() []BenchItem {
	return []BenchItem{
		{ID: "5.1", Title: "Swarm mode is off unless it is used"},
		{ID: "5.2", Title: "An AppArmor profile applies"},
		{ID: "5.3", Title: "SELinux options are set"},
		{ID: "5.4", Title: "Kernel capabilities are restricted"},
		{ID: "5.5", Title: "No container is privileged"},
		{ID: "5.6", Title: "Sensitive host directories are not mounted"},
		{ID: "5.7", Title: "No container runs sshd"},
		{ID: "5.8", Title: "No privileged host port is published"},
		{ID: "5.9", Title: "Only needed ports are open"},
		{ID: "5.10", Title: "The host's network namespace is not shared"},
		{ID: "5.11", Title: "Memory is limited"},
		{ID: "5.12", Title: "CPU shares are set"},
		{ID: "5.13", Title: "The root file system is read-only"},
		{ID: "5.14", Title: "Ports are published on a specific host address"},
		{ID: "5.15", Title: "Restarts on failure are limited to five"},
		{ID: "5.16", Title: "The host's process namespace is not shared"},
		{ID: "5.17", Title: "The host's IPC namespace is not shared"},
		{ID: "5.18", Title: "Host devices are not given to containers"},
		{ID: "5.19", Title: "Default ulimits are overridden only where needed"},
		{ID: "5.20", Title: "Mount propagation is not shared"},
		{ID: "5.21", Title: "The host's UTS namespace is not shared"},
		{ID: "5.22", Title: "The default seccomp profile is on"},
		{ID: "5.23", Title: "docker exec is not used with --privileged"},
		{ID: "5.24", Title: "docker exec is not used with --user=root"},
		{ID: "5.25", Title: "Control groups are confirmed"},
		{ID: "5.26", Title: "Containers cannot gain new privileges"},
		{ID: "5.27", Title: "Health is checked at run time"},
		{ID: "5.28", Title: "Containers use the latest version of their image"},
		{ID: "5.29", Title: "The number of processes is limited"},
		{ID: "5.30", Title: "The default bridge docker0 is not used"},
		{ID: "5.31", Title: "The host's user namespace is not shared"},
		{ID: "5.32", Title: "The engine's socket is not mounted"},
	}
}

func benchOperations() []BenchItem {
	return []BenchItem{
		{ID: "6.1", Title: "Unused images do not pile up"},
		{ID: "6.2", Title: "Dead containers do not pile up"},
	}
}

func benchSwarm() []BenchItem {
	return []BenchItem{
		{ID: "7.1", Title: "A swarm has no more managers than needed"},
		{ID: "7.2", Title: "Swarm services listen on a specific host interface"},
		{ID: "7.3", Title: "Overlay networks are encrypted"},
		{ID: "7.4", Title: "Swarm secrets are used for secrets"},
		{ID: "7.5", Title: "Swarm managers run in auto-lock mode"},
		{ID: "7.6", Title: "The auto-lock key is rotated"},
		{ID: "7.7", Title: "Node certificates are rotated"},
		{ID: "7.8", Title: "CA certificates are rotated"},
		{ID: "7.9", Title: "Management and data traffic of a swarm are separated"},
	}
}

// benchOthers are the sections of docker-bench-security that are not part of the CIS Benchmark.
func benchOthers() []BenchItem {
	return []BenchItem{
		{ID: "8.1.1", Title: "The control plane signs in through LDAP", Why: benchEnterprise},
		{ID: "8.1.2", Title: "The control plane uses external certificates", Why: benchEnterprise},
		{ID: "8.1.3", Title: "Unprivileged users have client certificate bundles", Why: benchEnterprise},
		{ID: "8.1.4", Title: "The control plane has role-based access rules", Why: benchEnterprise},
		{ID: "8.1.5", Title: "The control plane enforces signed images", Why: benchEnterprise},
		{ID: "8.1.6", Title: "The control plane allows three sessions per user at most", Why: benchEnterprise},
		{ID: "8.1.7", Title: "The control plane's sessions end early", Why: benchEnterprise},
		{ID: "8.2.1", Title: "The trusted registry scans images for vulnerabilities", Why: benchEnterprise},
		{ID: "C.1", Title: "Example of an automated check", Why: benchExample},
		{ID: "C.1.1", Title: "Example of a manual check", Why: benchExample},
		{ID: "C.2", Title: "Version 1 registries are off", Why: "engines since 17.12 cannot speak the version 1 protocol; older ones fail 1.2.2"},
		{ID: "C.5.3.1", Title: "No container has CAP_DAC_READ_SEARCH", Why: "part of the capabilities of 5.4, which names each one"},
		{ID: "C.5.3.2", Title: "No container has CAP_SYS_MODULE", Why: "part of the capabilities of 5.4, which names each one"},
		{ID: "C.5.3.3", Title: "No container has CAP_SYS_ADMIN", Why: "part of the capabilities of 5.4, which names each one"},
		{ID: "C.5.3.4", Title: "No container has CAP_SYS_PTRACE", Why: "part of the capabilities of 5.4, which names each one"},
	}
}
