package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrNotShown says that no certificate has the fingerprint.
var ErrNotShown = errors.New("no certificate has this fingerprint")

// Fingerprint is the SHA-256 of a certificate's DER.
type Fingerprint [sha256.Size]byte

// String is "sha256:HEX".
func (f Fingerprint) String() string { return "sha256:" + hex.EncodeToString(f[:]) }

// ParseFingerprint reads "sha256:HEX"; colons between the digits and capitals are fine.
func ParseFingerprint(s string) (f Fingerprint, err error) {
	hexa, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(s)), "sha256:")
	b, err := hex.DecodeString(strings.ReplaceAll(hexa, ":", ""))
	if !ok || err != nil || len(b) != len(f) {
		return f, fmt.Errorf("%q is no fingerprint: it must be sha256: and 64 hexadecimal digits", s)
	}
	return Fingerprint(b), nil
}

// Pinned finds the CA with a fingerprint among what a server showed; ErrNotShown where it is not there.
func Pinned(chain []*x509.Certificate, want Fingerprint) (*x509.Certificate, error) {
	for _, c := range chain {
		if sha256.Sum256(c.Raw) != want {
			continue
		}
		if !c.IsCA {
			return nil, errors.New("the fingerprint is that of a certificate which is no CA")
		}
		return c, nil
	}
	return nil, ErrNotShown
}
