package authn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
)

// Prefixes of secrets, so that scanners and people can tell what leaked.
const (
	prefixSession   = "bhs_"
	prefixToken     = "bht_"
	prefixEnrolment = "bhe_"
	prefixDevice    = "bhd_"
	prefixCeremony  = "bhc_"
	prefixState     = "bho_"
)

const (
	prefixLength = 4
	bodyLength   = 43 // 32 bytes
	crcLength    = 6  // 4 bytes
	secretLength = prefixLength + bodyLength + crcLength
)

// newSecret is a prefix, 256 random bits and a checksum, the last two in base64url.
func newSecret(prefix string) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails since Go 1.24
	body := prefix + base64.RawURLEncoding.EncodeToString(b)
	return body + checksum(body)
}

func checksum(body string) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body))))
}

// secretHash gives what the store knows of a secret. ok is false when it has another prefix or is mistyped, which saves the
// store a question; the checksum protects nothing else.
func secretHash(secret, prefix string) (hash []byte, ok bool) {
	if len(secret) != secretLength || !strings.HasPrefix(secret, prefix) {
		return nil, false
	}
	body := secret[:secretLength-crcLength]
	if checksum(body) != secret[secretLength-crcLength:] {
		return nil, false
	}
	sum := sha256.Sum256([]byte(secret))
	return sum[:], true
}

// publicID names a session without revealing its secret or its stored hash.
func publicID(secret string) string {
	sum := sha256.Sum256([]byte("bulkhead session id\x00" + secret))
	return hex.EncodeToString(sum[:16])
}

// digest is a key for the store that does not show what was typed.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
