package audit

import (
	"errors"
	"fmt"

	tlog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxNote is how long a signed checkpoint may be.
const maxNote = 16 << 10

// ParseCheckpoint reads a signed checkpoint and verifies its signature with a verifier key of signed notes
// (name+hash+key), whose name is the log's origin.
func ParseCheckpoint(raw []byte, verifierKey string) (*model.Checkpoint, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return nil, fmt.Errorf("the verifier key: %w", err)
	}
	if len(raw) > maxNote {
		return nil, errors.New("the checkpoint is too long")
	}
	c, _, _, err := tlog.ParseCheckpoint(raw, v.Name(), v)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint is not signed by %s: %w", v.Name(), err)
	}
	if len(c.Hash) != 32 {
		return nil, fmt.Errorf("the checkpoint's root has %d bytes, not 32", len(c.Hash))
	}
	return &model.Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Hash, Note: string(raw)}, nil
}
