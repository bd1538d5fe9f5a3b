package cli

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// do makes a step's change. Updates carry the version that was compared, so that a change in between is a conflict.
func (c *applyClients) do(ctx context.Context, st *step, s *applyState) error {
	var err error
	switch st.Operation {
	case opCreate:
		err = c.create(ctx, st.want, s)
	case opUpdate:
		err = c.update(ctx, st, s)
	case opDelete:
		err = c.remove(ctx, st.have)
	}
	return remoteError(err)
}

func (c *applyClients) create(ctx context.Context, d *document, s *applyState) (err error) {
	switch d.spec.(type) {
	case *bulkheadv1.Tenant:
		_, err = c.tenants.CreateTenant(ctx, &bulkheadv1.CreateTenantRequest{Tenant: fresh[*bulkheadv1.Tenant](d)})
	case *bulkheadv1.Group:
		_, err = c.groups.CreateGroup(ctx, &bulkheadv1.CreateGroupRequest{Group: fresh[*bulkheadv1.Group](d)})
	case *bulkheadv1.Pool:
		_, err = c.pools.CreatePool(ctx, &bulkheadv1.CreatePoolRequest{Pool: fresh[*bulkheadv1.Pool](d)})
	case *bulkheadv1.Exception:
		_, err = c.findings.CreateException(ctx, &bulkheadv1.CreateExceptionRequest{Exception: exceptionOf(d, s)})
	case *bulkheadv1.PolicySet:
		err = c.apply(ctx, d, 0)
	default:
		err = errors.New("nobody knows how to make a " + d.kind.name)
	}
	return err
}

// exceptionOf is an exception as the server wants it, which knows nodes by their ids.
func exceptionOf(d *document, s *applyState) *bulkheadv1.Exception {
	e := fresh[*bulkheadv1.Exception](d)
	e.Node = s.nodes[d.tenant+"/"+e.GetNode()]
	return e
}

func (c *applyClients) apply(ctx context.Context, d *document, base int64) error {
	set := fresh[*bulkheadv1.PolicySet](d)
	_, err := c.policies.ApplyPolicies(ctx, &bulkheadv1.ApplyPoliciesRequest{
		Tenant: d.tenant, Files: set.GetFiles(), Note: set.GetNote(), BaseVersion: base,
	})
	return err
}

func (c *applyClients) update(ctx context.Context, st *step, s *applyState) (err error) {
	d, mask := st.want, &fieldmaskpb.FieldMask{Paths: st.want.given}
	switch have := st.have[0].message.(type) {
	case *bulkheadv1.Tenant:
		t := fresh[*bulkheadv1.Tenant](d)
		t.Version = have.GetVersion()
		_, err = c.tenants.UpdateTenant(ctx, &bulkheadv1.UpdateTenantRequest{Tenant: t, UpdateMask: mask})
	case *bulkheadv1.Group:
		g := fresh[*bulkheadv1.Group](d)
		g.Id, g.Version = have.GetId(), have.GetVersion()
		_, err = c.groups.UpdateGroup(ctx, &bulkheadv1.UpdateGroupRequest{Group: g, UpdateMask: mask})
	case *bulkheadv1.Pool:
		p := fresh[*bulkheadv1.Pool](d)
		p.Id, p.Version = have.GetId(), have.GetVersion()
		_, err = c.pools.UpdatePool(ctx, &bulkheadv1.UpdatePoolRequest{Pool: p, UpdateMask: mask})
	case *bulkheadv1.Node:
		n := fresh[*bulkheadv1.Node](d)
		n.Id, n.Version = have.GetId(), have.GetVersion()
		_, err = c.nodes.UpdateNode(ctx, &bulkheadv1.UpdateNodeRequest{Node: n, UpdateMask: mask})
	case *bulkheadv1.Exception:
		// They are never changed, so that each has its own record. The new one comes first: there is no time without.
		if err := c.create(ctx, d, s); err != nil {
			return err
		}
		return c.remove(ctx, st.have)
	case *bulkheadv1.PolicySet:
		err = c.apply(ctx, d, have.GetVersion())
	default:
		err = errors.New("nobody knows how to change a " + d.kind.name)
	}
	return err
}

func (c *applyClients) remove(ctx context.Context, have []there) (err error) {
	for _, h := range have {
		switch m := h.message.(type) {
		case *bulkheadv1.Group:
			_, err = c.groups.DeleteGroup(ctx, &bulkheadv1.Id{Id: m.GetId()})
		case *bulkheadv1.Pool:
			_, err = c.pools.DeletePool(ctx, &bulkheadv1.Id{Id: m.GetId()})
		case *bulkheadv1.Exception:
			_, err = c.findings.DeleteException(ctx, &bulkheadv1.Id{Id: m.GetId()})
		case *bulkheadv1.PolicySet:
			_, err = c.policies.ApplyPolicies(ctx, &bulkheadv1.ApplyPoliciesRequest{Tenant: h.tenant, BaseVersion: m.GetVersion(), Note: "bulkhead apply --prune"})
		default:
			err = errors.New("nobody knows how to delete a " + h.kind.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
