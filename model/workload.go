package model

// Workload is what is asked to run, in one form for a Docker container, a Swarm service and a Kubernetes pod's
// container, so that checks and policies are written once.
type Workload struct {
	// Kind is what would run: "container", "service", "plugin", "attachment", "exec", "update", "build", "volume"; empty where it
	// was read from what runs.
	Kind  string   `json:"kind,omitempty"`
	Image ImageRef `json:"image"`
	// Entrypoint and Args are as configured, with secrets replaced by "[secret]".
	Entrypoint []string `json:"entrypoint,omitempty"`
	Args       []string `json:"args,omitempty"`
	// EntrypointOverridden is true when the entry point is not the image's own.
	EntrypointOverridden bool `json:"entrypoint_overridden,omitempty"`
	// CommandOverridden is true when the program that runs is not the image's own because the image has no entry point and the
	// command is another one.
	CommandOverridden bool   `json:"command_overridden,omitempty"`
	WorkingDir        string `json:"working_dir,omitempty"`
	// User is as configured ("", "0", "app", "1000:1000"); empty means the image's user, which is UserEffective.
	User          string `json:"user,omitempty"`
	UserEffective string `json:"user_effective,omitempty"`
	// Root is true when the effective user is uid 0 (also when the name resolves to it or nothing is set).
	Root bool `json:"root"`
	// Groups are those that the processes have beside their own.
	Groups []string `json:"groups,omitempty"`

	Privileged bool `json:"privileged"`
	// CapAdd and CapDrop are normalised: upper case with the prefix "CAP_", or "ALL".
	CapAdd  []string `json:"cap_add,omitempty"`
	CapDrop []string `json:"cap_drop,omitempty"`
	// NoNewPrivileges is the effective value, the engine's default included.
	NoNewPrivileges bool `json:"no_new_privileges"`
	// Seccomp is "default", "unconfined", "builtin" or "custom"; AppArmor the profile's name or "unconfined" or "";
	// SELinux the label options, or "disabled".
	Seccomp  string   `json:"seccomp,omitempty"`
	AppArmor string   `json:"apparmor,omitempty"`
	SELinux  []string `json:"selinux,omitempty"`
	// MaskedPathsOff is true when masked or read-only kernel paths were opened (systempaths=unconfined, procMount).
	MaskedPathsOff bool `json:"masked_paths_off,omitempty"`

	// Weakened are protections that were asked to be less than the engine's own: "seccomp", "apparmor", "selinux",
	// "no-new-privileges", "writable-cgroups".
	Weakened []string `json:"weakened,omitempty"`

	Namespaces Namespaces `json:"namespaces"`
	// HostNamespaces are the kinds ("network", "pid", "ipc", "uts", "user", "cgroup") that were asked to be the host's, also by way
	// of another container; JoinedNamespaces those of other containers ("pid:<id>"), and ForeignNamespaces those of containers of others.
	HostNamespaces    []string `json:"host_namespaces,omitempty"`
	JoinedNamespaces  []string `json:"joined_namespaces,omitempty"`
	ForeignNamespaces []string `json:"foreign_namespaces,omitempty"`

	ReadOnlyRoot bool      `json:"read_only_root"`
	Mounts       []Mount   `json:"mounts,omitempty"`
	Devices      []Device  `json:"devices,omitempty"`
	DeviceRules  []string  `json:"device_rules,omitempty"`
	Sysctls      []KeyVal  `json:"sysctls,omitempty"`
	Limits       Limits    `json:"limits"`
	Ports        []PortMap `json:"ports,omitempty"`
	Networks     []string  `json:"networks,omitempty"`
	// ForeignNetworks are networks of others among them; Links are containers that it is linked to.
	ForeignNetworks []string `json:"foreign_networks,omitempty"`
	Links           []string `json:"links,omitempty"`
	// Addresses are those of IP and MAC that were asked for, NETWORK=ADDRESS.
	Addresses []string `json:"addresses,omitempty"`
	// EndpointOptions are options of drivers, NETWORK:KEY.
	EndpointOptions []string `json:"endpoint_options,omitempty"`
	PublishAll      bool     `json:"publish_all,omitempty"`
	ExtraHosts      []string `json:"extra_hosts,omitempty"`
	DNS             []string `json:"dns,omitempty"`

	Restart        string `json:"restart,omitempty"` // "no", "always", "unless-stopped", "on-failure"
	RestartMax     int    `json:"restart_max,omitempty"`
	HasHealthcheck bool   `json:"has_healthcheck"`
	Runtime        string `json:"runtime,omitempty"`
	Init           bool   `json:"init,omitempty"`
	CgroupParent   string `json:"cgroup_parent,omitempty"`
	LogDriver      string `json:"log_driver,omitempty"`
	// LogOptions and StorageOptions are names of options; values can be secret.
	LogOptions     []string `json:"log_options,omitempty"`
	StorageOptions []string `json:"storage_options,omitempty"`
	// Annotations are names of what is told to the runtime.
	Annotations []string `json:"annotations,omitempty"`
	AutoRemove  bool     `json:"auto_remove,omitempty"`
	Isolation   string   `json:"isolation,omitempty"`
	// Remote is where a build takes its context from, when the engine fetches it.
	Remote string `json:"remote,omitempty"`
	// Build is what is special to a build by BuildKit; nil for everything else.
	Build *Build `json:"build,omitempty"`

	// EnvNames are the names of environment variables; values are not kept.
	EnvNames []string         `json:"env_names,omitempty"`
	Secrets  []SecretSighting `json:"secrets,omitempty"`
	// Labels are kept with secret values replaced by "[secret]". Kubernetes: labels and annotations.
	Labels map[string]string `json:"labels,omitempty"`

	// Tenant and Sensitivity are what the labels named in the settings say; empty where unlabelled.
	Tenant      string `json:"tenant,omitempty"`
	Sensitivity string `json:"sensitivity,omitempty"`

	// Unknown is what was asked for and is not understood, each as PLACE: WHY. A rule can refuse it; nobody may take it for harmless.
	Unknown []string `json:"unknown,omitempty"`
}

