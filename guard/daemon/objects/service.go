package objects

import (
	"context"
	"strconv"

	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

func (v *visit) service(ctx context.Context, b *swarm.ServiceSpec) error {
	b, err := v.rolledBack(ctx, b)
	if err != nil {
		return err
	}
	task := &b.TaskTemplate
	if v.ask.Object == nil {
		if err := v.makes(ctx, route.Service, b.Annotations); err != nil {
			return err
		}
		if task.ContainerSpec != nil {
			v.ask.Object.Image = task.ContainerSpec.Image
		}
	}
	if task.NetworkAttachmentSpec != nil || task.Runtime == swarm.RuntimeNetworkAttachment {
		return at("/TaskTemplate/NetworkAttachmentSpec", invalid(route.Service, "attachments to networks are the engine's own"))
	}
	if p := task.PluginSpec; p != nil {
		o := &call.Object{Kind: route.Plugin, ID: p.Remote, Name: p.Name, New: true}
		if err := v.use(o, "PluginChange", "/TaskTemplate/PluginSpec"); err != nil {
			return err
		}
	}
	for i := range task.Networks {
		field := "/TaskTemplate/Networks/" + strconv.Itoa(i) + "/Target"
		if i >= mostUses {
			return at(field, invalid(route.Service, "the call names more than %d things", mostUses))
		}
		o, err := v.network(ctx, task.Networks[i].Target, "swarm") // tasks join no others, whatever has the name on this node
		if err != nil {
			return beside(at(field, err))
		}
		v.names[o] = task.Networks[i].Target
		if err := v.use(o, "NetworkConnect", field); err != nil {
			return err
		}
		task.Networks[i].Target = o.ID // as the engine does
	}
	if task.ContainerSpec == nil {
		return nil
	}
	return beside(v.containerSpec(ctx, task.ContainerSpec))
}

func (v *visit) containerSpec(ctx context.Context, c *swarm.ContainerSpec) error {
	const field = "/TaskTemplate/ContainerSpec"
	var image *call.Object
	if c.Image != "" {
		// Any node may run it: this one need not have the image.
		o, err := v.look(ctx, route.Image, c.Image)
		if isMissing(err) {
			o, err = newImage(c.Image, "")
		}
		if err != nil {
			return at(field+"/Image", err)
		}
		if err := v.use(o, "ImageRun", field+"/Image"); err != nil {
			return err
		}
		image = o
	}
	if err := v.node(ctx, image, c.Image); err != nil {
		return err
	}
	for i, s := range c.Secrets {
		if s == nil {
			continue
		}
		if err := v.reference(ctx, route.Secret, s.SecretID, "SecretUse", field+"/Secrets/"+strconv.Itoa(i)+"/SecretID"); err != nil {
			return err
		}
	}
	for i, s := range c.Configs {
		if s == nil {
			continue
		}
		if err := v.reference(ctx, route.Config, s.ConfigID, "SecretUse", field+"/Configs/"+strconv.Itoa(i)+"/ConfigID"); err != nil {
			return err
		}
	}
	if p := c.Privileges; p != nil && p.CredentialSpec != nil && p.CredentialSpec.Config != "" {
		if err := v.reference(ctx, route.Config, p.CredentialSpec.Config, "SecretUse", field+"/Privileges/CredentialSpec/Config"); err != nil {
			return err
		}
	}
	return v.mounts(ctx, c.Mounts, field+"/Mounts")
}

// reference is a secret or config, which the engine takes by its full id only.
func (v *visit) reference(ctx context.Context, kind route.Object, id, action, field string) error {
	o, err := v.look(ctx, kind, id)
	if err != nil {
		return at(field, err)
	}
	if o.ID != id {
		return at(field, invalid(kind, "%.80q is no full id of a %s", id, kind))
	}
	return v.use(o, action, field)
}
