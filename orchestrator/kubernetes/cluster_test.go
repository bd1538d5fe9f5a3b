package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bulkhead-security/bulkhead/model"
)

func meta(ns, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels}
}

// clusterObjects is a kubeadm cluster with one application.
func clusterObjects() []runtime.Object {
	app := map[string]string{"app": "web"}
	two, yes := int32(2), true
	static := func(name, component string, command ...string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: meta("kube-system", name, map[string]string{"component": component})}
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "cp1", Controller: &yes}}
		p.Spec.Containers = []corev1.Container{{Name: component, Image: "registry.k8s.io/" + component + ":v1.37.2", Command: command}}
		return p
	}
	node := &corev1.Node{
		ObjectMeta: meta("", "cp1", map[string]string{
			"node-role.kubernetes.io/control-plane": "", "topology.kubernetes.io/zone": "a", "io.bulkhead.sensitivity": "internal",
		}),
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: "NoSchedule"}}},
		Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", ContainerRuntimeVersion: "containerd://2.4.2"},
		},
	}
	node.Annotations = map[string]string{"kubeadm.alpha.kubernetes.io/cri-socket": "x"}
	return []runtime.Object{
		node,
		&corev1.Namespace{ObjectMeta: meta("", "kube-system", nil)},
		&corev1.Namespace{ObjectMeta: meta("", "shop", map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted", "io.bulkhead.sensitivity": "secret",
		})},
		&networkingv1.NetworkPolicy{ObjectMeta: meta("shop", "deny", nil), Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		}},
		&networkingv1.NetworkPolicy{ObjectMeta: meta("shop", "some", nil), Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: app}, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		}},
		&corev1.ResourceQuota{ObjectMeta: meta("shop", "q", nil)},
		static("kube-apiserver-cp1", "kube-apiserver", "kube-apiserver", "--anonymous-auth=false", "--oidc-password=x", "--profiling"),
		static("etcd-cp1", "etcd", "etcd"),
		&corev1.Pod{ObjectMeta: meta("shop", "web-1", app), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}}},
		&corev1.Pod{ObjectMeta: meta("shop", "done", nil), Status: corev1.PodStatus{Phase: corev1.PodSucceeded}},
		&appsv1.Deployment{ObjectMeta: meta("shop", "web", nil), Spec: appsv1.DeploymentSpec{
			Replicas: &two, Template: corev1.PodTemplateSpec{ObjectMeta: meta("", "", app)},
		}, Status: appsv1.DeploymentStatus{ReadyReplicas: 1}},
		&appsv1.DaemonSet{ObjectMeta: meta("kube-system", "calico-node", nil), Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 1}},
		&policyv1.PodDisruptionBudget{ObjectMeta: meta("shop", "web", nil), Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: app},
		}},
	}
}

// fakeClient is connected to a server with the objects, and told what the probe without credentials finds.
func fakeClient(t *testing.T, probe prober, objects ...runtime.Object) *Client {
	t.Helper()
	c := connectTo(t, serveObjects(t, objects), "")
	c.context, c.server, c.tls, c.probe = "test", "https://api.example:6443", true, probe
	return c
}

func TestCluster(t *testing.T) {
	c := fakeClient(t, func(context.Context) (int, error) { return 403, nil }, clusterObjects()...)
	put, gaps := c.Cluster(t.Context())
	if len(gaps) > 0 {
		t.Fatalf("gaps: %+v", gaps)
	}
	var s model.Snapshot
	put(&s)
	k := *s.Kubernetes
	if len(k.Pods) != 3 || len(k.ControlPlane) != 2 || k.Pods[2].Sensitivity != "secret" || k.Pods[2].Containers[0].Workload.Sensitivity != "secret" {
		t.Errorf("pods: %+v", k.Pods)
	}
	k.Pods, k.ControlPlane = nil, nil
	yes, no := true, false
	want := model.Kubernetes{
		Context: "test", Server: "https://api.example:6443", ServerTLS: true, Version: "v1.37.2", Platform: "linux/amd64",
		Distribution: "kubeadm", CNI: "calico", EtcdMembers: 1, AnonymousAuth: &yes, AnonymousAPI: &no,
		Nodes: []model.KubeNode{{
			Name: "cp1", Ready: true, ControlPlane: true, Kubelet: "v1.37.2", Runtime: "containerd://2.4.2", Zone: "a",
			Sensitivity: "internal", Taints: []string{"node-role.kubernetes.io/control-plane=:NoSchedule"},
			Labels: map[string]string{
				"node-role.kubernetes.io/control-plane": "", "topology.kubernetes.io/zone": "a", "io.bulkhead.sensitivity": "internal",
			},
		}},
		Namespaces: []model.KubeNS{
			{Name: "kube-system", Pods: 2},
			{
				Name: "shop", PodSecurity: "restricted", NetworkPolicies: 2, DefaultDenyIngress: true, ResourceQuota: true,
				Sensitivity: "secret", Pods: 1,
			},
		},
		Deployments: []model.KubeDeploy{
			{Kind: "DaemonSet", Namespace: "kube-system", Name: "calico-node", Replicas: 1},
			{Kind: "Deployment", Namespace: "shop", Name: "web", Replicas: 2, Ready: 1, Budget: true},
		},
		APIServerFlags: []model.KeyVal{
			{Key: "anonymous-auth", Value: "false"}, {Key: "oidc-password", Value: "[secret]"}, {Key: "profiling", Value: "true"},
		},
	}
	if d := cmp.Diff(want, k); d != "" {
		t.Error(d)
	}
}

