// Package plane tests the control plane through its binary, as strangers, attackers and failing machines meet it. Its
// tests have the build tag e2e; `make test` runs them.
package plane
