package main

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

const policyKey, policyOrigin = "policies", "bulkhead/policies"

// noteSigner signs policies: a note that says "policies" and the digest.
type noteSigner struct{ signer note.Signer }

// Sign implements api.PolicySigner.
func (s noteSigner) Sign(_ context.Context, digest []byte) (string, error) {
	return bundle.SignSet(digest, s.signer)
}

// policySigner signs policies; whoever has the key can verify them.
func (p *plane) policySigner(ctx context.Context) (s api.PolicySigner, key string, err error) {
	signer, key, err := p.keys.NoteSigner(ctx, policyKey, policyOrigin)
	if err != nil {
		return nil, "", err
	}
	return noteSigner{signer}, key, nil
}

// signedPolicies gives the store's policies only where this installation signed them as they are: whoever can write to the
// database can't make policies.
type signedPolicies struct {
	*store.Store
	known note.Verifier
}

func (p *plane) signedPolicies(ctx context.Context) (*signedPolicies, error) {
	_, key, err := p.keys.NoteSigner(ctx, policyKey, policyOrigin)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("key of policies: %w", err)
	}
	return &signedPolicies{p.store, v}, nil
}

// AllPolicies implements api.PolicySource.
func (s *signedPolicies) AllPolicies(ctx context.Context) ([]model.Policies, error) {
	sets, err := s.Store.AllPolicies(ctx)
	if err != nil {
		return nil, err
	}
	for i := range sets {
		if err := bundle.VerifySet(&sets[i], s.known); err != nil {
			return nil, fmt.Errorf("policies of tenant %s, version %d, are not what was signed: %w; restore the database, or apply good policies from a server that still has them", sets[i].Tenant, sets[i].Version, err)
		}
	}
	return sets, nil
}
