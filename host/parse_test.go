package host

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	idA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestParseCgroup(t *testing.T) {
	for _, c := range []struct{ in, container, unit string }{
		{"0::/system.slice/docker-" + idA + ".scope", idA, "docker-" + idA + ".scope"},
		{"5:memory:/docker/" + idA + "\n1:name=systemd:/docker/" + idA, idA, ""},
		{"0::/docker/" + idA + "/docker/" + idB, idA, ""},
		{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/cri-containerd-" + idB + ".scope", idB, "cri-containerd-" + idB + ".scope"},
		{"4:pids:/kubepods/besteffort/pod1-2/" + idB, idB, ""},
		{"0::/kubepods.slice/crio-" + idA + ".scope/container", idA, "crio-" + idA + ".scope"},
		{"0::/system.slice/crio-conmon-" + idA + ".scope", "", "crio-conmon-" + idA + ".scope"},
		{"0::/machine.slice/libpod-" + idA + ".scope", idA, "libpod-" + idA + ".scope"},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "", "user@1000.service"},
		{"0::/system.slice/containerd.service:cri-containerd:" + idA, idA, ""},
		{"0::/", "", ""},
		{"garbage", "", ""},
	} {
		container, unit := parseCgroup([]byte(c.in))
		if container != c.container || (unit != c.unit && !strings.Contains(c.in, ":cri-containerd:")) {
			t.Errorf("%s: %q %q", c.in, container, unit)
		}
	}
}

func TestParseShadow(t *testing.T) {
	got := parseShadow([]byte("a::1\nb:!:1\nc:*:1\nd:$6$salt$0123456789:1\ne:!$6$salt$0123:1\nf:x:1\n"))
	want := map[string]string{"a": "empty", "b": "locked", "c": "locked", "d": "set", "e": "locked", "f": "locked"}
	for name, state := range want {
		if got[name] != state {
			t.Errorf("%s is %q, want %q", name, got[name], state)
		}
	}
}

func TestWeakPackageSettings(t *testing.T) {
	sources := "deb [trusted=yes] http://a x main\ndeb [trusted=no allow-insecure=yes] http://b x main\n# deb [trusted=yes] http://c x main\nTypes: deb\nTrusted: yes\nAllow-Insecure: no\n"
	if got := weakSources([]byte(sources)); !slices.Equal(got, []string{"trusted=yes", "allow-insecure=yes", "Trusted: yes"}) {
		t.Errorf("sources: %q", got)
	}
	conf := "Acquire::AllowInsecureRepositories \"false\";\nAPT { Get { AllowUnauthenticated \"true\"; }; };\n// AllowUnauthenticated true;\n"
	if got := weakAptConf([]byte(conf)); !slices.Equal(got, []string{"AllowUnauthenticated true"}) {
		t.Errorf("apt.conf: %q", got)
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		newer func(a, b string) bool
		a, b  string
		want  bool
	}{
		{debNewer, "1:1.0-1", "2.0-1", true},
		{debNewer, "1.0~rc1-1", "1.0-1", false},
		{debNewer, "1.0-1+deb12u1", "1.0-1", true},
		{debNewer, "x:1", "1", false},
		{apkNewer, "1.2.10-r0", "1.2.9-r3", true},
		{apkNewer, "1.2_rc1-r0", "1.2-r0", false},
		{rpmNewer, "1:3.0.7-28.el9_4", "1:3.0.7-27.el9", true},
		{rpmNewer, "5.1-1", "1:1-1", false},
	} {
		if got := c.newer(c.a, c.b); got != c.want {
			t.Errorf("%s newer than %s = %v", c.a, c.b, got)
		}
	}
}

