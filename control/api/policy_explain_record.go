package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// explainRecord tells why something was decided as it was, with the policies' text as it was then where the record says
// which versions they were, else as it is now.
func (s *Policies) explainRecord(ctx context.Context, tenant, id string) (*bulkheadv1.Explanation, error) {
	origin, text, err := policyRecord(id)
	var index uint64
	if err == nil {
		index, err = strconv.ParseUint(text, 10, 64)
	}
	if err != nil {
		return nil, invalid("record", "it must be ORIGIN/INDEX, as `bulkhead audit search` shows it")
	}
	l, err := s.Records.Record(ctx, origin, index)
	if err != nil {
		return nil, err
	}
	rec := &l.Record
	if tenant != "" && rec.Tenant != tenant {
		return nil, noObject("Record")
	}
	if rec.Request == nil {
		return nil, invalid("record", "this record is of no decision, so that there is nothing to explain")
	}
	engine, problem, err := s.asOf(ctx, tenant, rec)
	if err != nil {
		return nil, err
	}
	out := explanation(engine, tenant, model.Decision{Allowed: rec.Outcome != model.OutcomeRefused, Reason: rec.Reason, Policies: rec.Policies})
	if problem != "" {
		out.Errors = append(out.Errors, problem)
	}
	others := func(id string) bool { return ofOthers(tenant, id) }
	if now := s.Engine.Decide(ctx, *rec.Request); now.Allowed != out.GetAllowed() && !slices.ContainsFunc(now.Policies, others) {
		out.Errors = append(out.Errors, "the policies in force now would decide otherwise: "+now.Reason)
	}
	return out, nil
}

// asOf is an engine with the policies that a recorded decision came from. Where they can't be had any more it is the one
// in force, and the problem says so.
func (s *Policies) asOf(ctx context.Context, tenant string, rec *model.Record) (engine *authz.Engine, problem string, err error) {
	if rec.PolicyVersion == "" {
		return s.Engine, "the record does not say which version of the policies decided; their text is as it is now", nil
	}
	if rec.PolicyVersion == s.Engine.VersionFor(rec.Request.Principal.Tenant) {
		return s.Engine, "", nil
	}
	var sets []model.Policies
	for owner, version := range rec.PolicySets {
		if foreign(tenant, owner) {
			return s.Engine, fmt.Sprintf("the record says that policies of %s decided, which is another tenant; their text is as it is now", owner), nil
		}
		p, err := s.Store.Policies(ctx, owner, version)
		if model.CodeOf(err) == model.CodeNotFound {
			return s.Engine, fmt.Sprintf("version %d of the policies of %s is not kept any more; their text is as it is now", version, owner), nil
		}
		if err != nil {
			return nil, "", err
		}
		sets = append(sets, *p)
	}
	old, err := s.Engine.Of(sets)
	if err != nil { // they were good for an earlier release
		return s.Engine, "the policies that decided can't be read by this release: " + err.Error() + "; their text is as it is now", nil //nolint:nilerr // the answer says it
	}
	if old.VersionFor(rec.Request.Principal.Tenant) != rec.PolicyVersion {
		problem = "the shipped policies are of another release than those that decided; their text is as it is now"
	}
	return old, problem, nil
}
