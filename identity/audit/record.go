package audit

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/bulkhead-security/bulkhead/model"
)

// VerifyRecord checks that an entry is at its place in the log whose key signed a checkpoint, by the hashes from the leaf to the root
// (RFC 6962, 2.1.1). It gives the checkpoint.
func VerifyRecord(entry []byte, index uint64, path [][]byte, checkpoint, verifierKey string) (*model.Checkpoint, error) {
	if checkpoint == "" {
		return nil, errors.New("it came without a proof")
	}
	c, err := ParseCheckpoint([]byte(checkpoint), verifierKey)
	if err != nil {
		return nil, err
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, c.Size, rfc6962.DefaultHasher.HashLeaf(entry), path, c.Root); err != nil {
		return nil, fmt.Errorf("the entry is not at place %d under the checkpoint over %d: %w", index, c.Size, err)
	}
	return c, nil
}

// VerifyContinues checks that a log is still the one that somebody kept a checkpoint of (RFC 6962, 2.1.2).
func VerifyContinues(kept, now *model.Checkpoint, path [][]byte) error {
	if now.Size < kept.Size {
		return fmt.Errorf("the log was rolled back: a checkpoint over %d entries is kept, and now there are %d", kept.Size, now.Size)
	}
	if err := continues(*kept, now, path); err != nil {
		return fmt.Errorf("the log does not continue the kept checkpoint over %d entries: %w", kept.Size, err)
	}
	return nil
}
