package model

import "time"

// Host holds the facts of the machine or virtual machine below the containers.
type Host struct {
	OS        OSRelease `json:"os"`
	Kernel    Kernel    `json:"kernel"`
	BootTime  time.Time `json:"boot_time,omitzero"`
	CPUs      int       `json:"cpus,omitempty"`
	MemoryKiB int64     `json:"memory_kib,omitempty"`
	// Virtualization is "none", "kvm", "firecracker", "vmware", "container", ... as far as it can be told.
	Virtualization string `json:"virtualization,omitempty"`
	InitSystem     string `json:"init_system,omitempty"` // "systemd", "openrc", "sysvinit", "other"
	// PackageManager is "dpkg", "rpm", "apk" or "".
	PackageManager string    `json:"package_manager,omitempty"`
	Packages       []Package `json:"packages,omitempty"`
	// Updates are pending updates as the local package lists know them; UpdatesAsOf is the age of these lists.
	Updates     []Update  `json:"updates,omitempty"`
	UpdatesAsOf time.Time `json:"updates_as_of,omitzero"`
	// PackageTrust says how packages are verified: "signed", "unsigned_allowed", "" when not known.
	PackageTrust       string         `json:"package_trust,omitempty"`
	PackageTrustDetail []string       `json:"package_trust_detail,omitempty"`
	Listeners          []Listener     `json:"listeners,omitempty"`
	Services           []Service      `json:"services,omitempty"`
	Processes          []Process      `json:"processes,omitempty"`
	Setuid             []FileFact     `json:"setuid,omitempty"`
	Modules            []string       `json:"modules,omitempty"`
	Sysctls            []KeyVal       `json:"sysctls,omitempty"`
	MountPoints        []MountPoint   `json:"mount_points,omitempty"`
	Users              []User         `json:"users,omitempty"`
	Groups             []Group        `json:"groups,omitempty"`
	Auth               AuthConfig     `json:"auth"`
	LoginSources       []LoginSource  `json:"login_sources,omitempty"`
	AuditRules         []string       `json:"audit_rules,omitempty"`
	Hardware           Hardware       `json:"hardware"`
	Interfaces         []NetInterface `json:"interfaces,omitempty"`
	// Files are stat facts of files that matter: engine configuration, keys, sockets, unit files.
	Files []FileFact `json:"files,omitempty"`
	// FileIntegrity is a file-integrity monitor found on the host: "aide", "tripwire", "ima", "bulkhead" or "".
	FileIntegrity string `json:"file_integrity,omitempty"`
}

// OSRelease is /etc/os-release, of a host or of an image.
type OSRelease struct {
	ID         string   `json:"id,omitempty"`
	IDLike     []string `json:"id_like,omitempty"`
	Version    string   `json:"version,omitempty"` // VERSION_ID
	Codename   string   `json:"codename,omitempty"`
	Pretty     string   `json:"pretty,omitempty"`
	SupportEnd string   `json:"support_end,omitempty"` // SUPPORT_END where the distribution writes it, YYYY-MM-DD
}

// Kernel is the running kernel.
type Kernel struct {
	Release string `json:"release,omitempty"`
	Version string `json:"version,omitempty"`
	Machine string `json:"machine,omitempty"`
	// CommandLine has values of secrets replaced by "[secret]".
	CommandLine string `json:"command_line,omitempty"`
	// Lockdown is "none", "integrity", "confidentiality" or "".
	Lockdown string `json:"lockdown,omitempty"`
	// LSMs are the active security modules, e.g. "apparmor", "selinux", "bpf".
	LSMs    []string `json:"lsms,omitempty"`
	Seccomp bool     `json:"seccomp"`
	// CgroupVersion is 1, 2, or 0 when not known. UserNS is the maximum number of user namespaces, -1 if not known.
	CgroupVersion int    `json:"cgroup_version,omitempty"`
	Tainted       uint64 `json:"tainted,omitempty"`
}

// Package is one installed package; Source is the source package's name where it differs.
type Package struct {
	Name          string `json:"name"`
	Version       string `json:"version"`
	Architecture  string `json:"architecture,omitempty"`
	Source        string `json:"source,omitempty"`
	SourceVersion string `json:"source_version,omitempty"`
}

// Update is a pending update of one package.
type Update struct {
	Name      string `json:"name"`
	Installed string `json:"installed"`
	Candidate string `json:"candidate"`
	Security  bool   `json:"security"`
	Origin    string `json:"origin,omitempty"`
}

// Listener is a listening socket. Container is the id of the container that owns it, if any.
type Listener struct {
	Protocol string `json:"protocol"` // "tcp", "tcp6", "udp", "udp6"
	Address  string `json:"address"`
	Port     int    `json:"port"`
	PID      int    `json:"pid,omitempty"`
	Process  string `json:"process,omitempty"`
	UID      int    `json:"uid"`
	// Container is the container's id; Engine is true for the engine's own proxies (published ports).
	Container string `json:"container,omitempty"`
	Engine    bool   `json:"engine,omitempty"`
	Loopback  bool   `json:"loopback,omitempty"`
}

