package assess

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// BenchmarkRun assesses hosts of two sizes; the time should grow no faster than the number of containers.
func BenchmarkRun(b *testing.B) {
	cat := load(b)
	for _, n := range []int{100, 5000} {
		snap := crowd(n)
		b.Run(fmt.Sprintf("containers=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Run(cat, snap, DefaultSettings())
			}
		})
	}
}

// crowd is a host with n containers of ten images on five networks, one in ten of them privileged.
func crowd(n int) *model.Snapshot {
	s := &model.Snapshot{
		Schema: model.SnapshotSchema, Taken: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		Host: &model.Host{}, Engine: &model.Engine{Product: "docker", Version: "28.5.2"}, Firewall: &model.Firewall{},
	}
	icc := true
	for i := range 5 {
		s.Networks = append(s.Networks, model.Network{Name: fmt.Sprintf("net%d", i), Driver: "bridge", ICC: &icc})
	}
	for i := range 10 {
		s.Images = append(s.Images, model.Image{ID: fmt.Sprintf("sha256:%02d", i), Tags: []string{fmt.Sprintf("app:%d.0.0", i)}})
	}
	for i := range n {
		name := fmt.Sprintf("c%05d", i)
		network := fmt.Sprintf("net%d", i%5)
		s.Networks[i%5].Containers = append(s.Networks[i%5].Containers, name)
		s.Images[i%10].UsedBy = append(s.Images[i%10].UsedBy, name)
		s.Containers = append(s.Containers, model.Container{
			ID: name, Name: name, State: "running",
			Endpoints: []model.Endpoint{{Network: network}},
			Workload: model.Workload{
				Image:      model.ImageRef{Ref: fmt.Sprintf("app:%d.0.0", i%10), Kind: model.RefVersionTag, ID: fmt.Sprintf("sha256:%02d", i%10)},
				Privileged: i%10 == 0, Networks: []string{network},
				Mounts: []model.Mount{{Type: "bind", Source: "/data", Resolved: "/data", Target: "/data"}},
			},
		})
	}
	return s
}
