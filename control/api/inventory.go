package api

import (
	"context"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// InventoryStore keeps which containers, images and networks nodes have.
type InventoryStore interface {
	FleetObjects(ctx context.Context, kind model.ObjectKind, q model.Query) ([]model.FleetObject, string, error)
	FleetObject(ctx context.Context, node string, kind model.ObjectKind, id string) (*model.FleetObject, error)
	// Fact is one fact of a node.
	Fact(ctx context.Context, node, key string) (*model.Fact, error)
	Node(ctx context.Context, id string) (*model.Member, error)
}

// Inventory implements InventoryService.
type Inventory struct {
	Store InventoryStore
	Now   func() time.Time
}

// ListContainers implements InventoryService.
func (s *Inventory) ListContainers(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListContainersResponse, error) {
	now := s.Now()
	all, next, err := s.list(ctx, model.ObjectContainer, r, "state", "image")
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListContainersResponse{Containers: each(all, containerOut), NextPage: next, ReadAt: stamp(now)}
	return out, gate.MaskAll(out.GetContainers(), r.GetPage().GetReadMask())
}

// ListImages implements InventoryService.
func (s *Inventory) ListImages(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListImagesResponse, error) {
	now := s.Now()
	all, next, err := s.list(ctx, model.ObjectImage, r)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListImagesResponse{Images: each(all, imageOut), NextPage: next, ReadAt: stamp(now)}
	return out, gate.MaskAll(out.GetImages(), r.GetPage().GetReadMask())
}

// ListNetworks implements InventoryService.
func (s *Inventory) ListNetworks(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListNetworksResponse, error) {
	now := s.Now()
	all, next, err := s.list(ctx, model.ObjectNetwork, r)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListNetworksResponse{Networks: each(all, networkOut), NextPage: next, ReadAt: stamp(now)}
	return out, gate.MaskAll(out.GetNetworks(), r.GetPage().GetReadMask())
}

func (s *Inventory) list(
	ctx context.Context, kind model.ObjectKind, r *bulkheadv1.ListInTenantRequest, more ...string,
) ([]model.FleetObject, string, error) {
	q, err := gate.PageOf(r.GetPage(), append(gate.Fields{"node", "id", "name", "gone", "updated"}, more...))
	if err != nil {
		return nil, "", err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	return s.Store.FleetObjects(ctx, kind, q)
}

// Bounds of what is given with one object.
const (
	mostRelated = 500
	mostFormer  = 50
	mostOfNode  = 5000 // containers of a node that are looked at for those in a network
)

// GetContainer implements InventoryService.
func (s *Inventory) GetContainer(ctx context.Context, r *bulkheadv1.ObjectOfNode) (*bulkheadv1.ContainerDetails, error) {
	o, err := s.Store.FleetObject(ctx, r.GetNode(), model.ObjectContainer, r.GetId())
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ContainerDetails{Container: containerOut(o)}
	if out.Fact, out.Received, err = s.fact(ctx, o); err != nil {
		return nil, err
	}
	if out.Image, err = s.imageOf(ctx, o); err != nil {
		return nil, err
	}
	for _, name := range o.Networks {
		found, err := s.ofNode(ctx, o.Node, model.ObjectNetwork, 1, is("name", name), is("gone", "false"))
		if err != nil {
			return nil, err
		}
		out.Networks = append(out.Networks, each(found, networkOut)...)
	}
	out.Former, err = s.former(ctx, o)
	return out, err
}

func (s *Inventory) imageOf(ctx context.Context, o *model.FleetObject) (*bulkheadv1.Image, error) {
	if o.Image == "" {
		return nil, nil //nolint:nilnil // it is not known
	}
	m, err := s.Store.FleetObject(ctx, o.Node, model.ObjectImage, o.Image)
	switch {
	case model.CodeOf(err) == model.CodeNotFound:
		return nil, nil //nolint:nilnil // it is not there
	case err != nil:
		return nil, err
	}
	return imageOut(m), nil
}

// former are those of the same name on the node that are gone, the newest first.
func (s *Inventory) former(ctx context.Context, o *model.FleetObject) ([]*bulkheadv1.Container, error) {
	found, err := s.ofNode(ctx, o.Node, o.Kind, mostRelated, is("name", o.Name), is("gone", "true"))
	if err != nil {
		return nil, err
	}
	var out []*bulkheadv1.Container
	for i := range found {
		if found[i].ID != o.ID {
			out = append(out, containerOut(&found[i]))
		}
	}
	newestFirst(out)
	return out[:min(len(out), mostFormer)], nil
}

// GetImage implements InventoryService.
func (s *Inventory) GetImage(ctx context.Context, r *bulkheadv1.ObjectOfNode) (*bulkheadv1.ImageDetails, error) {
	o, err := s.Store.FleetObject(ctx, r.GetNode(), model.ObjectImage, r.GetId())
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ImageDetails{Image: imageOut(o)}
	if out.Fact, out.Received, err = s.fact(ctx, o); err != nil {
		return nil, err
	}
	users, err := s.ofNode(ctx, o.Node, model.ObjectContainer, mostRelated, is("image", o.ID), is("gone", "false"))
	out.Containers = each(users, containerOut)
	return out, err
}

// GetNetwork implements InventoryService.
func (s *Inventory) GetNetwork(ctx context.Context, r *bulkheadv1.ObjectOfNode) (*bulkheadv1.NetworkDetails, error) {
	o, err := s.Store.FleetObject(ctx, r.GetNode(), model.ObjectNetwork, r.GetId())
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.NetworkDetails{Network: networkOut(o)}
	if out.Fact, out.Received, err = s.fact(ctx, o); err != nil {
		return nil, err
	}
	all, err := s.ofNode(ctx, o.Node, model.ObjectContainer, mostOfNode, is("gone", "false"))
	for i := range all {
		if isIn(&all[i], o.Name) && len(out.GetContainers()) < mostRelated {
			out.Containers = append(out.Containers, containerOut(&all[i]))
		}
	}
	return out, err
}

func is(field, value string) model.Condition {
	return model.Condition{Field: field, Op: "=", Value: value}
}

// ofNode are objects of one node.
func (s *Inventory) ofNode(
	ctx context.Context, node string, kind model.ObjectKind, most int, where ...model.Condition,
) ([]model.FleetObject, error) {
	found, _, err := s.Store.FleetObjects(ctx, kind, model.Query{Size: most, Where: append([]model.Condition{is("node", node)}, where...)})
	return found, err
}
