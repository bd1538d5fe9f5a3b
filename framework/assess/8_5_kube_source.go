package assess

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/bulkhead-security/bulkhead/model"
)

// kubeSourceChecks answer for 8.5.a on a cluster.
func kubeSourceChecks() []Check {
	return []Check{
		{
			ID: "8.5.a/kubernetes-version", Severity: model.High, Essential: true,
			Title:       say("The Kubernetes release is still maintained", "Kubernetes 版本仍受维护"),
			References:  []string{"NIST SP 800-190 4.3.5"},
			Remediation: say("Upgrade minor by minor: kubeadm upgrade plan && kubeadm upgrade apply vX.Y.Z, then the kubelets.", "逐个次版本升级：kubeadm upgrade plan && kubeadm upgrade apply vX.Y.Z，然后升级各 kubelet。"),
			Eval:        evalKubeVersion,
		},
		{
			ID: "8.5.a/kubelet-skew", Severity: model.Medium,
			Title:       say("Kubelets are of a release that the API server supports", "kubelet 版本在 API 服务器支持的范围内"),
			Remediation: say("Upgrade the node: kubectl drain NODE, apt-get install kubelet=X.Y.Z-*, systemctl restart kubelet, kubectl uncordon NODE.", "升级节点：kubectl drain NODE，apt-get install kubelet=X.Y.Z-*，systemctl restart kubelet，kubectl uncordon NODE。"),
			Eval:        evalKubeletSkew,
		},
		{
			ID: "8.5.a/control-plane-images", Severity: model.High, Essential: true,
			Title:       say("Control-plane images come from an official registry and are pinned", "控制平面镜像来自官方注册表且版本固定"),
			References:  []string{"NIST SP 800-190 4.1.5", "ATT&CK T1525"},
			Remediation: say("In /etc/kubernetes/manifests use registry.k8s.io/NAME:vX.Y.Z@sha256:DIGEST (kubeadm: imageRepository: registry.k8s.io); name a mirror of your own under assess: {trusted_registries: [HOST]}.", "在 /etc/kubernetes/manifests 中使用 registry.k8s.io/NAME:vX.Y.Z@sha256:DIGEST（kubeadm：imageRepository: registry.k8s.io）；自有镜像仓库列入 assess: {trusted_registries: [HOST]}。"),
			Eval:        evalControlPlaneImages,
		},
	}
}

// kubeEnds is the last day of upstream's support by minor release of Kubernetes 1; newer ones are taken for supported.
var kubeEnds = map[int]string{
	31: "2025-11-11", 32: "2026-02-28", 33: "2026-06-28", 34: "2026-10-27", 35: "2027-02-28", 36: "2027-06-28", 37: "2027-10-28",
}

// oldestKube is the oldest minor release in kubeEnds.
const oldestKube = 31

// longSupport are distributions that maintain releases longer than upstream.
var longSupport = []string{"eks", "gke", "aks", "openshift", "rke2"}

// kubeMinor reads the minor release of a version 1.x.
func kubeMinor(version string) (int, bool) {
	v := semanticVersion(strings.TrimPrefix(version, "v"))
	parts := strings.Split(semver.MajorMinor(v), ".")
	if len(parts) != 2 || parts[0] != "v1" {
		return 0, false
	}
	n, err := strconv.Atoi(parts[1])
	return n, err == nil
}

func evalKubeVersion(in *Input, r *Recorder) {
	const ptr = "/kubernetes/version"
	k := clusterAt(in, r, ptr)
	if k == nil {
		return
	}
	minor, ok := kubeMinor(k.Version)
	if !ok {
		r.Unknown(ptr, "kubernetes", say("the version %q is not understood", "无法识别版本 %q", k.Version))
		return
	}
	end := kubeEnds[minor]
	switch {
	case minor >= oldestKube && (end == "" || !over(end, in.Snap.Taken)):
		r.Pass(ptr, "kubernetes", say("%s is maintained", "%s 仍受维护", k.Version))
	case slices.Contains(longSupport, k.Distribution):
		r.Warn(ptr, "kubernetes", say("upstream no longer maintains %s; only %s may still do so", "上游已不再维护 %s，仅 %s 可能继续维护", k.Version, k.Distribution))
	default:
		r.Fail(ptr, "kubernetes", say("%s is no longer maintained", "%s 已不再维护", k.Version))
	}
}