// Build is what a build by BuildKit is told beside what its programs run as.
type Build struct {
	// Entitlements are as they were asked for: "network.host", "security.insecure", "device=...".
	Entitlements []string `json:"entitlements,omitempty"`
	// Frontend is the program that reads the build's file, FrontendImages images that are run as one.
	Frontend       string   `json:"frontend,omitempty"`
	FrontendImages []string `json:"frontend_images,omitempty"`
	// Bases are the images that stages of the build's file begin with, where the guard sees that.
	Bases []ImageRef `json:"bases,omitempty"`
	// Exporters are the kinds of what is made, Pushes what is sent to registries, Caches KIND:PLACE.
	Exporters []string `json:"exporters,omitempty"`
	Pushes    []string `json:"pushes,omitempty"`
	Caches    []string `json:"caches,omitempty"`
	// Sources are images, addresses and parts of the caller's session that are taken from; Secrets are "secret:ID" and "ssh:ID".
	Sources []string `json:"sources,omitempty"`
	Secrets []string `json:"secrets,omitempty"`
}

// Namespaces says which kernel namespaces the workload shares: "private", "host", "container:<id>", "pod", "none" or,
// for the network, the mode ("bridge", "none", "host", a network's name). User is "private" when uids are remapped.
type Namespaces struct {
	Network string `json:"network"`
	PID     string `json:"pid"`
	IPC     string `json:"ipc"`
	UTS     string `json:"uts"`
	User    string `json:"user"`
	Cgroup  string `json:"cgroup"`
}

