package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	authv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
)

// API is an API server. The full clientset would do the same, and compile every kind that Kubernetes has.
type API struct{ core, auth rest.Interface }

const (
	pageSize = 500
	mostPods = 10_000 // of a node; Kubernetes means 110
)

// NewAPI makes the clients; it does not speak to the server yet.
func NewAPI(rc *rest.Config) (*API, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), authv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("kinds of the API server: %w", err)
	}
	http, err := rest.HTTPClientFor(rc)
	if err != nil {
		return nil, fmt.Errorf("client of the API server: %w", err)
	}
	of := func(gv schema.GroupVersion, path string) (rest.Interface, error) {
		c := rest.CopyConfig(rc)
		c.GroupVersion, c.APIPath, c.ContentType, c.AcceptContentTypes = &gv, path, "application/json", ""
		c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		return rest.RESTClientForConfigAndClient(c, http)
	}
	a := &API{}
	if a.core, err = of(corev1.SchemeGroupVersion, "/api"); err == nil {
		a.auth, err = of(authv1.SchemeGroupVersion, "/apis")
	}
	if err != nil {
		return nil, fmt.Errorf("client of the API server: %w", err)
	}
	return a, nil
}

// Node implements Cluster.
func (a *API) Node(ctx context.Context, name string) (*corev1.Node, error) {
	n := &corev1.Node{}
	return n, a.core.Get().Resource("nodes").Name(name).Do(ctx).Into(n)
}

// Patch is the change of a node: it has the version that was seen, so that a newer one is a conflict.
func Patch(was *corev1.Node, unschedulable bool, annotation string) ([]byte, error) {
	var mark, closed any
	if annotation != "" {
		mark = annotation
	}
	if unschedulable {
		closed = true
	}
	b, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": was.ResourceVersion, "annotations": map[string]any{maintenance.Label: mark}},
		"spec":     map[string]any{"unschedulable": closed},
	})
	if err != nil {
		return nil, fmt.Errorf("change of a node: %w", err)
	}
	return b, nil
}

// Set implements Cluster.
func (a *API) Set(ctx context.Context, was *corev1.Node, unschedulable bool, annotation string) (*corev1.Node, error) {
	p, err := Patch(was, unschedulable, annotation)
	if err != nil {
		return nil, err
	}
	n := &corev1.Node{}
	return n, a.core.Patch(types.MergePatchType).Resource("nodes").Name(was.Name).Body(p).Do(ctx).Into(n)
}

// Pods implements Cluster.
func (a *API) Pods(ctx context.Context, node string) ([]corev1.Pod, error) {
	var out []corev1.Pod
	next := ""
	for {
		var page corev1.PodList
		r := a.core.Get().Resource("pods").Param("limit", strconv.Itoa(pageSize)).
			Param("fieldSelector", fields.OneTermEqualSelector("spec.nodeName", node).String())
		if next != "" {
			r.Param("continue", next)
		}
		if err := r.Do(ctx).Into(&page); err != nil {
			return nil, err
		}
		if out = append(out, page.Items...); len(out) > mostPods {
			return nil, fmt.Errorf("the node has more than %d pods", mostPods)
		}
		if next = page.Continue; next == "" {
			return out, nil
		}
		if len(page.Items) == 0 {
			return nil, errors.New("the API server answered an empty page and promised more")
		}
	}
}

// Evict implements Cluster. The pod's id keeps another one of the same name from being meant.
func (a *API) Evict(ctx context.Context, p *corev1.Pod) error {
	body, err := json.Marshal(Eviction(p))
	if err != nil {
		return fmt.Errorf("eviction: %w", err)
	}
	return a.core.Post().Namespace(p.Namespace).Resource("pods").Name(p.Name).SubResource("eviction").
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
}

// Eviction is what asks for it.
func Eviction(p *corev1.Pod) *policyv1.Eviction {
	return &policyv1.Eviction{
		TypeMeta:      metav1.TypeMeta{APIVersion: "policy/v1", Kind: "Eviction"},
		ObjectMeta:    metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(p.UID))},
	}
}

// May implements Cluster. It asks for no more than is done: a kubelet's account may look at its own node and pods only.
func (a *API) May(ctx context.Context, right Right, node string) (bool, error) {
	of := &authv1.ResourceAttributes{Verb: right.Verb, Version: "v1", Resource: right.Resource, Subresource: right.Sub}
	switch {
	case right.Resource == "nodes":
		of.Name = node
	case right.Sub == "":
		of.FieldSelector = &authv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{
			{Key: "spec.nodeName", Operator: metav1.FieldSelectorOpIn, Values: []string{node}},
		}}
	}
	ask := &authv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec:     authv1.SelfSubjectAccessReviewSpec{ResourceAttributes: of},
	}
	var answer authv1.SelfSubjectAccessReview
	err := a.auth.Post().Resource("selfsubjectaccessreviews").Body(ask).Do(ctx).Into(&answer)
	return answer.Status.Allowed, err
}
