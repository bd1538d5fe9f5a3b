package assess

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// purposeChecks answer for 8.3.a: images exist to create containers for applications or services and nothing else.
func purposeChecks() []Check {
	return []Check{
		{
			ID: "8.3.a/remote-login", Severity: model.High, Essential: true,
			Title:       say("No container offers a remote login", "没有容器提供远程登录"),
			References:  []string{"CIS Docker 1.6.0 5.7", "ATT&CK T1021.004"},
			Remediation: say("Remove the SSH server from the image and use docker exec or docker logs for maintenance.", "从镜像中移除 SSH 服务，维护时使用 docker exec 或 docker logs。"),
			Eval:        evalRemoteLogin,
		},
		{
			ID: "8.3.a/shell-entrypoint", Severity: model.High, Essential: true,
			Title:       say("No container was started as an interactive shell", "没有容器以交互式 shell 方式启动"),
			References:  []string{"NIST SP 800-190 4.4.4", "ATT&CK T1059.004"},
			Remediation: say("Run the image's own entry point; for a look inside use docker exec in the running container.", "运行镜像自身的入口点；如需查看容器内部，请对运行中的容器使用 docker exec。"),
			Eval:        evalShellEntrypoint,
		},
		{
			ID: "8.3.a/tools", Severity: model.Medium,
			Title:       say("Images hold no tools that the application does not need", "镜像不含应用不需要的工具"),
			References:  []string{"CIS Docker 1.6.0 4.3", "NIST SP 800-190 4.1.2", "ATT&CK T1105"},
			Remediation: say("Build in stages and copy the application into a minimal base: FROM scratch or a distroless image, with COPY --from=build.", "使用多阶段构建，将应用复制到最小基础镜像（FROM scratch 或 distroless）：COPY --from=build。"),
			Eval:        evalImageTools,
		},
		{
			ID: "8.3.a/single-service", Severity: model.Low,
			Title:       say("A container serves one service", "一个容器只提供一个服务"),
			References:  []string{"NIST SP 800-190 2.3"},
			Remediation: say("Split the services into containers of their own, on a network that they share.", "将各服务拆分到独立容器，并置于共享网络中。"),
			Eval:        evalSingleService,
		},
		{
			ID: "8.3.a/purpose", Severity: model.Low,
			Title:       say("Images in use declare their purpose", "使用中的镜像声明了用途"),
			References:  []string{"NIST SP 800-190 4.1.5"},
			Remediation: say(`Declare it in the build: LABEL io.bulkhead.purpose="web front end of the shop".`, `在构建时声明：LABEL io.bulkhead.purpose="商城 Web 前端"。`),
			Eval:        evalPurpose,
		},
	}
}

var remoteLoginPrograms = []string{"sshd", "dropbear", "telnetd", "in.telnetd", "rlogind", "tinysshd", "xrdp", "Xvnc", "x11vnc", "vncserver", "ttyd", "gotty", "wetty", "shellinaboxd"}

func evalRemoteLogin(in *Input, r *Recorder) {
	eachContainer(in, r, say("no remote login service runs", "没有远程登录服务在运行"), func(c *model.Container, base string) bool {
		if containerGap(r, c, base, "/processes") {
			return true
		}
		for i, p := range c.Processes {
			if name := programOf(p.Command); slices.Contains(remoteLoginPrograms, name) {
				r.Fail(base+pointer("processes", i), c.Name, say("%s runs in the container", "容器内正在运行 %s", name))
				return true
			}
		}
		return false
	})
}

// programOf is the program of a process as its command line tells, also where it wrote a title over it ("sshd: x").
func programOf(command string) string {
	for _, cmd := range shellCommands(command) {
		return strings.TrimSuffix(strings.TrimPrefix(cmd[0], "-"), ":")
	}
	return ""
}

