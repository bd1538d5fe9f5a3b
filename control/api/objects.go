package api

import (
	"context"
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// ObjectStore is what objects are read from.
type ObjectStore interface {
	Tenant(ctx context.Context, id string) (*model.Tenant, error)
	Account(ctx context.Context, id string) (*model.Account, error)
	GroupsOf(ctx context.Context, a *model.Account) ([]model.AccountGroup, error)
	Group(ctx context.Context, id string) (*model.AccountGroup, error)
	Token(ctx context.Context, id string) (*model.Token, error)
	Assessment(ctx context.Context, id string) (*model.Published, error)
	Record(ctx context.Context, origin string, index uint64) (*model.LogRecord, error)
	Access(ctx context.Context, id string) (*model.Access, error)
	Proposal(ctx context.Context, id string) (*model.Proposal, error)
	FleetStore
}

// FleetStore is what objects of the fleet are read from.
type FleetStore interface {
	PoolReader
	Node(ctx context.Context, id string) (*model.Member, error)
	JoinToken(ctx context.Context, id string) (*model.JoinToken, error)
	Rollout(ctx context.Context, id string) (*model.Rollout, error)
	Exception(ctx context.Context, id string) (*model.StoredException, error)
	ExceptionRequest(ctx context.Context, id string) (*model.ExceptionRequest, error)
	Report(ctx context.Context, id string) (*model.Report, error)
}

// Objects tells the gate, and whoever explains decisions, what policies may know of an object.
type Objects struct{ Store ObjectStore }

// Object gives the object with its attributes and parents as in the schema of policies; not_found where there is none.
func (o *Objects) Object(ctx context.Context, ref model.Ref) (model.Object, error) {
	switch ref.Type {
	case model.TypeSystem:
		if ref.ID == model.SystemID {
			return model.Object{Ref: ref}, nil
		}
	case "Tenant":
		t, err := o.Store.Tenant(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return tenantObject(t.ID), nil
	case "User":
		return o.user(ctx, ref)
	case "Group":
		g, err := o.Store.Group(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, g.Tenant, map[string]any{"name": g.Name}), nil
	case "Token":
		t, err := o.Store.Token(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, t.Tenant, map[string]any{"owner": userRef(t.User)}), nil
	case "Assessment":
		a, err := o.Store.Assessment(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, a.Tenant, map[string]any{"node": a.Node}), nil
	case "Record":
		return o.record(ctx, ref)
	case "AccessRequest":
		a, err := o.Store.Access(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, a.Tenant, map[string]any{"requester": userRef(a.User), "action": a.Action}), nil
	case "PolicyProposal":
		p, err := o.Store.Proposal(ctx, ref.ID)
		if err != nil {
			return model.Object{}, err
		}
		return inTenant(ref, p.Tenant, map[string]any{"author": userRef(p.Author)}), nil
	default:
		return o.fleet(ctx, ref)
	}
	return model.Object{}, noObject(ref.Type)
}

func (o *Objects) user(ctx context.Context, ref model.Ref) (model.Object, error) {
	a, err := o.Store.Account(ctx, ref.ID)
	if err != nil {
		return model.Object{}, err
	}
	groups, err := o.Store.GroupsOf(ctx, a)
	if err != nil {
		return model.Object{}, err
	}
	r := rights{roles: a.Roles, hosts: a.Hosts}
	out := inTenant(ref, a.Tenant, map[string]any{"id": a.ID, "name": a.Name})
	for i := range groups {
		out.Parents = append(out.Parents, model.Ref{Type: "Group", ID: groups[i].ID})
		r = r.with(groups[i].Roles, groups[i].Hosts)
	}
	for _, role := range without(r.roles, nil) {
		out.Parents = append(out.Parents, model.Ref{Type: "Role", ID: role})
	}
	hosts := make([]model.Ref, len(r.hosts))
	for i, h := range r.hosts {
		hosts[i] = model.Ref{Type: "Host", ID: h}
	}
	out.Attrs["hosts"], out.Attrs["host_ids"] = hosts, r.hosts
	return out, nil
}

func (o *Objects) record(ctx context.Context, ref model.Ref) (model.Object, error) {
	at := strings.LastIndexByte(ref.ID, '/')
	if at < 1 {
		return model.Object{}, noObject(ref.Type)
	}
	index, err := strconv.ParseUint(ref.ID[at+1:], 10, 64)
	if err != nil || strconv.FormatUint(index, 10) != ref.ID[at+1:] {
		return model.Object{}, noObject(ref.Type)
	}
	r, err := o.Store.Record(ctx, ref.ID[:at], index)
	if err != nil {
		return model.Object{}, err
	}
	return inTenant(ref, r.Record.Tenant, map[string]any{"actor": r.Record.Actor}), nil
}

func noObject(kind string) error {
	return &model.Error{Code: model.CodeNotFound, Message: "there is no such " + kind}
}

func tenantObject(id string) model.Object {
	ref := model.Ref{Type: "Tenant", ID: id}
	return model.Object{
		Ref: ref, Parents: []model.Ref{{Type: model.TypeSystem, ID: model.SystemID}}, Attrs: map[string]any{"tenant": ref},
	}
}

func inTenant(ref model.Ref, tenant string, attrs map[string]any) model.Object {
	t := model.Ref{Type: "Tenant", ID: tenant}
	attrs["tenant"] = t
	return model.Object{Ref: ref, Parents: []model.Ref{t}, Attrs: attrs}
}

func userRef(id string) model.Ref { return model.Ref{Type: "User", ID: id} }