// Mount is a file system given to a workload.
type Mount struct {
	Type string `json:"type"` // "bind", "volume", "tmpfs", "npipe", "image", "cluster", "hostPath", ...
	// Source is as configured; Resolved is the host path after symlinks and "..", also behind a volume with o=bind.
	Source   string `json:"source,omitempty"`
	Resolved string `json:"resolved,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only"`
	// Propagation is "private", "rprivate", "shared", "rshared", "slave", "rslave".
	Propagation string `json:"propagation,omitempty"`
	Volume      string `json:"volume,omitempty"`
	Driver      string `json:"driver,omitempty"`
	// EngineSocket is true when the mount gives access to a container engine's socket (the file or a parent of it).
	EngineSocket bool `json:"engine_socket,omitempty"`
	// Stable says that nobody but root can make the path another one; Unstable why not. Neither is set where nobody looked.
	Stable   bool   `json:"stable,omitempty"`
	Unstable string `json:"unstable,omitempty"`
	Subpath  string `json:"subpath,omitempty"`
	// From is the container that it is taken from, Foreign that this, or the volume, belongs to others.
	From    string `json:"from,omitempty"`
	Foreign bool   `json:"foreign,omitempty"`
	// Device is set for a volume that mounts something else than its own directory: TYPE:DEVICE.
	Device string `json:"device,omitempty"`
	// Options are those of the mount beside the ones above, such as "nonrecursive".
	Options []string `json:"options,omitempty"`
}

// Device is a host device given to a workload; Permissions are a subset of "rwm".
type Device struct {
	Host        string `json:"host"`
	Resolved    string `json:"resolved,omitempty"` // after links
	Container   string `json:"container,omitempty"`
	Permissions string `json:"permissions,omitempty"`
	// Request is set for device requests (GPU, CDI) instead of Host.
	Request string `json:"request,omitempty"`
}

// Limits are the resources a workload may use; zero means unlimited.
type Limits struct {
	MemoryBytes int64    `json:"memory_bytes,omitempty"`
	MemorySwap  int64    `json:"memory_swap,omitempty"`
	NanoCPUs    int64    `json:"nano_cpus,omitempty"` // 1e9 is one CPU; quota/period and cpuset are converted
	CPUShares   int64    `json:"cpu_shares,omitempty"`
	CPUSet      string   `json:"cpu_set,omitempty"`
	PIDs        int64    `json:"pids,omitempty"`
	Ulimits     []string `json:"ulimits,omitempty"` // "nofile=1024:2048"
	OOMDisabled bool     `json:"oom_disabled,omitempty"`
	OOMScoreAdj int64    `json:"oom_score_adj,omitempty"`
	Realtime    bool     `json:"realtime,omitempty"` // time of the real-time scheduler
	ShmBytes    int64    `json:"shm_bytes,omitempty"`
}

// PortMap is a published port. HostIP "" and "0.0.0.0" and "::" mean every address of the host.
type PortMap struct {
	HostIP        string `json:"host_ip,omitempty"`
	HostPort      int    `json:"host_port,omitempty"`
	HostPortEnd   int    `json:"host_port_end,omitempty"` // of a range that one is taken from
	ContainerPort int    `json:"container_port"`
	Protocol      string `json:"protocol"` // "tcp", "udp", "sctp"
}

// KeyVal is one setting.
type KeyVal struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// RefKind says how discretely an image reference names one version.
type RefKind string

// The kinds of image references, from the safest on.
const (
	RefDigest     RefKind = "digest"      // name@sha256:...
	RefVersionTag RefKind = "version_tag" // name:1.2.3 — discrete by custom, yet a tag can be moved
	RefMovingTag  RefKind = "moving_tag"  // name:latest, name:stable, name:1, no tag at all
	RefImageID    RefKind = "image_id"    // sha256:... of a local image, or a truncated one
)

// ImageRef is an image as it was asked for and what it was resolved to.
type ImageRef struct {
	Ref      string  `json:"ref"`
	Kind     RefKind `json:"kind,omitempty"`
	Registry string  `json:"registry,omitempty"` // "docker.io" when none is named
	Name     string  `json:"name,omitempty"`     // repository without registry
	Tag      string  `json:"tag,omitempty"`
	Digest   string  `json:"digest,omitempty"` // of the manifest, where known
	ID       string  `json:"id,omitempty"`     // of the local image (configuration digest)
}
