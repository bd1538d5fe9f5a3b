// Package helm renders the Helm chart with Helm's own engine and holds the result to Kubernetes' own types, and to what X.1643
// asks of workloads. It is a module of its own, so that the product does not depend on Helm.
package helm

import (
	"os"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

const chart = "../../deploy/helm/bulkhead"

// needed are the values that have no default.
func needed() map[string]any {
	return map[string]any{
		"publicURL": "https://bulkhead.example.org",
		"image":     map[string]any{"repository": "registry.example.org/bulkhead", "digest": "sha256:" + strings.Repeat("ab", 32)},
		"database":  map[string]any{"url": "postgres://bulkhead@db/bulkhead?sslmode=verify-full", "passwordSecret": "bulkhead-db"},
		"masterKey": map[string]any{"secret": "bulkhead-master"},
	}
}

func render(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	c, err := loader.Load(chart)
	if err != nil {
		t.Fatal(err)
	}
	v, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "bulkhead", Namespace: "security"}, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Render(c, v)
}

// objects are what was rendered, decoded strictly: an unknown field is an error.
func objects(t *testing.T, values map[string]any) []runtime.Object {
	t.Helper()
	files, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, policyv1.AddToScheme, netv1.AddToScheme, rbacv1.AddToScheme} {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	strict := serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer()
	var out []runtime.Object
	for name, text := range files {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for part := range strings.SplitSeq(text, "\n---\n") {
			if strings.TrimSpace(part) == "" {
				continue // switched off
			}
			o, _, err := strict.Decode([]byte(part), nil, nil)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, part)
			}
			out = append(out, o)
		}
	}
	return out
}

func TestLint(t *testing.T) {
	for _, m := range lint.All(chart, needed(), "security", true).Messages {
		if m.Severity > support.InfoSev {
			t.Errorf("%s", m)
		}
	}
}

func TestReplicasAreHardened(t *testing.T) {
	var set *appsv1.StatefulSet
	for _, o := range objects(t, needed()) {
		if s, ok := o.(*appsv1.StatefulSet); ok {
			set = s
		}
	}
	if set == nil {
		t.Fatal("no replicas")
	}
	pod := set.Spec.Template.Spec
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("a token of the API server is mounted that nobody needs")
	}
	if pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("it may run as root or without seccomp")
	}
	c := pod.Containers[0].SecurityContext
	if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" || len(c.Capabilities.Add) > 0 {
		t.Errorf("the container has rights that it does not need: %+v", c)
	}
	if len(pod.TopologySpreadConstraints) < 2 || pod.TopologySpreadConstraints[0].WhenUnsatisfiable != corev1.DoNotSchedule {
		t.Error("two replicas may end up on one host")
	}
	if *set.Spec.Replicas < 2 {
		t.Error("one replica is no replica")
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil && *v.Secret.DefaultMode&0o007 != 0 {
			t.Errorf("the secret %s can be read by everybody", v.Name)
		}
	}
}

// TestRightsOfAgents: none unless they are asked for, and then no more than cordon and drain need.
func TestRightsOfAgents(t *testing.T) {
	roles := func(values map[string]any) (out []*rbacv1.ClusterRole) {
		for _, o := range objects(t, values) {
			if r, ok := o.(*rbacv1.ClusterRole); ok {
				out = append(out, r)
			}
		}
		return out
	}
	if got := roles(needed()); len(got) > 0 {
		t.Errorf("rights that nobody asked for: %+v", got)
	}
	values := needed()
	values["agent"] = map[string]any{"maintenance": map[string]any{"enabled": true}}
	got := roles(values)
	if len(got) != 1 {
		t.Fatalf("%d roles", len(got))
	}
	var rules []string
	for _, r := range got[0].Rules {
		rules = append(rules, strings.Join(r.Verbs, ",")+" "+strings.Join(r.Resources, ","))
	}
	if all := strings.Join(rules, "; "); all != "get,patch nodes; list pods; create pods/eviction" {
		t.Errorf("the rights are %s", all)
	}
}

// TestConfigurationIsTheProducts writes the rendered configuration where the test of the product's own parser finds it.
func TestConfiguration(t *testing.T) {
	values := needed()
	values["tls"] = map[string]any{"secret": "bulkhead-tls"}
	values["config"] = map[string]any{"four_eyes": []any{"TenantDelete"}, "database": "sqlite, please"}
	for _, o := range objects(t, values) {
		m, ok := o.(*corev1.ConfigMap)
		if !ok {
			continue
		}
		var c struct{ Server map[string]any }
		if err := yaml.Unmarshal([]byte(m.Data["config.yaml"]), &c); err != nil {
			t.Fatal(err)
		}
		if c.Server["database"] != "postgres://bulkhead@db/bulkhead?sslmode=verify-full" {
			t.Errorf("what the chart decides was overwritten: %v", c.Server["database"])
		}
		if c.Server["four_eyes"] == nil || c.Server["tls"] == nil {
			t.Errorf("settings are missing: %v", c.Server)
		}
		if out := os.Getenv("BULKHEAD_RENDERED"); out != "" {
			if err := os.WriteFile(out, []byte(m.Data["config.yaml"]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	t.Fatal("no configuration")
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for _, missing := range []string{"publicURL", "image", "database", "masterKey"} {
		v := needed()
		delete(v, missing)
		_, err := render(t, v)
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}
