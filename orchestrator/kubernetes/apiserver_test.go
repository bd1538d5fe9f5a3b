package kubernetes

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

// kinds are those that are listed, by the path at which an API server lists them in all namespaces.
var kinds = map[string]string{
	"/api/v1/nodes": "Node", "/api/v1/pods": "Pod", "/api/v1/namespaces": "Namespace",
	"/api/v1/resourcequotas": "ResourceQuota", "/api/v1/limitranges": "LimitRange",
	"/apis/apps/v1/deployments": "Deployment", "/apis/apps/v1/statefulsets": "StatefulSet", "/apis/apps/v1/daemonsets": "DaemonSet",
	"/apis/policy/v1/poddisruptionbudgets":                                    "PodDisruptionBudget",
	"/apis/networking.k8s.io/v1/networkpolicies":                              "NetworkPolicy",
	"/apis/rbac.authorization.k8s.io/v1/clusterroles":                         "ClusterRole",
	"/apis/rbac.authorization.k8s.io/v1/roles":                                "Role",
	"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings":                  "ClusterRoleBinding",
	"/apis/rbac.authorization.k8s.io/v1/rolebindings":                         "RoleBinding",
	"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations":   "ValidatingWebhookConfiguration",
	"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations":     "MutatingWebhookConfiguration",
	"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies":       "ValidatingAdmissionPolicy",
	"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
}

// serveObjects is an API server with the objects: typed lists in pages of one, whatever the limit.
func serveObjects(t *testing.T, objects []runtime.Object) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		kind, ok := kinds[r.URL.Path]
		if !ok || r.URL.Query().Get("limit") != strconv.Itoa(pageSize) {
			t.Errorf("unexpected request %s", r.URL)
			status(w, 404, "NotFound")
			return
		}
		items := []runtime.Object{}
		for _, o := range objects {
			if reflect.TypeOf(o).Elem().Name() == kind {
				items = append(items, o)
			}
		}
		metadata := map[string]string{}
		if at, _ := strconv.Atoi(r.URL.Query().Get("continue")); at < len(items) {
			if at+1 < len(items) {
				metadata["continue"] = strconv.Itoa(at + 1)
			}
			items = items[at : at+1]
		}
		version := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path[:strings.LastIndexByte(r.URL.Path, '/')], "/apis/"), "/api/")
		err := json.NewEncoder(w).Encode(map[string]any{"kind": kind + "List", "apiVersion": version, "metadata": metadata, "items": items})
		if err != nil {
			t.Error(err)
		}
	})
}
