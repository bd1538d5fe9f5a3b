package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-security/bulkhead/model"
)

// api holds a REST client for each API group that is read. The full clientset would do the same, and compile every
// kind that Kubernetes has.
type api map[string]rest.Interface

func newAPI(rc *rest.Config) (api, error) {
	scheme := runtime.NewScheme()
	groups := map[string]func(*runtime.Scheme) error{
		corev1.GroupName: corev1.AddToScheme, appsv1.GroupName: appsv1.AddToScheme, rbacv1.GroupName: rbacv1.AddToScheme,
		networkingv1.GroupName: networkingv1.AddToScheme, policyv1.GroupName: policyv1.AddToScheme,
		admissionv1.GroupName: admissionv1.AddToScheme,
	}
	client, err := rest.HTTPClientFor(rc)
	if err != nil {
		return nil, fmt.Errorf("client of the API server: %w", err)
	}
	a := api{}
	for group, add := range groups {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("kinds of the API group %q: %w", group, err)
		}
		c := rest.CopyConfig(rc)
		c.GroupVersion = &schema.GroupVersion{Group: group, Version: "v1"}
		c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		c.APIPath = "/apis"
		if group == corev1.GroupName {
			c.APIPath = "/api"
		}
		if a[group], err = rest.RESTClientForConfigAndClient(c, client); err != nil {
			return nil, fmt.Errorf("client of the API group %q: %w", group, err)
		}
	}
	return a, nil
}

// version asks for the server's version, which all servers tell in JSON.
func (a api) version(ctx context.Context) (version.Info, error) {
	var info version.Info
	body, err := a[corev1.GroupName].Get().AbsPath("/version").SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return info, fmt.Errorf("the server's version: %w", err)
	}
	return info, nil
}

// typedList is a pointer to a list such as corev1.PodList.
type typedList[L any] interface {
	*L
	runtime.Object
	metav1.ListInterface
}

// each lists a kind in all namespaces page by page and calls take for every object.
func each[L any, P typedList[L], T runtime.Object](ctx context.Context, a api, s source, most int, take func(T)) error {
	next := ""
	for n := 0; ; {
		page := P(new(L))
		req := a[s.group].Get().Resource(s.resource).Param("limit", strconv.Itoa(pageSize))
		if next != "" {
			req.Param("continue", next)
		}
		if err := req.Do(ctx).Into(page); err != nil {
			return err
		}
		before := n
		err := apimeta.EachListItem(page, func(o runtime.Object) error {
			one, ok := o.(T)
			if !ok {
				return fmt.Errorf("an object of the list is a %T", o)
			}
			if n++; n > most {
				return fmt.Errorf("%w (%d)", errLimit, most)
			}
			take(one)
			return nil
		})
		if err != nil {
			return err
		}
		if next = page.GetContinue(); next == "" {
			return nil
		}
		if n == before {
			return errors.New("the API server answered an empty page and promised more")
		}
	}
}

// read lists a kind and makes a gap of a failure.
func read[L any, P typedList[L], T runtime.Object](
	ctx context.Context, a api, path string, s source, most int, take func(T),
) []model.Gap {
	return gapIf(path, s, each[L, P](ctx, a, s, most, take))
}