func evalKubeletSkew(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/nodes")
	if k == nil {
		return
	}
	server, ok := kubeMinor(k.Version)
	if !ok {
		r.Unknown("/kubernetes/version", "kubernetes", say("the version %q is not understood", "无法识别版本 %q", k.Version))
		return
	}
	good := 0
	for i, n := range k.Nodes {
		ptr := pointer("kubernetes", "nodes", i, "kubelet")
		switch kubelet, ok := kubeMinor(n.Kubelet); {
		case !ok:
			r.Unknown(ptr, n.Name, say("the version %q is not understood", "无法识别版本 %q", n.Kubelet))
		case kubelet > server:
			r.Fail(ptr, n.Name, say("the kubelet %s is newer than the API server %s", "kubelet %s 比 API 服务器 %s 新", n.Kubelet, k.Version))
		case server-kubelet > 3:
			r.Fail(ptr, n.Name, say("the kubelet %s is more than three releases older than the API server %s", "kubelet %s 比 API 服务器 %s 落后超过三个版本", n.Kubelet, k.Version))
		default:
			good++
		}
	}
	if len(k.Nodes) == 0 {
		r.NotApplicable("/kubernetes/nodes", say("the cluster has no node", "集群没有节点"))
		return
	}
	passRest(r, "/kubernetes/nodes", good, len(k.Nodes), say("kubelet within three releases of the API server", "kubelet 与 API 服务器相差不超过三个版本"))
}

// officialRegistries are where Kubernetes and known distributions publish their control plane, as registry/prefix.
var officialRegistries = []string{
	"registry.k8s.io", "quay.io/openshift-release-dev", "docker.io/rancher", "registry.rancher.com", "mcr.microsoft.com/oss/kubernetes",
	"gke.gcr.io", "docker.io/kindest",
}

func evalControlPlaneImages(in *Input, r *Recorder) {
	k := clusterAt(in, r, "/kubernetes/pods")
	if k == nil {
		return
	}
	if len(k.ControlPlane) == 0 {
		r.NotApplicable("/kubernetes/control_plane", say("the control plane does not run as pods that the API server shows; its provider answers for it", "控制平面未以 API 服务器可见的 Pod 运行，由其提供方负责"))
		return
	}
	good, all := 0, 0
	for i, p := range k.ControlPlane {
		for j, c := range p.Containers {
			all++
			ptr := pointer("kubernetes", "control_plane", i, "containers", j, "workload", "image")
			img := c.Workload.Image
			switch {
			case !officialImage(in, img):
				r.Fail(ptr, p.Name, say("%s does not come from registry.k8s.io, a known distribution or assess.trusted_registries", "%s 并非来自 registry.k8s.io、已知发行版或 assess.trusted_registries", img.Ref))
			case img.Kind == model.RefMovingTag:
				r.Fail(ptr, p.Name, say("%s names no fixed version", "%s 未指定固定版本", img.Ref))
			case img.Digest == "":
				r.Warn(ptr, p.Name, say("%s is named by a tag and the digest that runs is not known", "%s 使用标签引用，且实际运行的摘要未知", img.Ref))
			default:
				good++
			}
		}
	}
	passRest(r, "/kubernetes/control_plane", good, all, say("image from an official registry, digest known", "镜像来自官方注册表且摘要已知"))
}

func officialImage(in *Input, img model.ImageRef) bool {
	full := img.Registry + "/" + img.Name
	within := func(place string) bool { return img.Registry == place || strings.HasPrefix(full, place+"/") }
	return img.Registry != "" && (slices.ContainsFunc(officialRegistries, within) || slices.ContainsFunc(in.Settings.TrustedRegistries, within))
}
