package assess

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestHardenedHost: with nothing wrong clause 8.4 is met, by checks that looked at something.
func TestHardenedHost(t *testing.T) {
	for _, req := range Run(load(t), hardened(), DefaultSettings()).Requirements {
		if !strings.HasPrefix(req.ID, "8.4.") {
			continue
		}
		if req.Status != model.Met {
			t.Errorf("%s is %s: %s", req.ID, req.Status, req.Reason)
		}
		for _, c := range req.Checks {
			for _, e := range c.Evidence {
				if strings.Contains(e.Text+e.TextZH, "%!") {
					t.Errorf("%s: bad sentence %q / %q", c.ID, e.Text, e.TextZH)
				}
			}
		}
	}
}

// sin is a change of the hardened node and what a check makes of it.
type sin struct {
	name, check string
	want        model.CheckStatus
	do          func(s *model.Snapshot)
}

func testSins(t *testing.T, sins []sin) {
	t.Helper()
	for _, c := range sins {
		t.Run(c.check+" "+c.name, func(t *testing.T) {
			if got := assessOne(t, c.check, hardened()).Status; got != model.CheckPass && got != model.CheckNotApplicable {
				t.Fatalf("%s is %s without the sin", c.check, got)
			}
			snap := hardened()
			c.do(snap)
			wantCheck(t, c.want, c.check, snap)
			for _, e := range assessOne(t, c.check, snap).Evidence {
				if strings.Contains(e.Text+e.TextZH, "%!") {
					t.Errorf("bad sentence %q / %q", e.Text, e.TextZH)
				}
			}
		})
	}
}

// TestHostGaps: evidence that is missing makes each check of 8.4 unknown, never anything else.
func TestHostGaps(t *testing.T) {
	for _, c := range Checks() {
		if !strings.HasPrefix(c.ID, "8.4.") || c.ID == "8.4.c/accepted" {
			continue
		}
		snap := &model.Snapshot{}
		for _, part := range []string{"/host", "/engine", "/containers", "/images", "/controls"} {
			snap.Gaps = append(snap.Gaps, model.Gap{Path: part, Reason: model.GapPermission})
		}
		wantCheck(t, model.CheckUnknown, c.ID, snap)
	}
}

// TestHostPartGaps: a gap over the one part that a check looks at is enough.
func TestHostPartGaps(t *testing.T) {
	for check, part := range map[string]string{
		"8.4.a/legacy-packages": "/host/packages", "8.4.a/services": "/host/services", "8.4.a/listeners": "/host/listeners",
		"8.4.a/setuid": "/host/setuid", "8.4.a/kernel-modules": "/host/modules", "8.4.a/mount-options": "/host/mount_points",
		"8.4.a/kernel-addresses": "/host/sysctls", "8.4.a/cpu-mitigations": "/host/hardware", "8.4.a/promiscuous": "/host/interfaces",
		"8.4.a/iommu": "/host/hardware/iommu", "8.4.b/server-processes": "/host/processes", "8.4.b/listening-processes": "/host/listeners",
		"8.4.c/supported": "/host/os", "8.4.c/security-updates": "/host/updates", "8.4.c/package-lists": "/host/updates",
		"8.4.c/package-signatures": "/host/package_trust", "8.4.c/running-kernel": "/host/packages", "8.4.c/secure-boot": "/host/hardware",
		"8.4.d/login-sources": "/host/login_sources", "8.4.d/auditd": "/host/auth", "8.4.d/sshd-root": "/host/auth/sshd",
		"8.4.d/sudo-password": "/host/auth/sudo_nopasswd", "8.4.d/empty-passwords": "/host/users", "8.4.e/privileged": "/containers",
		"8.4.e/apparmor": "/host/kernel/lsms", "8.4.e/file-integrity": "/host/file_integrity", "8.4.e/daemon-json-mode": "/host/files",
		"8.4.e/audit-dockerd": "/host/audit_rules", "8.4.e/engine-seccomp": "/engine/seccomp_profile", "8.4.e/image-setuid": "/images",
	} {
		snap := hardened()
		if check == "8.4.e/image-setuid" {
			snap.Containers[0].Workload.NoNewPrivileges = false
		}
		snap.Gaps = []model.Gap{{Path: part, Reason: model.GapTimeout}}
		wantCheck(t, model.CheckUnknown, check, snap)
	}
}

// TestSeenInPart: what was seen fails although more could not be read.
func TestSeenInPart(t *testing.T) {
	snap := hardened()
	snap.Host.Setuid = append(snap.Host.Setuid, model.FileFact{Path: "/tmp/.x", Mode: "4755"})
	snap.Gaps = []model.Gap{{Path: "/host/setuid", Reason: model.GapTimeout}}
	wantCheck(t, model.CheckFail, "8.4.a/setuid", snap)
}

// TestClusterOnly: a snapshot of a cluster has no host; its pods are judged, the host's questions do not apply.
func TestClusterOnly(t *testing.T) {
	pod := model.KubePod{Namespace: "shop", Name: "web", Containers: []model.KubeContainer{{
		Name: "c", Workload: model.Workload{Privileged: true, Root: true, Namespaces: model.Namespaces{PID: "host"}},
	}}}
	snap := &model.Snapshot{Kubernetes: &model.Kubernetes{Pods: []model.KubePod{pod}}}
	for check, want := range map[string]model.CheckStatus{
		"8.4.e/privileged": model.CheckFail, "8.4.e/host-pid": model.CheckFail, "8.4.e/root-user": model.CheckFail,
		"8.4.e/read-only-root": model.CheckFail, "8.4.e/admission": model.CheckWarn, "8.4.a/listeners": model.CheckNotApplicable,
		"8.4.c/supported": model.CheckNotApplicable, "8.4.e/engine-seccomp": model.CheckNotApplicable,
		"8.4.e/apparmor": model.CheckNotApplicable, "8.4.e/audit-runc": model.CheckNotApplicable,
	} {
		wantCheck(t, want, check, snap)
	}
}