// Service is a unit of the init system that is enabled or running.
type Service struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Running bool   `json:"running"`
}

// Process is a process seen from the host. Kernel threads are left out.
type Process struct {
	PID  int    `json:"pid"`
	PPID int    `json:"ppid,omitempty"`
	UID  int    `json:"uid"`
	Name string `json:"name"`
	Exe  string `json:"exe,omitempty"`
	// Command has secrets replaced by "[secret]".
	Command []string `json:"command,omitempty"`
	// Container is the id of the container it belongs to; empty for a process of the host. Nested containers have the
	// outer one.
	Container string `json:"container,omitempty"`
	Unit      string `json:"unit,omitempty"` // systemd unit, from the cgroup
	// PIDNamespace and MountNamespace are inode numbers; 0 when not readable.
	PIDNamespace   uint64 `json:"pid_namespace,omitempty"`
	MountNamespace uint64 `json:"mount_namespace,omitempty"`
}

// MountPoint is one mounted file system of the host.
type MountPoint struct {
	Target  string   `json:"target"`
	Source  string   `json:"source,omitempty"`
	FSType  string   `json:"fs_type"`
	Options []string `json:"options,omitempty"`
}

// User is an account that can sign in or that has access to the engine; system accounts without either are left out.
type User struct {
	Name  string `json:"name"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Shell string `json:"shell,omitempty"`
	// Login is true when the shell allows a sign-in; Password is "set", "locked", "empty" or "" when not readable.
	Login    bool   `json:"login"`
	Password string `json:"password,omitempty"`
	// EngineAccess is how the account reaches the engine: "root", "group:docker", "" for not at all.
	EngineAccess string `json:"engine_access,omitempty"`
	Sudo         bool   `json:"sudo,omitempty"`
}

// Group is a group that matters for access (docker, podman, sudo, wheel, adm).
type Group struct {
	Name    string   `json:"name"`
	GID     int      `json:"gid"`
	Members []string `json:"members,omitempty"`
}

// AuthConfig is how people get in.
type AuthConfig struct {
	// SSHD are effective settings, keys in lower case; SSHDInstalled false means there is no sshd.
	SSHDInstalled bool     `json:"sshd_installed"`
	SSHD          []KeyVal `json:"sshd,omitempty"`
	// PAMModules are module names by service, e.g. {"key":"sshd","value":"pam_unix.so pam_google_authenticator.so"}.
	PAMModules []KeyVal `json:"pam_modules,omitempty"`
	// SudoNoPasswd are the subjects with NOPASSWD; SudoLog is true when a log file or I/O log is configured.
	SudoInstalled bool     `json:"sudo_installed"`
	SudoNoPasswd  []string `json:"sudo_nopasswd,omitempty"`
	SudoLog       bool     `json:"sudo_log,omitempty"`
	// Auditd is "running", "installed" or "absent". KernelAudit is true when the kernel's audit is enabled.
	Auditd      string `json:"auditd,omitempty"`
	KernelAudit *bool  `json:"kernel_audit,omitempty"`
}

// LoginSource is a place where authentications are recorded.
type LoginSource struct {
	Name string `json:"name"` // "journal", "auth.log", "secure", "messages", "wtmp", "btmp", "utmp", "wtmpdb", "lastlog", "audit.log"
	Path string `json:"path"`
	// Exists, Persistent (survives a reboot), Alive (a writer holds it or it was written since boot).
	Exists     bool      `json:"exists"`
	Persistent bool      `json:"persistent"`
	Alive      bool      `json:"alive"`
	LastWrite  time.Time `json:"last_write,omitzero"`
	Detail     string    `json:"detail,omitempty"`
}

// Hardware is what protects below the operating system.
type Hardware struct {
	// Vulnerabilities are /sys/devices/system/cpu/vulnerabilities: name and the kernel's sentence.
	Vulnerabilities []KeyVal `json:"vulnerabilities,omitempty"`
	// SecureBoot is "enabled", "disabled", "unsupported" (no EFI) or "".
	SecureBoot string `json:"secure_boot,omitempty"`
	// TPM is "2.0", "1.2", "absent" or "".
	TPM string `json:"tpm,omitempty"`
	// IOMMU is "enabled", "absent" or "". MeasuredBoot is true when a TPM event log exists.
	IOMMU        string `json:"iommu,omitempty"`
	MeasuredBoot bool   `json:"measured_boot,omitempty"`
	// EncryptedMounts are mount points on dm-crypt or an encrypting file system.
	EncryptedMounts []string `json:"encrypted_mounts,omitempty"`
	CPUModel        string   `json:"cpu_model,omitempty"`
	Microcode       string   `json:"microcode,omitempty"`
}

// NetInterface is one interface of the host's network namespace.
type NetInterface struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind,omitempty"` // "physical", "bridge", "veth", "vxlan", "wireguard", "tun", "loopback", ...
	MAC         string   `json:"mac,omitempty"`
	Addresses   []string `json:"addresses,omitempty"`
	Up          bool     `json:"up"`
	Promiscuous bool     `json:"promiscuous,omitempty"`
	Master      string   `json:"master,omitempty"`
}
