package judge

import (
	"context"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/volume"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

// own gives what the call makes to the caller: in what policies see, and by labels in what the engine keeps. Labels of the guard that
// a caller sets are refused, unless they say what is so already.
func (j *Judge) own(ctx context.Context, a *call.Ask) error {
	p := a.Subject.Principal
	mine(a)
	if err := bounded(a); err != nil {
		return err
	}
	if err := j.prune(ctx, a); err != nil {
		return err
	}
	// What exists keeps whom it belongs to, whoever changes it.
	of := map[string]string{call.LabelTenant: p.Tenant, call.LabelOwner: p.ID}
	if a.Object != nil && !a.Object.New {
		of = map[string]string{}
		for k, v := range a.Object.Labels {
			if strings.HasPrefix(k, call.LabelPrefix) {
				of[k] = v
			}
		}
	}
	if c, is := a.Body.(*container.Config); is { // of an image, whose labels its containers have
		if err := guards(c.Labels, of, "/Labels"); err != nil {
			return err
		}
	}
	for _, m := range labelsOf(a.Body) {
		if rollsBack(a) && !m.mount && !has(*m.labels, of) {
			return fmt.Errorf("%s: what the service was before was not its owner's: update it instead", m.field)
		}
		if err := setLabels(m.labels, of, m.field); err != nil {
			return err
		}
	}
	return nil
}

// mine gives what is new to the caller.
func mine(a *call.Ask) {
	p := &a.Subject.Principal
	give := func(o *call.Object) {
		if o != nil && o.New {
			o.Tenant, o.Owner = p.Tenant, p.ID
		}
	}
	give(a.Object)
	for i := range a.Uses {
		give(&a.Uses[i].Object)
	}
}

// labelled is a place for labels in a body.
type labelled struct {
	labels *map[string]string
	field  string
	mount  bool // of a volume that the engine makes
}

func labelsOf(body any) []labelled {
	switch b := body.(type) {
	case *container.CreateRequest:
		if b.Config == nil {
			b.Config = &container.Config{}
		}
		list := []labelled{{labels: &b.Labels, field: "/Labels"}}
		if b.HostConfig != nil {
			list = append(list, ofMounts(b.HostConfig.Mounts, "/HostConfig/Mounts")...)
		}
		return list
	case *call.NetworkCreate:
		return []labelled{{labels: &b.Labels, field: "/Labels"}}
	case *volume.CreateRequest:
		return []labelled{{labels: &b.Labels, field: "/Labels"}}
	case *swarm.ServiceSpec:
		list := []labelled{{labels: &b.Labels, field: "/Labels"}}
		if c := b.TaskTemplate.ContainerSpec; c != nil {
			list = append(list, labelled{labels: &c.Labels, field: "/TaskTemplate/ContainerSpec/Labels"})
			list = append(list, ofTasks(c.Mounts, "/TaskTemplate/ContainerSpec/Mounts")...)
		}
		return list
	case *call.Solve:
		return []labelled{{labels: &b.Labels, field: "/FrontendAttrs"}}
	case *swarm.SecretSpec:
		return []labelled{{labels: &b.Labels, field: "/Labels"}}
	case *swarm.ConfigSpec:
		return []labelled{{labels: &b.Labels, field: "/Labels"}}
	}
	return nil
}

// ofMounts are those of volumes that the engine makes for a mount.
func ofMounts(mounts []mount.Mount, field string) []labelled {
	var list []labelled
	for i := range mounts {
		if o := mounts[i].VolumeOptions; o != nil && len(o.Labels) > 0 {
			list = append(list, labelled{&o.Labels, fmt.Sprintf("%s/%d/VolumeOptions/Labels", field, i), true})
		}
	}
	return list
}

// guards refuses labels of the guard that say another thing than what is so.
func guards(labels, of map[string]string, field string) error {
	for k, v := range labels {
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(k)), call.LabelPrefix) {
			continue
		}
		if of[k] != v {
			return fmt.Errorf("%s: labels that begin with %s are the guard's: %q can't be set", field, call.LabelPrefix, cut(k, 80))
		}
	}
	return nil
}

func setLabels(labels *map[string]string, of map[string]string, field string) error {
	if err := guards(*labels, of, field); err != nil {
		return err
	}
	if len(of) == 0 {
		return nil
	}
	if *labels == nil {
		*labels = map[string]string{}
	}
	for k, v := range of {
		(*labels)[k] = v
	}
	return nil
}

// prune narrows a prune to what is the caller's own, for whoever may not prune the host.
func (j *Judge) prune(ctx context.Context, a *call.Ask) error {
	kind, is := strings.CutSuffix(string(a.Call.Route.Action), "Prune")
	if _, known := pruned()[kind]; !is || !known {
		return nil
	}
	p := a.Subject.Principal
	a.Object = &call.Object{Kind: route.Object(kind), ID: "prune", New: true, Tenant: p.Tenant, Owner: p.ID}
	if j.may(ctx, a, "HostPrune", nil, map[string]any{"door": "engine", "address": a.Subject.Address}) {
		return nil
	}
	if a.OneByOne = a.Object.Kind == route.Image; a.OneByOne {
		return nil // they have no labels of the guard's
	}
	if a.Call.Query.Filters == nil {
		a.Call.Query.Filters = map[string][]string{}
	}
	a.Call.Query.Filters["label"] = append(a.Call.Query.Filters["label"], call.LabelOwner+"="+p.ID, call.LabelTenant+"="+p.Tenant)
	return nil
}

// images fills in whom images belong to.
func (j *Judge) images(a *call.Ask) error {
	if a.Object != nil {
		if err := j.imageOf(a, a.Object); err != nil {
			return err
		}
	}
	for i := range a.Uses {
		if err := j.imageOf(a, &a.Uses[i].Object); err != nil {
			return err
		}
	}
	return nil
}

func (j *Judge) imagesOf(a *call.Ask, objects []call.Object) error {
	for i := range objects {
		if err := j.imageOf(a, &objects[i]); err != nil {
			return err
		}
	}
	return nil
}

func (j *Judge) imageOf(a *call.Ask, o *call.Object) error {
	if o.Kind != route.Image {
		return nil
	}
	o.Tenant, o.Owner = "", "" // labels of an image are its maker's
	if len(o.Names) > 0 {
		o.Name = o.Names[0]
	}
	if j.p.Images == nil {
		return nil
	}
	var err error
	if o.Tenant, o.Owner, err = j.p.Images.Of(o, &a.Subject.Principal); err != nil {
		return fmt.Errorf("whom the image belongs to can't be told: %w", err)
	}
	if o.Tenant != "" {
		o.New = false // the name is somebody's already
	}
	return j.called(&a.Subject.Principal, o)
}

// called gives an image that is meant by its id a name that is nobody's or the caller's tenant's: anybody may have given it others. One that
// has only names of others' has none for the caller, and one of the host's is shared with nobody by them. Who sees another tenant's is told
// that tenant's name.
func (j *Judge) called(p *model.Principal, o *call.Object) error {
	if !o.ByID || len(o.Names) == 0 {
		return nil
	}
	o.Name = ""
	for _, name := range o.Names {
		tenant, _, err := j.p.Images.Of(&call.Object{Kind: route.Image, ID: o.ID, Name: name}, p)
		if err != nil {
			return fmt.Errorf("whom a name of the image belongs to can't be told: %w", err)
		}
		if tenant == "" || tenant == p.Tenant {
			o.Name = name
			return nil
		}
		if tenant == o.Tenant && o.Name == "" {
			o.Name = name
		}
	}
	return nil
}