func evalShellEntrypoint(in *Input, r *Recorder) {
	byID := imagesByID(in)
	good := say("runs a program that is no shell", "运行的程序不是 shell")
	eachWorkload(in, r, good, func(p placed) bool {
		line := slices.Concat(p.w.Entrypoint, p.w.Args)
		if i, ok := byID[p.w.Image.ID]; ok && len(line) == 0 {
			line = slices.Concat(in.Snap.Images[i].Entrypoint, in.Snap.Images[i].Cmd)
		}
		if len(line) > 0 && slices.Contains(wrappers, path.Base(line[0])) {
			line = slices.DeleteFunc(slices.Clone(line[1:]), func(w string) bool { return w == "--" })
		}
		switch {
		case len(line) == 0 || !isShell(line[0]):
			return false
		case !interactive(line[1:]):
			if p.container != nil && containerGap(r, p.container, p.base, "/workload/entrypoint_overridden") {
				return true
			}
			if !p.w.EntrypointOverridden {
				return false
			}
			r.Warn(p.pointer+"/entrypoint", p.subject, say("the image's entry point was replaced by a shell script", "镜像的入口点被替换为 shell 脚本"))
			return true
		}
		r.Fail(p.pointer+"/entrypoint", p.subject, say("the container was started as a shell (%s)", "容器以 shell 方式启动（%s）", path.Base(line[0])))
		return true
	})
}

// interactive says that a shell with the arguments waits for commands: it was given neither a script nor -c.
func interactive(args []string) bool {
	for _, a := range args {
		if isInlineFlag(a) || !strings.HasPrefix(a, "-") {
			return false
		}
	}
	return true
}

func evalImageTools(in *Input, r *Recorder) {
	eachUsedImage(in, r, say("no tools that do not belong", "没有多余的工具"), func(img *model.Image, ptr string) bool {
		if img.Contents == nil {
			g, ok := findGap(img.Gaps, "/contents")
			if !ok {
				g = model.Gap{Reason: model.GapSkipped}
			}
			r.Gap(ptr+"/contents", imageName(img), g)
			return true
		}
		byClass := map[string][]string{}
		for _, t := range img.Contents.Tools {
			byClass[t.Class] = append(byClass[t.Class], path.Base(t.Path))
		}
		for _, class := range []string{"remote-login", "container-client", "compiler", "package-manager", "network-tool"} {
			names := byClass[class]
			slices.Sort(names)
			names = slices.Compact(names)
			if len(names) == 0 {
				continue
			}
			text := say("holds %[1]s: %[2]s", "包含%[3]s：%[2]s", class, strings.Join(names, ", "), toolClassZH[class])
			if class == "remote-login" || class == "container-client" {
				r.Fail(ptr+"/contents/tools", imageName(img), text)
			} else {
				r.Warn(ptr+"/contents/tools", imageName(img), text)
			}
		}
		return len(byClass) > 0
	})
}

var toolClassZH = map[string]string{
	"remote-login": "远程登录服务", "container-client": "容器客户端", "compiler": "编译器",
	"package-manager": "包管理器", "network-tool": "网络工具",
}

// supervisors exist to run several services in one place.
var supervisors = []string{"supervisord", "s6-svscan", "runsvdir", "systemd", "monit", "circusd", "god", "upstart"}

func evalSingleService(in *Input, r *Recorder) {
	eachContainer(in, r, say("serves one service", "仅提供一个服务"), func(c *model.Container, base string) bool {
		if containerGap(r, c, base, "/processes") {
			return true
		}
		for i, p := range c.Processes {
			words := strings.Fields(p.Command)
			for _, word := range words[:min(2, len(words))] { // the second where an interpreter stands first
				if name := path.Base(word); slices.Contains(supervisors, name) {
					r.Warn(base+pointer("processes", i), c.Name, say("%s runs several services in the container", "%s 在容器内运行多个服务", name))
					return true
				}
			}
		}
		if names := listeningPrograms(in, c.ID); len(names) > 1 {
			r.Warn(base+"/processes", c.Name, say("several programs listen in the container: %s", "容器内有多个程序在监听：%s", strings.Join(names, ", ")))
			return true
		}
		return false
	})
}

// listeningPrograms names the programs that listen in a container. The engine's own resolver does not count.
func listeningPrograms(in *Input, id string) []string {
	if in.Snap.Host == nil || id == "" {
		return nil
	}
	var names []string
	for _, l := range in.Snap.Host.Listeners {
		if l.Container == id && l.Process != "" && l.Process != "dockerd" && !l.Engine && !slices.Contains(names, l.Process) {
			names = append(names, l.Process)
		}
	}
	slices.Sort(names)
	return names
}

func evalPurpose(in *Input, r *Recorder) {
	eachUsedImage(in, r, say("declares its purpose", "声明了用途"), func(img *model.Image, ptr string) bool {
		if img.Purpose != "" {
			return false
		}
		r.Warn(ptr+"/purpose", imageName(img), say("does not declare what it is for", "未声明用途"))
		return true
	})
}
