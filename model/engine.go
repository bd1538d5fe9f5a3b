package model

// Engine is the container engine of the node.
type Engine struct {
	// Product is "docker", "podman" or what the engine calls itself.
	Product    string `json:"product"`
	Version    string `json:"version"`
	APIVersion string `json:"api_version"`
	Endpoint   string `json:"endpoint"` // e.g. "unix:///run/docker.sock"
	Rootless   bool   `json:"rootless,omitempty"`
	// Components are containerd, runc, docker-init, ... with versions.
	Components []Component `json:"components,omitempty"`
	RootDir    string      `json:"root_dir,omitempty"`
	// RootDirOwnMount is true when RootDir is on a file system of its own; nil when not known.
	RootDirOwnMount *bool    `json:"root_dir_own_mount,omitempty"`
	StorageDriver   string   `json:"storage_driver,omitempty"`
	StorageStatus   []KeyVal `json:"storage_status,omitempty"`
	LoggingDriver   string   `json:"logging_driver,omitempty"`
	LogOptions      []KeyVal `json:"log_options,omitempty"` // names, and values that are no secrets
	CgroupDriver    string   `json:"cgroup_driver,omitempty"`
	CgroupVersion   string   `json:"cgroup_version,omitempty"`
	DefaultRuntime  string   `json:"default_runtime,omitempty"`
	Runtimes        []string `json:"runtimes,omitempty"`
	LiveRestore     bool     `json:"live_restore"`
	UserNamespaces  bool     `json:"user_namespaces"`
	// Experimental is true when the engine runs with experimental features.
	Experimental bool `json:"experimental"`
	// SecurityOptions as the engine reports them: "apparmor", "seccomp", "selinux", "userns", "rootless",
	// "no-new-privileges", "cgroupns". SeccompProfile is "default", "builtin", "unconfined" or a path.
	SecurityOptions []string `json:"security_options,omitempty"`
	SeccompProfile  string   `json:"seccomp_profile,omitempty"`
	ICC             *bool    `json:"icc,omitempty"`
	IPTables        *bool    `json:"iptables,omitempty"`
	UserlandProxy   *bool    `json:"userland_proxy,omitempty"`
	NoNewPrivileges bool     `json:"no_new_privileges"`
	DefaultUlimits  []string `json:"default_ulimits,omitempty"`
	CgroupParent    string   `json:"cgroup_parent,omitempty"`
	// AuthorizationPlugins, Plugins as "type/name".
	AuthorizationPlugins []string `json:"authorization_plugins,omitempty"`
	Plugins              []string `json:"plugins,omitempty"`
	InsecureRegistries   []string `json:"insecure_registries,omitempty"`
	RegistryMirrors      []string `json:"registry_mirrors,omitempty"`
	LogLevel             string   `json:"log_level,omitempty"`
	// ContentTrust is true when DOCKER_CONTENT_TRUST or a content-trust setting of daemon.json is on.
	ContentTrust bool `json:"content_trust,omitempty"`
	// ImageStore is "graphdriver" or "containerd".
	ImageStore string `json:"image_store,omitempty"`
	// Config is where each setting comes from.
	Config EngineConfig `json:"config"`
	// Sockets are the engine's Unix sockets, its containerd's and Podman's, with owner, mode and the accounts that may
	// connect. TCP are its TCP listeners.
	Sockets []EngineSocket `json:"sockets,omitempty"`
	TCP     []EngineTCP    `json:"tcp,omitempty"`
	// Warnings are the engine's own.
	Warnings []string `json:"warnings,omitempty"`
	// Counts as the engine reports them.
	ContainersRunning int `json:"containers_running"`
	ContainersTotal   int `json:"containers_total"`
	ImagesTotal       int `json:"images_total"`
	// ImagesBytes and unused share come from the engine's disk usage.
	Usage EngineUsage `json:"usage"`
}

// EngineUsage is the engine's disk usage.
type EngineUsage struct {
	ImagesBytes      int64 `json:"images_bytes,omitempty"`
	ImagesUnused     int   `json:"images_unused,omitempty"`
	ContainersDead   int   `json:"containers_dead,omitempty"`
	VolumesUnused    int   `json:"volumes_unused,omitempty"`
	BuildCacheBytes  int64 `json:"build_cache_bytes,omitempty"`
	FilesystemFree   int64 `json:"filesystem_free,omitempty"`
	FilesystemPerc   int   `json:"filesystem_used_percent,omitempty"`
	InodesUsedPerc   int   `json:"inodes_used_percent,omitempty"`
	ContainersPaused int   `json:"containers_paused,omitempty"`
}

// Component is a part of an engine or orchestrator with its version. Package is the host package that owns its binary,
// if any; Path is the binary.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Path    string `json:"path,omitempty"`
	Package string `json:"package,omitempty"`
}

// EngineConfig says what the daemon was configured with, and where.
type EngineConfig struct {
	// File is daemon.json; empty if there is none. CommandLine are the daemon's own arguments, secrets replaced.
	File        string   `json:"file,omitempty"`
	CommandLine []string `json:"command_line,omitempty"`
	// Settings are the flattened settings: key, value, source ("file" or "flag"), sorted by key.
	Settings []EngineSetting `json:"settings,omitempty"`
	// Environment are names of proxy and debug variables that are set for the daemon.
	Environment []string `json:"environment,omitempty"`
}

// EngineSetting is one setting of the daemon. Values of secrets are replaced by "[secret]".
type EngineSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// EngineSocket is a Unix socket that gives control over containers.
type EngineSocket struct {
	FileFact
	// Engine is "docker", "containerd", "podman", "crio", "bulkhead-guard".
	Engine string `json:"engine"`
	// Users are the accounts (besides root) that may connect by owner, group or world permission.
	Users []string `json:"users,omitempty"`
	// MountedIn are the ids of containers that hold it.
	MountedIn []string `json:"mounted_in,omitempty"`
	// Guarded is true when only the daemon guard may connect.
	Guarded bool `json:"guarded,omitempty"`
}

// EngineTCP is a TCP endpoint of the engine.
type EngineTCP struct {
	Address string `json:"address"` // host:port
	TLS     bool   `json:"tls"`
	// VerifyClient is true when client certificates are required.
	VerifyClient bool `json:"verify_client"`
	Loopback     bool `json:"loopback"`
	// Source is "file", "flag" or "listener" (seen listening, not found in the configuration).
	Source string `json:"source"`
}
