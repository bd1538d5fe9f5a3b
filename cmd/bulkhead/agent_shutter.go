package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/model"
)

// shutter stands before what decides: where the node's policies can't be loaded, those that are shipped would be in force without what was
// forbidden beside them. It is shut then, until policies come that can be. It implements agent.Applier.
type shutter struct {
	decider judge.Decider
	why     atomic.Pointer[string] // it is shut for; nil where it is open
}

// Unsound shuts it. It is agent.Parts' Unsound.
func (g *shutter) Unsound(kind model.BundleKind, err error) {
	if kind == model.BundlePolicies {
		why := err.Error()
		g.why.Store(&why)
	}
}

// Apply implements agent.Applier: it comes after what loads the policies, and only where that went well.
func (g *shutter) Apply(_ context.Context, document []byte) error {
	if document != nil {
		g.why.Store(nil)
	}
	return nil
}

// Decide implements judge.Decider.
func (g *shutter) Decide(ctx context.Context, r model.Request) model.Decision {
	why := g.why.Load()
	if why == nil || recovers(&r) {
		return g.decider.Decide(ctx, r)
	}
	return model.Decision{
		Policies: []string{"guard/policies-unsound"}, Reason: fmt.Sprintf("this host's policies can't be loaded, so nothing is permitted: %.300s", *why),
		Remedy: "tell the operator: the control plane sends them again when somebody applies policies (`bulkhead policy apply`); on the host, administrators may look at containers and stop them",
	}
}

// recovers says whether a call is one of those that are left to administrators: to look, and to stop what should not run.
func recovers(r *model.Request) bool {
	p := &r.Principal
	if !slices.Contains(p.Roles, model.RoleAdministrator) && !slices.Contains(p.Roles, model.RoleOwner) {
		return false
	}
	return slices.Contains([]string{
		"HostUse", "HostRead", "ContainerList", "ContainerRead", "ContainerLogs", "ContainerStats", "ContainerStop", "ContainerKill", "ContainerPause",
		"ImageList", "NetworkList", "VolumeList", "ServiceList",
	}, r.Action)
}
