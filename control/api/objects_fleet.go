package api

import (
	"context"

	"github.com/bulkhead-security/bulkhead/model"
)

// fleet gives the objects of the fleet.
func (o *Objects) fleet(ctx context.Context, ref model.Ref) (model.Object, error) {
	switch ref.Type {
	case "Node":
		m, err := o.Store.Node(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return nodeObject(m), nil
	case "Host": // a node is the host that it runs on
		m, err := o.Store.Node(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, m.Tenant, map[string]any{"name": m.Name}), nil
	case "JoinToken":
		t, err := o.Store.JoinToken(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, t.Tenant, map[string]any{}), nil
	case "Pool":
		p, err := poolByID(ctx, o.Store, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, p.Tenant, map[string]any{"name": p.Name}), nil
	case "Rollout":
		r, err := o.Store.Rollout(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, r.Tenant, map[string]any{"pool": r.Pool}), nil
	case "Exception":
		e, err := o.Store.Exception(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		attrs := map[string]any{}
		if e.Node != "" {
			attrs["node"] = e.Node
		}
		return inTenant(ref, e.Tenant, attrs), nil
	}
	return o.proof(ctx, ref)
}

// proof gives requests for exceptions, and reports.
func (o *Objects) proof(ctx context.Context, ref model.Ref) (model.Object, error) {
	switch ref.Type {
	case "ExceptionRequest":
		x, err := o.Store.ExceptionRequest(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		attrs := map[string]any{"requester": userRef(x.Requester)}
		if x.Node != "" {
			attrs["node"] = x.Node
		}
		return inTenant(ref, x.Tenant, attrs), nil
	case "Report":
		r, err := o.Store.Report(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, r.Tenant, map[string]any{"author": userRef(r.Author)}), nil
	}
	return model.Object{}, noObject(ref.Type)
}

// nodeObject is a node as policies see it: in its tenant, with the role of nodes, and itself as its host.
func nodeObject(m *model.Member) model.Object {
	host := model.Ref{Type: "Host", ID: m.ID}
	out := inTenant(model.Ref{Type: "Node", ID: m.ID}, m.Tenant, map[string]any{
		"id": m.ID, "name": m.Name, "hosts": []model.Ref{host}, "host_ids": []string{m.ID}, "host": host,
	})
	out.Parents = append(out.Parents, model.Ref{Type: "Role", ID: model.RoleNode})
	return out
}
