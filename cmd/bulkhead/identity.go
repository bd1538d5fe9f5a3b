package main

import (
	"os"
	"strings"

	"github.com/moby/sys/capability"

	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/model"
)

// identity says which node this is and what its collector may see.
func identity(version string) model.Node {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	n := model.Node{Name: name, Version: version, UID: os.Geteuid(), ID: guarded.NodeID()}
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
