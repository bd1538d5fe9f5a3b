package assess

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/bulkhead-security/bulkhead/model"
)

// runtimeVersionChecks answer for 8.1.b: known vulnerabilities of the deployed runtimes are looked for and cured.
func runtimeVersionChecks() []Check {
	return []Check{
		{
			ID: "8.1.b/runtime-advisories", Severity: model.Critical, Essential: true,
			Title:      say("Engine, containerd and runc have no known vulnerability", "引擎、containerd 和 runc 没有已知漏洞"),
			References: []string{"CIS Docker 1.6.0 1.2.2", "NIST SP 800-190 4.4.1", "ATT&CK T1611"},
			Remediation: say(
				"Upgrade the component to the release named in the evidence or a newer one: apt-get update && apt-get install --only-upgrade docker-ce containerd.io (docker.io, containerd, runc with Debian's packages; dnf upgrade with RHEL's).",
				"将组件升级到证据中给出的或更新的版本：apt-get update && apt-get install --only-upgrade docker-ce containerd.io（Debian 自带软件包为 docker.io、containerd、runc；RHEL 使用 dnf upgrade）。"),
			Eval: evalRuntimeAdvisories,
		},
		{
			ID: "8.1.b/engine-supported", Severity: model.High,
			Title:      say("The engine's release is still maintained", "引擎版本仍受维护"),
			References: []string{"CIS Docker 1.6.0 1.2.2"},
			Remediation: say(
				"Move to a maintained release line of the engine; assess.min_engine_version sets the oldest that you accept.",
				"迁移到仍受维护的引擎版本；assess.min_engine_version 可设定可接受的最低版本。"),
			Eval: evalEngineSupported,
		},
		{
			ID: "8.1.b/runtime-updates", Severity: model.High,
			Title:      say("No security update of the container runtime is pending", "没有待安装的容器运行时安全更新"),
			References: []string{"CIS Docker 1.6.0 1.2.2", "NIST SP 800-190 4.4.1"},
			Remediation: say(
				"Install the updates: apt-get update && apt-get install --only-upgrade PACKAGE (dnf upgrade --security PACKAGE, apk upgrade PACKAGE).",
				"安装更新：apt-get update && apt-get install --only-upgrade PACKAGE（或 dnf upgrade --security PACKAGE、apk upgrade PACKAGE）。"),
			Eval: evalRuntimeUpdates,
		},
		{
			ID: "8.1.b/image-age", Severity: model.Medium,
			Title:      say("Running containers come from recently built images", "运行中的容器来自近期构建的镜像"),
			References: []string{"CIS Docker 1.6.0 4.4", "NIST SP 800-190 4.1.1"},
			Remediation: say(
				"Rebuild the image on a current base and replace its containers: docker build --pull --no-cache -t NAME:NEW .",
				"基于最新基础镜像重新构建，并替换其容器：docker build --pull --no-cache -t NAME:NEW ."),
			Eval: evalRunningImageAge,
		},
		{
			ID: "8.1.b/vulnerability-scan", Severity: model.High,
			Title:       say("Running images are matched with advisories", "运行中的镜像会与漏洞公告比对"),
			References:  []string{"CIS Docker 1.6.0 4.4", "NIST SP 800-190 4.1.1"},
			Remediation: say("Turn on the vulnerability control, which matches the packages of every running image with advisories and names the fixed version.", "启用漏洞控制（vulnerability）：将每个运行中镜像的软件包与漏洞公告比对，并给出修复版本。"),
			Eval: func(in *Input, r *Recorder) {
				control(in, r, model.ControlVulnerability, model.CheckWarn)
			},
		},
	}
}

// runtimePart is one component whose version matters.
type runtimePart struct {
	kind    string // "engine", "containerd", "runc"
	version string
	pkg     string // the host package that owns it
	pointer string
}

