//go:build e2e

package plane

import "testing"

// databases are the arguments of `serve` for each database.
func databases(*testing.T) map[string][]string {
	return map[string][]string{"sqlite": nil}
}
