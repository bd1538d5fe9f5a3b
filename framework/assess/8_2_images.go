package assess

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// registryContentChecks answer for 8.2.c and for the part of 8.2.d that images decide.
func registryContentChecks() []Check {
	return []Check{
		{
			ID: "8.2.c/unused-images", Severity: model.Low,
			Title:       say("Unused images do not pile up", "未使用的镜像没有堆积"),
			References:  []string{"CIS Docker 1.6.0 6.1", "NIST SP 800-190 4.2.2"},
			Remediation: say("Look at them and remove them: docker image prune --all (assess.max_unused_images sets how many may stay).", "核查后清理：docker image prune --all（assess.max_unused_images 可设定允许保留的数量）。"),
			Eval:        evalUnusedImages,
		},
		{
			ID: "8.2.c/stale-images", Severity: model.Medium,
			Title:       say("Unused images are not old", "未使用的镜像不陈旧"),
			References:  []string{"CIS Docker 1.6.0 6.1", "NIST SP 800-190 4.2.2"},
			Remediation: say("Remove the old ones: docker image prune --all --filter until=4320h; and delete them in the registry.", "清理陈旧镜像：docker image prune --all --filter until=4320h；并在注册表中删除。"),
			Eval:        evalStaleImages,
		},
		{
			ID: "8.2.c/dead-containers", Severity: model.Low,
			Title:       say("Dead containers do not pile up and hold images", "已停止的容器没有堆积并占用镜像"),
			References:  []string{"CIS Docker 1.6.0 6.2"},
			Remediation: say("Look at them and remove them: docker container prune (assess.max_dead_containers sets how many may stay).", "核查后清理：docker container prune（assess.max_dead_containers 可设定允许保留的数量）。"),
			Eval:        evalDeadContainers,
		},
		{
			ID: "8.2.c/retention", Severity: model.Medium,
			Title:       say("The registry on this node removes unsafe images by rule", "本节点的注册表按规则清除不安全的镜像"),
			References:  []string{"NIST SP 800-190 4.2.2"},
			Remediation: say("Put the registry guard with retention rules before the registry.", "在注册表前部署带有保留规则的注册表防护（registry-guard）。"),
			Eval:        evalRegistryGuard,
		},
		{
			ID: "8.2.d/trusted-registries", Severity: model.High, Essential: true,
			Title:       say("Images come from trusted registries only", "镜像仅来自可信注册表"),
			References:  []string{"CIS Docker 1.6.0 4.2", "NIST SP 800-190 4.1.5", "ATT&CK T1525"},
			Remediation: say("Name the registries that you trust in the configuration, assess: {trusted_registries: [registry.example.com]}, and take images from these only.", "在配置中列出可信注册表：assess: {trusted_registries: [registry.example.com]}，并仅从中获取镜像。"),
			Eval:        evalTrustedRegistries,
		},
	}
}

// unusedImages lists images that no container uses, running or not, and that are not the base of one in use.
func unusedImages(in *Input) []int {
	var out []int
	for i := range in.Snap.Images {
		img := &in.Snap.Images[i]
		if len(img.UsedBy) == 0 && !isBase(in, img) {
			out = append(out, i)
		}
	}
	return out
}

// isBase is true when an image in use is built on this one.
func isBase(in *Input, base *model.Image) bool {
	n := len(base.Layers)
	return n > 0 && slices.ContainsFunc(in.Snap.Images, func(img model.Image) bool {
		return len(img.UsedBy) > 0 && len(img.Layers) > n && slices.Equal(img.Layers[:n], base.Layers)
	})
}

func imageName(img *model.Image) string {
	switch {
	case len(img.Tags) > 0:
		return img.Tags[0]
	case len(img.Digests) > 0:
		return img.Digests[0]
	}
	return shortID(img.ID)
}

// noImages records why there are no images to judge.
func noImages(in *Input, r *Recorder) bool {
	if r.Missing(in, "/images") {
		return true
	}
	if len(in.Snap.Images) == 0 {
		r.NotApplicable("/images", say("there are no images on this node", "本节点没有镜像"))
		return true
	}
	return false
}

