package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// A join token's secret is this prefix, so that scanners and people can tell what leaked, and 32 random bytes in hexadecimal.
const (
	joinPrefix = "bhj_"
	joinBytes  = 32
)

// NewJoinSecret makes the secret of a join token, which is shown once, and what is kept of it.
func NewJoinSecret() (secret string, hash []byte) {
	b := make([]byte, joinBytes)
	_, _ = rand.Read(b) // never fails since Go 1.24
	secret = joinPrefix + hex.EncodeToString(b)
	sum := sha256.Sum256([]byte(secret))
	return secret, sum[:]
}

// JoinHash gives what is kept of a join token's secret. What can't be one is an error, which saves the store a question.
func JoinHash(secret string) ([]byte, error) {
	body, ok := strings.CutPrefix(secret, joinPrefix)
	if b, err := hex.DecodeString(body); !ok || err != nil || len(b) != joinBytes || strings.ToLower(body) != body {
		return nil, &model.Error{
			Code: model.CodeUnauthenticated, Message: "this is no join token",
			Remedy: "A join token begins with " + joinPrefix + "; `bulkhead nodes join-token` makes one.",
		}
	}
	sum := sha256.Sum256([]byte(secret))
	return sum[:], nil
}
