package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// joinPrefix says what a secret is for, wherever it turns up.
const joinPrefix = "bhj_"

const joinBytes = 32

// joinEncoding is base32, written in lower case: it can be read aloud and is one word for a double click.
func joinEncoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// NewJoinSecret makes the secret of a join token, and the hash by which it is kept.
func NewJoinSecret() (secret string, hash []byte) {
	var b [joinBytes]byte
	_, _ = rand.Read(b[:]) // it never fails
	secret = joinPrefix + strings.ToLower(joinEncoding().EncodeToString(b[:]))
	sum := sha256.Sum256([]byte(secret))
	return secret, sum[:]
}

// JoinHash is the hash of a join token's secret. What has not its form is refused without looking for it.
func JoinHash(secret string) ([]byte, error) {
	if !strings.HasPrefix(secret, joinPrefix) || len(secret) != len(joinPrefix)+joinEncoding().EncodedLen(joinBytes) {
		return nil, &model.Error{
			Code: model.CodeUnauthenticated, Message: "that is no join token", Field: "token",
			Remedy: "Make one with `bulkhead nodes join-token`; it begins with " + joinPrefix + ".",
		}
	}
	sum := sha256.Sum256([]byte(secret))
	return sum[:], nil
}
