package assess

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/detect/imageref"
	"github.com/bulkhead-security/bulkhead/model"
)

// hostedRegistryChecks answer for 8.2.a and for the part of 8.2.d that a hosted registry decides.
func hostedRegistryChecks() []Check {
	hardenEN := "docker run --user 1000:1000 --read-only --cap-drop ALL --security-opt no-new-privileges -v registry-data:/var/lib/registry ... registry@sha256:DIGEST"
	return []Check{
		{
			ID: "8.2.a/privileges", Severity: model.Critical, Essential: true,
			Title:       say("The registry runs without special privileges", "注册表在没有特殊权限的情况下运行"),
			References:  []string{"NIST SP 800-190 4.2.3", "ATT&CK T1611"},
			Remediation: say("Run it without --privileged, --cap-add, host namespaces and the engine's socket: %s", "不使用 --privileged、--cap-add、主机命名空间和引擎套接字运行：%s", hardenEN),
			Eval:        evalRegistryPrivileges,
		},
		{
			ID: "8.2.a/listener", Severity: model.High, Essential: true,
			Title:       say("The registry is published with TLS only", "注册表仅以 TLS 对外发布"),
			References:  []string{"NIST SP 800-190 4.2.1", "ATT&CK T1557"},
			Remediation: say("Set REGISTRY_HTTP_TLS_CERTIFICATE and REGISTRY_HTTP_TLS_KEY, or publish it on the loopback address behind a TLS proxy: -p 127.0.0.1:5000:5000.", "设置 REGISTRY_HTTP_TLS_CERTIFICATE 和 REGISTRY_HTTP_TLS_KEY，或仅发布在回环地址并置于 TLS 代理之后：-p 127.0.0.1:5000:5000。"),
			Eval:        evalRegistryListener,
		},
		{
			ID: "8.2.a/user", Severity: model.Medium,
			Title:       say("The registry runs as a user of its own on a read-only root", "注册表以专用用户运行且根文件系统只读"),
			References:  []string{"NIST SP 800-190 4.2.3"},
			Remediation: say("Build or run it without root: %s", "以非 root 用户运行：%s", hardenEN),
			Eval:        evalRegistryUser,
		},
		{
			ID: "8.2.a/version", Severity: model.Medium,
			Title:       say("The registry's software is recent and pinned", "注册表软件版本较新且已固定"),
			References:  []string{"NIST SP 800-190 4.2.2"},
			Remediation: say("Run the current release by digest: docker pull registry:3 && docker run ... registry@sha256:DIGEST", "以摘要方式运行当前版本：docker pull registry:3 && docker run ... registry@sha256:DIGEST"),
			Eval:        evalRegistryVersion,
		},
		{
			ID: "8.2.a/registry-guard", Severity: model.Low,
			Title:       say("The registry guard stands before the registry", "注册表防护位于注册表之前"),
			References:  []string{"NIST SP 800-190 4.2.3"},
			Remediation: say("Put the registry guard in front of the registry, in mode enforce.", "在注册表前部署注册表防护（registry-guard），并使用 enforce 模式。"),
			Eval:        evalRegistryGuard,
		},
		{
			ID: "8.2.d/anonymous", Severity: model.High, Essential: true,
			Title:       say("Registries ask who is there", "注册表要求身份认证"),
			References:  []string{"NIST SP 800-190 4.2.3", "ATT&CK T1525"},
			Remediation: say("Set REGISTRY_AUTH=htpasswd, REGISTRY_AUTH_HTPASSWD_REALM and REGISTRY_AUTH_HTPASSWD_PATH, or REGISTRY_AUTH=token, in the registry; or put the registry guard before it.", "在注册表中设置 REGISTRY_AUTH=htpasswd、REGISTRY_AUTH_HTPASSWD_REALM 和 REGISTRY_AUTH_HTPASSWD_PATH，或 REGISTRY_AUTH=token；或在其前部署注册表防护。"),
			Eval:        evalAnonymousAccess,
		},
	}
}

// registrySoftware are last parts of repository names of registries' own images.
var registrySoftware = append([]string{"zot", "zot-linux-amd64", "zot-minimal", "quay", "nexus3"}, distributionSoftware...)

// distributionSoftware are the images of the registry whose settings stand in variables named REGISTRY_*.
var distributionSoftware = []string{"registry", "distribution", "registry-photon"}

// publicRegistries give images to anyone, by their purpose.
var publicRegistries = []string{
	"docker.io", "index.docker.io", "registry-1.docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "mcr.microsoft.com",
	"public.ecr.aws", "registry.access.redhat.com", "registry.gitlab.com", "nvcr.io", "cgr.dev", "docker.elastic.co",
}

