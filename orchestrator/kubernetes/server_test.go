package kubernetes

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

const execConfig = `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [MARKER], interactiveMode: Never}}}]
`

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// connectTo writes a kubeconfig for the server and connects.
func connectTo(t *testing.T, server, user string) *Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {%s}}]}`, server, user)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.Kubeconfig = file
	c, err := Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve answers /version and leaves the rest to h.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/version" {
			fmt.Fprint(w, `{"gitVersion":"v1.37.2","platform":"linux/amd64"}`)
			return
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func status(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"no","code":%d}`, reason, code)
}

func find(gaps []model.Gap, path, part string) (model.Gap, bool) {
	for _, g := range gaps {
		if g.Path == path && strings.HasPrefix(g.Detail, part) {
			return g, true
		}
	}
	return model.Gap{}, false
}

func TestForbiddenParts(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { status(w, 403, "Forbidden") })
	put, gaps := connectTo(t, url, "token: abc").Cluster(t.Context())
	var s model.Snapshot
	put(&s)
	if s.Kubernetes.Version != "v1.37.2" || s.Kubernetes.ServerTLS || strings.Join(s.Kubernetes.AuthMethods, ",") != "token" {
		t.Errorf("%+v", s.Kubernetes)
	}
	if s.Kubernetes.AnonymousAuth == nil || !*s.Kubernetes.AnonymousAuth {
		t.Error("403 without credentials says that anonymous requests are let in")
	}
	for path, resources := range map[string]string{
		"/kubernetes/nodes": "nodes", "/kubernetes/pods": "pods", "/kubernetes/namespaces": "namespaces networkpolicies resourcequotas limitranges",
		"/kubernetes/deployments": "deployments statefulsets daemonsets poddisruptionbudgets",
		"/kubernetes/bindings":    "clusterroles roles clusterrolebindings rolebindings",
		"/kubernetes/webhooks":    "validatingwebhookconfigurations mutatingwebhookconfigurations validatingadmissionpolicies validatingadmissionpolicybindings",
	} {
		for _, resource := range strings.Fields(resources) {
			g, ok := find(gaps, path, resource+":")
			if !ok || g.Reason != model.GapPermission || !strings.Contains(g.Remedy, `resources: ["`+resource+`"], verbs: ["list"]`) {
				t.Errorf("%s: %+v", resource, g)
			}
		}
	}
	if g, _ := find(gaps, "/kubernetes/webhooks", "mutating"); !strings.Contains(g.Remedy, `apiGroups: ["admissionregistration.k8s.io"]`) {
		t.Errorf("remedy: %s", g.Remedy)
	}
}

func TestServersThatDoNotAnswerProperly(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hang.Close)
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "\x00<html>hello") }))
	t.Cleanup(garbage.Close)
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { status(w, 401, "Unauthorized") }))
	t.Cleanup(denied.Close)
	for name, c := range map[string]struct {
		server string
		want   model.GapReason
	}{
		"down": {"http://127.0.0.1:1", model.GapFailed}, "hanging": {hang.URL, model.GapTimeout},
		"garbage": {garbage.URL, model.GapMalformed}, "unauthorized": {denied.URL, model.GapPermission},
	} {
		limit := time.Minute
		if c.want == model.GapTimeout {
			limit = 500 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		start := time.Now()
		put, gaps := connectTo(t, c.server, "").Cluster(ctx)
		cancel()
		if put != nil || len(gaps) != 1 || gaps[0].Path != "/kubernetes" || gaps[0].Reason != c.want || gaps[0].Remedy == "" {
			t.Errorf("%s: %+v", name, gaps)
		}
		if time.Since(start) > 30*time.Second {
			t.Errorf("%s: took %s", name, time.Since(start))
		}
	}
}

func TestPartsThatDoNotAnswerProperly(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/pods"): // endless list
			fmt.Fprint(w, `{"kind":"PodList","apiVersion":"v1","items":[`)
			for junk := strings.Repeat(" ", 1<<20); ; {
				if _, err := fmt.Fprint(w, junk); err != nil {
					return
				}
			}
		case strings.HasSuffix(r.URL.Path, "/nodes"):
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/namespaces"):
			fmt.Fprint(w, `{"kind":"NamespaceList","apiVersion":"v1","metadata":{"continue":"again"},"items":[]}`)
		case r.URL.Path == "/api":
			status(w, 401, "Unauthorized")
		default:
			fmt.Fprint(w, `[1,2`)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	put, gaps := connectTo(t, url, "").Cluster(ctx)
	if put == nil {
		t.Fatalf("%+v", gaps)
	}
	for path, want := range map[string]model.GapReason{
		"/kubernetes/pods": model.GapLimit, "/kubernetes/nodes": model.GapTimeout, "/kubernetes/namespaces": model.GapFailed,
		"/kubernetes/bindings": model.GapMalformed, "/kubernetes/deployments": model.GapMalformed, "/kubernetes/webhooks": model.GapMalformed,
	} {
		if g, _ := find(gaps, path, ""); g.Reason != want {
			t.Errorf("%s: %+v", path, g)
		}
	}
}

func TestPagesAndCap(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/pods") {
			fmt.Fprint(w, `{"kind":"List","apiVersion":"v1","items":[]}`)
			return
		}
		fmt.Fprint(w, `{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"more"},"items":[`)
		for i := range 500 {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, `{"metadata":{"namespace":"n","name":"p%d"}}`, i)
		}
		fmt.Fprint(w, "]}")
	})
	c := connectTo(t, url, "")
	r := &reading{}
	gaps := c.podList(t.Context(), r)
	if len(r.pods.all) != maxPods || len(gaps) != 1 || gaps[0].Reason != model.GapLimit {
		t.Errorf("%d pods, %+v", len(r.pods.all), gaps)
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for file, want := range map[string]string{
		filepath.Join(dir, "none"):                         "name a readable file",
		write("bad", "{{{"):                                "not a valid kubeconfig",
		write("big", strings.Repeat("#", maxKubeconfig+1)): "larger than",
		write("empty", "{}"):                               `no context ""; it has none`,
		write("other", "contexts: [{name: a, context: {}}, {name: b, context: {}}]\ncurrent-context: x"): `no context "x"; it has a, b`,
	} {
		_, err := Connect(Options{Kubeconfig: file, Secrets: fakeSecrets{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

func FuzzKubeconfig(f *testing.F) {
	f.Add([]byte(execConfig))
	f.Add([]byte(`{"clusters":[{"name":"c","cluster":{"server":"https://u:p@h:1?x"}}],"contexts":[{"name":"c","context":{"cluster":"c"}}],"current-context":"c"}`))
	f.Add([]byte("users:\n- name: u\n  user:\n    username: a\n    password: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := parse(data)
		if err != nil {
			return
		}
		if c, err := newClient(cfg, testOptions()); err == nil && strings.Contains(c.server, "@") && strings.Contains(c.server, "://") {
			if i := strings.IndexAny(c.server[strings.Index(c.server, "://")+3:], "/@"); i >= 0 && c.server[strings.Index(c.server, "://")+3+i] == '@' {
				t.Errorf("credentials in %q", c.server)
			}
		}
	})
}
