package assess

import (
	"fmt"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// hostLine says in a few words what was assessed: the operating system, its kernel, the engine with its containers and
// the cluster, as far as the snapshot knows them.
func hostLine(s *model.Snapshot) string {
	var parts []string
	if h := s.Host; h != nil {
		parts = appendFilled(parts, osName(h.OS))
		if h.Kernel.Release != "" {
			parts = append(parts, "kernel "+h.Kernel.Release)
		}
	}
	if e := s.Engine; e != nil && e.Product != "" {
		parts = append(parts, versioned(productName(e.Product), e.Version)+" with "+counted(len(s.Containers), "container"))
	}
	if k := s.Kubernetes; k != nil {
		parts = append(parts, versioned("Kubernetes", k.Version)+" with "+counted(len(k.Nodes), "node"))
	}
	return strings.Join(parts, ", ")
}

// osName prefers the name that the distribution gives itself, without the code name in brackets.
func osName(os model.OSRelease) string {
	if name, _, _ := strings.Cut(os.Pretty, " ("); name != "" {
		return name
	}
	return versioned(os.ID, os.Version)
}

// productName writes an engine's name as its makers do.
func productName(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func versioned(name, version string) string { return strings.TrimSpace(name + " " + version) }

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func appendFilled(list []string, s string) []string {
	if s == "" {
		return list
	}
	return append(list, s)
}
