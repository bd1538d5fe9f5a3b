package upkeep

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
)

// cluster is client-go's fake as a Cluster.
type cluster struct{ c clientset.Interface }

func (c cluster) Node(ctx context.Context, name string) (*corev1.Node, error) {
	return c.c.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
}

func (c cluster) Set(ctx context.Context, was *corev1.Node, unschedulable bool, annotation string) (*corev1.Node, error) {
	p, err := Patch(was, unschedulable, annotation)
	if err != nil {
		return nil, err
	}
	return c.c.CoreV1().Nodes().Patch(ctx, was.Name, types.MergePatchType, p, metav1.PatchOptions{})
}

func (c cluster) Pods(ctx context.Context, node string) ([]corev1.Pod, error) {
	l, err := c.c.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var out []corev1.Pod
	for _, p := range l.Items { // the fake knows no field selectors
		if p.Spec.NodeName == node {
			out = append(out, p)
		}
	}
	return out, nil
}

func (c cluster) Evict(ctx context.Context, p *corev1.Pod) error {
	return c.c.PolicyV1().Evictions(p.Namespace).Evict(ctx, Eviction(p))
}

func (c cluster) May(context.Context, Right, string) (bool, error) { return true, nil }

func pod(name, node string, change func(*corev1.Pod)) *corev1.Pod {
	yes := true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "rs", Controller: &yes},
		}},
		Spec: corev1.PodSpec{NodeName: node},
	}
	if change != nil {
		change(p)
	}
	return p
}

func ownedBy(kind string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.OwnerReferences[0].Kind = kind }
}

type world struct {
	t       *testing.T
	fake    *fake.Clientset
	node    *Node
	at      time.Time
	evicted []string
	budget  map[string]bool // pods whose budget allows nothing
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	w := &world{t: t, at: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), budget: map[string]bool{}}
	w.fake = fake.NewClientset(append(objects, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Annotations: map[string]string{"theirs": "stays"}}})...)
	w.fake.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetSubresource() != "eviction" {
			return false, nil, nil
		}
		name := a.(clienttesting.CreateAction).GetObject().(metav1.Object).GetName()
		if w.budget[name] {
			return true, nil, apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", 0)
		}
		w.evicted = append(w.evicted, name)
		return true, nil, w.fake.Tracker().Delete(schema.GroupVersionResource{Version: "v1", Resource: "pods"}, "shop", name)
	})
	w.node = &Node{Cluster: cluster{w.fake}, Name: "web-1", By: "acme/1", Self: "shop/agent", Now: func() time.Time { return w.at }}
	return w
}

func (w *world) maintain(want string) (*model.Maintenance, model.MaintenanceOf) {
	w.t.Helper()
	m := w.node.Maintain(w.t.Context(), want)
	if m == nil {
		return nil, model.MaintenanceOf{}
	}
	return m, m.Nodes[0]
}

