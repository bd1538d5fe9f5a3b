package host

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

// programsOf returns the owner of each program of an engine and the gaps about them.
func programsOf(t *testing.T, h *Host) (map[string]string, []model.Gap) {
	t.Helper()
	s := &model.Snapshot{}
	part, all := h.Files(context.Background())
	part(s)
	owners := map[string]string{}
	for _, f := range s.Host.Files {
		if f.Purpose == purposeProgram {
			owners[f.Path] = f.Package
		}
	}
	var gaps []model.Gap
	for _, g := range all {
		if strings.HasPrefix(g.Path, "/host/files/"+purposeProgram) {
			g.Detail = ""
			gaps = append(gaps, g)
		}
	}
	return owners, gaps
}

const programTree = `
-- usr/sbin/dockerd --
x
-- usr/sbin/runc --
x
-- usr/bin/runc -> ../sbin/runc --
-- usr/bin/containerd-shim-runc-v2 --
x
-- usr/bin/podman --
x
-- usr/bin/docker-compose --
x
-- usr/local/bin/crun -> /opt/crun --
-- opt/crun --
x
-- bin -> usr/bin --
-- sbin -> usr/sbin --
`

func TestProgramOwners(t *testing.T) {
	unowned := map[string]string{
		"/usr/sbin/dockerd": "", "/usr/sbin/runc": "", "/usr/bin/runc": "", "/usr/bin/containerd-shim-runc-v2": "",
		"/usr/bin/podman": "", "/usr/local/bin/crun": "",
	}
	with := func(owned map[string]string) map[string]string {
		all := map[string]string{}
		for k := range unowned {
			all[k] = owned[k]
		}
		return all
	}
	for name, c := range map[string]struct {
		tree string
		rpm  bool
		want map[string]string
		gap  model.GapReason
	}{
		"dpkg": {
			// runc's list names the directory of before the merge of /usr.
			tree: "-- var/lib/dpkg/status --\nPackage: x\n-- var/lib/dpkg/info/docker.io.list --\n/.\n/usr/sbin\n/usr/sbin/dockerd\n" +
				"-- var/lib/dpkg/info/runc:amd64.list --\n/sbin/runc\n/usr/bin/runc\n-- var/lib/dpkg/info/runc.md5sums --\nx\n" +
				"-- var/lib/dpkg/info/other.list --\n/usr/share/podman\n/usr/local/bin/crun\n",
			want: with(map[string]string{"/usr/sbin/dockerd": "docker.io", "/usr/sbin/runc": "runc", "/usr/bin/runc": "runc"}),
		},
		"rpm": {rpm: true, want: with(map[string]string{"/usr/bin/podman": "podman"})},
		"apk": {
			tree: "-- lib/apk/db/installed --\nP:docker-engine\nV:27-r0\nF:usr\nF:usr/sbin\nR:dockerd\na:0:0:755\nZ:Q1x=\n\n" +
				"P:shim\nV:2\nF:usr/bin\nR:containerd-shim-runc-v2\nF:opt\nR:crun\n",
			want: with(map[string]string{
				"/usr/sbin/dockerd": "docker-engine", "/usr/bin/containerd-shim-runc-v2": "shim", "/usr/local/bin/crun": "shim",
			}),
		},
		"no package manager":  {want: unowned, gap: model.GapUnsupported},
		"apk without files":   {tree: "-- lib/apk/db/installed --\nP:a\nV:1\n", want: unowned, gap: model.GapUnsupported},
		"dpkg without lists":  {tree: "-- var/lib/dpkg/status.d/base --\nPackage: base\nVersion: 1\n", want: unowned, gap: model.GapUnsupported},
		"rpm that is damaged": {tree: "-- var/lib/rpm/rpmdb.sqlite --\nnothing\n", want: unowned, gap: model.GapMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			h := plant(t, []byte(programTree+c.tree))
			if c.rpm {
				makeRPM(t, filepath.Join(h.root, "var/lib/rpm/rpmdb.sqlite"))
			}
			got, gaps := programsOf(t, h)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("owners (-want +got):\n%s", d)
			}
			var want []model.Gap
			if c.gap != "" {
				want = []model.Gap{{Path: "/host/files/engine-program/package", Reason: c.gap}}
			}
			if d := cmp.Diff(want, gaps); d != "" {
				t.Errorf("gaps (-want +got):\n%s", d)
			}
		})
	}
}

// A host without any program of an engine needs no package database.
func TestNoProgramsNoGap(t *testing.T) {
	if owners, gaps := programsOf(t, plant(t, []byte("-- usr/bin/sh --\nx\n"))); len(owners)+len(gaps) > 0 {
		t.Errorf("owners %v, gaps %v", owners, gaps)
	}
}

func FuzzOwnersAPK(f *testing.F) {
	f.Add("P:a\nF:usr/bin\nR:runc\n\n")
	f.Add("R:runc\nF:/../..\nP:\n")
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, s string) {
		o := owners{h: New(Options{Root: root}), dirs: map[string]string{}, of: map[string]string{}, names: map[string]bool{}}
		o.want("/usr/bin/runc")
		// Damage is an error or an owner that is not found, never a panic.
		_ = o.parseAPK(context.Background(), strings.NewReader(s))
		if len(o.of) != 1 {
			t.Fatalf("more than what was asked for: %v", o.of)
		}
	})
}
