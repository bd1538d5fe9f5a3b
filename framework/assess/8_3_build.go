package assess

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// buildChecks answer for 8.3.c: what is in the registry is watched and maintained as vulnerabilities and configuration
// requirements change.
func buildChecks() []Check {
	return []Check{
		{
			ID: "8.3.c/secrets", Severity: model.Critical, Essential: true,
			Title:       say("Images hold no secrets", "镜像不含机密信息"),
			References:  []string{"CIS Docker 1.6.0 4.10", "NIST SP 800-190 4.1.4", "ATT&CK T1552.001"},
			Remediation: say("Change the secret, rebuild the image without it (RUN --mount=type=secret,id=NAME in the build; a file or Swarm secret at run time) and delete the old image everywhere.", "更换该机密，重新构建不含机密的镜像（构建时用 RUN --mount=type=secret,id=NAME；运行时用文件或 Swarm secret），并在各处删除旧镜像。"),
			Eval:        evalImageSecrets,
		},
		{
			ID: "8.3.c/vulnerability-watch", Severity: model.High,
			Title:       say("Images are matched again when advisories change", "漏洞公告更新时会重新比对镜像"),
			References:  []string{"CIS Docker 1.6.0 4.4", "NIST SP 800-190 4.1.1"},
			Remediation: say("Turn on the vulnerability control: it keeps a bill of materials of each image and matches it again when advisories change.", "启用漏洞控制（vulnerability）：保存每个镜像的物料清单，并在公告更新时重新比对。"),
			Eval: func(in *Input, r *Recorder) {
				control(in, r, model.ControlVulnerability, model.CheckWarn)
			},
		},
		{
			ID: "8.3.c/age", Severity: model.Medium,
			Title:       say("Images are rebuilt regularly", "镜像得到定期重建"),
			References:  []string{"CIS Docker 1.6.0 4.4", "NIST SP 800-190 4.1.1"},
			Remediation: say("Rebuild on a current base: docker build --pull --no-cache -t NAME:NEW .", "基于最新基础镜像重建：docker build --pull --no-cache -t NAME:NEW ."),
			Eval:        evalImageAge,
		},
		{
			ID: "8.3.c/unverified-downloads", Severity: model.High,
			Title:       say("Builds install verified software only", "构建时仅安装经过验证的软件"),
			References:  []string{"CIS Docker 1.6.0 4.11", "NIST SP 800-190 4.1.3", "ATT&CK T1195.002"},
			Remediation: say("Download to a file, compare its checksum or signature (ADD --checksum=sha256:... URL FILE, sha256sum -c, gpg --verify), then install; leave out --allow-unauthenticated, --nogpgcheck, curl -k and the like.", "先下载到文件并核对校验和或签名（ADD --checksum=sha256:... URL FILE、sha256sum -c、gpg --verify）再安装；不要使用 --allow-unauthenticated、--nogpgcheck、curl -k 等选项。"),
			Eval: func(in *Input, r *Recorder) {
				eachBuildStep(in, r, model.CheckFail, say("verified software only", "仅安装经过验证的软件"), unverified)
			},
		},
		{
			ID: "8.3.c/update-alone", Severity: model.Low,
			Title:       say("No build step updates package lists by itself", "没有单独更新软件包列表的构建步骤"),
			References:  []string{"CIS Docker 1.6.0 4.7"},
			Remediation: say("Join the steps, so that a cached old list is never used: RUN apt-get update && apt-get install -y --no-install-recommends PACKAGE=VERSION", "合并步骤以避免使用缓存的旧列表：RUN apt-get update && apt-get install -y --no-install-recommends PACKAGE=VERSION"),
			Eval: func(in *Input, r *Recorder) {
				eachBuildStep(in, r, model.CheckWarn, say("no update by itself", "没有单独的更新步骤"), updateAlone)
			},
		},
		{
			ID: "8.3.c/add", Severity: model.Low,
			Title:       say("Files are put into images with COPY instead of ADD", "使用 COPY 而非 ADD 将文件放入镜像"),
			References:  []string{"CIS Docker 1.6.0 4.9"},
			Remediation: say("Use COPY for files; for a download use ADD --checksum=sha256:DIGEST URL FILE.", "文件使用 COPY；下载使用 ADD --checksum=sha256:DIGEST URL FILE。"),
			Eval: func(in *Input, r *Recorder) {
				eachBuildStep(in, r, model.CheckWarn, say("built with COPY", "使用 COPY 构建"), usesADD)
			},
		},
	}
}

func evalImageSecrets(in *Input, r *Recorder) {
	if noImages(in, r) {
		return
	}
	fine := 0
	for i := range in.Snap.Images {
		img := &in.Snap.Images[i]
		switch {
		case len(img.Secrets) > 0:
			s := img.Secrets[0]
			r.Fail(pointer("images", i, "secrets", 0), imageName(img), say("holds a secret (%[1]s) at %[2]s, %[3]d in all", "在 %[2]s 处含有机密（%[1]s），共 %[3]d 处", s.Kind, s.Place, len(img.Secrets)))
		default:
			g, ok := findGap(img.Gaps, "/secrets")
			if !ok {
				g, ok = findGap(img.Gaps, "/history")
			}
			if ok {
				r.Gap(pointer("images", i, "secrets"), imageName(img), g)
				continue
			}
			fine++
		}
	}
	passRest(r, "/images", fine, len(in.Snap.Images), say("no secret in environment, labels and history", "环境变量、标签和历史中没有机密"))
}

