package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// unknownKind is what is refused before it can be told what it is.
const unknownKind = "unknown"

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
