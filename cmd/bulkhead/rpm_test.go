package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/host"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/rpms"
)

// packages reads a database through this program, as a node does.
func packages(t *testing.T, write func(file string) error) (model.Host, []model.Gap) {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var/lib/rpm"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := write(filepath.Join(root, "var/lib/rpm/rpmdb.sqlite")); err != nil {
		t.Fatal(err)
	}
	h := host.New(host.Options{Root: root, Secrets: secret.New(guarded.ThrowAwayKey()), RPM: rpmReader().Read})
	part, gaps := h.Packages(t.Context())
	var s model.Snapshot
	part(&s)
	return *s.Host, gaps
}

func TestRPMThroughAChild(t *testing.T) {
	h, gaps := packages(t, func(file string) error { return rpms.WriteSQLite(file, rpms.Some()) })
	if len(h.Packages) != 3 || len(gaps) > 0 || h.Packages[2].Version != "4:5.2.2-9.el9" {
		t.Errorf("packages %v, gaps %v", h.Packages, gaps)
	}
	damaged, err := rpms.Damaged(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range damaged {
		h, gaps := packages(t, func(file string) error { return os.WriteFile(file, d.Data, 0o600) })
		if len(h.Packages) > 0 || len(gaps) != 1 || gaps[0].Reason != model.GapMalformed {
			t.Errorf("%s: packages %v, gaps %v", name, h.Packages, gaps)
		}
	}
}
