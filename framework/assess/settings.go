package assess

import (
	"fmt"
	"path"
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// Settings are the thresholds and lists that an operator sets under `assess:` in the configuration. The zero value of
// a field means the default of DefaultSettings.
type Settings struct {
	// AcceptedOS are accepted releases as "id:version" globs, e.g. "debian:12"; empty accepts what is still supported.
	AcceptedOS []string `yaml:"accepted_os" json:"accepted_os,omitempty"`
	// HostProfile is what a minimal host may run.
	HostProfile HostProfile `yaml:"host_profile" json:"host_profile"`
	// EngineUsers are accounts that may reach the engine besides root.
	EngineUsers []string `yaml:"engine_users" json:"engine_users,omitempty"`
	// SocketContainers are globs of container names that may hold an engine's socket (the daemon guard, for one).
	SocketContainers []string `yaml:"socket_containers" json:"socket_containers,omitempty"`
	// TrustedRegistries are registry hosts that images may come from; empty means any.
	TrustedRegistries []string `yaml:"trusted_registries" json:"trusted_registries,omitempty"`
	// SensitivityLabel and TenantLabel are the labels that carry the level and the tenant of containers, networks,
	// nodes and namespaces. SensitivityLevels are the known levels, lowest first.
	SensitivityLabel  string   `yaml:"sensitivity_label" json:"sensitivity_label"`
	TenantLabel       string   `yaml:"tenant_label" json:"tenant_label"`
	SensitivityLevels []string `yaml:"sensitivity_levels" json:"sensitivity_levels,omitempty"`
	// MaxImageAgeDays: older images count as not maintained. MaxUpdateAgeDays: older package lists say nothing.
	MaxImageAgeDays    int `yaml:"max_image_age_days" json:"max_image_age_days"`
	MaxPackageListDays int `yaml:"max_package_list_days" json:"max_package_list_days"`
	// MaxUnusedImages and MaxDeadContainers are how many may lie about before it is called sprawl.
	MaxUnusedImages   int `yaml:"max_unused_images" json:"max_unused_images"`
	MaxDeadContainers int `yaml:"max_dead_containers" json:"max_dead_containers"`
	// MinEngineVersion is the oldest accepted engine release, e.g. "28.0.0"; empty takes the product's own knowledge.
	MinEngineVersion string `yaml:"min_engine_version" json:"min_engine_version,omitempty"`
	// HostPaths are host paths that no container may mount writable (and parents of them).
	HostPaths []string `yaml:"host_paths" json:"host_paths,omitempty"`
	// RestartMax is the largest accepted on-failure retry count.
	RestartMax int `yaml:"restart_max" json:"restart_max"`
	// Exceptions are decisions to live with a failure for a time.
	Exceptions []model.Exception `yaml:"exceptions" json:"exceptions,omitempty"`
}

// HostProfile lists, as globs, what a minimal container host may have besides what every host has.
type HostProfile struct {
	Processes []string `yaml:"processes" json:"processes,omitempty"`
	Services  []string `yaml:"services" json:"services,omitempty"`
	// Listeners are "process", "port/protocol" or "process:port/protocol".
	Listeners []string `yaml:"listeners" json:"listeners,omitempty"`
	Packages  []string `yaml:"packages" json:"packages,omitempty"`
	Setuid    []string `yaml:"setuid" json:"setuid,omitempty"`
}

// DefaultSettings are the settings without a configuration.
func DefaultSettings() Settings {
	return Settings{
		SensitivityLabel:   "io.bulkhead.sensitivity",
		TenantLabel:        "io.bulkhead.tenant",
		SensitivityLevels:  []string{"public", "internal", "confidential", "secret"},
		MaxImageAgeDays:    180,
		MaxPackageListDays: 7,
		MaxUnusedImages:    20,
		MaxDeadContainers:  25,
		RestartMax:         5,
		HostPaths: []string{
			"/", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sys", "/usr", "/bin", "/sbin", "/root",
			"/var/run", "/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet", "/var/log",
		},
	}
}

// Validate says what is wrong with the settings.
func (s *Settings) Validate() error {
	for _, n := range []struct {
		name  string
		value int
	}{
		{"max_image_age_days", s.MaxImageAgeDays},
		{"max_package_list_days", s.MaxPackageListDays},
		{"max_unused_images", s.MaxUnusedImages},
		{"max_dead_containers", s.MaxDeadContainers},
		{"restart_max", s.RestartMax},
	} {
		if n.value < 0 {
			return fmt.Errorf("assess.%s is %d; it must not be negative", n.name, n.value)
		}
	}
	p := s.HostProfile
	for _, glob := range slices.Concat(s.AcceptedOS, s.SocketContainers, p.Processes, p.Services, p.Listeners, p.Packages, p.Setuid) {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("assess: %q is not a glob: %w", glob, err)
		}
	}
	for _, e := range s.Exceptions {
		if err := ValidateException(e); err != nil {
			return fmt.Errorf("assess.exceptions: %w", err)
		}
	}
	return nil
}
