package kubernetes

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

// security fills what the container's security context says, else the pod's, else Kubernetes' default.
func (m *mapper) security(w *model.Workload, c *corev1.Container) {
	sc := corev1.SecurityContext{}
	if c.SecurityContext != nil {
		sc = *c.SecurityContext
	}
	is := func(b *bool) bool { return b != nil && *b }
	w.Privileged = is(sc.Privileged)
	w.ReadOnlyRoot = is(sc.ReadOnlyRootFilesystem)
	w.NoNewPrivileges = sc.AllowPrivilegeEscalation != nil && !*sc.AllowPrivilegeEscalation
	w.MaskedPathsOff = sc.ProcMount != nil && *sc.ProcMount == corev1.UnmaskedProcMount
	if sc.Capabilities != nil {
		w.CapAdd, w.CapDrop = capabilities(sc.Capabilities.Add), capabilities(sc.Capabilities.Drop)
	}
	m.user(w, &sc)
	w.Seccomp = m.seccomp(&sc)
	w.AppArmor = m.appArmor(&sc, c.Name)
	if w.Privileged {
		w.Seccomp = "unconfined"
	}
	w.SELinux = seLinux(m.psc.SELinuxOptions, sc.SELinuxOptions)
}

// user tells who runs the container. Without runAsUser and runAsNonRoot nothing keeps it from being root.
func (m *mapper) user(w *model.Workload, sc *corev1.SecurityContext) {
	uid, gid, nonRoot := sc.RunAsUser, sc.RunAsGroup, sc.RunAsNonRoot
	if uid == nil {
		uid = m.psc.RunAsUser
	}
	if gid == nil {
		gid = m.psc.RunAsGroup
	}
	if nonRoot == nil {
		nonRoot = m.psc.RunAsNonRoot
	}
	if uid != nil {
		w.User = strconv.FormatInt(*uid, 10)
		if gid != nil {
			w.User += ":" + strconv.FormatInt(*gid, 10)
		}
		w.UserEffective = w.User
		w.Root = *uid == 0
		return
	}
	w.Root = nonRoot == nil || !*nonRoot
}

func (m *mapper) seccomp(sc *corev1.SecurityContext) string {
	p := sc.SeccompProfile
	if p == nil {
		p = m.psc.SeccompProfile
	}
	if p == nil {
		return "unconfined"
	}
	switch p.Type {
	case corev1.SeccompProfileTypeRuntimeDefault:
		return "default"
	case corev1.SeccompProfileTypeLocalhost:
		return "custom"
	}
	return "unconfined"
}

func (m *mapper) appArmor(sc *corev1.SecurityContext, container string) string {
	p := sc.AppArmorProfile
	if p == nil {
		p = m.psc.AppArmorProfile
	}
	if p == nil {
		name := m.pod.Annotations["container.apparmor.security.beta.kubernetes.io/"+container]
		return strings.TrimPrefix(name, "localhost/")
	}
	switch p.Type {
	case corev1.AppArmorProfileTypeRuntimeDefault:
		return "runtime/default"
	case corev1.AppArmorProfileTypeLocalhost:
		if p.LocalhostProfile != nil {
			return *p.LocalhostProfile
		}
	}
	return "unconfined"
}

func seLinux(pod, container *corev1.SELinuxOptions) []string {
	o := container
	if o == nil {
		o = pod
	}
	if o == nil {
		return nil
	}
	var out []string
	for _, kv := range [][2]string{{"level", o.Level}, {"role", o.Role}, {"type", o.Type}, {"user", o.User}} {
		if kv[1] != "" {
			out = append(out, kv[0]+":"+kv[1])
		}
	}
	return out
}

func capabilities(list []corev1.Capability) []string {
	var out []string
	for _, c := range list {
		name := strings.ToUpper(string(c))
		if name != "ALL" && !strings.HasPrefix(name, "CAP_") {
			name = "CAP_" + name
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
