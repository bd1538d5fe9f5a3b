package agent

import (
	"bytes"
	"context"
	"encoding/json"
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

// unknownKind is what is refused before it can be told what it is.
const unknownKind = "unknown"

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

// missing tells of policies that were in force before this start and are not on the disk any more: none at all would be less than there was.
// Documents of other kinds give what is not there without them.
func (a *Agent) missing(ctx context.Context, kind model.BundleKind) {
	if kind != model.BundlePolicies {
		return
	}
	version, err := a.p.Dir.Floor(kind, a.scope(kind))
	switch {
	case err != nil:
		a.unsound(ctx, kind, 0, fmt.Errorf("there is none, and it can't be told whether there was: %w", err))
	case version > 0:
		a.unsound(ctx, kind, version, errors.New("it is gone, and was in force before; the server sends it again"))
	}
}

// unsound refuses a document that was in force before this start, and tells those who decided by it.
func (a *Agent) unsound(ctx context.Context, kind model.BundleKind, version int64, err error) {
	err = fmt.Errorf("the one on this machine's disk: %w", err)
	a.refuse(ctx, kind, version, err)
	if a.p.Unsound != nil {
		a.p.Unsound(kind, err)
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

// leftPool forgets the version of the settings of the pool that the node was in. They stay in force until the new ones come.
func (a *Agent) leftPool() bool {
	scope := a.scope(model.BundleSettings)
	a.mu.Lock()
	defer a.mu.Unlock()
	if b := a.force[model.BundleSettings]; b == nil || b.Scope == scope {
		return false
	}
	delete(a.force, model.BundleSettings)
	return true
}

// have is the version that a document must be newer than: of what is in force, or else of what ever was, which may come again.
func (a *Agent) have(kind model.BundleKind, scope string) (int64, error) {
	floor, err := a.p.Dir.Floor(kind, scope)
	if err != nil {
		return 0, err
	}
	if b := a.inForce(kind); b != nil && b.Scope == scope && b.Version >= floor {
		return b.Version, nil
	}
	return max(floor-1, 0), nil
}

func (a *Agent) inForce(kind model.BundleKind) *model.Bundle {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.force[kind]
}

// version is the one in force, 0 for none.
func (a *Agent) version(kind model.BundleKind) int64 {
	if b := a.inForce(kind); b != nil {
		return b.Version
	}
	return 0
}

// apply reads a document that was accepted and puts it into force. Where one of several appliers refuses, all have again what they
// had before.
func (a *Agent) apply(ctx context.Context, b *model.Bundle) error {
	if err := a.readable(b); err != nil {
		return err
	}
	if err := a.putIntoForce(ctx, b.Kind, b.Document); err != nil {
		return errors.Join(err, a.restore(ctx, b.Kind, a.inForce(b.Kind)))
	}
	a.setInForce(b.Kind, b)
	return nil
}

func (a *Agent) setInForce(kind model.BundleKind, b *model.Bundle) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b == nil {
		delete(a.force, kind)
	} else {
		a.force[kind] = b
	}
}

func (a *Agent) putIntoForce(ctx context.Context, kind model.BundleKind, document []byte) error {
	if kind == model.BundleSettings {
		if err := a.follower.Apply(ctx, document); err != nil {
			return err
		}
	}
	for _, p := range a.p.Appliers[kind] {
		if err := p.Apply(ctx, document); err != nil {
			return err
		}
	}
	return nil
}

// restore goes back to what was in force, nil for nothing.
func (a *Agent) restore(ctx context.Context, kind model.BundleKind, before *model.Bundle) error {
	var document []byte
	if before != nil {
		document = before.Document
	}
	if err := a.putIntoForce(ctx, kind, document); err != nil {
		return fmt.Errorf("and what was in force before can't be put back: %w", err)
	}
	return nil
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

// unkept tells that a document can't be written. The stream ends, and what the server sends then is tried again.
func (a *Agent) unkept(b *model.Bundle, err error) error {
	a.raise(problem{
		kind: "node/document-unkept", severity: model.High, subject: string(b.Kind),
		en: fmt.Sprintf("Version %d of the %s can't be written to this machine's disk, so it is not in force: %v.", b.Version, b.Kind, err),
		zh: fmt.Sprintf("%s 的版本 %d 无法写入本机磁盘，因此未生效：%v。", b.Kind, b.Version, err),
	})
	return fmt.Errorf("keep version %d of the %s: %w", b.Version, b.Kind, err)
}

// refuse tells that a document was refused; what was in force stays. The same refusal again is counted, not recorded.
func (a *Agent) refuse(ctx context.Context, kind model.BundleKind, version int64, err error) {
	what := fmt.Sprintf("version %d: %v", version, err)
	a.mu.Lock()
	repeated := a.refused[kind] == what
	a.refused[kind] = what
	a.mu.Unlock()
	in := "none"
	if b := a.inForce(kind); b != nil {
		in = fmt.Sprint("version ", b.Version)
	}
	a.raise(problem{
		kind: "node/bundle-refused", severity: model.High, subject: string(kind),
		en: fmt.Sprintf("The node refused %s, version %d: %v. In force: %s.", kind, version, err, in),
		zh: fmt.Sprintf("节点拒绝了 %s 的版本 %d：%v。当前生效：%s。", kind, version, err, in),
	})
	if !repeated {
		a.record(ctx, model.Record{
			Action: "BundleApply", Outcome: model.OutcomeRefused, Resource: model.Ref{Type: "Bundle", ID: string(kind) + "/" + a.scope(kind)},
			Reason: err.Error(), Changes: map[string]string{"version": fmt.Sprint(version)},
		})
	}
}