// runtimeParts lists the engine, containerd and runc. Podman's engine is not Docker's and has no advisories here.
func runtimeParts(in *Input) []runtimePart {
	e := in.Snap.Engine
	var parts []runtimePart
	add := func(kind, version, pkg, ptr string) {
		if pkg == "" {
			pkg = packageOf(in.Snap.Host, kind, version)
		}
		parts = append(parts, runtimePart{kind, version, pkg, ptr})
	}
	pkg := ""
	for i, c := range e.Components {
		switch kind := strings.ToLower(c.Name); kind {
		case "containerd", "runc":
			add(kind, c.Version, c.Package, pointer("engine", "components", i))
		case "engine", "docker", "dockerd":
			pkg = c.Package
		}
	}
	if e.Product == "docker" {
		add("engine", e.Version, pkg, "/engine/version")
	}
	return parts
}

// upstreamPackages are packages of the makers themselves: what their version says is what is in them.
var upstreamPackages = []string{"docker-ce", "containerd.io", "moby-engine", "moby-containerd", "moby-runc"}

// backported says that a distribution made the package, which may carry fixes under an old version.
func (p runtimePart) backported() bool {
	return p.pkg != "" && !slices.Contains(upstreamPackages, p.pkg)
}

// noEngine records why there is no engine to judge.
func noEngine(in *Input, r *Recorder) bool {
	if in.Snap.Engine != nil {
		return false
	}
	if !r.Missing(in, "/engine") {
		r.NotApplicable("/engine", say("there is no container engine on this node", "本节点没有容器引擎"))
	}
	return true
}

func evalRuntimeAdvisories(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	parts := runtimeParts(in)
	if len(parts) == 0 {
		if !r.Missing(in, "/engine/components") {
			r.NotApplicable("/engine/components", say("%s uses neither containerd nor runc", "%s 未使用 containerd 或 runc", in.Snap.Engine.Product))
		}
		return
	}
	for _, p := range parts {
		judgeRuntimePart(in, r, p)
	}
}

func judgeRuntimePart(in *Input, r *Recorder, p runtimePart) {
	v := semanticVersion(p.version)
	if v == "" {
		r.Unknown(p.pointer, p.kind, say("the version %q is not understood", "无法识别版本 %q", p.version))
		return
	}
	clean := true
	for _, a := range advisories {
		if a.component != p.kind || !a.affects(v) || (a.authz && len(in.Snap.Engine.AuthorizationPlugins) == 0) {
			continue
		}
		clean = false
		fix := a.fixFor(v)
		if p.backported() {
			r.Warn(p.pointer, p.kind, say(
				"%s %s is older than the fix of %s in %s; it is the distribution's package %s, whose tracker tells whether the fix was carried over",
				"%s %s 早于 %s 的修复版本 %s；它来自发行版软件包 %s，是否已移植修复需查看发行版的安全跟踪", p.kind, p.version, a.ids, fix, p.pkg))
			continue
		}
		r.Fail(p.pointer, p.kind, say("%s %s has %s; fixed in %s", "%s %s 存在 %s；%s 已修复", p.kind, p.version, a.ids, fix))
	}
	if clean {
		r.Pass(p.pointer, p.kind, say("%s %s has no vulnerability that this version of the product knows", "%s %s 没有本产品版本已知的漏洞", p.kind, p.version))
	}
}

func evalEngineSupported(in *Input, r *Recorder) {
	if noEngine(in, r) {
		return
	}
	e := in.Snap.Engine
	least, own := in.Settings.MinEngineVersion, false
	if least == "" && e.Product == "docker" {
		least, own = oldestEngine, true
	}
	if least == "" {
		r.NotApplicable("/engine/version", say("assess.min_engine_version is not set and the product knows no support dates of %s", "未设置 assess.min_engine_version，且本产品不了解 %s 的支持期限", e.Product))
		return
	}
	v, min := semanticVersion(e.Version), semanticVersion(least)
	switch {
	case v == "" || min == "":
		r.Unknown("/engine/version", "engine", say("the versions %q and %q cannot be compared", "无法比较版本 %q 与 %q", e.Version, least))
	case semver.Compare(v, min) >= 0:
		r.Pass("/engine/version", "engine", say("engine %s is %s or newer", "引擎 %s 不低于 %s", e.Version, least))
	case own && slices.ContainsFunc(runtimeParts(in), func(p runtimePart) bool { return p.kind == "engine" && p.backported() }):
		r.Warn("/engine/version", "engine", say("engine %s is older than %s and gets fixes from the distribution only", "引擎 %s 低于 %s，仅由发行版提供修复", e.Version, least))
	default:
		r.Fail("/engine/version", "engine", say("engine %s is older than %s", "引擎 %s 低于 %s", e.Version, least))
	}
}

