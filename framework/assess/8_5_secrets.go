package assess

import (
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// secretChecks answer for 8.5.c: who may look at a container's configuration must not thereby get its secrets.
func secretChecks() []Check {
	return []Check{{
		ID: "8.5.c/env-secrets", Severity: model.High,
		Title:       say("Secrets reach containers as files, not in their environment or arguments", "敏感信息以文件方式提供给容器，而非通过环境变量或参数"),
		References:  []string{"CIS Kubernetes 1.9 5.4.1", "NIST SP 800-190 4.1.4", "ATT&CK T1552.007"},
		Remediation: say("Change the secret, for whoever could inspect the container has seen it. Then give it as a file: docker run --mount type=bind,src=/run/app-secrets/NAME,dst=/run/secrets/NAME,readonly ..., docker service update --secret-add NAME SERVICE, or a Kubernetes secret as a volume; and take the variable out of the image too.", "更换该敏感信息，因为任何可查看容器配置的人都可能已看到它。随后以文件提供：docker run --mount type=bind,src=/run/app-secrets/NAME,dst=/run/secrets/NAME,readonly ...、docker service update --secret-add NAME SERVICE，或将 Kubernetes secret 挂载为卷；并从镜像中移除该变量。"),
		Eval: func(in *Input, r *Recorder) {
			eachWorkload(in, r, say("no secret in environment or arguments", "环境变量和参数中没有敏感信息"), func(p placed) bool {
				return openSecrets(r, p.pointer, p.subject, p.w)
			})
		},
	}}
}

// openSecrets records the secrets that stand in the environment or arguments of a workload, and reports whether there
// are any.
func openSecrets(r *Recorder, ptr, subject string, w *model.Workload) bool {
	var places []string
	for _, s := range w.Secrets {
		if strings.HasPrefix(s.Place, "env:") || strings.HasPrefix(s.Place, "arg") || strings.HasPrefix(s.Place, "entrypoint") {
			places = append(places, s.Place)
		}
	}
	if len(places) == 0 {
		return false
	}
	r.Fail(ptr+"/secrets", subject, say("a secret stands in %s", "敏感信息位于 %s", strings.Join(places, ", ")))
	return true
}
