package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// signing is a signer that does something in between.
type signing struct{ meanwhile func(context.Context) }

func (s *signing) Sign(ctx context.Context, _ []byte) (string, error) {
	s.meanwhile(ctx)
	return "signed", nil
}

// withPolicies is the world with policies whose signer does f.
func withPolicies(t *testing.T, s *signing) (*world, bulkheadv1connect.PolicyServiceClient, *clients) {
	t.Helper()
	w := newWorld(t, func(w *world) api.Services {
		all := real(w)
		all.Policies = &api.Policies{
			Store: w.store, Records: w.store, People: w.store, Objects: &api.Objects{Store: w.store}, Signer: s, Engine: w.engine,
			SignIns: signIns{"id-admin": withApp()}, StepUp: time.Minute, Now: time.Now,
		}
		return all
	})
	w.account("owner", "acme", strong(), model.RoleOwner)
	w.account("other", "globex", strong(), model.RoleOwner)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	srv := w.serve()
	return w, bulkheadv1connect.NewPolicyServiceClient(srv.Client(), srv.URL), w.clients()
}

// TestCheckingPoliciesHoldsNobodyUp: while a tenant's draft is checked, others change things: the check is in no transaction.
func TestCheckingPoliciesHoldsNobodyUp(t *testing.T) {
	checking, goOn := make(chan struct{}), make(chan struct{})
	_, policies, c := withPolicies(t, &signing{func(ctx context.Context) {
		close(checking)
		select {
		case <-goOn:
		case <-ctx.Done():
		}
	}})
	applied := make(chan error)
	go func() {
		set, err := policies.ApplyPolicies(as(t, "bhs_owner"), &bulkheadv1.ApplyPoliciesRequest{Files: cedarFile("bob.cedar", bobReads)})
		if err == nil && (set.GetVersion() != 1 || set.GetSignature() != "signed") {
			t.Errorf("%v", set)
		}
		applied <- err
	}()
	<-checking
	ctx, cancel := context.WithTimeout(as(t, "bhs_other"), time.Minute)
	defer cancel()
	if _, err := c.groups.CreateGroup(ctx, &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{Name: "meanwhile"}}); err != nil {
		t.Errorf("another tenant's change: %v", err)
	}
	close(goOn)
	if err := <-applied; err != nil {
		t.Error(err)
	}
}

// TestPoliciesThatChangedMeanwhile: what was checked is written only as the next version of what it was checked against.
func TestPoliciesThatChangedMeanwhile(t *testing.T) {
	var w *world
	var once bool
	w, policies, _ := withPolicies(t, &signing{func(ctx context.Context) {
		if !once {
			once = true
			if err := w.store.CreatePolicies(ctx, &model.Policies{Tenant: "acme", Version: 1, Created: time.Now()}); err != nil {
				t.Error(err)
			}
		}
	}})
	for _, k := range []struct{ code string }{{"conflict"}, {""}} {
		_, err := policies.ApplyPolicies(as(t, "bhs_owner"), &bulkheadv1.ApplyPoliciesRequest{BaseVersion: -1, Files: cedarFile("bob.cedar", bobReads)})
		if k.code == "" && err != nil || k.code != "" && (err == nil || detailOf(t, err).GetCode() != k.code) {
			t.Errorf("%v, want %q", err, k.code)
		}
	}
	set, err := policies.RollbackPolicies(as(t, "bhs_owner"), &bulkheadv1.RollbackPoliciesRequest{Version: 1})
	if err != nil || set.GetVersion() != 3 || len(set.GetFiles()) != 0 {
		t.Error(set, err)
	}
	_, err = policies.ApplyPolicies(as(t, "bhs_admin"), &bulkheadv1.ApplyPoliciesRequest{
		Tenant: "system", BaseVersion: -1, Files: cedarFile("a.cedar", `@id("a") @reason("r") forbid (principal, action, resource);`),
	})
	if err == nil || detailOf(t, err).GetCode() != "last_administrator" {
		t.Error(err)
	}
	// What failed before the transaction is recorded as a failure of what was permitted.
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.records[len(w.records)-1]
	if last.Outcome != model.OutcomeFailed || !strings.Contains(last.Reason, "administrator") {
		t.Errorf("%+v", last)
	}
}
