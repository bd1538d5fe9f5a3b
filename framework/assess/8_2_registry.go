package assess

import (
	"net"
	"net/netip"
	"path"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// registryChecks answer for clause 8.2.
func registryChecks() []Check {
	return append(append(hostedRegistryChecks(), channelChecks()...), registryContentChecks()...)
}

// channelChecks answer for 8.2.b: registries are reached over encrypted channels only.
func channelChecks() []Check {
	return []Check{
		{
			ID: "8.2.b/insecure-registries", Severity: model.High, Essential: true,
			Title:      say("No registry is configured to be used without verified TLS", "没有注册表被配置为不经验证的 TLS 使用"),
			References: []string{"CIS Docker 1.6.0 2.5", "NIST SP 800-190 4.2.1", "ATT&CK T1557"},
			Remediation: say(
				`Remove the host from "insecure-registries" in /etc/docker/daemon.json (skip_verify and http:// in /etc/containerd/certs.d/HOST/hosts.toml, insecure in /etc/containers/registries.conf), put its CA into /etc/docker/certs.d/HOST/ca.crt and restart the engine.`,
				`从 /etc/docker/daemon.json 的 "insecure-registries" 中移除该主机（/etc/containerd/certs.d/HOST/hosts.toml 中为 skip_verify 与 http://，/etc/containers/registries.conf 中为 insecure），将其 CA 放入 /etc/docker/certs.d/HOST/ca.crt 并重启引擎。`),
			Eval: evalInsecureRegistries,
		},
		{
			ID: "8.2.b/registry-answers", Severity: model.High,
			Title:      say("Registries answer over valid TLS only", "注册表仅通过有效 TLS 应答"),
			References: []string{"NIST SP 800-190 4.2.1", "ATT&CK T1557"},
			Remediation: say(
				"Turn off plain HTTP in the registry, give it a certificate for its name by a CA that the hosts trust, and renew it before it expires.",
				"关闭注册表的明文 HTTP，为其名称配置由主机信任的 CA 签发的证书，并在到期前续期。"),
			Eval: evalRegistryAnswers,
		},
		{
			ID: "8.2.b/certificate-files", Severity: model.Medium,
			Title:      say("Registry certificates on this host belong to root", "本机的注册表证书归 root 所有"),
			References: []string{"CIS Docker 1.6.0 3.7", "CIS Docker 1.6.0 3.8"},
			Remediation: say(
				"Give them to root and let nobody write; the key is for root's eyes only: chown root:root /etc/docker/certs.d/HOST/*; chmod 444 /etc/docker/certs.d/HOST/*.crt /etc/docker/certs.d/HOST/*.cert; chmod 400 /etc/docker/certs.d/HOST/*.key",
				"将其归 root 所有并禁止写入，私钥仅 root 可读：chown root:root /etc/docker/certs.d/HOST/*；chmod 444 /etc/docker/certs.d/HOST/*.crt /etc/docker/certs.d/HOST/*.cert；chmod 400 /etc/docker/certs.d/HOST/*.key"),
			Eval: evalRegistryCertificates,
		},
	}
}

func evalInsecureRegistries(in *Input, r *Recorder) {
	if r.Missing(in, "/registries") || r.Missing(in, "/engine/insecure_registries") {
		return
	}
	seen := map[string]bool{}
	for i, reg := range in.Snap.Registries {
		seen[reg.Host] = true
		judgeRegistry(r, pointer("registries", i), reg.Host, reg.Insecure || reg.Scheme == "http")
	}
	if in.Snap.Engine != nil {
		for i, host := range in.Snap.Engine.InsecureRegistries {
			if !seen[host] && !(isNetwork(host) && isLoopback(host)) { // 127.0.0.0/8 is the engine's default
				judgeRegistry(r, pointer("engine", "insecure_registries", i), host, true)
				seen[host] = true
			}
		}
	}
	if len(seen) == 0 {
		r.NotApplicable("/registries", say("this node uses no registry", "本节点未使用注册表"))
	}
}

func judgeRegistry(r *Recorder, ptr, host string, insecure bool) {
	switch {
	case !insecure:
		r.Pass(ptr, host, say("%s is used over verified TLS", "%s 通过经验证的 TLS 使用", host))
	case isLoopback(host):
		r.Pass(ptr, host, say("%s is on this host itself, its traffic does not leave it", "%s 位于本机，其流量不出主机", host))
	default:
		r.Fail(ptr, host, say("%s may be used without verified TLS", "%s 可在没有经验证的 TLS 的情况下使用", host))
	}
}

// isNetwork is true for an address range, which engines accept among insecure registries.
func isNetwork(host string) bool {
	_, err := netip.ParsePrefix(host)
	return err == nil
}

// isLoopback is true for a name, address or range of this host itself.
func isLoopback(host string) bool {
	if p, err := netip.ParsePrefix(host); err == nil {
		return p.Addr().IsLoopback() && (p.Addr().Is6() || p.Bits() >= 8)
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return a.IsLoopback()
	}
	return name == "localhost"
}

func evalRegistryAnswers(in *Input, r *Recorder) {
	probed := 0
	for i, reg := range in.Snap.Registries {
		if reg.Probe == nil {
			continue
		}
		probed++
		judgeProbe(r, pointer("registries", i, "probe"), reg.Host, reg.Probe)
	}
	if probed == 0 {
		r.NotApplicable("/registries", say("registries were not asked; --probe-registries asks them", "未探测注册表；使用 --probe-registries 进行探测"))
	}
}

func judgeProbe(r *Recorder, ptr, host string, p *model.RegistryProbe) {
	switch {
	case p.PlainHTTP && !isLoopback(host):
		r.Fail(ptr, host, say("%s answers without TLS", "%s 可在没有 TLS 的情况下应答", host))
	case p.TLS && !p.Verified:
		r.Fail(ptr, host, say("the certificate of %s is not valid: %s", "%s 的证书无效：%s", host, p.Error))
	case p.TLS && weakTLS(p.TLSVersion):
		r.Fail(ptr, host, say("%s uses %s", "%s 使用 %s", host, p.TLSVersion))
	case p.TLS || p.PlainHTTP:
		r.Pass(ptr, host, say("%s answers as it should", "%s 应答正常", host))
	default:
		r.Unknown(ptr, host, say("%s did not answer: %s", "%s 没有应答：%s", host, p.Error))
	}
}

func weakTLS(version string) bool {
	return version == "TLS 1.0" || version == "TLS 1.1" || strings.HasPrefix(version, "SSL")
}

func evalRegistryCertificates(in *Input, r *Recorder) {
	if r.Missing(in, "/host/files") {
		return
	}
	found := false
	if in.Snap.Host != nil {
		for i, f := range in.Snap.Host.Files {
			if most := registryFileMode(f); f.Exists && most != 0 {
				found = true
				judgeRootFile(r, pointer("host", "files", i), f, most)
			}
		}
	}
	if !found {
		r.NotApplicable("/host/files", say("this host has no certificates of registries of its own", "本机没有自备的注册表证书"))
	}
}

// registryFileMode is the widest mode for a certificate or client key of a registry; 0 for any other file.
func registryFileMode(f model.FileFact) uint64 {
	switch f.Purpose {
	case "registry-ca", "registry-cert":
		return 0o444
	case "registry-key":
		return 0o400
	}
	if strings.HasPrefix(f.Path, "/etc/docker/certs.d/") && path.Ext(f.Path) == ".crt" {
		return 0o444
	}
	return 0
}
