package images

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
)

// TestShared: two processes remember in one file, at once, and the last has it for itself again.
func TestShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.db")
	e := engine{"sha256:base": {"busybox:1"}}
	earlier, err := Open(path, e, model.SystemTenant)
	if err != nil {
		t.Fatal(err)
	}
	if err := earlier.Share(); err != nil {
		t.Fatal(err)
	}
	later, err := OpenShared(path, e, model.SystemTenant)
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for n, i := range []*Images{earlier, later} {
		both.Go(func() {
			h := &house{T: t, engine: e, kept: i}
			for range 5 {
				h.brings(someone([]string{"alice", "bob"}[n], "acme"), "POST", "/v1.41/images/busybox:1/tag?repo=mine&tag="+[]string{"a", "b"}[n],
					[]string{"mine:" + []string{"a", "b"}[n]}, func() string { return "" })
				if _, _, err := i.Of(&call.Object{ID: "sha256:base"}, &model.Principal{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	if err := earlier.Close(); err != nil {
		t.Fatal(err)
	}
	if err := later.Keep(); err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if _, err := OpenShared(path, e, model.SystemTenant); err == nil {
		t.Error("another opens what one has for itself")
	}
}
