package kubernetes

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/bulkhead-security/bulkhead/model"
)

// namespaces reads namespaces and what isolates them. When one of the lists may not be read, the whole part has a gap,
// since a namespace without a policy would look the same as one whose policies were not seen.
func (c *Client) namespaces(ctx context.Context, r *reading) []model.Gap {
	const path = "/kubernetes/namespaces"
	at := map[string]int{}
	gaps := read[corev1.NamespaceList](ctx, c.api, path, source{"", "namespaces"}, maxObjects, func(n *corev1.Namespace) {
		r.k.Namespaces = append(r.k.Namespaces, model.KubeNS{
			Name: n.Name, PodSecurity: n.Labels["pod-security.kubernetes.io/enforce"],
			Sensitivity: n.Labels[c.o.SensitivityLabel],
		})
	})
	slices.SortFunc(r.k.Namespaces, func(a, b model.KubeNS) int { return strings.Compare(a.Name, b.Name) })
	for i, n := range r.k.Namespaces {
		at[n.Name] = i
	}
	in := func(name string, set func(*model.KubeNS)) {
		if i, ok := at[name]; ok {
			set(&r.k.Namespaces[i])
		}
	}
	gaps = append(gaps, read[networkingv1.NetworkPolicyList](ctx, c.api, path, source{"networking.k8s.io", "networkpolicies"}, maxObjects, func(p *networkingv1.NetworkPolicy) {
		in(p.Namespace, func(n *model.KubeNS) {
			n.NetworkPolicies++
			ingress, egress := denies(&p.Spec)
			n.DefaultDenyIngress = n.DefaultDenyIngress || ingress
			n.DefaultDenyEgress = n.DefaultDenyEgress || egress
		})
	})...)
	gaps = append(gaps, read[corev1.ResourceQuotaList](ctx, c.api, path, source{"", "resourcequotas"}, maxObjects, func(q *corev1.ResourceQuota) {
		in(q.Namespace, func(n *model.KubeNS) { n.ResourceQuota = true })
	})...)
	return append(gaps, read[corev1.LimitRangeList](ctx, c.api, path, source{"", "limitranges"}, maxObjects, func(q *corev1.LimitRange) {
		in(q.Namespace, func(n *model.KubeNS) { n.LimitRange = true })
	})...)
}

// denies says whether a policy selects all pods of its namespace and lets nothing in, or out.
func denies(s *networkingv1.NetworkPolicySpec) (ingress, egress bool) {
	if len(s.PodSelector.MatchLabels)+len(s.PodSelector.MatchExpressions) > 0 {
		return false, false
	}
	types := s.PolicyTypes
	ingress = len(s.Ingress) == 0 && (len(types) == 0 || slices.Contains(types, networkingv1.PolicyTypeIngress))
	egress = len(s.Egress) == 0 && slices.Contains(types, networkingv1.PolicyTypeEgress)
	return ingress, egress
}
