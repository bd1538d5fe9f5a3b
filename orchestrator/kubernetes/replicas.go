package kubernetes

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/bulkhead-security/bulkhead/model"
)

// replicated is a workload with the labels of its pods, by which a disruption budget selects it.
type replicated struct {
	model.KubeDeploy
	pods labels.Set
}

func (c *Client) replicas(ctx context.Context, r *reading) []model.Gap {
	const path = "/kubernetes/deployments"
	var all []replicated
	add := func(kind string, m metav1.ObjectMeta, want *int32, ready int32, pods map[string]string) {
		n := 1 // what the API server sets when nothing is given
		if want != nil {
			n = int(*want)
		}
		all = append(all, replicated{
			model.KubeDeploy{Kind: kind, Namespace: m.Namespace, Name: m.Name, Replicas: n, Ready: int(ready)}, pods,
		})
	}
	gaps := read[appsv1.DeploymentList](ctx, c.api, path, source{"apps", "deployments"}, maxObjects, func(d *appsv1.Deployment) {
		add("Deployment", d.ObjectMeta, d.Spec.Replicas, d.Status.ReadyReplicas, d.Spec.Template.Labels)
	})
	gaps = append(gaps, read[appsv1.StatefulSetList](ctx, c.api, path, source{"apps", "statefulsets"}, maxObjects, func(d *appsv1.StatefulSet) {
		add("StatefulSet", d.ObjectMeta, d.Spec.Replicas, d.Status.ReadyReplicas, d.Spec.Template.Labels)
	})...)
	gaps = append(gaps, read[appsv1.DaemonSetList](ctx, c.api, path, source{"apps", "daemonsets"}, maxObjects, func(d *appsv1.DaemonSet) {
		add("DaemonSet", d.ObjectMeta, &d.Status.DesiredNumberScheduled, d.Status.NumberReady, d.Spec.Template.Labels)
		r.daemonset = append(r.daemonset, d.Name)
	})...)
	gaps = append(gaps, read[policyv1.PodDisruptionBudgetList](ctx, c.api, path, source{"policy", "poddisruptionbudgets"}, maxObjects,
		func(b *policyv1.PodDisruptionBudget) { budget(all, b) })...)

	for _, d := range all {
		r.k.Deployments = append(r.k.Deployments, d.KubeDeploy)
	}
	slices.SortFunc(r.k.Deployments, func(a, b model.KubeDeploy) int {
		return strings.Compare(a.Namespace+"/"+a.Kind+"/"+a.Name, b.Namespace+"/"+b.Kind+"/"+b.Name)
	})
	return gaps
}

// budget marks the workloads that a disruption budget selects.
func budget(all []replicated, b *policyv1.PodDisruptionBudget) {
	sel, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return // the API server refuses such a selector; it selects nothing
	}
	for i := range all {
		if all[i].Namespace == b.Namespace && sel.Matches(all[i].pods) {
			all[i].Budget = true
		}
	}
}