func (w *world) seen() *corev1.Node {
	w.t.Helper()
	n, err := w.fake.CoreV1().Nodes().Get(w.t.Context(), "web-1", metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) byHand(unschedulable bool) {
	w.t.Helper()
	n := w.seen()
	n.Spec.Unschedulable = unschedulable
	if _, err := w.fake.CoreV1().Nodes().Update(w.t.Context(), n, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func TestCordonAndBack(t *testing.T) {
	w := newWorld(t, pod("web", "web-1", nil))
	if m, _ := w.maintain(""); m != nil {
		t.Errorf("nothing wanted: %+v", m)
	}
	_, n := w.maintain("cordon")
	if got := w.seen(); !got.Spec.Unschedulable || got.Annotations[maintenance.Label] == "" || got.Annotations["theirs"] != "stays" || n.State != model.MaintenanceApplied || n.Is != cordoned || n.Was != schedulable {
		t.Errorf("%+v, %+v", n, got)
	}
	if len(w.evicted) > 0 {
		t.Errorf("cordoned, and evicted %v", w.evicted)
	}
	_, n = w.maintain("")
	if got := w.seen(); got.Spec.Unschedulable || got.Annotations[maintenance.Label] != "" || got.Annotations["theirs"] != "stays" || n.Is != schedulable {
		t.Errorf("%+v, %+v", n, got)
	}
	before := len(w.fake.Actions())
	if m, _ := w.maintain(""); m != nil || w.fake.Actions()[before:] == nil && len(w.fake.Actions()) != before {
		t.Errorf("nothing wanted any more: %+v", m)
	}
}

func TestWhatOthersDidStays(t *testing.T) {
	w := newWorld(t)
	w.byHand(true)
	w.maintain("drain")
	w.maintain("")
	if n := w.seen(); !n.Spec.Unschedulable || n.Annotations[maintenance.Label] != "" {
		t.Errorf("a node that was cordoned before is %+v", n)
	}
	w.byHand(false)
	w.maintain("drain")
	w.byHand(false)
	if _, n := w.maintain("drain"); n.State != model.MaintenanceByHand || !strings.Contains(n.Detail, "schedulable by hand") || w.seen().Spec.Unschedulable {
		t.Errorf("%+v", n)
	}
	if err := w.fake.Tracker().Add(pod("later", "web-1", nil)); err != nil {
		t.Fatal(err)
	}
	if w.maintain("drain"); len(w.evicted) > 0 {
		t.Errorf("somebody took it back, and %v was evicted", w.evicted)
	}
}

func TestDrain(t *testing.T) {
	w := newWorld(
		t, pod("a", "web-1", nil), pod("b", "web-1", nil), pod("elsewhere", "web-2", nil), pod("agent", "web-1", nil),
		pod("daemon", "web-1", ownedBy("DaemonSet")),
		pod("mirror", "web-1", func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }),
		pod("over", "web-1", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
	)
	w.budget["b"] = true
	m, n := w.maintain("drain")
	if n.State != model.MaintenancePending || !strings.Contains(n.Detail, "shop/b") || !strings.Contains(n.Detail, "budget") || !m.Acts {
		t.Errorf("%+v", n)
	}
	w.at = w.at.Add(DrainTime + time.Minute)
	if _, n = w.maintain("drain"); n.State != model.MaintenanceFailed || !strings.Contains(n.Detail, "after 10m0s") {
		t.Errorf("%+v", n)
	}
	w.budget["b"] = false
	w.maintain("drain")
	if _, n = w.maintain("drain"); n.State != model.MaintenanceApplied || n.Is != drained || strings.Join(w.evicted, " ") != "a b" {
		t.Errorf("%+v after %v", n, w.evicted)
	}
}

func TestPodsThatWouldBeLost(t *testing.T) {
	w := newWorld(t, pod("alone", "web-1", func(p *corev1.Pod) { p.OwnerReferences = nil }))
	if _, n := w.maintain("drain"); n.State != model.MaintenanceFailed || !strings.Contains(n.Detail, "shop/alone") || len(w.evicted) > 0 {
		t.Errorf("%+v, %v", n, w.evicted)
	}
}

func TestRefused(t *testing.T) {
	gr := schema.GroupResource{Resource: "nodes"}
	for name, c := range map[string]struct {
		err   error
		times int
		state model.MaintenanceState
		acts  bool
		part  string
	}{
		"a conflict":      {apierrors.NewConflict(gr, "web-1", nil), 1, model.MaintenanceApplied, true, ""},
		"conflicts again": {apierrors.NewConflict(gr, "web-1", nil), tries, model.MaintenanceFailed, true, "web-1"},
		"no right":        {apierrors.NewForbidden(gr, "web-1", nil), 1, model.MaintenanceFailed, false, "agent.maintenance"},
		"no such node":    {apierrors.NewNotFound(gr, "web-1"), 1, model.MaintenanceFailed, true, "agent.kubernetes_node"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			left := c.times
			w.fake.PrependReactor("patch", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
				if left--; left >= 0 {
					return true, nil, c.err
				}
				return false, nil, nil
			})
			m, n := w.maintain("cordon")
			if n.State != c.state || m.Acts != c.acts || !strings.Contains(n.Detail, c.part) || (n.State == model.MaintenanceApplied) != w.seen().Spec.Unschedulable {
				t.Errorf("%+v", m)
			}
		})
	}
}
