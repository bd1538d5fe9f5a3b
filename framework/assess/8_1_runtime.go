package assess

import (
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// runtimeChecks answer for clause 8.1.
func runtimeChecks() []Check {
	return append(append(replaceChecks(), runtimeVersionChecks()...), daemonChecks()...)
}

// replaceChecks answer for 8.1.a: an update replaces the running container, nothing is patched in place.
func replaceChecks() []Check {
	return []Check{
		{
			ID: "8.1.a/added-programs", Severity: model.High, Essential: true,
			Title:      say("No program was added to a running container", "运行中的容器内未添加或更改程序"),
			References: []string{"NIST SP 800-190 4.4.4", "ATT&CK T1105"},
			Remediation: say(
				"Build the change into a new image and replace the container: docker build -t NAME:NEW . && docker rm -f CONTAINER && docker run ... NAME:NEW. Run it with --read-only so that nothing can be added.",
				"将变更构建到新镜像中并替换容器：docker build -t NAME:NEW . && docker rm -f CONTAINER && docker run ... NAME:NEW。使用 --read-only 运行，使其无法再添加文件。"),
			Eval: evalAddedPrograms,
		},
		{
			ID: "8.1.a/package-database", Severity: model.High, Essential: true,
			Title:      say("No package was installed or upgraded in a running container", "未在运行中的容器内安装或升级软件包"),
			References: []string{"NIST SP 800-190 4.4.4"},
			Remediation: say(
				"Upgrade the packages in the image's build and replace the container: docker build --pull --no-cache -t NAME:NEW . && docker rm -f CONTAINER && docker run ... NAME:NEW.",
				"在构建镜像时升级软件包并替换容器：docker build --pull --no-cache -t NAME:NEW . && docker rm -f CONTAINER && docker run ... NAME:NEW。"),
			Eval: evalPackageDatabase,
		},
		{
			ID: "8.1.a/package-manager", Severity: model.High, Essential: true,
			Title:      say("No package manager runs in a container", "容器内没有正在运行的包管理器"),
			References: []string{"NIST SP 800-190 4.4.4", "ATT&CK T1072"},
			Remediation: say(
				"Stop the installation and replace the container from an image that was built with what it needs: docker rm -f CONTAINER && docker run ... NAME:NEW.",
				"停止安装，并用已包含所需软件的镜像替换容器：docker rm -f CONTAINER && docker run ... NAME:NEW。"),
			Eval: evalPackageManager,
		},
		{
			ID: "8.1.a/newer-image", Severity: model.Medium,
			Title:      say("Containers run the newest image of their tag", "容器运行其标签所指的最新镜像"),
			References: []string{"CIS Docker 1.6.0 5.28"},
			Remediation: say(
				"Replace the container: docker rm -f CONTAINER && docker run ... NAME:TAG (docker compose up -d --force-recreate SERVICE).",
				"替换容器：docker rm -f CONTAINER && docker run ... NAME:TAG（或 docker compose up -d --force-recreate SERVICE）。"),
			Eval: evalNewerImage,
		},
		{
			ID: "8.1.a/long-running", Severity: model.Low,
			Title:      say("Containers are replaced regularly", "容器得到定期替换"),
			References: []string{"NIST SP 800-190 4.4.4"},
			Remediation: say(
				"Pull the image and replace the container, or raise assess.max_image_age_days: docker pull NAME:TAG && docker rm -f CONTAINER && docker run ... NAME:TAG.",
				"拉取镜像并替换容器，或调高 assess.max_image_age_days：docker pull NAME:TAG && docker rm -f CONTAINER && docker run ... NAME:TAG。"),
			Eval: evalLongRunning,
		},
		{
			ID: "8.1.a/drift-prevention", Severity: model.Medium,
			Title:       say("Programs that are not in the image cannot start", "镜像中不存在的程序无法启动"),
			References:  []string{"NIST SP 800-190 4.4.4", "ATT&CK T1105"},
			Remediation: say("Turn on drift prevention in mode enforce.", "以 enforce 模式启用漂移防护（drift-prevention）。"),
			Eval: func(in *Input, r *Recorder) {
				control(in, r, model.ControlDrift, model.CheckWarn)
			},
		},
		{
			ID: "8.1.a/replace", Severity: model.Low,
			Title:       say("Containers are replaced by a controlled procedure", "容器通过受控流程替换"),
			References:  []string{"NIST SP 800-190 4.4.4"},
			Remediation: say("Turn on the control replace, which starts the new container, checks its health and rolls back on failure.", "启用 replace 控制：启动新容器、检查健康状况，失败时回滚。"),
			Eval: func(in *Input, r *Recorder) {
				control(in, r, model.ControlReplace, model.CheckWarn)
			},
		},
	}
}

// eachContainer asks of every running container of the engine. judge returns true when it recorded something itself.
func eachContainer(in *Input, r *Recorder, good model.Text, judge func(c *model.Container, base string) bool) {
	if r.Missing(in, "/containers") {
		return
	}
	fine, all := 0, 0
	for i := range in.Snap.Containers {
		if c := &in.Snap.Containers[i]; active(c.State) {
			all++
			if !judge(c, pointer("containers", i)) {
				fine++
			}
		}
	}
	if all == 0 {
		r.NotApplicable("/containers", say("no container of an engine is running", "没有正在运行的引擎容器"))
		return
	}
	passRest(r, "/containers", fine, all, good)
}

// containerGap records a gap of the container itself as unknown.
func containerGap(r *Recorder, c *model.Container, base, part string) bool {
	g, ok := findGap(c.Gaps, part)
	if ok {
		r.Gap(base+part, c.Name, g)
	}
	return ok
}

func evalAddedPrograms(in *Input, r *Recorder) {
	good := say("no program was added or changed since the start", "启动后未添加或更改程序")
	eachContainer(in, r, good, func(c *model.Container, base string) bool {
		if containerGap(r, c, base, "/changes") {
			return true
		}
		found, unexamined := false, 0
		for i, f := range c.Changes {
			switch {
			case f.Kind == "deleted" || engineOwnFile(f.Path):
			case !f.Examined:
				unexamined++
			case f.Executable:
				found = true
				r.Fail(base+pointer("changes", i), c.Name, say("program %[1]s was %[2]s after the start", "程序 %[1]s 在启动后被%[3]s", f.Path, f.Kind, kindZH(f.Kind)))
			}
		}
		if found {
			return true
		}
		if more := c.ChangesTotal - len(c.Changes); more > 0 {
			r.Unknown(base+"/changes", c.Name, say("%d more changed files were not looked at", "另有 %d 个变更文件未被检查", more))
			return true
		}
		if unexamined > 0 {
			r.Unknown(base+"/changes", c.Name, say("%d changed files could not be examined for programs", "无法判断 %d 个变更文件是否为程序", unexamined))
		}
		return unexamined > 0
	})
}

func kindZH(kind string) string {
	if kind == "added" {
		return "添加"
	}
	return "更改"
}

// engineOwnFile is true for files that the engine itself puts into every container.
func engineOwnFile(path string) bool {
	switch path {
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv", "/run/.containerenv":
		return true
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run/secrets"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

func evalPackageDatabase(in *Input, r *Recorder) {
	good := say("no package database was written since the start", "启动后未写入软件包数据库")
	eachContainer(in, r, good, func(c *model.Container, base string) bool {
		if containerGap(r, c, base, "/changes") {
			return true
		}
		for i, f := range c.Changes {
			if f.PackageDB {
				r.Fail(base+pointer("changes", i), c.Name, say("package database %s was written after the start", "软件包数据库 %s 在启动后被写入", f.Path))
				return true
			}
		}
		if more := c.ChangesTotal - len(c.Changes); more > 0 {
			r.Unknown(base+"/changes", c.Name, say("%d more changed files were not looked at", "另有 %d 个变更文件未被检查", more))
			return true
		}
		return false
	})
}

func evalPackageManager(in *Input, r *Recorder) {
	good := say("no package manager is at work", "没有包管理器在运行")
	eachContainer(in, r, good, func(c *model.Container, base string) bool {
		if containerGap(r, c, base, "/processes") {
			return true
		}
		for i, p := range c.Processes {
			for _, cmd := range shellCommands(p.Command) {
				if name, ok := installsSoftware(cmd); ok {
					r.Fail(base+pointer("processes", i), c.Name, say("package manager %s runs in the container (pid %d)", "容器内正在运行包管理器 %s（进程号 %d）", name, p.PID))
					return true
				}
			}
		}
		return false
	})
}

func evalNewerImage(in *Input, r *Recorder) {
	if r.Missing(in, "/images") {
		return
	}
	tags := map[string]int{}
	for i, img := range in.Snap.Images {
		for _, t := range img.Tags {
			tags[tagKey(imageref.Parse(t))] = i
		}
	}
	good := say("runs the image that its tag names", "运行其标签所指的镜像")
	eachContainer(in, r, good, func(c *model.Container, base string) bool {
		ref := imageref.Parse(c.Workload.Image.Ref)
		ptr := base + "/workload/image"
		if containerGap(r, c, base, "/workload/image") {
			return true
		}
		if ref.Name == "" || ref.Digest != "" {
			return false // the name says one image for good
		}
		if c.Workload.Image.ID == "" {
			r.Unknown(ptr, c.Name, say("the id of the container's image is not known", "容器镜像的 ID 未知"))
			return true
		}
		i, ok := tags[tagKey(ref)]
		if !ok {
			r.Warn(ptr, c.Name, say("%s no longer names an image on this host", "%s 在本机已不再指向任何镜像", ref.Ref))
			return true
		}
		if img := in.Snap.Images[i]; img.ID != c.Workload.Image.ID {
			r.Fail(ptr, c.Name, say("%s names image %s by now, the container still runs %s", "%s 现已指向镜像 %s，容器仍运行 %s", ref.Ref, shortID(img.ID), shortID(c.Workload.Image.ID)))
			return true
		}
		return false
	})
}

func tagKey(ref model.ImageRef) string {
	tag := ref.Tag
	if tag == "" {
		tag = "latest"
	}
	return ref.Registry + "/" + ref.Name + ":" + tag
}

func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

func evalLongRunning(in *Input, r *Recorder) {
	most := in.Settings.MaxImageAgeDays
	good := say("created within the last %d days", "在最近 %d 天内创建", most)
	eachContainer(in, r, good, func(c *model.Container, base string) bool {
		if c.Created.IsZero() {
			r.Unknown(base+"/created", c.Name, say("the time of creation is not known", "创建时间未知"))
			return true
		}
		days := ageDays(in, c.Created)
		if days <= most {
			return false
		}
		r.Warn(base+"/created", c.Name, say("was created %d days ago and never replaced since", "创建于 %d 天前，此后从未被替换", days))
		return true
	})
}

// ageDays is how many days before the snapshot a moment was.
func ageDays(in *Input, then time.Time) int {
	return int(in.Snap.Taken.Sub(then).Hours() / 24)
}
