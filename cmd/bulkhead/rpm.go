package main

import (
	"time"

	"github.com/bulkhead-security/bulkhead/host"
)

// rpmVerb makes this program the reader of a database of rpm. Only the program itself uses it.
const rpmVerb = "internal-read-rpm"

// rpmReader reads databases of rpm in a process of this program; why is in docs/decisions/0009-rpm-in-a-child.md.
// The program is named by what runs here: os.Executable would start another version after an upgrade, or nothing.
func rpmReader() host.RPMChild {
	return host.RPMChild{Program: "/proc/self/exe", Args: []string{"bulkhead", rpmVerb}, Timeout: 30 * time.Second}
}
