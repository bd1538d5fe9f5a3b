// Package host reads the facts of the machine below the containers: operating system, kernel, packages, sockets,
// processes, services, accounts, sign-in, hardware, and which of the product's own controls run.
//
// It reads files below a root directory and, on the running system only, asks the kernel for its interfaces and its
// audit state. It changes nothing, starts no program but the product itself (RPMChild), judges nothing and knows no
// container engine's API. What it can't read it reports as a gap.
package host

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Secrets replaces secrets in what goes into a snapshot.
type Secrets interface {
	Args(place string, args []string) (redacted []string, found []model.SecretSighting)
	Text(place, s string) (redacted string, found []model.SecretSighting)
}

// Options say where and how to read.
type Options struct {
	// Root is where the host's file system lies: "/" (also when empty), the mount point of the host's root in a
	// container, or a recorded tree in tests.
	Root string
	// Secrets redacts command lines; it must be set.
	Secrets Secrets
	// SetuidBudget is how long the search for setuid files may take; zero means defaultSetuidBudget.
	SetuidBudget time.Duration
	// RPM calls each for each package in a file that is a database of rpm, with the package's files if they are asked
	// for; nil means ReadRPM, which is for what ends soon.
	RPM func(ctx context.Context, file string, files bool, each func(RPMPackage)) error
	// Memory is for who reads again and again; nil remembers nothing.
	Memory *RPMMemory
}

// Host reads the facts of one machine. Its methods may run at the same time.
type Host struct {
	tree
	secrets      Secrets
	setuidBudget time.Duration
	rpm          func(ctx context.Context, file string, files bool, each func(RPMPackage)) error
	remembers    *RPMMemory
	// live is true when the tree is that of the running system, so that the kernel may be asked directly.
	live bool
	// owner is the account that owns what is trusted, 0 for root. Tests set their own.
	owner int
}

// New returns a reader of the machine at the root of the options.
func New(o Options) *Host {
	h := &Host{tree: tree{root: o.Root}, secrets: o.Secrets, setuidBudget: o.SetuidBudget, rpm: o.RPM, remembers: o.Memory}
	if h.root == "" {
		h.root = "/"
	}
	if h.setuidBudget == 0 {
		h.setuidBudget = defaultSetuidBudget
	}
	if h.rpm == nil {
		h.rpm = ReadRPM
	}
	h.live = h.root == "/"
	return h
}

// Collectors lists everything that can be read of the host, each on its own so that one that hangs or fails leaves the
// others alone.
func (h *Host) Collectors() []model.Collector {
	return []model.Collector{
		{Name: "host.system", Paths: []string{"/host/os", "/host/kernel"}, Collect: h.System},
		{Name: "host.packages", Paths: []string{"/host/packages", "/host/package_manager"}, Collect: h.Packages},
		{Name: "host.updates", Paths: []string{"/host/updates"}, Collect: h.Updates},
		{Name: "host.package-trust", Paths: []string{"/host/package_trust"}, Collect: h.PackageTrust},
		{Name: "host.listeners", Paths: []string{"/host/listeners"}, Collect: h.Listeners},
		{Name: "host.services", Paths: []string{"/host/services"}, Collect: h.Services},
		{Name: "host.processes", Paths: []string{"/host/processes"}, Collect: h.Processes},
		{Name: "host.setuid", Paths: []string{"/host/setuid"}, Collect: h.Setuid},
		{Name: "host.tunables", Paths: []string{"/host/modules", "/host/sysctls"}, Collect: h.Tunables},
		{Name: "host.mounts", Paths: []string{"/host/mount_points"}, Collect: h.Mounts},
		{Name: "host.accounts", Paths: []string{"/host/users", "/host/groups"}, Collect: h.Accounts},
		{Name: "host.auth", Paths: []string{"/host/auth", "/host/audit_rules"}, Collect: h.Auth},
		{Name: "host.logins", Paths: []string{"/host/login_sources"}, Collect: h.Logins},
		{Name: "host.hardware", Paths: []string{"/host/hardware"}, Collect: h.Hardware},
		{Name: "host.interfaces", Paths: []string{"/host/interfaces"}, Collect: h.Interfaces},
		{Name: "host.files", Paths: []string{"/host/files", "/host/file_integrity"}, Collect: h.Files},
		{Name: "host.controls", Paths: []string{"/controls"}, Collect: h.Controls},
		{Name: "host.guard", Paths: []string{"/guard"}, Collect: h.Guard},
	}
}
