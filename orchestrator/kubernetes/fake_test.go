package kubernetes

import (
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// fakeSecrets takes everything named PASSWORD or password for a secret.
type fakeSecrets struct{}

func (fakeSecrets) Env(env []string) (names []string, found []model.SecretSighting) {
	for _, e := range env {
		n, _, _ := strings.Cut(e, "=")
		names = append(names, n)
		if strings.Contains(n, "PASSWORD") {
			found = append(found, model.SecretSighting{Place: "env:" + n, Kind: "password", Digest: "d"})
		}
	}
	return names, found
}

func (fakeSecrets) Args(place string, args []string) (redacted []string, found []model.SecretSighting) {
	for _, a := range args {
		if n, _, ok := strings.Cut(a, "="); ok && strings.Contains(n, "password") {
			a = n + "=[secret]"
			found = append(found, model.SecretSighting{Place: place, Kind: "password", Digest: "d"})
		}
		redacted = append(redacted, a)
	}
	return redacted, found
}

func (fakeSecrets) Map(place string, m map[string]string) (redacted map[string]string, found []model.SecretSighting) {
	redacted = map[string]string{}
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		redacted[k] = m[k]
		if strings.Contains(k, "password") {
			redacted[k] = "[secret]"
			found = append(found, model.SecretSighting{Place: place + ":" + k, Kind: "password", Digest: "d"})
		}
	}
	return redacted, found
}

func testOptions() Options {
	return Options{SensitivityLabel: "io.bulkhead.sensitivity", TenantLabel: "io.bulkhead.tenant", Secrets: fakeSecrets{}}
}
