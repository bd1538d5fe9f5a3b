package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/gowebpki/jcs"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/model"
)

// SetDigest is of a set of policies: the SHA-256 of the canonical JSON (RFC 8785) of tenant, version and files.
func SetDigest(p *model.Policies) ([]byte, error) {
	b, err := json.Marshal(struct {
		Tenant  string             `json:"tenant"`
		Version int64              `json:"version"`
		Files   []model.PolicyFile `json:"files"`
	}{p.Tenant, p.Version, append([]model.PolicyFile{}, p.Files...)})
	if err == nil {
		b, err = jcs.Transform(b)
	}
	if err != nil {
		return nil, fmt.Errorf("canonical form of policies: %w", err)
	}
	sum := sha256.Sum256(b)
	return sum[:], nil
}

// SignSet signs the digest of a set of policies.
func SignSet(digest []byte, s note.Signer) (string, error) {
	b, err := note.Sign(&note.Note{Text: setText(digest)}, s)
	if err != nil {
		return "", fmt.Errorf("sign policies: %w", err)
	}
	return string(b), nil
}

// VerifySet says whether a set of policies is as it was signed when it was applied.
func VerifySet(p *model.Policies, v note.Verifier) error {
	digest, err := SetDigest(p)
	if err != nil {
		return err
	}
	if len(p.Signature) > 8<<10 {
		return fmt.Errorf("%w: the signature is too long", ErrSignature)
	}
	n, err := note.Open([]byte(p.Signature), note.VerifierList(v))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if n.Text != setText(digest) {
		return fmt.Errorf("%w: the signature is of other files", ErrSignature)
	}
	return nil
}

func setText(digest []byte) string {
	return "bulkhead policies\nsha256:" + hex.EncodeToString(digest) + "\n"
}
