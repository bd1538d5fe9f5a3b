package config

import (
	"fmt"
	"strings"
	"time"
)

// Agent says how `bulkhead agent` works, and what it may take of the machine.
type Agent struct {
	// DataDir holds the node's key and certificate, the last good documents, the spool and the node's audit log.
	DataDir string `yaml:"data_dir" env:"DATA_DIR"`
	// Every is how often facts are collected, while the settings of the node's pool don't say.
	Every time.Duration `yaml:"every" env:"EVERY"`
	// Spool bounds the file of what waits for the server, in bytes.
	Spool int64 `yaml:"spool" env:"SPOOL"`
	// Memory is what the agent tries to stay below, in bytes; CPUs are the processors that it uses at once, Parallel the collectors,
	// Nice its priority.
	Memory   int64 `yaml:"memory" env:"MEMORY"`
	CPUs     int   `yaml:"cpus" env:"CPUS"`
	Parallel int   `yaml:"parallel" env:"PARALLEL"`
	Nice     int   `yaml:"nice" env:"NICE"`
	// Maintenance lets the agent act on Docker Swarm or Kubernetes when nodes are cordoned or drained; false leaves the orchestrator alone.
	Maintenance bool `yaml:"maintenance" env:"MAINTENANCE"`
	// KubernetesNode is the name of this machine's node in a cluster; then cordon and drain act there. KubernetesConfig is the kubeconfig
	// for it, best the kubelet's; empty means that of the collectors, or the pod that the agent runs in.
	KubernetesNode   string `yaml:"kubernetes_node" env:"KUBERNETES_NODE"`
	KubernetesConfig string `yaml:"kubernetes_config" env:"KUBERNETES_CONFIG"`
}

func defaultAgent() Agent {
	return Agent{Every: 30 * time.Second, Spool: 64 << 20, Memory: 256 << 20, CPUs: 1, Parallel: 1, Nice: 10, Maintenance: true}
}

func (a *Agent) validate() error {
	for _, c := range []struct {
		name             string
		got, least, most int64
	}{
		{"spool", a.Spool, 4 << 20, 4 << 30},
		{"memory", a.Memory, 64 << 20, 1 << 40},
		{"cpus", int64(a.CPUs), 1, 1024},
		{"parallel", int64(a.Parallel), 1, 64},
		{"nice", int64(a.Nice), 0, 19},
	} {
		if c.got < c.least || c.got > c.most {
			return fmt.Errorf("agent.%s is %d; it must be between %d and %d", c.name, c.got, c.least, c.most)
		}
	}
	if len(a.KubernetesNode) > 253 || strings.Trim(a.KubernetesNode, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return fmt.Errorf("agent.kubernetes_node is %.80q: a node's name has small letters, digits, '.' and '-', at most 253 (kubectl get nodes)", a.KubernetesNode)
	}
	if a.Every < 10*time.Second || a.Every > time.Hour {
		return fmt.Errorf("agent.every is %s; it must be between 10s and 1h", a.Every)
	}
	return nil
}
