package kubernetes

import (
	"context"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/bulkhead-security/bulkhead/model"
)

const admissionGroup = "admissionregistration.k8s.io"

// admission reads webhooks and those policies that a binding makes refuse.
func (c *Client) admission(ctx context.Context, r *reading) []model.Gap {
	const path = "/kubernetes/webhooks"
	var gaps []model.Gap
	list := func(resource string, err error) {
		if !apierrors.IsNotFound(err) { // servers before 1.30 have no policies
			gaps = append(gaps, gapIf(path, source{admissionGroup, resource}, err)...)
		}
	}
	add := func(kind, name string, p *admissionv1.FailurePolicyType) {
		h := model.KubeWebhook{Kind: kind, Name: name, FailurePolicy: string(admissionv1.Fail)}
		if p != nil {
			h.FailurePolicy = string(*p)
		}
		r.k.Webhooks = append(r.k.Webhooks, h)
	}
	api := c.api.AdmissionregistrationV1()
	list("validatingwebhookconfigurations", each(ctx, maxObjects, api.ValidatingWebhookConfigurations().List,
		func(l *admissionv1.ValidatingWebhookConfigurationList) (string, []admissionv1.ValidatingWebhookConfiguration) {
			return l.Continue, l.Items
		},
		func(o *admissionv1.ValidatingWebhookConfiguration) {
			for _, h := range o.Webhooks {
				add("validating", o.Name+"/"+h.Name, h.FailurePolicy)
			}
		}))
	list("mutatingwebhookconfigurations", each(ctx, maxObjects, api.MutatingWebhookConfigurations().List,
		func(l *admissionv1.MutatingWebhookConfigurationList) (string, []admissionv1.MutatingWebhookConfiguration) {
			return l.Continue, l.Items
		},
		func(o *admissionv1.MutatingWebhookConfiguration) {
			for _, h := range o.Webhooks {
				add("mutating", o.Name+"/"+h.Name, h.FailurePolicy)
			}
		}))
	refusing := map[string]bool{}
	list("validatingadmissionpolicybindings", each(ctx, maxObjects, api.ValidatingAdmissionPolicyBindings().List,
		func(l *admissionv1.ValidatingAdmissionPolicyBindingList) (string, []admissionv1.ValidatingAdmissionPolicyBinding) {
			return l.Continue, l.Items
		},
		func(o *admissionv1.ValidatingAdmissionPolicyBinding) {
			if slices.Contains(o.Spec.ValidationActions, admissionv1.Deny) {
				refusing[o.Spec.PolicyName] = true
			}
		}))
	list("validatingadmissionpolicies", each(ctx, maxObjects, api.ValidatingAdmissionPolicies().List,
		func(l *admissionv1.ValidatingAdmissionPolicyList) (string, []admissionv1.ValidatingAdmissionPolicy) {
			return l.Continue, l.Items
		},
		func(o *admissionv1.ValidatingAdmissionPolicy) {
			if refusing[o.Name] {
				add("policy", o.Name, o.Spec.FailurePolicy)
			}
		}))
	slices.SortFunc(r.k.Webhooks, func(a, b model.KubeWebhook) int {
		return strings.Compare(a.Kind+"/"+a.Name, b.Kind+"/"+b.Name)
	})
	return gaps
}