// hosted is a registry that runs on this node.
type hosted struct {
	placed
	image model.ImageRef
	// readable is true when the registry's settings can be told from its environment.
	readable bool
}

// hostedRegistries lists registries among the workloads; it records why when there are none or none can be told.
func hostedRegistries(in *Input, r *Recorder) []hosted {
	if missingWorkloads(in, r) {
		return nil
	}
	if in.registries == nil {
		in.registries = listRegistries(in)
	}
	if len(in.registries) == 0 {
		r.NotApplicable("/containers", say("no registry runs on this node", "本节点没有运行注册表"))
	}
	return in.registries
}

func listRegistries(in *Input) []hosted {
	out := []hosted{}
	for _, p := range in.workloads(true) {
		ref := imageref.Parse(p.w.Image.Ref)
		name := ref.Name[strings.LastIndexByte(ref.Name, '/')+1:]
		byEnv := hasEnvPrefix(p.w, "REGISTRY_STORAGE") || hasEnvPrefix(p.w, "REGISTRY_HTTP")
		if byEnv || slices.Contains(registrySoftware, name) {
			readable := (byEnv || slices.Contains(distributionSoftware, name)) && !configured(p.w)
			out = append(out, hosted{p, ref, readable})
		}
	}
	return out
}

func hasEnvPrefix(w *model.Workload, prefix string) bool {
	return slices.ContainsFunc(w.EnvNames, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

func evalRegistryPrivileges(in *Input, r *Recorder) {
	for _, h := range hostedRegistries(in, r) {
		var sins []string
		if h.w.Privileged {
			sins = append(sins, "--privileged")
		}
		for _, c := range h.w.CapAdd {
			if c == "ALL" || c == "CAP_SYS_ADMIN" || c == "CAP_SYS_PTRACE" || c == "CAP_DAC_READ_SEARCH" {
				sins = append(sins, "--cap-add "+c)
			}
		}
		if h.w.Namespaces.PID == "host" {
			sins = append(sins, "--pid host")
		}
		if slices.ContainsFunc(h.w.Mounts, func(m model.Mount) bool { return m.EngineSocket }) {
			sins = append(sins, "-v docker.sock")
		}
		if len(sins) > 0 {
			r.Fail(h.pointer, h.subject, say("the registry runs with %s", "注册表以 %s 运行", strings.Join(sins, ", ")))
		} else {
			r.Pass(h.pointer, h.subject, say("the registry has no special privileges", "注册表没有特殊权限"))
		}
	}
}

func evalRegistryListener(in *Input, r *Recorder) {
	for _, h := range hostedRegistries(in, r) {
		open := openPorts(h.w.Ports)
		ptr := h.pointer + "/ports"
		switch {
		case len(open) == 0:
			r.Pass(ptr, h.subject, say("the registry is not published beyond this host", "注册表未对本机之外发布"))
		case hasEnvPrefix(h.w, "REGISTRY_HTTP_TLS_"):
			r.Pass(ptr, h.subject, say("the registry is published on %s and configured with TLS", "注册表发布于 %s，并已配置 TLS", strings.Join(open, ", ")))
		case !h.readable:
			r.Unknown(ptr, h.subject, say("the registry is published on %s; whether with TLS stands in its configuration file, which is not read", "注册表发布于 %s；是否使用 TLS 写在其配置文件中，未读取该文件", strings.Join(open, ", ")))
		default:
			r.Fail(ptr, h.subject, say("the registry is published on %s without TLS", "注册表发布于 %s 且没有 TLS", strings.Join(open, ", ")))
		}
	}
}

// openPorts lists published ports that others than this host can reach.
func openPorts(ports []model.PortMap) []string {
	var out []string
	for _, p := range ports {
		if a, err := netip.ParseAddr(p.HostIP); p.HostPort == 0 || err == nil && a.IsLoopback() {
			continue
		}
		out = append(out, fmt.Sprintf("%s:%d", p.HostIP, p.HostPort))
	}
	return out
}

// configured is true when a configuration file was mounted over the image's own.
func configured(w *model.Workload) bool {
	return slices.ContainsFunc(w.Mounts, func(m model.Mount) bool {
		return m.Type != "tmpfs" && (strings.HasPrefix(m.Target, "/etc/docker/registry") || strings.HasPrefix(m.Target, "/etc/distribution") ||
			strings.HasPrefix(m.Target, "/etc/zot") || strings.HasPrefix(m.Target, "/etc/registry"))
	})
}

func evalRegistryUser(in *Input, r *Recorder) {
	for _, h := range hostedRegistries(in, r) {
		switch {
		case h.container != nil && containerGap(r, h.container, h.base, "/workload/root"):
		case h.w.Root:
			r.Fail(h.pointer+"/root", h.subject, say("the registry runs as root", "注册表以 root 运行"))
		case !h.w.ReadOnlyRoot:
			r.Warn(h.pointer+"/read_only_root", h.subject, say("the registry's root file system is writable", "注册表的根文件系统可写"))
		default:
			r.Pass(h.pointer+"/root", h.subject, say("the registry runs as a user of its own on a read-only root", "注册表以专用用户运行，根文件系统只读"))
		}
	}
}

func evalRegistryVersion(in *Input, r *Recorder) {
	byID := imagesByID(in)
	for _, h := range hostedRegistries(in, r) {
		ptr := h.pointer + "/image"
		if h.image.Kind == model.RefMovingTag {
			r.Warn(ptr, h.subject, say("%s does not say which release runs", "%s 未说明运行的是哪个版本", h.image.Ref))
			continue
		}
		i, ok := byID[h.w.Image.ID]
		if !ok {
			r.Unknown(ptr, h.subject, say("the age of the registry's image is not known", "注册表镜像的时间未知"))
			continue
		}
		built, ok := buildTime(&in.Snap.Images[i])
		switch days := ageDays(in, built); {
		case !ok:
			r.Unknown(ptr, h.subject, say("the image does not say when it was built", "镜像未说明构建时间"))
		case days > in.Settings.MaxImageAgeDays:
			r.Fail(ptr, h.subject, say("the registry's image was built %d days ago", "注册表镜像构建于 %d 天前", days))
		default:
			r.Pass(ptr, h.subject, say("the registry's image was built %d days ago", "注册表镜像构建于 %d 天前", days))
		}
	}
}

func evalRegistryGuard(in *Input, r *Recorder) {
	if len(hostedRegistries(in, r)) > 0 {
		control(in, r, model.ControlRegistryGuard, model.CheckWarn)
	}
}

func evalAnonymousAccess(in *Input, r *Recorder) {
	asked := 0
	for i, reg := range in.Snap.Registries {
		if reg.Probe == nil || !reg.Probe.TLS && !reg.Probe.PlainHTTP {
			continue
		}
		asked++
		ptr := pointer("registries", i, "probe", "anonymous")
		switch {
		case !reg.Probe.Anonymous:
			r.Pass(ptr, reg.Host, say("%s asks for credentials", "%s 要求凭据", reg.Host))
		case slices.Contains(publicRegistries, reg.Host):
			r.Warn(ptr, reg.Host, say("%s gives images to anyone; take them through a registry of your own", "%s 向任何人提供镜像；建议通过自有注册表获取", reg.Host))
		default:
			r.Fail(ptr, reg.Host, say("%s answers without credentials", "%s 无需凭据即可应答", reg.Host))
		}
	}
	var local Recorder
	list := hostedRegistries(in, &local)
	for _, h := range list {
		judgeHostedAccess(in, r, h)
	}
	switch {
	case local.worst == model.CheckUnknown:
		r.Missing(in, "/containers")
	case asked == 0 && len(list) == 0:
		r.NotApplicable("/registries", say("no registry runs here and none was asked; --probe-registries asks those in use", "本节点未运行注册表，也未探测；使用 --probe-registries 探测正在使用的注册表"))
	}
}

func judgeHostedAccess(in *Input, r *Recorder, h hosted) {
	_, _, guarded := in.Control(model.ControlRegistryGuard)
	switch {
	case hasEnvPrefix(h.w, "REGISTRY_AUTH"):
		r.Pass(h.pointer+"/env_names", h.subject, say("the registry is configured with authentication", "注册表已配置身份认证"))
	case guarded && len(openPorts(h.w.Ports)) == 0:
		r.Pass(h.pointer, h.subject, say("only the registry guard reaches the registry", "仅注册表防护可到达该注册表"))
	case !h.readable:
		r.Unknown(h.pointer+"/mounts", h.subject, say("whether the registry asks for credentials stands in its configuration file, which is not read", "注册表是否要求凭据写在其配置文件中，未读取该文件"))
	default:
		r.Fail(h.pointer+"/env_names", h.subject, say("the registry has no authentication", "注册表没有身份认证"))
	}
}
