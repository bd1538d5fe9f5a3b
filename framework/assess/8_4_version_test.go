package assess

import (
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestVersionSins(t *testing.T) {
	os := func(id, version string) func(*model.Snapshot) {
		return func(s *model.Snapshot) { s.Host.OS = model.OSRelease{ID: id, Version: version} }
	}
	testSins(t, []sin{
		{"ended", "8.4.c/supported", model.CheckFail, os("debian", "10")},
		{"centos 7", "8.4.c/supported", model.CheckFail, os("centos", "7")},
		{"limited", "8.4.c/supported", model.CheckWarn, os("debian", "11")},
		{"limited ubuntu", "8.4.c/supported", model.CheckWarn, os("ubuntu", "20.04")},
		{"minor version", "8.4.c/supported", model.CheckPass, os("rhel", "9.4")},
		{"three parts", "8.4.c/supported", model.CheckFail, os("alpine", "3.19.1")},
		{"rolling", "8.4.c/supported", model.CheckPass, os("flatcar", "4230.2.0")},
		{"not known", "8.4.c/supported", model.CheckUnknown, os("acmeos", "1")},
		{"no version", "8.4.c/supported", model.CheckUnknown, os("debian", "")},
		{"own word", "8.4.c/supported", model.CheckFail, func(s *model.Snapshot) {
			s.Host.OS = model.OSRelease{ID: "fedora", Version: "99", SupportEnd: "2026-02-28"}
		}},
		{"pending", "8.4.c/security-updates", model.CheckFail, func(s *model.Snapshot) {
			s.Host.Updates = []model.Update{{Name: "openssl", Installed: "1", Candidate: "2", Security: true}}
		}},
		{"pending, nothing of security", "8.4.c/security-updates", model.CheckPass, func(s *model.Snapshot) {
			s.Host.Updates = []model.Update{{Name: "tzdata", Installed: "1", Candidate: "2"}}
		}},
		{"pending, kind not known", "8.4.c/security-updates", model.CheckUnknown, func(s *model.Snapshot) {
			s.Host.Updates = []model.Update{{Name: "tzdata", Installed: "1", Candidate: "2"}}
			s.Gaps = []model.Gap{{Path: "/host/updates/*/security", Reason: model.GapUnsupported}}
		}},
		{"no lists", "8.4.c/security-updates", model.CheckUnknown, func(s *model.Snapshot) { s.Host.UpdatesAsOf = time.Time{} }},
		{"old lists", "8.4.c/package-lists", model.CheckFail, func(s *model.Snapshot) { s.Host.UpdatesAsOf = s.Taken.AddDate(0, 0, -9) }},
		{"no lists", "8.4.c/package-lists", model.CheckFail, func(s *model.Snapshot) { s.Host.UpdatesAsOf = time.Time{} }},
		{"image-based", "8.4.c/package-lists", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.PackageManager = "" }},
		{"by hand", "8.4.c/update-automation", model.CheckWarn, func(s *model.Snapshot) { s.Host.Packages = s.Host.Packages[:2] }},
		{"unsigned", "8.4.c/package-signatures", model.CheckFail, func(s *model.Snapshot) { s.Host.PackageTrust = "unsigned_allowed" }},
		{"not known", "8.4.c/package-signatures", model.CheckUnknown, func(s *model.Snapshot) { s.Host.PackageTrust = "" }},
		{"reboot", "8.4.c/running-kernel", model.CheckFail, func(s *model.Snapshot) { s.Host.Kernel.Release = "6.12.9+deb13-amd64" }},
		{"other flavour", "8.4.c/running-kernel", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Kernel.Release = "6.12.9+deb13-cloud-amd64" }},
		{"unsigned module", "8.4.c/kernel-taint", model.CheckWarn, func(s *model.Snapshot) { s.Host.Kernel.Tainted = 1 << 13 }},
		{"warned once", "8.4.c/kernel-taint", model.CheckPass, func(s *model.Snapshot) { s.Host.Kernel.Tainted = 1 << 9 }},
		{"off", "8.4.c/secure-boot", model.CheckWarn, func(s *model.Snapshot) { s.Host.Hardware.SecureBoot = "disabled" }},
		{"no efi", "8.4.c/secure-boot", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Hardware.SecureBoot = "unsupported" }},
		{"not known", "8.4.c/secure-boot", model.CheckUnknown, func(s *model.Snapshot) { s.Host.Hardware.SecureBoot = "" }},
		{"not measured", "8.4.c/measured-boot", model.CheckWarn, func(s *model.Snapshot) { s.Host.Hardware.MeasuredBoot = false }},
		{"no tpm", "8.4.c/measured-boot", model.CheckNotApplicable, func(s *model.Snapshot) { s.Host.Hardware.TPM = "absent" }},
	})
}

func TestAcceptedOS(t *testing.T) {
	accept := func(globs ...string) func(*Settings) { return func(s *Settings) { s.AcceptedOS = globs } }
	wantCheck(t, model.CheckNotApplicable, "8.4.c/accepted", hardened())
	wantCheck(t, model.CheckPass, "8.4.c/accepted", hardened(), accept("rhel:9*", "debian:13"))
	wantCheck(t, model.CheckFail, "8.4.c/accepted", hardened(), accept("debian:12"))
	gap := hardened()
	gap.Gaps = []model.Gap{{Path: "/host/os", Reason: model.GapMalformed}}
	wantCheck(t, model.CheckUnknown, "8.4.c/accepted", gap, accept("debian:12"))
	own := hardened()
	own.Host.OS = model.OSRelease{ID: "acmeos", Version: "1"}
	wantCheck(t, model.CheckPass, "8.4.c/supported", own, accept("acmeos:*"))
}

// TestReleases: every date of the table can be read, and limited support is never shorter than full support.
func TestReleases(t *testing.T) {
	for name, s := range releases() {
		end, err := time.Parse(time.DateOnly, s.end)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.limited == "" {
			continue
		}
		if limited, err := time.Parse(time.DateOnly, s.limited); err != nil || !limited.After(end) {
			t.Errorf("%s: limited support until %q, full until %q", name, s.limited, s.end)
		}
	}
}

func TestOver(t *testing.T) {
	at := time.Date(2026, 6, 10, 23, 59, 0, 0, time.UTC)
	for day, want := range map[string]bool{"2026-06-10": false, "2026-06-09": true, "2027-01-01": false, "": true, "soon": true} {
		if got := over(day, at); got != want {
			t.Errorf("over(%q) = %v, want %v", day, got, want)
		}
	}
}

func TestNatural(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"6.1.0-9-amd64", "6.1.0-18-amd64", -1},
		{"6.12.48+deb13-amd64", "6.12.9+deb13-amd64", 1},
		{"6.1", "6.1", 0},
		{"5.14.0-427.el9.x86_64", "5.14.0-427.20.1.el9_4.x86_64", 1},
		{"5.14.0-362.el9.x86_64", "5.14.0-427.el9.x86_64", -1},
	} {
		if got := natural(c.a, c.b); got != c.want {
			t.Errorf("natural(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
