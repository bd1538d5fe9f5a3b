//go:build clients

// Package clients names the newest command lines of the container engine, for scripts/clients-current, which builds them from their modules.
// They are what the guard is tested with; the product has nothing of them.
package clients

import (
	_ "github.com/docker/cli/cmd/docker"
	_ "github.com/docker/compose/v5/cmd"
)
