package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"

	"github.com/moby/sys/capability"

	"github.com/bulkhead-security/bulkhead/model"
)

// identity says which node this is and what its collector may see.
func identity(version string) model.Node {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	n := model.Node{Name: name, Version: version, UID: os.Geteuid(), ID: nodeID()}
	caps, err := capability.NewPid2(0)
	if err != nil || caps.Load() != nil {
		return n
	}
	for _, c := range capability.ListKnown() {
		if caps.Get(capability.EFFECTIVE, c) {
			n.Capabilities = append(n.Capabilities, "CAP_"+strings.ToUpper(c.String()))
		}
	}
	return n
}

// nodeID is stable for a machine and does not reveal the machine id, as machine-id(5) asks of applications.
func nodeID() string {
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
