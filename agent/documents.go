package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Applier puts a document into force. One that it refuses leaves what was in force before; nil means that there is none.
type Applier interface {
	Apply(ctx context.Context, document []byte) error
}

// kinds are the documents in the order in which they are read: the assignment says which settings are the node's.
func kinds() []model.BundleKind {
	return []model.BundleKind{model.BundleAssignment, model.BundlePolicies, model.BundleAccounts, model.BundleSettings, model.BundleMaintenance}
}

// load puts into force what is on disk, where it still is what the control plane signed.
func (a *Agent) load(ctx context.Context) {
	for _, kind := range kinds() {
		b, err := a.p.Dir.Document(kind)
		if err != nil {
			a.unsound(ctx, kind, 0, err)
			continue
		}
		if b == nil {
			a.missing(ctx, kind)
			continue
		}
		if kind == model.BundleSettings && b.Scope != a.scope(kind) {
			continue // of the pool that the node was in
		}
		if err = bundle.Accept(b, a.verifier, a.scopeOf(kind, b.Document), 0); err == nil {
			err = a.apply(ctx, b)
		}
		if err != nil {
			a.unsound(ctx, kind, b.Version, err)
		}
	}
}

// errReopen ends the stream so that it is opened with other versions.
var errReopen = errors.New("the node is in another pool now")

// take takes a document that the server sent. A document that is refused is told and is no error: the stream goes on.
func (a *Agent) take(ctx context.Context, d *bulkheadv1.SignedDocument) error {
	b := &model.Bundle{Kind: model.BundleKind(d.GetKind()), Version: d.GetVersion(), Document: d.GetDocument(), Signature: d.GetSignature()}
	switch b.Kind {
	case model.BundlePolicies, model.BundleAccounts, model.BundleSettings, model.BundleAssignment, model.BundleMaintenance:
	default:
		a.refuse(ctx, unknownKind, b.Version, fmt.Errorf("%w: the kind %.20q", bundle.ErrForm, d.GetKind()))
		return nil
	}
	scope := a.scopeOf(b.Kind, b.Document)
	if b.Scope = claimed(b.Kind, b.Document); b.Scope == "" {
		b.Scope = scope
	}
	before := a.inForce(b.Kind)
	if before != nil && before.Version == b.Version && before.Scope == b.Scope && bytes.Equal(before.Document, b.Document) {
		return nil // sent again, which is harmless
	}
	have, err := a.have(b.Kind, scope)
	if err != nil {
		return err
	}
	if err := bundle.Accept(b, a.verifier, scope, have); err != nil {
		a.refuse(ctx, b.Kind, b.Version, err)
		return nil
	}
	// It is on the disk before it is in force: what a restart would forget can't be said to be in force.
	staged, err := a.p.Dir.Stage(b)
	if err != nil {
		return a.unkept(b, err)
	}
	if err := a.apply(ctx, b); err != nil {
		staged.Discard()
		a.refuse(ctx, b.Kind, b.Version, err)
		return nil
	}
	if err := staged.Commit(); err != nil {
		a.setInForce(b.Kind, before)
		return errors.Join(a.unkept(b, err), a.restore(ctx, b.Kind, before))
	}
	a.over("node/document-unkept", string(b.Kind))
	a.over("node/bundle-refused", string(b.Kind))
	a.over("node/bundle-refused", unknownKind)
	a.slog.Info("document in force", "kind", b.Kind, "version", b.Version)
	a.record(ctx, model.Record{
		Action: "BundleApply", Outcome: model.OutcomeAllowed, Resource: model.Ref{Type: "Bundle", ID: string(b.Kind) + "/" + b.Scope},
		Digest: b.Digest, Changes: map[string]string{"version": fmt.Sprint(b.Version)},
	})
	a.mu.Lock()
	delete(a.refused, b.Kind)
	delete(a.refused, unknownKind)
	a.mu.Unlock()
	a.soon()
	poke(a.wishes)
	if b.Kind == model.BundleAssignment && a.leftPool() {
		return errReopen
	}
	return nil
}
