package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

func rulesOf(groups, resources, verbs, names []string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{{APIGroups: groups, Resources: resources, Verbs: verbs, ResourceNames: names}}
}

func TestPowers(t *testing.T) {
	core, every := []string{""}, []string{"*"}
	for name, c := range map[string]struct {
		rules []rbacv1.PolicyRule
		want  []string
	}{
		"all":           {rulesOf(every, every, every, nil), []string{"create-pods", "escalate", "exec", "impersonate", "nodes-proxy", "secrets", "wildcard-resources", "wildcard-verbs"}},
		"read secrets":  {rulesOf(core, []string{"secrets"}, []string{"list"}, nil), []string{"secrets"}},
		"one secret":    {rulesOf(core, []string{"secrets"}, []string{"get"}, []string{"mine"}), nil},
		"read pods":     {rulesOf(core, []string{"pods"}, []string{"get", "list"}, nil), nil},
		"exec":          {rulesOf(core, []string{"pods/exec"}, []string{"create"}, nil), []string{"exec"}},
		"deploy":        {rulesOf([]string{"apps"}, []string{"deployments"}, []string{"create"}, nil), []string{"create-pods"}},
		"bind one role": {rulesOf([]string{rbacGroup}, []string{"clusterroles"}, []string{"bind"}, []string{"admin"}), []string{"escalate"}},
		"impersonate":   {rulesOf(core, []string{"users"}, []string{"impersonate"}, nil), []string{"impersonate"}},
		"proxy":         {rulesOf(core, []string{"nodes/proxy"}, []string{"get"}, nil), []string{"nodes-proxy"}},
		"health":        {[]rbacv1.PolicyRule{{NonResourceURLs: []string{"*"}, Verbs: every}}, nil},
	} {
		if d := cmp.Diff(c.want, powers(c.rules)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestBinding(t *testing.T) {
	known := roles{
		"cluster-admin": rulesOf([]string{"*"}, []string{"*"}, []string{"*"}, nil),
		"system:node":   rulesOf([]string{""}, []string{"secrets"}, []string{"get"}, nil),
		"view":          rulesOf([]string{""}, []string{"pods"}, []string{"get"}, nil),
		"shop/reader":   rulesOf([]string{""}, []string{"secrets"}, []string{"get"}, nil),
	}
	own := map[string]string{"kubernetes.io/bootstrapping": "rbac-defaults"}
	group := func(n string) rbacv1.Subject { return rbacv1.Subject{Kind: "Group", Name: n} }
	user := func(n string) rbacv1.Subject { return rbacv1.Subject{Kind: "User", Name: n} }
	cluster := func(n string) rbacv1.RoleRef { return rbacv1.RoleRef{Kind: "ClusterRole", Name: n} }
	everything := []string{"cluster-admin", "create-pods", "escalate", "exec", "impersonate", "nodes-proxy", "secrets", "wildcard-resources", "wildcard-verbs"}
	for name, c := range map[string]struct {
		meta     metav1.ObjectMeta
		ref      rbacv1.RoleRef
		subjects []rbacv1.Subject
		want     *model.KubeBinding
	}{
		"default cluster-admin is shown": {
			metav1.ObjectMeta{Name: "cluster-admin", Labels: own},
			cluster("cluster-admin"),
			[]rbacv1.Subject{user("eve"), group("system:masters")},
			&model.KubeBinding{Name: "cluster-admin", Role: "cluster-admin", Subjects: []string{"Group/system:masters", "User/eve"}, Powers: everything},
		},
		"other defaults are not": {
			metav1.ObjectMeta{Name: "system:node", Labels: own}, cluster("system:node"), []rbacv1.Subject{group("system:nodes")}, nil,
		},
		"what was added to them is": {
			metav1.ObjectMeta{Name: "system:node", Labels: own},
			cluster("system:node"),
			[]rbacv1.Subject{group("system:nodes"), {Kind: "ServiceAccount", Namespace: "shop", Name: "web"}},
			&model.KubeBinding{Name: "system:node", Role: "system:node", Subjects: []string{"ServiceAccount/shop/web"}, Powers: []string{"secrets"}},
		},
		"harmless": {metav1.ObjectMeta{Name: "v"}, cluster("view"), []rbacv1.Subject{user("bob")}, nil},
		"harmless but for anyone": {
			metav1.ObjectMeta{Name: "v"},
			cluster("view"),
			[]rbacv1.Subject{user("system:anonymous")},
			&model.KubeBinding{Name: "v", Role: "view", Subjects: []string{"User/system:anonymous"}, Powers: []string{"anonymous"}},
		},
		"role of a namespace": {
			metav1.ObjectMeta{Name: "r", Namespace: "shop"},
			rbacv1.RoleRef{Kind: "Role", Name: "reader"},
			[]rbacv1.Subject{user("bob")},
			&model.KubeBinding{Name: "r", Namespace: "shop", Role: "reader", Subjects: []string{"User/bob"}, Powers: []string{"secrets"}},
		},
		"nobody": {metav1.ObjectMeta{Name: "n"}, cluster("cluster-admin"), nil, nil},
	} {
		got, ok := binding(c.meta, c.ref, c.subjects, known)
		if ok != (c.want != nil) {
			t.Errorf("%s: shown = %v", name, ok)
		} else if ok {
			if d := cmp.Diff(*c.want, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}
