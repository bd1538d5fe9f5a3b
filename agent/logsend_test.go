package agent_test

import (
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// underCheckpoint says whether what was sent proves that the entries are under the checkpoint.
func underCheckpoint(r *bulkheadv1.SendLogRequest) error {
	if r.GetCheckpoint() == "" {
		return nil
	}
	c, err := audit.ParseCheckpoint([]byte(r.GetCheckpoint()), r.GetKey())
	if err != nil || c.Size < r.GetFrom() {
		return err
	}
	over, err := audit.Extend(&model.LogRange{Size: r.GetFrom(), Hashes: r.GetBefore()}, r.GetEntries())
	if err != nil {
		return err
	}
	var path [][]byte
	for _, p := range r.GetProofs() {
		if p.GetFrom() == over.Size {
			path = p.GetPath()
		}
	}
	return audit.Covers(c, over, path)
}