// TestPackedLists reads lists as apt packs them, and says what it can't read.
func TestPackedLists(t *testing.T) {
	const status = "-- var/lib/dpkg/status --\nPackage: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1\n"
	const list = "Package: bash\nArchitecture: amd64\nVersion: 2-1\n"
	var lz, gz bytes.Buffer
	w := lz4.NewWriter(&lz)
	w.Write([]byte(list))
	must(t, w.Close())
	g := gzip.NewWriter(&gz)
	g.Write([]byte(list))
	must(t, g.Close())
	for _, c := range []struct {
		name, content string
		updates       int
		gap           model.GapReason
	}{
		{"x_Packages", list, 1, ""},
		{"x_Packages.lz4", lz.String(), 1, ""},
		{"x_Packages.gz", gz.String(), 1, ""},
		{"x_Packages.xz", "?", 0, model.GapUnsupported},
		{"x_InRelease", "Origin: X", 0, model.GapAbsent},
	} {
		h := plant(t, []byte(status))
		dir := filepath.Join(h.root, aptLists)
		must(t, os.MkdirAll(dir, 0o755))
		must(t, os.WriteFile(filepath.Join(dir, c.name), []byte(c.content), 0o644))
		part, gaps := h.Updates(context.Background())
		s := &model.Snapshot{}
		part(s)
		if len(s.Host.Updates) != c.updates || (c.gap == "") != (len(gaps) == 0) || (c.gap != "" && gaps[0].Reason != c.gap) {
			t.Errorf("%s: updates %v, gaps %v", c.name, s.Host.Updates, gaps)
		}
	}
}

func TestAPKIndex(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range map[string]string{"DESCRIPTION": "v3.20.3", "APKINDEX": "P:musl\nV:1.2.5-r1\nA:x86_64\n\nP:other\nV:1\n"} {
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
		w.Write([]byte(text))
	}
	must(t, w.Close())
	o := newOffers([]model.Package{{Name: "musl", Version: "1.2.5-r0", Architecture: "x86_64"}}, apkNewer)
	must(t, offerAPK(context.Background(), &b, o))
	if got := o.updates(); len(got) != 1 || got[0].Candidate != "1.2.5-r1" {
		t.Errorf("updates = %v", got)
	}
}

func TestDeadlines(t *testing.T) {
	h := plantFile(t, "debian12.txtar")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range h.Collectors() {
		switch c.Name {
		case "host.packages", "host.updates", "host.processes", "host.listeners", "host.setuid", "host.services":
			if _, gaps := c.Collect(ctx); len(gaps) == 0 {
				t.Errorf("%s does not say that it was stopped", c.Name)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	h := plant(t, []byte("-- var/lib/dpkg/status --\nPackage: a\nVersion: 1\n"))
	if _, err := h.read("/var/lib/dpkg/status", 3); !strings.Contains(err.Error(), "larger") {
		t.Error(err)
	}
	if _, err := parseDpkg(context.Background(), &limited{r: strings.NewReader(strings.Repeat("A: b\n", 100)), left: 50}); err == nil {
		t.Error("a database over the limit was read as if it ended there")
	}
}

// TestSpecialFiles: a pipe in the place of a file neither blocks nor counts.
func TestSpecialFiles(t *testing.T) {
	h := plant(t, nil)
	must(t, os.MkdirAll(filepath.Join(h.root, "etc"), 0o755))
	must(t, mkfifo(filepath.Join(h.root, "etc/os-release")))
	done := make(chan []model.Gap)
	go func() {
		_, gaps := h.System(context.Background())
		done <- gaps
	}()
	select {
	case gaps := <-done:
		if len(gaps) == 0 || gaps[0].Reason != model.GapMalformed {
			t.Errorf("gaps = %v", gaps)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("blocked on a pipe")
	}
}

// TestLinksStayInside: a link that leads out of the tree is followed inside it.
func TestLinksStayInside(t *testing.T) {
	h := plant(t, []byte("-- etc/os-release -> /../../../../etc/hostname-of-the-tree --\n-- etc/hostname-of-the-tree --\nID=inside\n"))
	if r, err := h.osRelease(); err != nil || r.ID != "inside" {
		t.Errorf("%v, %v", r, err)
	}
}

// TestSetuidBudget: a search that runs out of time says so.
func TestSetuidBudget(t *testing.T) {
	h := plantFile(t, "debian12.txtar")
	h.setuidBudget = time.Nanosecond
	_, gaps := h.Setuid(context.Background())
	if len(gaps) != 1 || gaps[0].Reason != model.GapLimit || gaps[0].Path != "/host/setuid" {
		t.Errorf("gaps = %v", gaps)
	}
}

func BenchmarkHost(b *testing.B) {
	h := New(Options{Secrets: redactor{}})
	b.ReportAllocs()
	for b.Loop() {
		collect(b, h)
	}
}
