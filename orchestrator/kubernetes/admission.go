package kubernetes

import (
	"context"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/bulkhead-security/bulkhead/model"
)

// admission reads webhooks and those policies that a binding makes refuse.
func (c *Client) admission(ctx context.Context, r *reading) []model.Gap {
	const path = "/kubernetes/webhooks"
	add := func(kind, name string, p *admissionv1.FailurePolicyType) {
		h := model.KubeWebhook{Kind: kind, Name: name, FailurePolicy: string(admissionv1.Fail)}
		if p != nil {
			h.FailurePolicy = string(*p)
		}
		r.k.Webhooks = append(r.k.Webhooks, h)
	}
	in := func(resource string) source { return source{admissionv1.GroupName, resource} }
	gaps := read[admissionv1.ValidatingWebhookConfigurationList](ctx, c.api, path, in("validatingwebhookconfigurations"), maxObjects,
		func(o *admissionv1.ValidatingWebhookConfiguration) {
			for _, h := range o.Webhooks {
				add("validating", o.Name+"/"+h.Name, h.FailurePolicy)
			}
		})
	gaps = append(gaps, read[admissionv1.MutatingWebhookConfigurationList](ctx, c.api, path, in("mutatingwebhookconfigurations"), maxObjects,
		func(o *admissionv1.MutatingWebhookConfiguration) {
			for _, h := range o.Webhooks {
				add("mutating", o.Name+"/"+h.Name, h.FailurePolicy)
			}
		})...)
	refusing := map[string]bool{}
	bindings := in("validatingadmissionpolicybindings")
	err := each[admissionv1.ValidatingAdmissionPolicyBindingList](ctx, c.api, bindings, maxObjects,
		func(o *admissionv1.ValidatingAdmissionPolicyBinding) {
			if slices.Contains(o.Spec.ValidationActions, admissionv1.Deny) {
				refusing[o.Spec.PolicyName] = true
			}
		})
	gaps = append(gaps, gapIf(path, bindings, sinceKubernetes130(err))...)
	policies := in("validatingadmissionpolicies")
	err = each[admissionv1.ValidatingAdmissionPolicyList](ctx, c.api, policies, maxObjects,
		func(o *admissionv1.ValidatingAdmissionPolicy) {
			if refusing[o.Name] {
				add("policy", o.Name, o.Spec.FailurePolicy)
			}
		})
	gaps = append(gaps, gapIf(path, policies, sinceKubernetes130(err))...)
	slices.SortFunc(r.k.Webhooks, func(a, b model.KubeWebhook) int {
		return strings.Compare(a.Kind+"/"+a.Name, b.Kind+"/"+b.Name)
	})
	return gaps
}

// sinceKubernetes130 forgives a server that does not know the kind, as those before 1.30 do not know policies.
func sinceKubernetes130(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