func TestClusterIsDeterministic(t *testing.T) {
	var first string
	for range 3 {
		put, _ := fakeClient(t, func(context.Context) (int, error) { return 401, nil }, clusterObjects()...).Cluster(t.Context())
		var s model.Snapshot
		put(&s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if first != "" && first != string(b) {
			t.Fatal("two readings of the same cluster differ")
		}
		first = string(b)
	}
}

func TestAnonymousProbe(t *testing.T) {
	for name, c := range map[string]struct {
		status      int
		err         error
		let, rights string
		gap         model.GapReason
	}{
		"refused": {401, nil, "false", "false", ""},
		"let in":  {403, nil, "true", "false", ""},
		"rights":  {200, nil, "true", "true", ""},
		"strange": {500, nil, "null", "null", model.GapMalformed},
		"no way":  {0, errors.New("broken pipe"), "null", "null", model.GapFailed},
	} {
		put, gaps := fakeClient(t, func(context.Context) (int, error) { return c.status, c.err }).Cluster(t.Context())
		var s model.Snapshot
		put(&s)
		let, _ := json.Marshal(s.Kubernetes.AnonymousAuth)
		rights, _ := json.Marshal(s.Kubernetes.AnonymousAPI)
		if string(let) != c.let || string(rights) != c.rights {
			t.Errorf("%s: %s, %s", name, let, rights)
		}
		if c.gap == "" && len(gaps) > 0 || c.gap != "" && (len(gaps) != 1 || gaps[0].Reason != c.gap) {
			t.Errorf("%s: gaps %+v", name, gaps)
		}
	}
}

func TestDistribution(t *testing.T) {
	for _, c := range []struct {
		version, provider, hint, want string
	}{
		{"v1.36.1+k3s1", "", "", "k3s"},
		{"v1.36.1+rke2r1", "", "", "rke2"},
		{"v1.35.2-eks-abc", "", "", "eks"},
		{"v1.35.2-gke.100", "", "", "gke"},
		{"v1.36.0", "kind://docker/kind/n", "kubeadm.alpha.kubernetes.io/cri-socket", "kind"},
		{"v1.36.0", "", "kubernetes.azure.com/cluster", "aks"},
		{"v1.36.0", "", "node.openshift.io/os_id", "openshift"},
		{"v1.36.0", "", "kubeadm.alpha.kubernetes.io/cri-socket", "kubeadm"},
		{"v1.36.0", "", "", ""},
	} {
		r := &reading{k: model.Kubernetes{Version: c.version}, providers: []string{c.provider}, hints: []string{c.hint}}
		if got := distribution(r); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestEtcdMembers(t *testing.T) {
	pods := []model.KubePod{{Labels: map[string]string{"component": "etcd"}}, {Labels: map[string]string{"component": "etcd"}}}
	for servers, want := range map[string]int{
		"https://127.0.0.1:2379": 0, "https://localhost:2379": 0, "https://a:2379,https://b:2379,https://c:2379": 3, "": 0,
		"https://[::1]:2379": 0, "%": 0,
	} {
		if got := etcdMembers(nil, []model.KeyVal{{Key: "etcd-servers", Value: servers}}); got != want {
			t.Errorf("%q: %d", servers, got)
		}
	}
	if got := etcdMembers(pods, nil); got != 2 {
		t.Errorf("pods: %d", got)
	}
}

func TestExecIsNotRunUnasked(t *testing.T) {
	marker := t.TempDir() + "/ran"
	config := strings.ReplaceAll(execConfig, "MARKER", marker)
	cfg, err := parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(cfg, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	put, gaps := c.Cluster(t.Context())
	if put != nil || len(gaps) != 1 || gaps[0].Reason != model.GapSkipped || gaps[0].Path != "/kubernetes" {
		t.Errorf("%+v", gaps)
	}
	if exists(marker) {
		t.Error("the credential program was run")
	}
}
