package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/guard/approvals"
	"github.com/bulkhead-security/bulkhead/model"
)

// fleetPeople are the accounts of the control plane at this node's guard. It implements agent.Applier, and guarded.People.
type fleetPeople struct {
	approvals *approvals.Approvals

	mu    sync.Mutex
	fleet []bundle.Account
	local []accounts.Definition
	set   func([]accounts.Definition) error // of the guard that runs; nil before it does
}

// Apply implements agent.Applier: nil means that the control plane told of nobody.
func (f *fleetPeople) Apply(_ context.Context, document []byte) error {
	var d bundle.Accounts
	if document != nil {
		if err := bundle.Decode(document, &d); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// What was taken back is taken back, whatever else the document says.
	f.approvals.Set(d.Grants)
	if f.set != nil {
		if err := f.set(joined(f.local, d.Accounts)); err != nil {
			return fmt.Errorf("accounts of the control plane: %w", err)
		}
	}
	f.fleet = d.Accounts
	return nil
}

// At has a guard that was guarded.Raised, or whose configuration was read again, know the accounts.
func (f *fleetPeople) At(local []accounts.Definition, set func([]accounts.Definition) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := set(joined(local, f.fleet)); err != nil {
		return fmt.Errorf("accounts of the control plane: %w", err)
	}
	f.local, f.set = local, set
	return nil
}

// joined are the definitions of the configuration, which say how somebody is recognised, with what the control plane says of the accounts
// of the same name: one that names no roles has those of the control plane, and is nobody where it is not known or disabled there.
func joined(local []accounts.Definition, fleet []bundle.Account) []accounts.Definition {
	type name struct{ tenant, name string }
	known, byID := make(map[name]*bundle.Account, len(fleet)), make(map[string]*bundle.Account, len(fleet))
	for i := range fleet {
		known[name{fleet[i].Tenant, fleet[i].Name}], byID[fleet[i].ID] = &fleet[i], &fleet[i]
	}
	out := slices.Clone(local)
	for i := range out {
		d := &out[i]
		if len(d.Roles) > 0 || len(d.OSGroups) > 0 {
			continue
		}
		a := known[name{d.Tenant, d.Name}]
		if d.ID != "" {
			a = byID[d.ID]
		}
		if a == nil || a.Tenant != d.Tenant {
			d.Refused = "that one is disabled at the control plane, or not known there: an administrator enables it (`bulkhead users update NAME --enabled`), or names its roles in guard.accounts"
			continue
		}
		with := *d
		with.ID, with.Groups, with.Hosts = a.ID, a.Groups, a.Hosts
		// The role of nodes is no person's.
		with.Roles = slices.DeleteFunc(slices.Clone(a.Roles), func(r string) bool { return r == model.RoleNode })
		if err := with.Check(); err != nil { // it keeps nobody else from anything
			d.Refused = "what the control plane says of it can't be taken: " + err.Error()
			continue
		}
		*d = with
	}
	return out
}
