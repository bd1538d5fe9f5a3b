package agent

import (
	"encoding/json"
	"fmt"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

// scope is whom a document of a kind must be for.
func (a *Agent) scope(kind model.BundleKind) string {
	switch kind {
	case model.BundlePolicies, model.BundleAccounts:
		return a.node.Tenant
	case model.BundleAssignment:
		return a.node.ID
	case model.BundleMaintenance:
		return a.node.Tenant // and a swarm, see scopeOf
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	pool := model.DefaultPool
	if b := a.force[model.BundleAssignment]; b != nil {
		var d bundle.Assignment
		if json.Unmarshal(b.Document, &d) == nil && d.Pool != "" {
			pool = d.Pool
		}
	}
	return bundle.ScopeOfPool(a.node.Tenant, pool)
}

// scopeOf is whom a document must be for. That of a swarm is for any swarm of the node's tenant: whether the engine is a manager of it
// is seen when it is carried out.
func (a *Agent) scopeOf(kind model.BundleKind, document []byte) string {
	if kind != model.BundleMaintenance {
		return a.scope(kind)
	}
	var d struct {
		Cluster string `json:"cluster"`
	}
	if json.Unmarshal(document, &d) != nil {
		d.Cluster = ""
	}
	return bundle.ScopeOfSwarm(a.node.Tenant, d.Cluster)
}

// claimed is whom a document says that it is for; "" where it does not say.
func claimed(kind model.BundleKind, document []byte) string {
	var d struct {
		Tenant  string `json:"tenant"`
		Pool    string `json:"pool"`
		Node    string `json:"node"`
		Cluster string `json:"cluster"`
	}
	if json.Unmarshal(document, &d) != nil {
		return ""
	}
	switch kind {
	case model.BundlePolicies, model.BundleAccounts:
		return d.Tenant
	case model.BundleSettings:
		return d.Pool
	case model.BundleMaintenance:
		return bundle.ScopeOfSwarm(d.Tenant, d.Cluster)
	}
	return d.Node
}

// readable holds a document to its form.
func (a *Agent) readable(b *model.Bundle) error {
	var schema string
	var err error
	switch b.Kind {
	case model.BundlePolicies:
		var d bundle.Policies
		err = bundle.Decode(b.Document, &d)
		schema = d.Schema
		for i := range d.Sets {
			if t := d.Sets[i].Tenant; t != a.node.Tenant && t != model.SystemTenant {
				return fmt.Errorf("%w: it has policies of the tenant %.63q", bundle.ErrScope, t)
			}
			// Each set was signed when somebody applied it, so that what puts sets together can't make one.
			if err := bundle.VerifySet(&d.Sets[i], a.verifier); err != nil {
				return fmt.Errorf("policies of %.63q, version %d: %w", d.Sets[i].Tenant, d.Sets[i].Version, err)
			}
		}
	case model.BundleAccounts:
		var d bundle.Accounts
		err = bundle.Decode(b.Document, &d)
		schema = d.Schema
	case model.BundleSettings:
		var d bundle.Settings
		err = bundle.Decode(b.Document, &d)
		schema = d.Schema
	case model.BundleMaintenance:
		var d bundle.Maintenance
		err = bundle.Decode(b.Document, &d)
		schema = d.Schema
		if d.Tenant != a.node.Tenant {
			return fmt.Errorf("%w: it is for the tenant %.63q", bundle.ErrScope, d.Tenant)
		}
	default:
		var d bundle.Assignment
		err = bundle.Decode(b.Document, &d)
		schema = d.Schema
		if d.Tenant != a.node.Tenant {
			return fmt.Errorf("%w: it is for the tenant %.63q", bundle.ErrScope, d.Tenant)
		}
	}
	if err == nil && schema != bundle.Schema {
		err = fmt.Errorf("%w: its schema is %.40q, not %q", bundle.ErrForm, schema, bundle.Schema)
	}
	return err
}
