package kubernetes

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

type podFacts struct{ all []model.KubePod }

func (c *Client) podList(ctx context.Context, r *reading) []model.Gap {
	gaps := read[corev1.PodList](ctx, c.api, "/kubernetes/pods", source{"", "pods"}, maxPods, func(p *corev1.Pod) {
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			r.pods.all = append(r.pods.all, c.pod(p))
		}
	})
	slices.SortFunc(r.pods.all, func(a, b model.KubePod) int {
		if n := strings.Compare(a.Namespace, b.Namespace); n != 0 {
			return n
		}
		return strings.Compare(a.Name, b.Name)
	})
	return gaps
}

// tokenPath is where admission mounts the token of the service account.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a directory, no credential

func (c *Client) pod(p *corev1.Pod) model.KubePod {
	out := model.KubePod{
		Namespace: p.Namespace, Name: p.Name, Node: p.Spec.NodeName, Phase: string(p.Status.Phase), Owner: owner(p),
		ServiceAccount: p.Spec.ServiceAccountName, NodeSelector: nodeSelector(&p.Spec),
		Sensitivity: p.Labels[c.o.SensitivityLabel], Created: p.CreationTimestamp.UTC(),
	}
	if p.CreationTimestamp.IsZero() {
		out.Created = p.CreationTimestamp.Time
	}
	m := newMapper(c.o, p)
	out.Labels, _ = c.o.Secrets.Map("label", p.Labels)
	add := func(k *corev1.Container, init bool) {
		for _, v := range k.VolumeMounts {
			out.AutomountToken = out.AutomountToken || strings.TrimSuffix(v.MountPath, "/") == tokenPath
		}
		out.Containers = append(out.Containers, model.KubeContainer{
			Name: k.Name, Init: init, Restarts: m.restarts[k.Name], Workload: m.workload(k),
		})
	}
	for i := range p.Spec.InitContainers {
		add(&p.Spec.InitContainers[i], true)
	}
	for i := range p.Spec.Containers {
		add(&p.Spec.Containers[i], false)
	}
	for i := range p.Spec.EphemeralContainers {
		k := corev1.Container(p.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		add(&k, false)
	}
	return out
}

// owner names the controller; of a ReplicaSet made by a Deployment, the Deployment.
func owner(p *corev1.Pod) string {
	for _, o := range p.OwnerReferences {
		if o.Controller == nil || !*o.Controller {
			continue
		}
		hash := p.Labels["pod-template-hash"]
		if name, ok := strings.CutSuffix(o.Name, "-"+hash); ok && o.Kind == "ReplicaSet" && hash != "" {
			return "Deployment/" + name
		}
		return o.Kind + "/" + o.Name
	}
	return ""
}

// nodeSelector lists what the pod demands of its node: selector entries and required affinity.
func nodeSelector(s *corev1.PodSpec) []string {
	var out []string
	for k, v := range s.NodeSelector {
		out = append(out, k+"="+v)
	}
	if a := s.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		terms := a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
		for _, t := range terms {
			for _, e := range t.MatchExpressions {
				if e.Operator == corev1.NodeSelectorOpIn && len(e.Values) == 1 && len(terms) == 1 {
					out = append(out, e.Key+"="+e.Values[0])
					continue
				}
				out = append(out, e.Key+" "+string(e.Operator)+" "+strings.Join(e.Values, ","))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
