package hostpath

import (
	"errors"
	"testing"
)

func TestBelow(t *testing.T) {
	p := Paths{Mounts: func() ([]string, error) { return []string{"/", "/srv/disks/a", "/srvx/b"}, nil }}
	for path, want := range map[string]bool{"/": true, "/srv": true, "/srv/disks": true, "/srv/disks/": true, "/srv/disks/a": false, "/srv/disk": false, "/opt": false} {
		if p.Below(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	blind := Paths{Mounts: func() ([]string, error) { return nil, errors.New("no") }}
	if !blind.Below("/opt") {
		t.Error("what can't be seen is not there")
	}
	if !(Paths{}).Below("/") || (Paths{}).Below(t.TempDir()) {
		t.Error("the kernel says otherwise")
	}
}
