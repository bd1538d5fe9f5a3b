// Package kube holds what speaks to Kubernetes to its own API server, which scripts/kube-apiserver builds. It is a module of its own, so
// that the product does not depend on Kubernetes.
package kube

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/orchestrator/kubernetes/upkeep"
)

// server is an API server without controllers and kubelets: what they would do, the tests do.
type server struct {
	t     *testing.T
	env   *envtest.Environment
	admin clientset.Interface
}

func newServer(t *testing.T) *server {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS is not set: KUBEBUILDER_ASSETS=$(scripts/kube-apiserver)")
	}
	s := &server{t: t, env: &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute}}
	args := s.env.ControlPlane.GetAPIServer().Configure()
	args.Set("authorization-mode", "Node", "RBAC").Append("enable-admission-plugins", "NodeRestriction")
	args.Append("disable-admission-plugins", "TaintNodesByCondition", "ServiceAccount")
	rc, err := s.env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.env.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.admin = s.client(rc)
	return s
}

func (s *server) client(rc *rest.Config) clientset.Interface {
	s.t.Helper()
	c, err := clientset.NewForConfig(rc)
	s.no(err)
	return c
}

func (s *server) no(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// as is an agent that acts for a node with somebody's rights.
func (s *server) as(user, node string, groups ...string) *upkeep.Node {
	s.t.Helper()
	u, err := s.env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
	s.no(err)
	api, err := upkeep.NewAPI(u.Config())
	s.no(err)
	return &upkeep.Node{Cluster: api, Name: node, By: "acme/1", Now: time.Now}
}

func (s *server) node(name string) *corev1.Node {
	s.t.Helper()
	n, err := s.admin.CoreV1().Nodes().Get(s.t.Context(), name, metav1.GetOptions{})
	s.no(err)
	return n
}

func (s *server) newNode(name string) {
	s.t.Helper()
	_, err := s.admin.CoreV1().Nodes().Create(s.t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	s.no(err)
}

// pod makes a pod that runs on a node, owned by a controller of a kind.
func (s *server) pod(node, name, kind string) {
	s.t.Helper()
	yes, now := true, int64(0)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{NodeName: node, TerminationGracePeriodSeconds: &now, Containers: []corev1.Container{{Name: "c", Image: "x"}}},
	}
	if kind != "" {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: "x", UID: "x", Controller: &yes}}
	}
	made, err := s.admin.CoreV1().Pods("default").Create(s.t.Context(), p, metav1.CreateOptions{})
	s.no(err)
	made.Status.Phase = corev1.PodRunning
	made.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	_, err = s.admin.CoreV1().Pods("default").UpdateStatus(s.t.Context(), made, metav1.UpdateOptions{})
	s.no(err)
}

func (s *server) pods(node string) string {
	s.t.Helper()
	l, err := s.admin.CoreV1().Pods("").List(s.t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	s.no(err)
	var names []string
	for i := range l.Items {
		if l.Items[i].DeletionTimestamp == nil {
			names = append(names, l.Items[i].Name)
		}
	}
	return strings.Join(names, " ")
}

// budget allows so many disruptions of an application; the controller that would count is not there.
func (s *server) budget(app string, allowed int32) {
	s.t.Helper()
	one := intstr.FromInt32(1)
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: app},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}
	c := s.admin.PolicyV1().PodDisruptionBudgets("default")
	made, err := c.Create(s.t.Context(), b, metav1.CreateOptions{})
	if err != nil {
		made, err = c.Get(s.t.Context(), app, metav1.GetOptions{})
		s.no(err)
	}
	made.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: made.Generation, DisruptionsAllowed: allowed, CurrentHealthy: 1 + allowed, DesiredHealthy: 1, ExpectedPods: 1}
	_, err = c.UpdateStatus(s.t.Context(), made, metav1.UpdateOptions{})
	s.no(err)
}