func evalImageAge(in *Input, r *Recorder) {
	most := in.Settings.MaxImageAgeDays
	eachUsedImage(in, r, say("built within the last %d days", "在最近 %d 天内构建", most), func(img *model.Image, ptr string) bool {
		built, ok := buildTime(img)
		if !ok {
			r.Unknown(ptr+"/created", imageName(img), say("the image does not say when it was built", "镜像未说明构建时间"))
			return true
		}
		if days := ageDays(in, built); days > most {
			r.Warn(ptr+"/created", imageName(img), say("built %d days ago", "构建于 %d 天前", days))
			return true
		}
		return false
	})
}

// eachBuildStep asks of every step in the history of images in use. bad returns what is wrong with a step, if anything.
func eachBuildStep(in *Input, r *Recorder, status model.CheckStatus, good model.Text, bad func(step string) (string, bool)) {
	eachUsedImage(in, r, good, func(img *model.Image, ptr string) bool {
		if g, ok := findGap(img.Gaps, "/history"); ok {
			r.Gap(ptr+"/history", imageName(img), g)
			return true
		}
		found := false
		for i, h := range img.History {
			if what, ok := bad(h.CreatedBy); ok {
				found = true
				r.add(status, ptr+pointer("history", i), imageName(img), say("build step: %s", "构建步骤：%s", shorten(what)))
			}
		}
		return found
	})
}

func shorten(s string) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > 120 {
		return string(runes[:120]) + "…"
	}
	return string(runes)
}

var (
	// buildArgs stand before a step that had build arguments: "|2 A=x B=y /bin/sh -c ...".
	buildArgs = regexp.MustCompile(`^\|\d+\s+`)
	// addStep is an ADD of either builder; the destination is the last word.
	addStep = regexp.MustCompile(`^(?:/bin/sh -c #\(nop\)\s+)?ADD\s+(.*?)(?:\s+# buildkit)?\s*$`)
	// unverifiedFlags turn off verification.
	unverifiedFlags = regexp.MustCompile(`--allow-unauthenticated|--nogpgcheck|--no-gpg-checks|--allow-untrusted|--no-check-certificate|--force-yes|--trusted-host|(?i:gpgcheck=0|\[trusted=yes\])|npm config set strict-ssl false|\bcurl\b[^|;&]*\s(-[a-zA-Z]*k[a-zA-Z]*|--insecure)\b`)
	// pipedToShell is a download that is run at once.
	pipedToShell = regexp.MustCompile(`\b(curl|wget)\b[^;&]*\|\s*(sudo\s+)?(-E\s+)?(/\S*/)?(ba|da|z|a)?sh\b`)
)

// runStep is the script of a RUN step, as either builder writes it; "" for another step.
func runStep(step string) string {
	s := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(step), "# buildkit"))
	s = strings.TrimPrefix(s, "RUN ")
	s = buildArgs.ReplaceAllString(s, "")
	if strings.Contains(s, "#(nop)") {
		return ""
	}
	if i := strings.Index(s, "-c "); i >= 0 && strings.Contains(s[:i], "sh ") {
		return strings.TrimSpace(s[i+3:])
	}
	if strings.HasPrefix(step, "RUN ") {
		return s
	}
	return ""
}

func unverified(step string) (string, bool) {
	s := runStep(step)
	if m := pipedToShell.FindString(s); m != "" {
		return m, true
	}
	m := unverifiedFlags.FindString(s)
	return m, m != ""
}

// updateInstalls are package managers whose "update" upgrades packages instead of lists.
var updateInstalls = []string{"yum", "dnf", "microdnf", "tdnf", "npm", "yarn", "pnpm", "gem", "conda", "zypper"}

// updateAlone is true for a step that fetches package lists and installs nothing.
func updateAlone(step string) (string, bool) {
	script := runStep(step)
	updates, installs := false, false
	for _, cmd := range shellCommands(script) {
		if _, ok := installsSoftware(cmd); !ok {
			continue
		}
		verb := slices.IndexFunc(cmd[1:], func(w string) bool { return !strings.HasPrefix(w, "-") })
		if verb < 0 {
			continue
		}
		switch word := cmd[1+verb]; {
		case word == "update" && !slices.Contains(updateInstalls, cmd[0]), word == "makecache", word == "refresh":
			updates = true
		default:
			installs = true
		}
	}
	return script, updates && !installs
}

// usesADD is true for an ADD other than the one that lays down a base image's root file system, and other than a
// download with a checksum.
func usesADD(step string) (string, bool) {
	m := addStep.FindStringSubmatch(strings.TrimSpace(step))
	if m == nil || strings.Contains(m[1], "--checksum=") {
		return "", false
	}
	words := strings.Fields(m[1])
	if len(words) == 0 || words[len(words)-1] == "/" {
		return "", false
	}
	return "ADD " + m[1], true
}
