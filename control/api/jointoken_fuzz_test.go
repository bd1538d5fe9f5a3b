package api

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// FuzzJoinHash: nothing but the form of a secret has a hash, and each secret has its own.
func FuzzJoinHash(f *testing.F) {
	secret, sum := NewJoinSecret()
	for _, s := range []string{"", joinPrefix, secret, secret + "x", "bht_" + secret[4:], strings.ToUpper(secret), secret[:len(secret)-1] + "!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := JoinHash(s)
		switch {
		case err != nil && (got != nil || s == secret || model.CodeOf(err) != model.CodeUnauthenticated):
			t.Fatalf("%q: %v", s, err)
		case err == nil && (!strings.HasPrefix(s, joinPrefix) || len(s) != len(secret) || bytes.Equal(got, sum) != (s == secret)):
			t.Fatalf("%q has the hash %x", s, got)
		}
	})
}