// until calls Maintain as the agent does.
func (s *server) until(n *upkeep.Node, want string, is func(model.MaintenanceOf) bool) model.MaintenanceOf {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	var last *model.Maintenance
	for ctx.Err() == nil {
		if last = n.Maintain(ctx, want); last != nil && is(last.Nodes[0]) {
			return last.Nodes[0]
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.t.Fatalf("it is %+v", last)
	return model.MaintenanceOf{}
}

func state(is model.MaintenanceState) func(model.MaintenanceOf) bool {
	return func(n model.MaintenanceOf) bool { return n.State == is }
}

// TestDrain drains with the rights of the chart's role, and with those of the node's own kubelet.
func TestDrain(t *testing.T) {
	s := newServer(t)
	_, err := s.admin.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Rules: []rbacv1.PolicyRule{ // as in deploy/helm/bulkhead/templates/agent.yaml, which its own test holds to the same
			{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "patch"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
			{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}},
		},
	}, metav1.CreateOptions{})
	s.no(err)
	_, err = s.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "agent"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "agent"}},
	}, metav1.CreateOptions{})
	s.no(err)
	for name, n := range map[string]*upkeep.Node{
		"role":    s.as("agent", "role"),
		"kubelet": s.as("system:node:kubelet", "kubelet", "system:nodes"),
	} {
		t.Run(name, func(t *testing.T) { s.drains(t, n) })
	}
	t.Run("nobody", func(t *testing.T) { s.refuses(t, s.as("nobody", "role")) })
	t.Run("another node's kubelet", func(t *testing.T) { s.refuses(t, s.as("system:node:kubelet", "role", "system:nodes")) })
}

func (s *server) drains(t *testing.T, n *upkeep.Node) {
	s.newNode(n.Name)
	for pod, kind := range map[string]string{"web": "ReplicaSet", "db": "ReplicaSet", "daemon": "DaemonSet", "alone": ""} {
		s.pod(n.Name, n.Name+"-"+pod, kind)
	}
	s.budget(n.Name+"-db", 0)
	if missing, err := n.Look(t.Context()); err != nil || len(missing) > 0 {
		t.Fatalf("the doctor misses %v, %v", missing, err)
	}
	one := s.until(n, "drain", state(model.MaintenancePending))
	if !s.node(n.Name).Spec.Unschedulable || !strings.Contains(one.Detail, "-db") || !strings.Contains(one.Detail, "budget") || !strings.Contains(one.Detail, "-alone") {
		t.Errorf("%+v", one)
	}
	s.until(n, "drain", func(model.MaintenanceOf) bool { return !strings.Contains(s.pods(n.Name), "-web") })
	if got := s.pods(n.Name); !strings.Contains(got, "-db") {
		t.Errorf("the budget allows nothing, and left is %s", got)
	}
	s.budget(n.Name+"-db", 1)
	s.no(s.admin.CoreV1().Pods("default").Delete(t.Context(), n.Name+"-alone", metav1.DeleteOptions{}))
	one = s.until(n, "drain", state(model.MaintenanceApplied))
	if got := s.pods(n.Name); got != n.Name+"-daemon" || one.Is != "drained" {
		t.Errorf("left is %q, told %+v", got, one)
	}
	s.until(n, "", state(model.MaintenanceApplied))
	if got := s.node(n.Name); got.Spec.Unschedulable || got.Annotations[maintenance.Label] != "" {
		t.Errorf("after uncordon: %+v, %v", got.Spec, got.Annotations)
	}
	s.byHand(t, n)
}

// byHand: what an operator does meanwhile stays.
func (s *server) byHand(t *testing.T, n *upkeep.Node) {
	s.until(n, "cordon", state(model.MaintenanceApplied))
	set := func(unschedulable bool) {
		now := s.node(n.Name)
		now.Spec.Unschedulable = unschedulable
		_, err := s.admin.CoreV1().Nodes().Update(t.Context(), now, metav1.UpdateOptions{})
		s.no(err)
	}
	set(false)
	s.until(n, "cordon", state(model.MaintenanceByHand))
	if s.node(n.Name).Spec.Unschedulable {
		t.Error("an operator was overridden")
	}
	set(true)
	n.Maintain(t.Context(), "")
	if got := s.node(n.Name); !got.Spec.Unschedulable || got.Annotations[maintenance.Label] != "" {
		t.Errorf("what the operator cordoned is %+v", got.Spec)
	}
	set(false)
}

// refuses: who lacks the rights changes nothing, and says which.
func (s *server) refuses(t *testing.T, n *upkeep.Node) {
	missing, err := n.Look(t.Context())
	if err != nil || !strings.Contains(strings.Join(missing, ", "), " nodes") {
		t.Errorf("the doctor misses %v, %v", missing, err)
	}
	m := n.Maintain(t.Context(), "drain")
	if m == nil || m.Acts || m.Nodes[0].State != model.MaintenanceFailed || !strings.Contains(m.Detail, "forbidden") {
		t.Errorf("%+v", m)
	}
	if s.node(n.Name).Spec.Unschedulable {
		t.Error("and it is cordoned")
	}
}
