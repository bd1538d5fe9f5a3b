package assess

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestHostLine(t *testing.T) {
	debian := &model.Host{
		OS:     model.OSRelease{ID: "debian", Version: "12", Pretty: "Debian GNU/Linux 12 (bookworm)"},
		Kernel: model.Kernel{Release: "6.1.0-28-amd64"},
	}
	for want, snap := range map[string]model.Snapshot{
		"": {},
		"Debian GNU/Linux 12, kernel 6.1.0-28-amd64, Docker 28.5.2 with 2 containers": {
			Host: debian, Engine: &model.Engine{Product: "docker", Version: "28.5.2"}, Containers: make([]model.Container, 2),
		},
		"alpine 3.20.3, Podman with 1 container": {
			Host:   &model.Host{OS: model.OSRelease{ID: "alpine", Version: "3.20.3"}},
			Engine: &model.Engine{Product: "podman"}, Containers: make([]model.Container, 1),
		},
		"Kubernetes v1.37.2 with 3 nodes": {
			Kubernetes: &model.Kubernetes{Version: "v1.37.2", Nodes: make([]model.KubeNode, 3)},
		},
	} {
		if got := hostLine(&snap); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
