package guarded

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
)

// NodeID is stable for a machine and does not reveal the machine id, as machine-id(5) asks of applications.
func NodeID() string {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		b, err := os.ReadFile(path)
		id := strings.TrimSpace(string(b))
		if err != nil || len(id) < 32 {
			continue
		}
		mac := hmac.New(sha256.New, []byte(id))
		mac.Write([]byte("bulkhead node"))
		return hex.EncodeToString(mac.Sum(nil)[:16])
	}
	return ""
}

// ThrowAwayKey is a key of digests of secrets; it lives as long as what is made with it.
func ThrowAwayKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand never fails: it ends the program if the system has no randomness
	return key
}
