package kubernetes

import (
	"context"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

const rbacGroup = rbacv1.GroupName

// roles are the rules by role: "name" for a cluster role, "namespace/name" for a role.
type roles map[string][]rbacv1.PolicyRule

// rights reads who may do more than an application needs.
func (c *Client) rights(ctx context.Context, r *reading) []model.Gap {
	const path = "/kubernetes/bindings"
	known := roles{}
	gaps := read[rbacv1.ClusterRoleList](ctx, c.api, path, source{rbacGroup, "clusterroles"}, maxObjects,
		func(o *rbacv1.ClusterRole) { known[o.Name] = o.Rules })
	gaps = append(gaps, read[rbacv1.RoleList](ctx, c.api, path, source{rbacGroup, "roles"}, maxObjects,
		func(o *rbacv1.Role) { known[o.Namespace+"/"+o.Name] = o.Rules })...)
	take := func(m metav1.ObjectMeta, ref rbacv1.RoleRef, subjects []rbacv1.Subject) {
		r.k.BindingsTotal++
		if b, ok := binding(m, ref, subjects, known); ok {
			r.k.Bindings = append(r.k.Bindings, b)
		}
	}
	gaps = append(gaps, read[rbacv1.ClusterRoleBindingList](ctx, c.api, path, source{rbacGroup, "clusterrolebindings"}, maxObjects,
		func(o *rbacv1.ClusterRoleBinding) { take(o.ObjectMeta, o.RoleRef, o.Subjects) })...)
	gaps = append(gaps, read[rbacv1.RoleBindingList](ctx, c.api, path, source{rbacGroup, "rolebindings"}, maxObjects,
		func(o *rbacv1.RoleBinding) { take(o.ObjectMeta, o.RoleRef, o.Subjects) })...)
	slices.SortFunc(r.k.Bindings, func(a, b model.KubeBinding) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return gaps
}

// binding returns the grant if it deserves a look. Of the API server's own bindings only what was added to them is
// shown, except for cluster-admin, which is always shown.
func binding(m metav1.ObjectMeta, ref rbacv1.RoleRef, subjects []rbacv1.Subject, known roles) (model.KubeBinding, bool) {
	b := model.KubeBinding{Name: m.Name, Namespace: m.Namespace, Role: ref.Name}
	key := ref.Name
	if ref.Kind == "Role" {
		key = m.Namespace + "/" + ref.Name
	}
	if ref.Kind == "ClusterRole" && ref.Name == "cluster-admin" {
		b.Powers = append(b.Powers, "cluster-admin")
	}
	b.Powers = append(b.Powers, powers(known[key])...)
	defaults := m.Labels["kubernetes.io/bootstrapping"] == "rbac-defaults" && ref.Name != "cluster-admin"
	anonymous := false
	for _, s := range subjects {
		name := subject(s)
		if defaults && ownSubject(s) {
			continue
		}
		anonymous = anonymous || withoutCredentials(s)
		b.Subjects = append(b.Subjects, name)
	}
	if anonymous && m.Namespace != "kube-public" { // kubeadm lets anyone read cluster-info there, which nodes need to join
		b.Powers = append(b.Powers, "anonymous")
	}
	slices.Sort(b.Subjects)
	slices.Sort(b.Powers)
	return b, len(b.Subjects) > 0 && len(b.Powers) > 0
}

func subject(s rbacv1.Subject) string {
	if s.Kind == rbacv1.ServiceAccountKind {
		return s.Kind + "/" + s.Namespace + "/" + s.Name
	}
	return s.Kind + "/" + s.Name
}

// ownSubject is one that the API server's own bindings name.
func ownSubject(s rbacv1.Subject) bool {
	if s.Kind == rbacv1.ServiceAccountKind {
		return s.Namespace == "kube-system"
	}
	return strings.HasPrefix(s.Name, "system:") && s.Name != "system:anonymous"
}

func withoutCredentials(s rbacv1.Subject) bool {
	return s.Kind == rbacv1.UserKind && s.Name == "system:anonymous" ||
		s.Kind == rbacv1.GroupKind && s.Name == "system:unauthenticated"
}

// creators are the resources that run pods.
var creators = []string{
	"pods", "deployments", "daemonsets", "statefulsets", "replicasets", "replicationcontrollers", "jobs", "cronjobs",
}

// powers says what in a role's rules is more than an application needs.
func powers(rules []rbacv1.PolicyRule) []string {
	found := map[string]bool{}
	for _, r := range rules {
		verb := func(of ...string) bool { return intersects(r.Verbs, append(slices.Clone(of), "*")) }
		resource := func(of ...string) bool { return intersects(r.Resources, append(slices.Clone(of), "*")) }
		group := func(of ...string) bool { return intersects(r.APIGroups, append(slices.Clone(of), "*")) }
		if len(r.Resources) == 0 || len(r.ResourceNames) > 0 && !verb("impersonate", "escalate", "bind") {
			continue // a path that is no resource, or named objects only
		}
		set := func(power string, is bool) { found[power] = found[power] || is }
		set("wildcard-verbs", slices.Contains(r.Verbs, "*"))
		set("wildcard-resources", slices.Contains(r.Resources, "*"))
		set("secrets", group("") && resource("secrets") && verb("get", "list", "watch"))
		set("exec", group("") && resource("pods/exec", "pods/attach", "pods/*", "*/exec") && verb("create", "get"))
		set("create-pods", group("", "apps", "batch") && resource(creators...) && verb("create"))
		set("nodes-proxy", group("") && resource("nodes/proxy", "nodes/*") && verb("get", "create"))
		set("escalate", group(rbacGroup) && resource("roles", "clusterroles") && verb("escalate", "bind"))
		set("impersonate", group("", "authentication.k8s.io") &&
			resource("users", "groups", "serviceaccounts", "uids") && verb("impersonate"))
	}
	var out []string
	for p, is := range found {
		if is {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func intersects(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
