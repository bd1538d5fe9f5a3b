package assess

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/bulkhead-security/bulkhead/model"
)

// advisory is a known vulnerability of a part of the runtime. Fixed are the first releases without it, one per release
// line; a line without an entry is affected when it is older than the newest of them.
type advisory struct {
	component string // "engine", "containerd", "runc"
	ids       string
	fixed     []string
	// authz is true when only engines with an authorization plugin are affected.
	authz bool
}

// advisories are those that give a container or an unauthorised user more than it may have. The source of each is the
// project's own advisory (https://github.com/advisories/<GHSA id>).
var advisories = []advisory{
	{component: "engine", ids: "CVE-2024-29018 (GHSA-mq39-4gv4-mvpx)", fixed: []string{"23.0.11", "25.0.5", "26.0.0"}},
	{component: "engine", ids: "CVE-2025-54410 (GHSA-4vq8-7jfc-9cvp)", fixed: []string{"25.0.13", "28.0.0"}},
	{component: "engine", ids: "CVE-2024-41110 (GHSA-v23v-6jw2-98fq)", fixed: []string{"23.0.15", "25.0.6", "26.1.5", "27.1.1"}, authz: true},
	{component: "engine", ids: "CVE-2026-34040 (GHSA-x744-4wpc-v9h2)", fixed: []string{"29.3.1"}, authz: true},

	{component: "containerd", ids: "CVE-2024-40635 (GHSA-265r-hfxg-fhmg)", fixed: []string{"1.6.38", "1.7.27", "2.0.4"}},
	{component: "containerd", ids: "CVE-2024-25621 (GHSA-pwhc-rpq9-4c8w), CVE-2025-64329 (GHSA-m6hq-p25p-ffr2)", fixed: []string{"1.7.29", "2.0.7", "2.1.5", "2.2.0"}},
	{component: "containerd", ids: "CVE-2026-53488 (GHSA-xhf5-7wjv-pqxp), CVE-2026-47262 (GHSA-jpcc-p29g-p8mq)", fixed: []string{"1.7.33", "2.1.9", "2.2.5", "2.3.2"}},

	{component: "runc", ids: "CVE-2024-21626 (GHSA-xr7r-f8xq-vfvv)", fixed: []string{"1.1.12"}},
	{component: "runc", ids: "CVE-2025-31133 (GHSA-9493-h29p-rfm2), CVE-2025-52565 (GHSA-qw9x-cqr3-wc7r), CVE-2025-52881 (GHSA-cgrx-mc8f-2prm)", fixed: []string{"1.2.8", "1.3.3", "1.4.0-rc.3"}},
	{component: "runc", ids: "CVE-2026-41579", fixed: []string{"1.3.6", "1.4.3"}},
}

// oldestEngine is the oldest release line of the Docker engine that still gets fixes from its makers.
const oldestEngine = "25.0.0"

var release = regexp.MustCompile(`^[vV]?(\d+(?:\.\d+){0,2})(?:-((?:rc|alpha|beta)[.\d]*))?`)

// semanticVersion reads the upstream release out of a version as components report it ("20.10.24+dfsg1", "v1.7.29",
// "1.1.12-0ubuntu2~22.04.1", "1.4.0-rc.3"); "" when there is none.
func semanticVersion(version string) string {
	m := release.FindStringSubmatch(strings.TrimSpace(version))
	if m == nil {
		return ""
	}
	v := "v" + m[1]
	if m[2] != "" && strings.Count(m[1], ".") == 2 {
		v += "-" + m[2]
	}
	return semver.Canonical(v)
}

// affects says whether the version, in semanticVersion's form, has the vulnerability.
func (a advisory) affects(version string) bool {
	newest := ""
	for _, f := range a.fixed {
		f = "v" + f
		if semver.MajorMinor(f) == semver.MajorMinor(version) {
			return semver.Compare(version, f) < 0
		}
		if newest == "" || semver.Compare(f, newest) > 0 {
			newest = f
		}
	}
	return semver.Compare(version, newest) < 0
}

// fixFor is the release to upgrade to: the one of the same line, else the lowest that is newer.
func (a advisory) fixFor(version string) string {
	for _, f := range a.fixed {
		if semver.Compare("v"+f, version) > 0 {
			return f
		}
	}
	return a.fixed[len(a.fixed)-1]
}

// packagesByKind are the packages that a component can come from.
var packagesByKind = map[string][]string{
	"engine":     {"docker.io", "docker", "docker-engine", "docker-ce", "moby-engine", "docker-moby"},
	"containerd": {"containerd", "containerd.io", "moby-containerd"},
	"runc":       {"runc", "moby-runc"},
}

// packageOf finds the installed package that a component comes from, where the collector could not tell: one of the
// known names with the component's own version.
func packageOf(h *model.Host, kind, version string) string {
	v := semanticVersion(version)
	if h == nil || v == "" {
		return ""
	}
	for _, p := range h.Packages {
		_, upstream, hasEpoch := strings.Cut(p.Version, ":")
		if !hasEpoch {
			upstream = p.Version
		}
		if slices.Contains(packagesByKind[kind], p.Name) && semanticVersion(upstream) == v {
			return p.Name
		}
	}
	return ""
}
