package assess

import (
	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// imageChecks answer for clause 8.3.
func imageChecks() []Check {
	all := purposeChecks()
	all = append(all, signatureChecks()...)
	all = append(all, buildChecks()...)
	return append(all, referenceChecks()...)
}

// signatureChecks answer for 8.3.b: the signature is verified before an image runs.
func signatureChecks() []Check {
	return []Check{
		{
			ID: "8.3.b/verification", Severity: model.High, Essential: true,
			Title:       say("Something verifies signatures before an image runs", "镜像运行前有机制验证签名"),
			References:  []string{"CIS Docker 1.6.0 4.5", "NIST SP 800-190 4.1.5", "ATT&CK T1525"},
			Remediation: say("Turn on the control image-trust in mode enforce, or for pulls by the docker command line set DOCKER_CONTENT_TRUST=1 in /etc/environment.", "以 enforce 模式启用镜像信任（image-trust）控制；或为 docker 命令行拉取在 /etc/environment 中设置 DOCKER_CONTENT_TRUST=1。"),
			Eval:        evalVerification,
		},
		{
			ID: "8.3.b/signatures", Severity: model.High,
			Title:       say("Images that run are signed by a trusted party", "运行中的镜像由可信方签名"),
			References:  []string{"CIS Docker 1.6.0 4.12", "CIS Docker 1.6.0 4.2", "NIST SP 800-190 4.1.5"},
			Remediation: say("Sign what you build (cosign sign REGISTRY/NAME@sha256:DIGEST) and replace containers of unsigned images; for images of others name the signer in the trust policy.", "为自建镜像签名（cosign sign REGISTRY/NAME@sha256:DIGEST）并替换未签名镜像的容器；对外部镜像，在信任策略中指定签名者。"),
			Eval:        evalSignatures,
		},
	}
}

func evalVerification(in *Input, r *Recorder) {
	_, _, announced := in.Control(model.ControlImageTrust)
	e, k := in.Snap.Engine, in.Snap.Kubernetes
	switch {
	case announced:
		control(in, r, model.ControlImageTrust, model.CheckFail)
	case e != nil && e.ContentTrust:
		r.Warn("/engine/content_trust", "", say("content trust refuses unsigned tags at pull by clients with this setting; others pass it by", "内容信任仅对启用该设置的客户端在拉取时拒绝未签名的标签，其他客户端不受限制"))
	case r.Missing(in, "/controls"):
	case e == nil && k == nil:
		noEngine(in, r)
	case e == nil && len(k.Webhooks) > 0:
		r.Unknown("/kubernetes/webhooks", "", say("whether one of %d admission webhooks and policies verifies signatures is not told by the API", "API 无法说明 %d 个准入 Webhook 与策略中是否有验证签名的", len(k.Webhooks)))
	default:
		control(in, r, model.ControlImageTrust, model.CheckFail)
	}
}

func evalSignatures(in *Input, r *Recorder) {
	eachUsedImage(in, r, say("signature verified", "签名已验证"), func(img *model.Image, ptr string) bool {
		ptr += "/signature"
		switch img.Signature {
		case "verified":
			return false
		case "invalid":
			r.Fail(ptr, imageName(img), say("the signature is not valid", "签名无效"))
		case "unsigned":
			r.Fail(ptr, imageName(img), say("the image is not signed", "镜像未签名"))
		default:
			r.Unknown(ptr, imageName(img), say("nothing has looked for a signature", "尚未检查签名"))
		}
		return true
	})
}

// eachUsedImage asks of every image that a running container uses. judge returns true when it recorded something.
func eachUsedImage(in *Input, r *Recorder, good model.Text, judge func(img *model.Image, ptr string) bool) {
	if noImages(in, r) || r.Missing(in, "/containers") {
		return
	}
	used := map[string]bool{}
	for _, p := range in.workloads(false) {
		used[p.w.Image.ID] = true
	}
	fine, all := 0, 0
	for i := range in.Snap.Images {
		if img := &in.Snap.Images[i]; used[img.ID] {
			all++
			if g, ok := findGap(img.Gaps, ""); ok { // hardly anything of it could be read
				r.Gap(pointer("images", i), imageName(img), g)
			} else if !judge(img, pointer("images", i)) {
				fine++
			}
		}
	}
	if all == 0 {
		r.NotApplicable("/images", say("no image of this node is running", "本节点没有正在运行的镜像"))
		return
	}
	passRest(r, "/images", fine, all, good)
}

// referenceChecks answer for 8.3.d: images are addressed by immutable names of a discrete version.
func referenceChecks() []Check {
	return []Check{
		{
			ID: "8.3.d/discrete", Severity: model.High, Essential: true,
			Title:       say("Workloads name one version of their image", "工作负载指明镜像的具体版本"),
			References:  []string{"NIST SP 800-190 4.2.2", "CIS Docker 1.6.0 5.28"},
			Remediation: say("Name a version or better the digest: docker run ... NAME:1.2.3 or NAME@sha256:DIGEST (docker image inspect --format '{{index .RepoDigests 0}}' NAME shows it).", "指明版本，最好使用摘要：docker run ... NAME:1.2.3 或 NAME@sha256:DIGEST（docker image inspect --format '{{index .RepoDigests 0}}' NAME 可查看摘要）。"),
			Eval:        evalDiscrete,
		},
		{
			ID: "8.3.d/immutable", Severity: model.Medium,
			Title:       say("The names of images cannot be moved to another version", "镜像名称不可改指其他版本"),
			References:  []string{"NIST SP 800-190 4.2.2", "ATT&CK T1525"},
			Remediation: say("Use digests (NAME@sha256:DIGEST), or turn on the daemon guard or registry guard in mode enforce, which keep released tags from moving.", "使用摘要（NAME@sha256:DIGEST），或以 enforce 模式启用守护进程防护或注册表防护，防止已发布标签被移动。"),
			Eval:        evalImmutable,
		},
	}
}

func referenceKind(w *model.Workload) model.RefKind {
	if w.Image.Kind != "" {
		return w.Image.Kind
	}
	return imageref.Parse(w.Image.Ref).Kind
}

func evalDiscrete(in *Input, r *Recorder) {
	eachWorkload(in, r, say("names one version", "指明了具体版本"), func(p placed) bool {
		ptr := p.pointer + "/image"
		switch referenceKind(p.w) {
		case model.RefDigest, model.RefVersionTag:
			return false
		case model.RefImageID:
			if len(p.w.Image.Ref) == len("sha256:")+64 {
				return false // the digest of a configuration names exactly one image
			}
			r.Warn(ptr, p.subject, say("%s is the beginning of an image's id, which other images may share", "%s 只是镜像 ID 的前缀，可能与其他镜像相同", p.w.Image.Ref))
		case model.RefMovingTag:
			r.Fail(ptr, p.subject, say("%s names whatever version is current", "%s 指向当前任意版本", p.w.Image.Ref))
		default:
			r.Unknown(ptr, p.subject, say("the reference %q is not understood", "无法识别引用 %q", p.w.Image.Ref))
		}
		return true
	})
}

func evalImmutable(in *Input, r *Recorder) {
	guard := ""
	for _, name := range []string{model.ControlDaemonGuard, model.ControlRegistryGuard} {
		if c, _, ok := in.Control(name); ok && c.Mode == model.ModeEnforce {
			guard = name
		}
	}
	eachWorkload(in, r, say("name cannot be moved", "名称不可移动"), func(p placed) bool {
		switch referenceKind(p.w) {
		case model.RefDigest, model.RefImageID:
			return false
		}
		if guard != "" {
			return false
		}
		r.Warn(p.pointer+"/image", p.subject, say("%s is a tag, which its owner can move to another image", "%s 是标签，其所有者可将其指向其他镜像", p.w.Image.Ref))
		return true
	})
}