// runtimePackages are the host packages that make up a container runtime.
var runtimePackages = []string{
	"docker.io", "docker", "docker-ce", "docker-ce-cli", "docker-ce-rootless-extras", "docker-engine", "moby-engine", "moby-containerd",
	"moby-runc", "containerd", "containerd.io", "runc", "crun", "podman", "cri-o", "conmon", "kubelet",
	"containernetworking-plugins", "docker-buildx-plugin",
}

func evalRuntimeUpdates(in *Input, r *Recorder) {
	if r.Missing(in, "/host/updates") {
		return
	}
	h := in.Snap.Host
	if h == nil || h.PackageManager == "" {
		r.NotApplicable("/host/package_manager", say("this host has no package manager", "本主机没有包管理器"))
		return
	}
	found := false
	for i, u := range h.Updates {
		if u.Security && isRuntimePackage(in, u.Name) {
			found = true
			r.Fail(pointer("host", "updates", i), u.Name, say("%s %s has a security update to %s", "%s %s 有安全更新 %s", u.Name, u.Installed, u.Candidate))
		} else if slices.Contains(upstreamPackages, u.Name) {
			found = true
			r.Warn(pointer("host", "updates", i), u.Name, say("%s %s has an update to %s; its maker's archive does not say whether it is for security", "%s %s 有更新 %s；其厂商软件源未说明是否为安全更新", u.Name, u.Installed, u.Candidate))
		}
	}
	if found {
		return
	}
	if days := ageDays(in, h.UpdatesAsOf); h.UpdatesAsOf.IsZero() || days > in.Settings.MaxPackageListDays {
		r.Unknown("/host/updates_as_of", "", say("the package lists are too old to tell (%s); refresh them with apt-get update or dnf makecache", "软件包列表过旧，无法判断（%s）；请执行 apt-get update 或 dnf makecache 刷新", listDate(h.UpdatesAsOf)))
		return
	}
	r.Pass("/host/updates", "", say("no security update of a runtime package is pending", "没有待安装的运行时软件包安全更新"))
}

func listDate(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format(time.DateOnly)
}

func isRuntimePackage(in *Input, name string) bool {
	if slices.Contains(runtimePackages, name) {
		return true
	}
	return in.Snap.Engine != nil && slices.ContainsFunc(in.Snap.Engine.Components, func(c model.Component) bool {
		return c.Package != "" && c.Package == name
	})
}

func evalRunningImageAge(in *Input, r *Recorder) {
	if r.Missing(in, "/images") {
		return
	}
	byID := imagesByID(in)
	most := in.Settings.MaxImageAgeDays
	good := say("image built within the last %d days", "镜像在最近 %d 天内构建", most)
	eachContainer(in, r, good, func(c *model.Container, base string) bool {
		i, ok := byID[c.Workload.Image.ID]
		if !ok {
			r.Unknown(base+"/workload/image", c.Name, say("the container's image is no longer on this host", "容器的镜像已不在本机"))
			return true
		}
		built, ok := buildTime(&in.Snap.Images[i])
		ptr := pointer("images", i, "created")
		if !ok {
			r.Unknown(ptr, c.Name, say("the image does not say when it was built", "镜像未说明构建时间"))
			return true
		}
		if days := ageDays(in, built); days > most {
			r.Fail(ptr, c.Name, say("the image was built %d days ago", "镜像构建于 %d 天前", days))
			return true
		}
		return false
	})
}

func imagesByID(in *Input) map[string]int {
	byID := map[string]int{}
	for i, img := range in.Snap.Images {
		byID[img.ID] = i
	}
	return byID
}

// buildTime is when an image was built. Reproducible builds carry a fixed date from before there were images; for them
// only the label tells.
func buildTime(img *model.Image) (time.Time, bool) {
	if img.Created.Year() >= 2013 {
		return img.Created, true
	}
	t, err := time.Parse(time.RFC3339, img.Labels["org.opencontainers.image.created"])
	return t, err == nil
}