func evalUnusedImages(in *Input, r *Recorder) {
	if noImages(in, r) || r.Missing(in, "/containers") {
		return
	}
	unused, most := len(unusedImages(in)), in.Settings.MaxUnusedImages
	if unused > most {
		r.Fail("/images", "", say("%d of %d images are used by no container; %d may be", "%d / %d 个镜像没有容器使用；允许 %d 个", unused, len(in.Snap.Images), most))
		return
	}
	r.Pass("/images", "", say("%d of %d images are used by no container", "%d / %d 个镜像没有容器使用", unused, len(in.Snap.Images)))
}

func evalStaleImages(in *Input, r *Recorder) {
	if noImages(in, r) || r.Missing(in, "/containers") {
		return
	}
	most := in.Settings.MaxImageAgeDays
	stale := false
	for _, i := range unusedImages(in) {
		img := &in.Snap.Images[i]
		if built, ok := buildTime(img); ok && ageDays(in, built) > most {
			stale = true
			r.Warn(pointer("images", i), imageName(img), say("unused and built %d days ago", "未被使用，构建于 %d 天前", ageDays(in, built)))
		}
	}
	if !stale {
		r.Pass("/images", "", say("no unused image is known to be older than %d days", "没有已知超过 %d 天的未使用镜像", most))
	}
}

func evalDeadContainers(in *Input, r *Recorder) {
	if r.Missing(in, "/containers") {
		return
	}
	if in.Snap.Engine == nil && len(in.Snap.Containers) == 0 {
		r.NotApplicable("/containers", say("there is no container engine on this node", "本节点没有容器引擎"))
		return
	}
	dead, most := 0, in.Settings.MaxDeadContainers
	for _, c := range in.Snap.Containers {
		if !active(c.State) {
			dead++
		}
	}
	if dead > most {
		r.Fail("/containers", "", say("%d of %d containers do not run; %d may lie about", "%d / %d 个容器未运行；允许 %d 个", dead, len(in.Snap.Containers), most))
		return
	}
	r.Pass("/containers", "", say("%d of %d containers do not run", "%d / %d 个容器未运行", dead, len(in.Snap.Containers)))
}

// evalTrustedRegistries looks at where the images that run come from. An image that was built here and never was in a
// registry comes from nowhere and is judged by its signature (8.3.b).
func evalTrustedRegistries(in *Input, r *Recorder) {
	trusted := in.Settings.TrustedRegistries
	if len(trusted) == 0 && len(in.workloads(false)) > 0 {
		r.Warn("/registries", "", say("assess.trusted_registries is empty, so that images from any registry count as trusted", "assess.trusted_registries 为空，任何注册表的镜像都被视为可信"))
		return
	}
	byID := imagesByID(in)
	good := say("image from a trusted registry, or built here", "镜像来自可信注册表或在本机构建")
	eachWorkload(in, r, good, func(p placed) bool {
		registry := p.w.Image.Registry
		if registry == "" {
			registry = imageref.Parse(p.w.Image.Ref).Registry
		}
		if i, ok := byID[p.w.Image.ID]; ok && p.w.Image.ID != "" {
			digests := in.Snap.Images[i].Digests
			if len(digests) == 0 {
				return false
			}
			if registry == "" { // asked for by id: any name it is known by
				registry = imageref.Parse(digests[0]).Registry
			}
		}
		switch {
		case registry == "":
			r.Unknown(p.pointer+"/image", p.subject, say("the registry of %s is not known", "%s 的注册表未知", p.w.Image.Ref))
		case !slices.ContainsFunc(trusted, func(t string) bool { return trusts(t, registry, p.w.Image) }):
			r.Fail(p.pointer+"/image", p.subject, say("%s comes from %s, which is not in assess.trusted_registries", "%s 来自 %s，不在 assess.trusted_registries 中", p.w.Image.Ref, registry))
		default:
			return false
		}
		return true
	})
}

// trusts says whether an entry covers the image: a registry ("ghcr.io") or a part of one ("ghcr.io/example").
func trusts(entry, registry string, ref model.ImageRef) bool {
	host, prefix, _ := strings.Cut(strings.TrimSuffix(entry, "/"), "/")
	if host != registry {
		return false
	}
	name := ref.Name
	if name == "" {
		name = imageref.Parse(ref.Ref).Name
	}
	return prefix == "" || name == prefix || strings.HasPrefix(name, prefix+"/")
}
