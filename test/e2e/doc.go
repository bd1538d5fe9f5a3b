// Package e2e tests the product through its binary against real engines, and against engines and files that behave
// badly. Its tests have the build tag e2e and need root; `make test` runs them.
package e2e
