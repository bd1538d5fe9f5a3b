package api

import (
	"context"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// each makes a message of each object.
func each[T any](all []model.FleetObject, out func(*model.FleetObject) T) []T {
	list := make([]T, len(all))
	for i := range all {
		list[i] = out(&all[i])
	}
	return list
}

func isIn(o *model.FleetObject, network string) bool { return slices.Contains(o.Networks, network) }

func newestFirst(all []*bulkheadv1.Container) {
	slices.SortFunc(all, func(a, b *bulkheadv1.Container) int { return b.GetGone().AsTime().Compare(a.GetGone().AsTime()) })
}

// fact is all that the node says of an object, and when that came; neither where the object is gone.
func (s *Inventory) fact(ctx context.Context, o *model.FleetObject) (*structpb.Struct, *timestamppb.Timestamp, error) {
	if !o.Gone.IsZero() {
		return nil, nil, nil
	}
	f, err := s.Store.Fact(ctx, o.Node, string(o.Kind)+"/"+o.ID)
	if model.CodeOf(err) == model.CodeNotFound { // it went at this moment
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	m, err := s.Store.Node(ctx, o.Node)
	if err != nil {
		return nil, nil, err
	}
	out := &structpb.Struct{}
	if err := protojson.Unmarshal(f.Data, out); err != nil {
		return nil, nil, &model.Error{Code: model.CodeInternal, Message: "what the node says of it can't be read", Err: err}
	}
	return out, stamp(m.FactsReceived), nil
}

func containerOut(o *model.FleetObject) *bulkheadv1.Container {
	return &bulkheadv1.Container{
		Id: o.ID, Tenant: o.Tenant, Node: o.Node, NodeName: o.NodeName, Name: o.Name, Created: stamp(o.Created), FirstSeen: stamp(o.First),
		Changed: stamp(o.Changed), Gone: stamp(o.Gone), Updated: stamp(o.Updated), State: o.State, Health: o.Health, Image: o.ImageRef,
		ImageId: o.Image, ImageDigest: o.Digest, Orchestrator: o.Orchestrated, User: o.User, Risks: o.Risks, Networks: o.Networks,
		Addresses: o.Addresses, Ports: o.Ports, Started: stamp(o.Started), Restarts: small(o.Restarts), Memory: o.Memory,
	}
}

func imageOut(o *model.FleetObject) *bulkheadv1.Image {
	return &bulkheadv1.Image{
		Id: o.ID, Tenant: o.Tenant, Node: o.Node, NodeName: o.NodeName, Name: o.Name, Created: stamp(o.Created), FirstSeen: stamp(o.First),
		Changed: stamp(o.Changed), Gone: stamp(o.Gone), Updated: stamp(o.Updated), Tags: o.Tags, Digests: o.Digests, Size: o.Size,
		Platform: o.Platform, Signature: o.Signature, Signer: o.Signer, Packages: packages(o.Packages), Used: small(o.Used), Dangling: o.Dangling,
	}
}

func networkOut(o *model.FleetObject) *bulkheadv1.Network {
	return &bulkheadv1.Network{
		Id: o.ID, Tenant: o.Tenant, Node: o.Node, NodeName: o.NodeName, Name: o.Name, Created: stamp(o.Created), FirstSeen: stamp(o.First),
		Changed: stamp(o.Changed), Gone: stamp(o.Gone), Updated: stamp(o.Updated), Driver: o.Driver, Scope: o.Scope, Subnets: o.Subnets,
		Bridge: o.Bridge, Internal: o.Internal, Encrypted: o.Encrypted, Attachable: o.Attachable, Ipv6: o.IPv6, Talk: o.Talk, Used: small(o.Used),
	}
}

// packages keeps the -1 of an image that has no database of packages.
func packages(n int) int32 {
	if n < 0 {
		return -1
	}
	return small(n)
}
