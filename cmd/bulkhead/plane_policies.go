package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
)

const policyKey, policyOrigin = "policies", "bulkhead/policies"

// noteSigner signs policies: a note that says "policies" and the digest.
type noteSigner struct{ signer note.Signer }

// Sign implements api.PolicySigner.
func (s noteSigner) Sign(_ context.Context, digest []byte) (string, error) {
	b, err := note.Sign(&note.Note{Text: policyText(digest)}, s.signer)
	if err != nil {
		return "", fmt.Errorf("sign policies: %w", err)
	}
	return string(b), nil
}

func policyText(digest []byte) string {
	return "bulkhead policies\nsha256:" + hex.EncodeToString(digest) + "\n"
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
	known note.Verifiers
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
	return &signedPolicies{p.store, note.VerifierList(v)}, nil
}

// AllPolicies implements api.PolicySource.
func (s *signedPolicies) AllPolicies(ctx context.Context) ([]model.Policies, error) {
	sets, err := s.Store.AllPolicies(ctx)
	if err != nil {
		return nil, err
	}
	for i := range sets {
		if err := s.verify(&sets[i]); err != nil {
			return nil, fmt.Errorf("policies of tenant %s, version %d, are not what was signed: %w; restore the database, or apply good policies from a server that still has them", sets[i].Tenant, sets[i].Version, err)
		}
	}
	return sets, nil
}

func (s *signedPolicies) verify(p *model.Policies) error {
	digest, err := api.PolicyDigest(p)
	if err != nil {
		return err
	}
	n, err := note.Open([]byte(p.Signature), s.known)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	if !bytes.Equal([]byte(n.Text), []byte(policyText(digest))) {
		return fmt.Errorf("the signature is of other files")
	}
	return nil
}
